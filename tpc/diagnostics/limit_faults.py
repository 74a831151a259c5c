"""TP3xx: what stands in the way of a limit or of its evaluator; the laws of matrices, TP36x."""

from dataclasses import dataclass
from typing import ClassVar

from tpc.diagnostics.diagnostic import Fault


@dataclass(frozen=True, slots=True)
class NoDerivativeForm(Fault):
    """The derivative form of a dot was asked for where the derivative is no function."""

    code: ClassVar[str] = "TP301"
    title: ClassVar[str] = "the dot of `{product}` has no derivative form"
    label: ClassVar[str] = "its operand's derivative holds a delta"
    help: ClassVar[str] = "take `--dot stein`, which needs no derivative, or `--dot auto`"

    product: str


@dataclass(frozen=True, slots=True)
class ParameterNameTaken(Fault):
    """A param is named like an argument of the generated `evaluate`."""

    code: ClassVar[str] = "TP302"
    title: ClassVar[str] = "param `{name}` cannot be an argument of the evaluator"
    label: ClassVar[str] = "`evaluate` has an argument of this name"
    help: ClassVar[str] = "give the param another name"

    name: str


@dataclass(frozen=True, slots=True)
class NoTrainingLimit(Fault):
    """The parametrization is unstable or unfaithful, so that training has no limit."""

    code: ClassVar[str] = "TP310"
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
class ScalarWeightInOperatorRegime(Fault):
    """A trained scalar-like weight where features do not move [2.9.21]."""

    code: ClassVar[str] = "TP330"
    title: ClassVar[str] = "no limit of training with the scalar-like weight `{name}`"
    label: ClassVar[str] = "its gradient stays random as the width grows"
    help: ClassVar[str] = "leave it untrained, `weight {name} (train=false)`, or take `mup`"

    name: str


@dataclass(frozen=True, slots=True)
class UnknownLaw(Fault):
    """A law behind `~` that does not exist."""

    code: ClassVar[str] = "TP360"
    title: ClassVar[str] = "there is no law `{name}`"
    help: ClassVar[str] = "{suggestion}"

    name: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class LawArguments(Fault):
    """A law of a matrix with too few or too many arguments."""

    code: ClassVar[str] = "TP361"
    title: ClassVar[str] = "`{law}` takes {wanted}, not {found}"
    help: ClassVar[str] = "write `{form}`"

    law: str
    wanted: str
    found: str
    form: str


@dataclass(frozen=True, slots=True)
class LawParameter(Fault):
    """A parameter of a law outside its range, or not known to the compiler."""

    code: ClassVar[str] = "TP362"
    title: ClassVar[str] = "{what} must be {wanted}, not {found}"
    help: ClassVar[str] = "{advice}"

    what: str
    wanted: str
    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class NotSquare(Fault):
    """An orthogonal matrix between two dims of different sizes."""

    code: ClassVar[str] = "TP363"
    title: ClassVar[str] = "an orthogonal matrix is square, but `{rows}` and `{columns}` differ"
    label: ClassVar[str] = "needs as many rows as columns"
    help: ClassVar[str] = "declare it `: {rows} x {rows}`, or take the normal law"

    rows: str
    columns: str


@dataclass(frozen=True, slots=True)
class VectorLaw(Fault):
    """A law of matrices behind a vector."""

    code: ClassVar[str] = "TP364"
    title: ClassVar[str] = "`{law}` is a law of matrices"
    label: ClassVar[str] = "the rows of a vector are normal"
    help: ClassVar[str] = (
        "write `~ normal(mean, covariance)`, or apply a function to a normal vector"
    )

    law: str


@dataclass(frozen=True, slots=True)
class BothSides(Fault):
    """The limit of W and W.T together, for a law where it is not that of a Gaussian matrix."""

    code: ClassVar[str] = "TP365"
    title: ClassVar[str] = "no limit is known for `{matrix}` and `{matrix}.T` in one program"
    label: ClassVar[str] = "`{matrix}` is {ensemble}: {why}"
    help: ClassVar[str] = (
        "a limit needs the normal law, or products from one side only; `tpc simulate` runs it"
    )

    matrix: str
    ensemble: str
    why: str
