"""What a parametrization comes to: the types of a classification."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from tpc.network.network import Exponents, Network, OptimizerUse, Parametrization
from tpc.network.roles import Role

NEAR = 1e-9
"""Exponents that differ by less are equal."""


def near(x: float, y: float) -> bool:
    """Whether two exponents are equal."""
    return abs(x - y) < NEAR


class Regime(Enum):
    """What becomes of training as the width grows."""

    FEATURE_LEARNING = "feature learning"
    OPERATOR = "operator regime"
    TRIVIAL = "trivial"
    UNFAITHFUL = "unfaithful"
    UNSTABLE = "unstable"


@dataclass(frozen=True, slots=True)
class WeightScale:
    """One weight of a parametrization.

    Attributes:
        name: As declared.
        role: What it is to the network.
        layer: From 1, in a multi-layer perceptron; else None.
        written: Its exponents as the parametrization has them.
        canonical: The same, shifted and with the faithful d where the optimizer allows it.
        lowered: By how much c is lower in front of an update divided by its Frobenius norm.
        r: An update moves what the weight makes by n^-r; infinite for one that is not trained.
        starts: Whether its draw is seen in the limit.
        moves: Whether its updates are seen in the limit.
        optimizer: Its optimizer.
    """

    name: str
    role: Role
    layer: int | None
    written: Exponents
    canonical: Exponents
    lowered: float
    r: float
    starts: bool
    moves: bool
    optimizer: OptimizerUse


@dataclass(frozen=True, slots=True)
class Violation:
    """A condition that does not hold.

    Attributes:
        regime: What the parametrization is without it: unstable, unfaithful or trivial.
        condition: What should hold, with names of weights.
        found: What holds instead.
    """

    regime: Regime
    condition: str
    found: str


@dataclass(frozen=True, slots=True)
class Classification:
    """A parametrization of a network with its optimizers.

    Attributes:
        network: The network.
        parametrization: As written.
        weights: In order of declaration.
        out: a_out.
        gradient: A, the exponent of gradients with respect to hidden vectors.
        r: The least r of hidden weights.
        depth: The number L of hidden layers of a multi-layer perceptron; else None.
        violations: What does not hold.
        regime: The limit.
    """

    network: Network
    parametrization: Parametrization
    weights: tuple[WeightScale, ...]
    out: float
    gradient: float
    r: float
    depth: int | None
    violations: tuple[Violation, ...]
    regime: Regime

    @property
    def output_is_random(self) -> bool:
        """Whether f_0 has a Gaussian limit, and not that of an average."""
        return near(self.gradient, 0.5)

    def width_of(self, name: str) -> str:
        """Return the dim that the exponents of a weight are powers of."""
        weight = next(weight for weight in self.network.weights if weight.name == name)
        return self.network.dim_of(weight).name

    @property
    def by_name(self) -> Mapping[str, WeightScale]:
        """The weights by name."""
        return MappingProxyType({weight.name: weight for weight in self.weights})
