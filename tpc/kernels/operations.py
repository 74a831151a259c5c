"""The operations of the graph on values with two leading axes, see `tpc.kernels.plan`."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tpc.kernels.plan import AXES, Array
from tpc.limit.nodes import Diagonal
from tpc.program import operations
from tpc.program.nodes import Contract, Node


def operation(node: Node) -> Callable[..., Array]:
    """Return what computes a node from the values of its operands.

    Raises:
        ValueError: It is no operation on scalars.
    """
    match node:
        case Contract(axes=axes):
            return partial(contract, axes=axes)
        case Diagonal():
            return partial(np.einsum, node.subscripts)
        case _:
            return operations.operation(node, AXES)


def contract(left: Array, right: Array, axes: int) -> Array:
    """Contract the last constant axes of `left` with the first ones of `right`, by BLAS."""
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
    """Multiply matrices of first inputs with those of second inputs, for all pairs at once."""
    first, kept_left, summed = rows.shape
    second, _, kept_right = columns.shape
    wide = columns.swapaxes(0, 1).reshape(summed, second * kept_right)
    product = rows.reshape(first * kept_left, summed) @ wide
    return product.reshape(first, kept_left, second, kept_right).swapaxes(1, 2)
