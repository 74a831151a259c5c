"""What each operation of the graph does with arrays.

The value of a node is an array with one axis for each of its coordinates, in their order, and then
its constant axes. Axes are moved as everywhere (`tpc.program.operations`); draws
and matrices are for `dense.py`, averages of several coordinates for `blocks.py`.

Elementwise functions say a second time what `tpc.functions` says, on purpose: finite networks are
the referee of limits, kernels and generated modules, so they share no formula with them. Special
functions are SciPy's. Where a function is not defined (the logarithm of a negative number) the
value is NaN, and NumPy warns as it is set to.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError
from tpc.program.nodes import (
    Contract,
    Coordinates,
    Elementwise,
    Inner,
    Mean,
    Merge,
    Node,
    Row,
    Split,
    operands,
)
from tpc.program.operations import Array, operation

Floats: TypeAlias = npt.NDArray[np.float64]


def elementwise(function: str, *arguments: Floats) -> Floats:
    """Return a function of `tpc.functions`, entry by entry; arguments broadcast."""
    found = _VALUES[function] if function in _VALUES else _special(function)
    return np.asarray(found(*arguments), dtype=np.float64)


_VALUES: dict[str, Callable[..., npt.ArrayLike]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "max": np.maximum,
    "min": np.minimum,
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "equal": np.equal,
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "elu": lambda x, scale: np.where(x > 0, x, scale * np.expm1(np.minimum(x, 0))),
    "neg": np.negative,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.logaddexp(0, x),
    "step": lambda x: np.heaviside(x, 0.5),
    **{name: getattr(np, name) for name in ("tanh", "arctan", "sin", "cos", "exp")},
    **{name: getattr(np, name) for name in ("log", "sqrt", "square", "abs", "sign")},
}


def _special(function: str) -> Callable[[Floats], Floats]:
    from scipy.special import erf, expit, ndtr

    special: dict[str, Callable[[Floats], Floats]] = {
        "sigmoid": expit,
        "silu": lambda x: x * expit(x),
        "gelu": lambda x: x * ndtr(x),
        "Phi": ndtr,
        "erf": erf,
    }
    assert function in special, f"{function} has no values"
    return special[function]


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
        case Split(operand=operand, count=count):
            x = values(operand)
            if len(x) % count:
                raise UsageError(f"{len(x)} rows of `{operand.dim}` do not split in {count}")
            result = np.moveaxis(x.reshape(count, -1, *x.shape[1:]), 0, 1)
        case Merge(operand=operand):
            x = np.moveaxis(values(operand), 1, 0)
            result = x.reshape(-1, *x.shape[2:])
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
