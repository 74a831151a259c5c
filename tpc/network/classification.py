"""Which limit a parametrization has: stable, faithful, trivial, feature learning, operator regime.

The criteria are those of a multi-layer perceptron, read for the weights of any network by their
role. Let A be the least a + b + a_out over output-like weights (a_out where there are none): the
gradient with respect to a hidden vector has size n^-A. With r of a weight

    matrix-like c + a - 1,   vector- and scalar-like c + a,   output-like c + a + a_out - 1,

so that an update of W moves what W makes by n^-r, and r* the least r of hidden weights:

    stable at initialisation  a + b = 1/2 of matrices, a + b = 0 of others, A >= 1/2
    faithful                  d = a + A (output-like: d = a + a_out): Q sees gradients of size 1
    and they stay so          r >= 0 of every weight, A + r* >= 1, b <= c of output-like weights
    nontrivial                A + r* = 1, or r = 0 of an output-like weight
    then                      feature learning where r* = 0, the operator regime where r* > 0.

Only weights that are trained count in r. Where Q is homogeneous of degree p, d is no choice: such a
parametrization is classified with the faithful d and c + p (d_faithful - d) in the place of c. With
clipping or normalisation `c` is n^-c in front of X / |X|, |X| an average over growing axes; with
Frobenius norms, as users of libraries write it, that is c - e [Section 2.10.2]; e counts growing
axes in halves.

Reference:
    Tensor Programs IVb, Definition 2.8.5 (r), Theorem 2.8.19, Corollary 2.8.20;
        Definition 2.10.6 with clipping or normalisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.limit_faults import NoTrainingLimit
from tpc.network.criteria import faithful_d, violations_of
from tpc.network.network import (
    Exponents,
    Network,
    OptimizerUse,
    Parametrization,
    Weight,
    WeightKind,
)
from tpc.network.optimizers.every_step import homogeneity
from tpc.network.optimizers.update import is_bounded
from tpc.network.parametrizations import Scaling, canonical, scaling_of
from tpc.network.roles import Role, layers_of, roles_of
from tpc.network.scales import NEAR, Classification, Regime, Violation, WeightScale, near

HIDDEN = (Role.MATRIX, Role.VECTOR)
"""The weights whose updates change features by a power of the width that is theirs."""

GROWING = {WeightKind.MATRIX: 1.0, WeightKind.VECTOR: 0.5, WeightKind.SCALAR: 0.0}
"""e: half the number of growing axes [Section 2.10.2]."""


def classify(
    network: Network,
    parametrization: Parametrization,
    optimizer: OptimizerUse,
    own: Mapping[str, OptimizerUse] | None = None,
) -> Classification:
    """Classify the limit of a parametrization.

    Args:
        network: The network.
        parametrization: Its parametrization.
        optimizer: Of all weights but those in `own`.
        own: Optimizers of single weights, by name.

    Raises:
        UsageError: It says nothing of some weights.
    """
    scaling = scaling_of(network, parametrization)
    layers = layers_of(network)
    sizes = _sizes(scaling, roles_of(network))
    drafts = [
        _draft(weight, sizes, scaling, (own or {}).get(weight.name, optimizer), layers)
        for weight in network.weights
    ]
    r = min((weight.r for weight in drafts if weight.role in HIDDEN), default=inf)
    weights = tuple(_in_limit(weight, sizes, r) for weight in drafts)
    violations = violations_of(weights, sizes.gradient, sizes.out, r)
    return Classification(
        network,
        parametrization,
        weights,
        sizes.out,
        sizes.gradient,
        r,
        len(layers) - 1 if layers else None,
        violations,
        _regime(violations, r),
    )


def no_limit(found: Classification) -> Diagnostic | None:
    """Return why training has no limit that could be computed, or None where it has one."""
    if found.regime not in (Regime.UNSTABLE, Regime.UNFAITHFUL):
        return None
    parametrization = found.parametrization
    optimizers = sorted({weight.optimizer.name for weight in found.weights})
    span = parametrization.span or found.network.readout.span
    first = next(v for v in found.violations if v.regime is found.regime)
    return Diagnostic.of(
        NoTrainingLimit(
            parametrization.name, ", ".join(optimizers), found.regime.value, first.found
        ),
        span,
    )


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What all weights share: roles, a_out, A."""

    roles: Mapping[str, Role]
    out: float
    gradient: float


def _sizes(scaling: Scaling, roles: Mapping[str, Role]) -> _Sizes:
    outputs = [e for name, e in scaling.exponents.items() if roles[name] is Role.OUTPUT]
    gradient = min((e.a + e.b for e in outputs), default=0.0) + scaling.out
    return _Sizes(roles, scaling.out, gradient)


def _draft(
    weight: Weight,
    sizes: _Sizes,
    scaling: Scaling,
    use: OptimizerUse,
    layers: tuple[str, ...] | None,
) -> WeightScale:
    """Return a weight with its r; what the limit sees of it is left open."""
    role, written = sizes.roles[weight.name], scaling.exponents[weight.name]
    exponents = canonical(_faithful(written, role, sizes, use), weight.kind)
    r = exponents.c + exponents.a
    if role is Role.MATRIX:
        r -= 1
    elif role is Role.OUTPUT:
        r += sizes.out - 1
    layer = layers.index(weight.name) + 1 if layers and weight.name in layers else None
    return WeightScale(
        weight.name,
        role,
        layer,
        written,
        exponents,
        GROWING[weight.kind] if is_bounded(use) else 0.0,
        r if weight.trained else inf,
        starts=True,
        moves=weight.trained,
        optimizer=use,
    )


def _faithful(written: Exponents, role: Role, sizes: _Sizes, use: OptimizerUse) -> Exponents:
    """Return equivalent exponents with the faithful d, where Q is homogeneous."""
    degree = homogeneity(use)
    wanted = faithful_d(written, role, sizes.gradient, sizes.out)
    if degree is None:
        return written
    return replace(written, c=written.c + degree * (wanted - written.d), d=wanted)


def _in_limit(weight: WeightScale, sizes: _Sizes, r: float) -> WeightScale:
    """Return a weight with what the limit sees of it."""
    e = weight.canonical
    match weight.role:
        case Role.OUTPUT:
            starts, moves = near(e.a + e.b + sizes.out, sizes.gradient), near(weight.r, 0)
        case Role.MATRIX:
            starts, moves = (
                near(e.a + e.b, 0.5),
                near(weight.r + (sizes.gradient if r > NEAR else 1), 1),
            )
        case Role.VECTOR | Role.SCALAR:
            starts, moves = (
                near(e.a + e.b, 0),
                near(weight.r + (sizes.gradient if r > NEAR else 1), 1),
            )
    return replace(weight, starts=starts, moves=moves)


def _regime(violations: tuple[Violation, ...], r: float) -> Regime:
    found = {violation.regime for violation in violations}
    for regime in (Regime.UNSTABLE, Regime.UNFAITHFUL, Regime.TRIVIAL):
        if regime in found:
            return regime
    return Regime.OPERATOR if r > NEAR else Regime.FEATURE_LEARNING
