"""Which gradients a common norm sees as the width grows, and with which power of n.

The gradient g of a trainable tensor with 2e growing axes has ||g||_F = n^(e - d) |Gamma|, where d
is faithful (n^d g has entries of size 1) and |Gamma|^2 = E ||n^d g||^2. Their common norm is

    nu = n^kappa sqrt(sum of |Gamma_w|^2 over the weights with e - d = kappa),   kappa the largest,

up to terms that vanish. A threshold theta of the limit is n^kappa theta of a finite network. In
`mup` kappa is 0 and matrices and scalars alone are seen, in `ntp` matrices and vectors; that is not
invariant under shifts of exponents: `g` is the gradient of the tensor that is trained.

Reference:
    Tensor Programs IVb, Definitions 2.2.1 and 2.10.7.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tpc.network.classification import classify
from tpc.network.criteria import faithful_d
from tpc.network.network import Network, Weight, WeightKind
from tpc.network.roles import Role
from tpc.network.scales import Classification, near

HALVES = {Role.MATRIX: 1.0, Role.VECTOR: 0.5, Role.OUTPUT: 0.5, Role.SCALAR: 0.0}
"""e: half the number of growing axes."""


@dataclass(frozen=True, slots=True)
class GlobalNorm:
    """What the norm of several gradients is at large width.

    Attributes:
        kappa: It is of size n^kappa.
        seen: The weights that it sees, by name, with the factor of |Gamma|^2 in it: 1 if all have
            the network's width.
    """

    kappa: float
    seen: Mapping[str, float]


def trained_norm(network: Network) -> GlobalNorm:
    """Return that of the gradients that the `train` block of a network bounds together."""
    training = network.training
    assert training is not None
    own, names = dict(training.own_optimizers), training.bound.weights if training.bound else ()
    scales = classify(network, training.parametrization, training.optimizer, own)
    return global_norm(scales, names)


def global_norm(scales: Classification, names: Collection[str]) -> GlobalNorm:
    """Return the size of the common norm of the gradients of some weights."""
    weights = {w.name: w for w in scales.network.weights if w.trained and w.name in names}
    powers = {
        name: faithful_d(of.written, of.role, scales.gradient, scales.out)
        for name in weights
        for of in (scales.by_name[name],)
    }
    sizes = {name: HALVES[scales.by_name[name].role] - d for name, d in powers.items()}
    kappa = max(sizes.values(), default=0.0)
    seen = {
        name: _share(scales.network, weights[name], powers[name])
        for name, size in sizes.items()
        if near(size, kappa)
    }
    return GlobalNorm(kappa, MappingProxyType(seen))


def _share(network: Network, weight: Weight, d: float) -> float:
    """Return n^-2d times the number of entries, in units of the network's width."""
    own = float(network.dim_of(weight).ratio)
    match weight.kind:
        case WeightKind.MATRIX:
            return float(own ** (2 - 2 * d)) * float(network.height(weight))
        case WeightKind.VECTOR:
            return float(own ** (1 - 2 * d))
        case WeightKind.SCALAR:
            return 1.0
