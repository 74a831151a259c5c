"""What each operation of the graph does with arrays.

The value of a node is an array with one axis for each of its coordinates, in their order, and then
its constant axes. Axes are moved as everywhere (`tpc.program.operations`); the values of functions
are the referee's own (`values.py`). Draws and matrices are for `dense.py`, averages of several
coordinates for `blocks.py`.
"""

from collections.abc import Callable

import numpy as np

from tpc.program.nodes import Contract, Coordinates, Elementwise, Inner, Mean, Node, Row, operands
from tpc.program.operations import Array, operation
from tpc.simulation.values import elementwise

Values = Callable[[Node], Array]
"""Gives the value of an operand."""


def apply_operation(node: Node, values: Values) -> Array:
    """Return the value of a node, given the values of its operands."""
    result: Array
    match node:
        case Elementwise(function=function):
            aligned = [_align(values(x), x.coords, node) for x in node.operands]
            result = elementwise(function, *aligned)
        case Contract():
            result = _contract(node, values)
        case Row(operand=operand):
            result = values(operand)
        case Inner(left=left, right=right):
            x, y = values(left), values(right)
            size = len(x)
            result = (x.reshape(size, -1).T @ y.reshape(size, -1) / size).reshape(node.shape)
        case Mean(operand=operand):
            result = np.mean(values(operand), axis=over_axes(node))
        case _:
            result = operation(node, len(node.coords))(*map(values, operands(node)))
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
