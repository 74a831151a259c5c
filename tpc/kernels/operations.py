"""The operations of the graph on values with two leading axes, see `tpc.kernels.plan`."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tpc.kernels.plan import AXES, Array
from tpc.limit.nodes import Diagonal
from tpc.program.nodes import (
    Contract,
    Elementwise,
    Expand,
    LinearAlgebra,
    Node,
    Permute,
    Reduce,
    Softmax,
    Take,
)
from tpc.program.numeric import elementwise

UFUNCS: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "pow": np.power, "square": np.square, "sqrt": np.sqrt, "exp": np.exp, "log": np.log,
    "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "abs": np.abs, "max": np.maximum,
    "min": np.minimum, "sign": np.sign,
}  # fmt: skip
"""The functions that can write to an array of ours."""


def operation(node: Node) -> Callable[..., Array]:
    """Return what computes a node from the values of its operands.

    Raises:
        ValueError: It is no operation on scalars.
    """
    match node:
        case Elementwise(function=function):
            return UFUNCS.get(function) or partial(elementwise, function)
        case Contract(axes=axes):
            return partial(contract, axes=axes)
        case Take(keys=keys):
            key = tuple(slice(None) if index is None else index for index in keys)
            return partial(_taken, key=(slice(None),) * AXES + key)
        case Permute(order=order):
            axes_order = (*range(AXES), *(AXES + axis for axis in order))
            return partial(np.transpose, axes=axes_order)
        case Expand(axes=axes):
            return partial(np.expand_dims, axis=tuple(AXES + axis for axis in axes))
        case Reduce(reduction=reduction, axes=axes):
            over = tuple(AXES + axis for axis in axes)
            return partial(_reduced, reduction, axes=over)
        case Softmax():
            return _softmax
        case LinearAlgebra(function=function):
            return partial(_linear_algebra, function)
        case Diagonal(labels=labels):
            letters = "".join(chr(ord("a") + label) for label in labels)
            return partial(_einsum, f"...{letters}->...{''.join(sorted(set(letters)))}")
        case _:
            raise ValueError(f"no operation on scalars: {node!r}")


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


def _taken(value: Array, key: tuple[slice | int, ...]) -> Array:
    return value[key]


def _reduced(reduction: str, value: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(value.sum(axis=axes) if reduction == "sum" else value.max(axis=axes))


def _einsum(subscripts: str, value: Array) -> Array:
    return np.asarray(np.einsum(subscripts, value))


def _softmax(value: Array) -> Array:
    weights = np.exp(value - value.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _linear_algebra(function: str, value: Array) -> Array:
    match function:
        case "trace":
            return np.asarray(np.trace(value, axis1=-2, axis2=-1))
        case "det":
            return np.asarray(np.linalg.det(value))
        case _:
            return np.asarray(np.linalg.inv(value))
