"""TP3xx: what stands in the way of a limit, or of its evaluator."""

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
