"""What each operation of the graph does with arrays.

The value of a node is an array with one axis for each of its coordinates, in their order, and then
its constant axes. Draws and matrices are for `dense.py`, averages of several coordinates for
`blocks.py`; everything else is here.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tpc.program.nodes import (
    Contract,
    Coordinates,
    Elementwise,
    Expand,
    Inner,
    LinearAlgebra,
    Mean,
    Node,
    Permute,
    Reduce,
    Row,
    Softmax,
    Stack,
    Take,
)
from tpc.program.numeric import elementwise

Array = npt.NDArray[np.float64]
Values = Callable[[Node], Array]
"""Gives the value of an operand."""


def apply_operation(node: Node, values: Values) -> Array:
    """Return the value of a node, given the values of its operands."""
    result: Array
    at = len(node.coords)
    match node:
        case Elementwise(function=function, operands=operands):
            aligned = [_align(values(x), x.coords, node) for x in operands]
            result = elementwise(function, *aligned)
        case Contract():
            result = _contract(node, values)
        case Take(operand=operand, keys=keys):
            key = tuple(slice(None) if index is None else index for index in keys)
            result = values(operand)[(slice(None),) * at + key]
        case Permute(operand=operand, order=order):
            result = values(operand).transpose(*range(at), *(at + axis for axis in order))
        case Expand(operand=operand, axes=axes):
            result = np.expand_dims(values(operand), tuple(at + axis for axis in axes))
        case Reduce(reduction=reduction, operand=operand, axes=axes):
            over = tuple(at + axis for axis in axes)
            reduce = np.sum if reduction == "sum" else np.max
            result = reduce(values(operand), axis=over)
        case Softmax(operand=operand):
            x = values(operand)
            weights = np.exp(x - x.max(axis=-1, keepdims=True))
            result = weights / weights.sum(axis=-1, keepdims=True)
        case Stack(operands=operands):
            result = np.stack([values(operand) for operand in operands])
        case LinearAlgebra(function=function, operand=operand):
            result = _linear_algebra(function, values(operand))
        case Row(operand=operand):
            result = values(operand)
        case Inner(left=left, right=right):
            x, y = values(left), values(right)
            size = len(x)
            result = (x.reshape(size, -1).T @ y.reshape(size, -1) / size).reshape(node.shape)
        case Mean(operand=operand):
            result = np.mean(values(operand), axis=over_axes(node))
        case _:
            raise AssertionError(f"{node!r} has no value of its own")
    return result


def over_axes(mean: Mean) -> tuple[int, ...]:
    """Return the axes of the operand's value that a mean averages."""
    return tuple(axis for axis, (name, _) in enumerate(mean.operand.coords) if name in mean.over)


def _align(value: Array, coords: Coordinates, target: Node) -> Array:
    """Insert axes of length 1, so that `value` broadcasts to the axes of `target`."""
    if not coords:
        return value
    missing = len(target.shape) - (value.ndim - len(coords))
    if coords == target.coords and missing == 0:
        return value
    sizes = iter(value.shape)
    growing = [next(sizes) if pair in coords else 1 for pair in target.coords]
    return value.reshape(*growing, *(1,) * missing, *sizes)


def _contract(node: Contract, values: Values) -> Array:
    left, right = node.left, node.right
    x, y = values(left), values(right)
    skip = len(right.coords)
    pairs = (
        list(range(x.ndim - node.axes, x.ndim)),
        list(range(skip, skip + node.axes)),
    )
    product = np.tensordot(x, y, axes=pairs)
    # Its axes: coordinates and constant axes of the left, then of the right.
    first = len(left.coords)
    second = first + len(left.shape) - node.axes
    at = {name: axis for axis, (name, _) in enumerate(left.coords)}
    at |= {name: second + axis for axis, (name, _) in enumerate(right.coords)}
    growing = [at[name] for name, _ in node.coords]
    rest = [axis for axis in range(product.ndim) if axis not in growing]
    return product.transpose(*growing, *rest)


def _linear_algebra(function: str, x: Array) -> Array:
    result: Array
    match function:
        case "trace":
            result = np.trace(x, axis1=-2, axis2=-1)
        case "root":
            size = int(np.sqrt(x.size))
            eigenvalues, vectors = np.linalg.eigh(x.reshape(size, size))
            found = (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T
            result = found.reshape(x.shape)
        case "det":
            result = np.asarray(np.linalg.det(x), dtype=np.float64)
        case _:
            try:
                result = np.asarray(np.linalg.inv(x), dtype=np.float64)
            except np.linalg.LinAlgError:
                # As a division by zero: no exception, and nothing that looks like a result.
                result = np.full_like(x, np.nan)
    return result
