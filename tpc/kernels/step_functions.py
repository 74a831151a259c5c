"""The operations of plans: which one a node of the graph is, and what computes it.

| name | arguments | operands |
|---|---|---|
| a function of the language | | its arguments |
| `gram` | | p, q, c |
| `contract`, `dot` | how many axes are summed, in `dot` all | left, right |
| `take`, `permute`, `expand`, `reduce`, `softmax` | as in nodes | a value |
| `diagonal` | the subscripts | a value |
| `trace`, `det`, `inv`, `root` | | a value |
| `arc_cosine` | | c, v1, v2, 1 / sqrt(v1), 1 / sqrt(v2) |
| `linear` | a sparse matrix | a value, whose constant axes it multiplies as one |
| `pick` | numbers of entries | a value, whose constant axes are taken as one |
| `item` | which | a value that is a tuple |
| `single_series` | the law | its values |
| `pair_series`, `listed_series` | both laws | the values of both, the covariance |
| another function of closed forms | its arguments, None for operands | the others |

Values have two leading axes, see `tpc.kernels.plan`; axes in arguments count behind these.
"""

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, get_args

import numpy as np

from tpc.functions import FUNCTIONS
from tpc.kernels.arc_cosine import arc_cosine, gram
from tpc.kernels.plan import AXES, Array, LinearMap, PlanOperation
from tpc.kernels.series_steps import listed_expectation, named, single_expectation
from tpc.limit.limit_nodes import Diagonal
from tpc.program import nodes as op
from tpc.program.nodes import ArrayFunction, Node
from tpc.program.operations import UFUNCS, elementwise, linear_algebra, reduced
from tpc.runtime.elementwise import softmax

PLAIN = frozenset(UFUNCS) | {"gram"}
"""The functions in closed forms that take numbers as values."""

SERIES = frozenset({"single_series", "pair_series", "listed_series"})
"""The operations that are not exact."""


VIEWS = frozenset({"take", "permute", "expand", "diagonal"})
"""The operations whose results may be parts of their operands."""


def operation(node: Node) -> PlanOperation | None:
    """Return what a node does with the values of its operands; None if it is no scalar's."""
    match node:
        case op.Elementwise(function=function):
            return PlanOperation(function)
        case op.Contract(left=left, right=right, axes=axes):
            whole = axes == len(left.shape) == len(right.shape)
            return PlanOperation("dot" if whole else "contract", (axes,))
        case op.Take(keys=keys):
            return PlanOperation("take", keys)
        case op.Permute(order=order):
            return PlanOperation("permute", order)
        case op.Expand(axes=axes):
            return PlanOperation("expand", axes)
        case op.Reduce(reduction=reduction, axes=axes):
            return PlanOperation("reduce", (reduction, *axes))
        case op.Softmax():
            return PlanOperation("softmax")
        case op.LinearAlgebra(function=function):
            return PlanOperation(function)
        case Diagonal(subscripts=subscripts):
            return PlanOperation("diagonal", (subscripts,))
        case _:
            return None


def function(operation: PlanOperation) -> Callable[..., Any]:
    """Return what computes an operation, but for `pair_series`, which needs all single inputs."""
    arguments: Any = operation.arguments
    match operation.name:
        case "contract" | "dot":
            return partial(contract, axes=arguments[0])
        case "take":
            return partial(_taken, keys=arguments)
        case "permute":
            return partial(np.transpose, axes=(*range(AXES), *_behind(arguments)))
        case "expand":
            return partial(np.expand_dims, axis=_behind(arguments))
        case "reduce":
            return partial(reduced, arguments[0], axes=_behind(arguments[1:]))
        case "diagonal":
            return partial(np.einsum, arguments[0])
        case "linear":
            return partial(_multiplied, matrix_of(arguments[0]), arguments[0].shape)
        case "pick":
            return partial(_picked, np.array(arguments[0], dtype=np.intp))
        case "item":
            return itemgetter(arguments[0])
        case "single_series":
            return partial(single_expectation, *arguments)
        case "listed_series":
            return partial(listed_expectation, *arguments)
        case name if arguments:
            return _closed_form(name, arguments)
        case name if name in FIXED:
            return FIXED[name]
        case name:
            assert name in FUNCTIONS, name
            return partial(elementwise, name)


