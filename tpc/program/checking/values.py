"""What expressions evaluate to while a program is built, and what names stand for."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import Span
from tpc.program.nodes import FREE, Matrix, Node, Placeholder, Shape
from tpc.syntax import tree

StaticValue: TypeAlias = int | float | npt.NDArray[np.float64]
"""A number (`bool` included, for conditions) or a float64 array with at least one axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Static:
    """A static; it becomes a `Constant` node only when it meets a scalar or a vector."""

    value: StaticValue

    @property
    def shape(self) -> Shape:
        """Its constant shape."""
        return self.value.shape if isinstance(self.value, np.ndarray) else ()


@dataclass(frozen=True, slots=True, eq=False)
class ScaledMatrix:
    """A declared matrix, perhaps transposed, times a scalar: the same symbol, scaled.

    Attributes:
        matrix: The matrix G.
        transposed: Whether it is G.T.
        scale: The scalar.
        symmetric: The name of (G + G.T) / sqrt(2) if it is that, else the empty string.
    """

    matrix: Matrix
    transposed: bool
    scale: "Static | Node"
    symmetric: str = ""

    @property
    def text(self) -> str:
        """How the program writes it, without the scale."""
        if self.symmetric:
            return self.symmetric
        return f"{self.matrix.name}.T" if self.transposed else self.matrix.name

    def flip(self) -> "ScaledMatrix":
        """Return its transpose."""
        return self if self.symmetric else replace(self, transposed=not self.transposed)

    @property
    def flipped(self) -> str:
        """How the program writes its transpose, without the scale."""
        return self.flip().text


@dataclass(frozen=True, slots=True, eq=False)
class MatrixArray:
    """Independent matrices along constant axes, `matrix W[3, 3] : n x n`.

    Attributes:
        shape: The axes.
        members: The matrices, the last axis running fastest.
    """

    shape: Shape
    members: tuple[ScaledMatrix, ...]

    @property
    def text(self) -> str:
        """How the program writes it."""
        return self.members[0].text.partition("[")[0]


@dataclass(frozen=True, slots=True, eq=False)
class DimProduct:
    """`coefficient` times powers of dims: `2 * n`, `sw^2 / m`; it stands only in declarations."""

    coefficient: Fraction | Node
    powers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Broken:
    """The value of what has been reported already; whatever contains it stays silent."""


BROKEN = Broken()

Value: TypeAlias = Static | Node | ScaledMatrix | MatrixArray | DimProduct | Broken


@dataclass(frozen=True, slots=True, eq=False)
class ReadoutName:
    """What the name of a readout stands for: nothing that an expression may use."""

    node: Node


@dataclass(slots=True, eq=False)
class Path:
    """An input that is a path, of which each round of a loop over a depth takes a step.

    Attributes:
        name: As declared.
        shape: Of its points.
        depth: The depth whose loops take steps, once one has.
        input: What stands for it in the graph then: its steps, of shape (rounds,) + shape, or
            where the depth is infinite its velocity, of which a step is one part in the depth.
    """

    name: str
    shape: Shape
    depth: str = ""
    input: Placeholder | None = None


@dataclass(slots=True, eq=False)
class Family:
    """A name with static keys.

    Attributes:
        arity: The number of keys, fixed by the first binding.
        members: What is bound so far.
        lines: The line of each binding.
        broken: Some binding failed before its key was known, so no member is known to be missing.
    """

    name: str
    arity: int
    line: int
    members: dict[tuple[int, ...], "Value | ReadoutName"] = field(default_factory=dict)
    lines: dict[tuple[int, ...], int] = field(default_factory=dict)
    broken: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A `def` with the names that its body sees; `sound` is False where the body is wrong."""

    name: str
    parameters: tuple[str, ...]
    body: tree.Expression
    sees: dict[str, "Entity"]
    sound: bool
    span: Span


Entity: TypeAlias = Value | ReadoutName | Family | Definition | Path


def show_shape(shape: Shape) -> str:
    """Write a constant shape as Python does."""
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def describe(value: Value) -> str:
    """Name the sort of a value, with its article."""
    match value:
        case Static(value=bool()):
            return "a truth value"
        case Static():
            return "a static array" if value.shape else "a static number"
        case ScaledMatrix():
            return "a matrix"
        case MatrixArray():
            return "an array of matrices"
        case DimProduct():
            return "a multiple of a width"
        case Broken():
            return "something broken"
        case _:
            return describe_node(value)


def describe_node(node: Node) -> str:
    """Name the sort of a node, with its article."""
    bound = [name for name, _ in node.coords if name != FREE]
    if bound:
        return f"a row at the coordinate `{bound[0]}`"
    return "a vector" if node.is_vector else "a scalar"
