"""The typed dataflow graph: what a program computes, one frozen node for each primitive operation.

Every node has *coordinates* and a *constant shape*. The coordinates are the axes that grow with the
width: none for a scalar, the free coordinate for a vector, and inside the body of a `mean[j]` also
the bound ones. So a scalar of shape k is `coords == ()`, a multi-vector in R^{n x k} is `coords ==
((FREE, "n"),)`, and its row `x[j]` is `coords == (("j", "n"),)`. `Mean` averages coordinates away;
`avg(x)` is the mean over the free one.

Nodes are compared by identity. A `Builder` makes them and returns the same node for the same
operation on the same operands (hash-consing), so common subexpressions are shared by construction
and a graph has a topological order: that of making.

The language of limits is the same one with three more leaves and one more operation (`tpc.limit`),
where the width axis is the sample axis and `Mean` is the expectation.

Reference:
    Tensor Programs IVb, Definition 2.6.1 (Avg, MatMul, OuterNonlin).
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import Span
from tpc.program.ensembles import GAUSSIAN, Ensemble

FREE = ""
"""The free coordinate: the width axis of a vector that is not a row at a bound coordinate."""

Coordinates: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs (coordinate, dim), sorted by coordinate, so that the free one comes first."""

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A value of the graph.

    Attributes:
        coords: The growing axes it has, see the module's docstring.
        shape: Its constant shape k.
        span: The source text it came from.
        made_of: The nodes that it is computed from, see `operands`.
    """

    coords: Coordinates
    shape: Shape
    span: Span
    made_of: tuple["Node", ...] = field(init=False)

    def __post_init__(self) -> None:
        found: list[Node] = []
        for value in own_values(self):
            if isinstance(value, Node):
                found.append(value)
            elif isinstance(value, tuple):
                found += [item for item in value if isinstance(item, Node)]
            elif isinstance(value, Matrix):
                found.append(value.variance)
        object.__setattr__(self, "made_of", tuple(found))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.coords} {self.shape}>"

    @property
    def is_scalar(self) -> bool:
        """Whether no axis grows: a scalar, a parameter or a constant."""
        return not self.coords

    @property
    def is_vector(self) -> bool:
        """Whether it lives at the free coordinate and nowhere else."""
        return len(self.coords) == 1 and self.coords[0][0] == FREE

    @property
    def dim(self) -> str:
        """The dim of a vector."""
        assert self.is_vector
        return self.coords[0][1]


# ------------------------------------------------------------------------------------------- leaves


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Node):
    """A static array, float64 and read-only, of shape `shape`."""

    value: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parameter(Node):
    """A run-time parameter with its default, a read-only array of shape `shape`."""

    name: str
    default: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InitialScalar(Node):
    """An initial scalar, which at finite width equals its (static or parametric) `limit`."""

    name: str
    limit: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InitialVector(Node):
    """An initial vector: rows iid N(mean, covariance), or entries iid of another law.

    Attributes:
        name: As declared.
        mean: A scalar node of shape `shape`, or None for zero.
        covariance: A scalar node of shape `shape + shape`, or of shape () for that multiple of the
            identity.
        ensemble: The law; limits know its mean and covariance alone, which has to be enough
            (`tpc.program.passes.laws_of_vectors`).
    """

    name: str
    mean: Node | None
    covariance: Node
    ensemble: Ensemble = GAUSSIAN


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Placeholder(Node):
    """The argument of a function that is being differentiated; never part of a finished program."""

    name: str


# --------------------------------------------------------------------------------------- operations


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Matrix:
    """A random matrix in R^{rows x columns}, entries with variance `variance / size(variance_dim)`.

    Attributes:
        variance: The width-free numerator, a scalar node of shape ().
        variance_dim: The dim that divides it (`columns`, unless the declaration says otherwise).
        ensemble: Its law; usually its entries are iid normal.
    """

    name: str
    rows: str
    columns: str
    variance: Node
    variance_dim: str
    span: Span
    ensemble: Ensemble = GAUSSIAN


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MatMul(Node):
    """`W @ x`, or `W.T @ x` where `transposed`; a multi-vector is multiplied column by column."""

    matrix: Matrix
    transposed: bool
    operand: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Elementwise(Node):
    """A function of `tpc.functions`, entry by entry: coordinates unite, axes broadcast."""

    function: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contract(Node):
    """`tensordot(left, right, axes)`: the last constant axes of `left` with the first of `right`.

    `x @ A` has `axes == 1`. The two share no coordinate (in program text `right` never has any).
    """

    left: Node
    right: Node
    axes: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Take(Node):
    """`x[0, :]`: for each constant axis an index from 0, or None for the whole axis."""

    operand: Node
    keys: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Permute(Node):
    """Constant axis i of the result is axis `order[i]` of the operand; `A.T` swaps the last two."""

    operand: Node
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expand(Node):
    """Constant axes of length 1 inserted, at the positions `axes` of the result."""

    operand: Node
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Split(Node):
    """`split(x, k)`: a vector of k n' entries as k vectors of n', along a new first axis."""

    operand: Node
    count: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Merge(Node):
    """`merge(x)`: back, k vectors along the first axis as one."""

    operand: Node


Reduction: TypeAlias = Literal["sum", "amax"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reduce(Node):
    """`sum(x, axis)` or `amax(x, axis)` over the constant axes `axes` (from 0, ascending)."""

    reduction: Reduction
    operand: Node
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Softmax(Node):
    """Softmax over the last constant axis."""

    operand: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stack(Node):
    """Scalars of one shape along a new first axis, as a quantity at every step of training."""

    operands: tuple[Node, ...]


ArrayFunction: TypeAlias = Literal["inv", "trace", "det", "root"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearAlgebra(Node):
    """`inv`, `trace` or `det` of the last two axes of a scalar array, or a covariance's root.

    The root of a covariance A of shape k + k is the symmetric R with R R = A, of the same shape;
    eigenvalues that are rounding count as zero.
    """

    function: ArrayFunction
    operand: Node


SpectralFunction: TypeAlias = Literal[
    "singular_values",
    "svd_apply",
    "eigenvalues",
    "eigenvectors",
    "eigh_apply",
    "triangular_root",
    "triangular_inverse",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spectral(Node):
    """A decomposition of a scalar array, a matrix whose first `rows` axes are those of rows.

    With singular value decomposition E s F.T, singular values descending, or E l E.T of a symmetric
    matrix, eigenvalues descending: `svd_apply` is E f F.T and `eigh_apply` is E f E.T, where f is a
    value for each singular value or eigenvalue. `triangular_root` is S.T S, S upper triangular,
    `triangular_inverse` the inverse of S, both 0 where what is left of a column is least.

    Attributes:
        function: What of it.
        operand: The matrix.
        rows: How many of its axes are those of rows.
        values: f, or what is least, else None.
    """

    function: SpectralFunction
    operand: Node
    rows: int
    values: Node | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Row(Node):
    """`x[j]` in a `mean[j]`: the vector x at the bound coordinate j, not at the free one."""

    operand: Node
    coordinate: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exchange(Node):
    """`e[i, j] -> e[j, i]`: the free coordinate and a bound one, exchanged.

    The operand e has both coordinates: it is the kernel of an operator, a *pair array*, in the body
    of a mean. With e at (free, j), the operator and its transpose are

        e x    =  mean[j](e * x[j])
        e.T y  =  mean[j](exchange(e) * y[j])

    or, with a builder b,

        b.mean(b.mul(e, b.row(x, "j")), ("j",))
        b.mean(b.mul(b.exchange(e, "j"), b.row(y, "j")), ("j",))

    so that an update of a matrix and its transposed use are one array, stored once. Its dims are
    exchanged too. Derivatives see it as what it is made of, with vectors and their rows exchanged
    (`tpc.program.exchange.unfold`): they run through what stands at the free coordinate *after* the
    exchange.
    """

    operand: Node
    coordinate: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mean(Node):
    """The average over coordinates: `avg(x)` over the free one, `mean[j, l](e)` over j and l."""

    operand: Node
    over: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BatchMean(Node):
    """`batchmean(x)`: the mean over inputs, in the graph for one input; it has the shape of x."""

    operand: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inner(Node):
    """`<left|right>` = left.T right / n, of shape left.shape + right.shape."""

    left: Node
    right: Node


def own_values(node: Node) -> list[object]:
    """Return the fields that a kind of node adds to `Node`: the slots of its own class."""
    return [getattr(node, name) for name in node.__slots__]


def operands(node: Node) -> tuple[Node, ...]:
    """Return the nodes that `node` is computed from, in order; a matrix counts by its variance."""
    return node.made_of


def is_detached(node: Node) -> bool:
    """Whether a node is `detach(x)`: x + 0, which is written nowhere else."""
    match node:
        case Elementwise(function="add", operands=(_, Constant(shape=(), value=value))):
            return float(value) == 0
        case _:
            return False
