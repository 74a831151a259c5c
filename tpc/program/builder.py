"""Makes nodes: checks their types, shares equal ones, keeps them in topological order.

Only what is always true is simplified here (`1 * x`, `0 + x`, `--x`), so that derivatives stay
short.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import NOWHERE, Span
from tpc.functions import FUNCTIONS
from tpc.program import nodes as op
from tpc.program.ensembles import GAUSSIAN, Ensemble
from tpc.program.nodes import FREE, Coordinates, Matrix, Node, Shape, own_values


class TypeMismatch(ValueError):
    """Operands do not fit together."""


class DimMismatch(TypeMismatch):
    """Two vectors at one coordinate have different dims."""


class ShapeMismatch(TypeMismatch):
    """Constant shapes do not broadcast or contract, or an axis does not exist."""


class Builder:
    """Makes nodes of one graph.

    Attributes:
        span: The source text that the next nodes come from; set it before building.
        nodes: All nodes made so far, each after its operands.
    """

    def __init__(self) -> None:
        self.span: Span = NOWHERE
        self.nodes: list[Node] = []
        self._known: dict[tuple[object, ...], Node] = {}
        self._matrices: dict[tuple[Matrix, Node], Matrix] = {}

    def make(self, kind: type[Node], coords: Coordinates, shape: Shape, *own: object) -> Node:
        """Return the one node of this kind with these fields, without checking them."""
        key = (kind, coords, shape, *(_key(value) for value in own))
        known = self._known.get(key)
        if known is None:
            known = kind(coords, shape, self.span, *own)
            self._known[key] = known
            self.nodes.append(known)
        return known

    def copy(
        self, node: Node, images: Mapping[Node, Node], coords: Coordinates | None = None
    ) -> Node:
        """Return the same operation on the images of its operands.

        Args:
            node: What to copy.
            images: What stands for each operand, and for the variance of a matrix.
            coords: Its coordinates, where those of the images are others.
        """

        def image(value: object) -> object:
            match value:
                case Node():
                    return images[value]
                case Matrix(variance=variance):
                    return self.matrix(value, images[variance])
                case tuple():
                    return tuple(map(image, value))
                case _:
                    return value

        own = map(image, own_values(node))
        return self.make(type(node), node.coords if coords is None else coords, node.shape, *own)

    def matrix(self, matrix: Matrix, variance: Node) -> Matrix:
        """Return the one matrix that is another with its variance in this graph."""
        if variance is matrix.variance:
            return matrix
        if (matrix, variance) not in self._matrices:
            self._matrices[matrix, variance] = replace(matrix, variance=variance)
        return self._matrices[matrix, variance]

    def adopt(self, nodes: Iterable[Node]) -> None:
        """Take over nodes of another graph, each after its operands: equal ones are now these."""
        for node in nodes:
            key = (type(node), node.coords, node.shape, *map(_key, own_values(node)))
            if self._known.setdefault(key, node) is node:
                self.nodes.append(node)

    # --------------------------------------------------------------------------------------- leaves

    def constant(self, value: npt.ArrayLike) -> Node:
        """Return a static array as a node."""
        array = np.array(value, dtype=np.float64)
        array.setflags(write=False)
        return self.make(op.Constant, (), array.shape, array)

    def number(self, value: float) -> Node:
        """Return a static number as a node."""
        return self.constant(value)

    def parameter(self, name: str, default: npt.ArrayLike) -> Node:
        """Return a run-time parameter."""
        array = np.array(default, dtype=np.float64)
        array.setflags(write=False)
        return self.make(op.Parameter, (), array.shape, name, array)

    def initial_scalar(self, name: str, limit: Node) -> Node:
        """Return an initial scalar with the shape of its limit."""
        return self.make(op.InitialScalar, (), limit.shape, name, limit)

    def initial_vector(
        self,
        name: str,
        dim: str,
        shape: Shape,
        mean: Node | None,
        covariance: Node,
        ensemble: Ensemble = GAUSSIAN,
    ) -> Node:
        """Return an initial vector; `covariance` of shape () is that multiple of the identity."""
        if mean is not None and mean.shape != shape:
            raise ShapeMismatch(f"mean of shape {mean.shape} for rows of shape {shape}")
        if covariance.shape not in ((), shape + shape):
            raise ShapeMismatch(f"covariance of shape {covariance.shape} for rows of shape {shape}")
        return self.make(op.InitialVector, ((FREE, dim),), shape, name, mean, covariance, ensemble)

    def split(self, x: Node, count: int, dim: str) -> Node:
        """Return a vector as `count` vectors of a dim, along a new first axis."""
        return self.make(op.Split, ((FREE, dim),), (count, *x.shape), x, count)

    def merge(self, x: Node, dim: str) -> Node:
        """Return the vectors along the first axis as one of a dim."""
        return self.make(op.Merge, ((FREE, dim),), x.shape[1:], x)

    def placeholder(self, like: Node, name: str) -> Node:
        """Return a stand-in for `like`, to differentiate in."""
        return self.make(op.Placeholder, like.coords, like.shape, name)

    # ----------------------------------------------------------------------------------- operations

    def matmul(self, matrix: Matrix, transposed: bool, operand: Node) -> Node:
        """Return `W @ x` or `W.T @ x`."""
        into, out_of = (
            (matrix.columns, matrix.rows) if transposed else (matrix.rows, matrix.columns)
        )
        if not operand.is_vector or operand.dim != out_of:
            raise DimMismatch(f"{matrix.name} takes vectors of dim {out_of}")
        return self.make(op.MatMul, ((FREE, into),), operand.shape, matrix, transposed, operand)

    def apply(self, function: str, *arguments: Node) -> Node:
        """Return an elementwise function: coordinates unite, constant axes broadcast.

        What adds nothing and multiplies by one is left out.
        """
        assert len(arguments) == FUNCTIONS[function].arity, function
        simpler = self._simpler(function, arguments)
        if simpler is not None:
            return simpler
        return self.make(
            op.Elementwise, unite_coords(arguments), broadcast(arguments), function, arguments
        )

    def _simpler(self, function: str, arguments: tuple[Node, ...]) -> Node | None:
        match function, arguments:
            case "add", (x, y) if _is_number(x, 0) and broadcast(arguments) == y.shape:
                return y
            case "add", (x, y) if _is_number(y, 0) and broadcast(arguments) == x.shape:
                return x
            case "sub", (op.Constant(shape=(), value=x), op.Constant(shape=(), value=y)):
                return self.number(float(x - y))
            case "sub", (x, y) if _is_number(y, 0):
                return x
            case "mul", (x, y) if _is_number(x, 1) or _is_number(y, 1):
                return y if _is_number(x, 1) else x
            case "mul", (x, y) if _is_number(x, -1) or _is_number(y, -1):
                return self.neg(y if _is_number(x, -1) else x)
            case "neg", (op.Elementwise(function="neg", operands=(x,)),):
                return x
            case "div" | "pow", (x, y) if _is_number(y, 1):
                return x
            case "pow", (x, y) if _is_number(y, 2):
                return self.apply("square", x)
            case _:
                return None

    def add(self, x: Node, y: Node) -> Node:
        """Return x + y."""
        return self.apply("add", x, y)

    def sub(self, x: Node, y: Node) -> Node:
        """Return x - y."""
        return self.apply("sub", x, y)

    def mul(self, x: Node, y: Node) -> Node:
        """Return x * y."""
        return self.apply("mul", x, y)

    def div(self, x: Node, y: Node) -> Node:
        """Return x / y."""
        return self.apply("div", x, y)

    def pow(self, x: Node, y: Node) -> Node:
        """Return x ^ y."""
        return self.apply("pow", x, y)

    def detached(self, x: Node) -> Node:
        """Return x as a node through which backpropagation passes nothing, `is_detached`."""
        return self.make(op.Elementwise, x.coords, x.shape, "add", (x, self.number(0)))

    def neg(self, x: Node) -> Node:
        """Return -x."""
        return self.apply("neg", x)

    def exp(self, x: Node) -> Node:
        """Return exp(x)."""
        return self.apply("exp", x)

    def contract(self, left: Node, right: Node, axes: int = 1) -> Node:
        """Return tensordot(left, right, axes)."""
        if (
            min(len(left.shape), len(right.shape)) < axes
            or left.shape[-axes:] != right.shape[:axes]
        ):
            raise ShapeMismatch(f"{left.shape} does not contract with {right.shape}")
        assert not {name for name, _ in left.coords} & {name for name, _ in right.coords}
        shape = left.shape[:-axes] + right.shape[axes:]
        return self.make(op.Contract, unite_coords((left, right)), shape, left, right, axes)

    def take(self, operand: Node, keys: tuple[int | None, ...]) -> Node:
        """Return `operand[keys]`; negative integers count from the end, missing keys are `:`."""
        if len(keys) > len(operand.shape):
            raise ShapeMismatch(f"{len(keys)} indices for the shape {operand.shape}")
        whole = keys + (None,) * (len(operand.shape) - len(keys))
        if any(
            key is not None and not -size <= key < size
            for key, size in zip(whole, operand.shape, strict=True)
        ):
            raise ShapeMismatch(f"index out of range for the shape {operand.shape}")
        positive = tuple(
            None if key is None else key % size
            for key, size in zip(whole, operand.shape, strict=True)
        )
        if all(key is None for key in positive):
            return operand
        shape = tuple(
            size for key, size in zip(positive, operand.shape, strict=True) if key is None
        )
        return self.make(op.Take, operand.coords, shape, operand, positive)

    def permute(self, operand: Node, order: tuple[int, ...]) -> Node:
        """Return the operand with axis i of the result its axis `order[i]`."""
        assert sorted(order) == list(range(len(operand.shape)))
        if order == tuple(range(len(order))):
            return operand
        shape = tuple(operand.shape[axis] for axis in order)
        return self.make(op.Permute, operand.coords, shape, operand, order)

    def transpose(self, operand: Node) -> Node:
        """Return the operand with its last two axes swapped."""
        rank = len(operand.shape)
        if rank < 2:
            raise ShapeMismatch(f"`.T` of an array of shape {operand.shape}")
        return self.permute(operand, (*range(rank - 2), rank - 1, rank - 2))

    def expand(self, operand: Node, axes: tuple[int, ...]) -> Node:
        """Insert axes of length 1 that stand at positions `axes` of the result."""
        if not axes:
            return operand
        shape = list(operand.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        return self.make(op.Expand, operand.coords, tuple(shape), operand, tuple(sorted(axes)))

    def reduce(
        self, reduction: op.Reduction, operand: Node, axes: tuple[int, ...] | None = None
    ) -> Node:
        """Return the sum or the maximum over constant axes: all of them where `axes` is None."""
        rank = len(operand.shape)
        named = tuple(range(rank)) if axes is None else axes
        if any(not -rank <= axis < rank for axis in named):
            raise ShapeMismatch(f"no axis {axes} in the shape {operand.shape}")
        over = tuple(sorted({axis % rank for axis in named}))
        if not over:
            return operand
        shape = tuple(size for axis, size in enumerate(operand.shape) if axis not in over)
        return self.make(op.Reduce, operand.coords, shape, reduction, operand, over)

    def softmax(self, operand: Node) -> Node:
        """Return the softmax over the last constant axis."""
        if not operand.shape:
            raise ShapeMismatch("softmax of something without constant axes")
        return self.make(op.Softmax, operand.coords, operand.shape, operand)

    def stack(self, operands: tuple[Node, ...]) -> Node:
        """Return scalars of one shape along a new first axis."""
        shapes = {operand.shape for operand in operands}
        assert len(shapes) == 1 and all(operand.is_scalar for operand in operands)
        return self.make(op.Stack, (), (len(operands), *shapes.pop()), operands)

    def linear_algebra(self, function: op.ArrayFunction, operand: Node) -> Node:
        """Return `inv`, `trace` or `det` over the last two axes, or the root of a covariance."""
        assert operand.is_scalar
        half = len(operand.shape) // 2
        if function == "root":
            if operand.shape[:half] != operand.shape[half:]:
                raise ShapeMismatch(f"root of an array of shape {operand.shape}")
        elif len(operand.shape) < 2 or operand.shape[-1] != operand.shape[-2]:
            raise ShapeMismatch(f"{function} of an array of shape {operand.shape}")
        shape = operand.shape if function in ("inv", "root") else operand.shape[:-2]
        return self.make(op.LinearAlgebra, (), shape, function, operand)

    def spectral(
        self, function: op.SpectralFunction, operand: Node, rows: int, values: Node | None = None
    ) -> Node:
        """Return the decomposition of a matrix whose first `rows` axes are those of rows."""
        assert operand.is_scalar and (values is None or values.is_scalar)
        above, below = operand.shape[:rows], operand.shape[rows:]
        shape: op.Shape = (min(prod(above), prod(below)),)
        if function == "eigenvectors":
            shape = (*above, *shape)
        elif values is not None:
            assert values.shape == (() if function.startswith("triangular") else shape)
            shape = operand.shape
        return self.make(op.Spectral, (), shape, function, operand, rows, values)

    def row(self, operand: Node, coordinate: str) -> Node:
        """Return `operand[coordinate]`, the row of a vector at a bound coordinate."""
        assert operand.is_vector
        return self.make(op.Row, ((coordinate, operand.dim),), operand.shape, operand, coordinate)

    def exchange(self, operand: Node, coordinate: str) -> Node:
        """Return the operand with the free coordinate and a bound one exchanged."""
        match operand:
            case op.Exchange(operand=inner) if operand.coordinate == coordinate:
                return inner
            case op.Row(operand=vector) if operand.coordinate == coordinate:
                return vector
        coords = exchange_coords(operand.coords, coordinate)
        if operand.is_vector:
            return self.row(operand, coordinate)
        if coords == operand.coords and not {FREE, coordinate} & dict(coords).keys():
            return operand
        return self.make(op.Exchange, coords, operand.shape, operand, coordinate)

    def mean(self, operand: Node, over: tuple[str, ...] = (FREE,)) -> Node:
        """Return the average over the coordinates `over`, each of which the operand must have."""
        own = {name for name, _ in operand.coords}
        assert over and own >= set(over), (own, over)
        rest = tuple(pair for pair in operand.coords if pair[0] not in over)
        return self.make(op.Mean, rest, operand.shape, operand, tuple(sorted(over)))

    def inner(self, left: Node, right: Node) -> Node:
        """Return `<left|right>`, of shape left.shape + right.shape."""
        if not (left.is_vector and right.is_vector) or left.dim != right.dim:
            raise DimMismatch("the two sides of <|> have different dims")
        return self.make(op.Inner, (), left.shape + right.shape, left, right)


def unite_coords(nodes: tuple[Node, ...]) -> Coordinates:
    """Return the coordinates of an elementwise combination.

    Raises:
        DimMismatch: Two operands have different dims at one coordinate.
    """
    united: dict[str, str] = {}
    for node in nodes:
        for name, dim in node.coords:
            if united.setdefault(name, dim) != dim:
                raise DimMismatch(f"{united[name]} and {dim}")
    return tuple(sorted(united.items()))


def exchange_coords(coords: Coordinates, coordinate: str) -> Coordinates:
    """Return coordinates with the free one and a bound one exchanged, each with its dim."""
    other = {FREE: coordinate, coordinate: FREE}
    return tuple(sorted((other.get(name, name), dim) for name, dim in coords))


def broadcast(nodes: tuple[Node, ...]) -> Shape:
    """Return the NumPy broadcast of the constant shapes.

    Raises:
        ShapeMismatch: They do not broadcast.
    """
    try:
        return np.broadcast_shapes(*(node.shape for node in nodes))
    except ValueError:
        raise ShapeMismatch(" and ".join(str(node.shape) for node in nodes)) from None


def _is_number(node: Node, value: float) -> bool:
    return isinstance(node, op.Constant) and node.shape == () and float(node.value) == value


def _key(value: object) -> object:
    """Return what makes two field values the same: bytes for arrays, identity for nodes."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return value
