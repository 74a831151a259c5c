"""TP31x: parametrizations that have no limit, or do not suit the network."""

from dataclasses import dataclass
from typing import ClassVar

from tpc.diagnostics.diagnostic import Fault


@dataclass(frozen=True, slots=True)
class MeanFieldTooDeep(Fault):
    """`meanfield` of a network with more than one hidden layer."""

    code: ClassVar[str] = "TP310"
    title: ClassVar[str] = "`meanfield` is for networks of one hidden layer"
    label: ClassVar[str] = "`{matrix}` is a matrix between hidden layers"
    help: ClassVar[str] = (
        "write `mup`, which is the same for one hidden layer and goes on from there"
    )

    matrix: str


@dataclass(frozen=True, slots=True)
class NoTrainingLimit(Fault):
    """The parametrization is unstable or unfaithful, so that training has no limit."""

    code: ClassVar[str] = "TP311"
    title: ClassVar[str] = (
        "`{parametrization}` with `{optimizer}` has no infinite-width limit: {verdict}"
    )
    label: ClassVar[str] = "{condition}"
    help: ClassVar[str] = "take `mup` or `ntp`; `tpc classify` shows the exponents of every weight"

    parametrization: str
    optimizer: str
    verdict: str
    condition: str


@dataclass(frozen=True, slots=True)
class ExponentsMissing(Fault):
    """A custom parametrization says nothing of a kind of weights that the network has."""

    code: ClassVar[str] = "TP312"
    title: ClassVar[str] = "no exponents for the {role} weight `{weight}`"
    label: ClassVar[str] = "it gives exponents to other weights only"
    help: ClassVar[str] = (
        "add its kind here, as in `matrix=[0, 0.5, 1, 1]`, or `abcd=[...]` to the weight"
    )

    weight: str
    role: str