def _behind(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Count axes from the first one on, not from the first constant one."""
    return tuple(AXES + axis for axis in axes)


def contract(left: Array, right: Array, axes: int) -> Array:
    """Contract the last constant axes of `left` with the first ones of `right`, by BLAS.

    Shapes:
        x, y: (first, second, kept of left, summed), (first, second, summed, kept of right); first
            or second is 1 where a value does not depend on these inputs.
        product: (first, second, kept of left, kept of right).
    """
    kept_left = left.shape[AXES : left.ndim - axes]
    kept_right = right.shape[AXES + axes :]
    summed = int(np.prod(left.shape[left.ndim - axes :], dtype=int))
    x = left.reshape(*left.shape[:AXES], -1, summed)
    y = right.reshape(*right.shape[:AXES], summed, -1)
    if x.shape[1] == 1 and y.shape[0] == 1:
        product = _between(x[:, 0], y[0])
    elif x.shape[0] == 1 and y.shape[1] == 1:
        product = _between(y[:, 0].swapaxes(1, 2), x[0].swapaxes(1, 2)).swapaxes(2, 3)
    else:
        product = np.matmul(x, y)
    return product.reshape(*product.shape[:AXES], *kept_left, *kept_right)


def _between(rows: Array, columns: Array) -> Array:
    """Multiply matrices of first inputs with those of second inputs, for all pairs at once.

    Shapes:
        rows, columns: (first, kept of left, summed), (second, summed, kept of right).
    """
    first, kept_left, summed = rows.shape
    second, _, kept_right = columns.shape
    wide = columns.swapaxes(0, 1).reshape(summed, second * kept_right)
    product = rows.reshape(first * kept_left, summed) @ wide
    return product.reshape(first, kept_left, second, kept_right).swapaxes(1, 2)


def _taken(value: Array, keys: tuple[int | None, ...]) -> Array:
    inner = (slice(None) if index is None else index for index in keys)
    return value[(slice(None),) * AXES + tuple(inner)]


def matrix_of(linear: LinearMap) -> Any:
    """Return the sparse matrix that multiplies the constant axes of a value, taken as one."""
    from scipy.sparse import csr_array

    parts = (np.frombuffer(content, dtype) for content, dtype in (linear.indices, linear.indptr))
    rows = int(np.prod(linear.shape, dtype=int))
    return csr_array((np.frombuffer(linear.data), *parts), shape=(rows, linear.size))


def _multiplied(matrix: Any, shape: tuple[int, ...], value: Array) -> Array:
    found = matrix @ value.reshape(-1, matrix.shape[1]).T
    return np.ascontiguousarray(found.T).reshape(*value.shape[:AXES], *shape)


def _picked(places: Any, value: Array) -> Array:
    return value.reshape(*value.shape[:AXES], -1)[:, :, places]


def _closed_form(name: str, pattern: tuple[Any, ...]) -> Callable[..., Array]:
    """Return a function of closed forms or of NumPy; whole numbers may be orders of moments."""
    numbers = [int(x) if x is not None and x == int(x) else x for x in pattern]
    return partial(_applied, named(name), numbers)


def _applied(applied: Callable[..., Array], pattern: list[Any], *values: Array) -> Array:
    rest = iter(values)
    return np.asarray(applied(*(next(rest) if x is None else x for x in pattern)))


FIXED: dict[str, Callable[..., Any]] = {
    **UFUNCS,
    "gram": gram,
    "arc_cosine": arc_cosine,
    "softmax": softmax,
    **{name: partial(linear_algebra, name) for name in get_args(ArrayFunction)},
}
"""The operations without arguments, but for functions that are no ufuncs."""
