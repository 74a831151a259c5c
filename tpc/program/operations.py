"""What the operations of the graph do with arrays: node -> a function of its operands' values.

Constant axes stand behind `leading` others, which every operand has: none for constants, those over
pairs of inputs for kernels, those of the coordinates for finite networks. Functions are those that
generated modules call. Where one is not defined (the logarithm of a negative number) its value is
NaN, and NumPy warns as it is set to.
"""

from collections.abc import Callable, Collection
from functools import cache, partial
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.functions import FUNCTIONS
from tpc.program import nodes as op
from tpc.program.nodes import Node, operands
from tpc.runtime import elementwise as runtime
from tpc.runtime import spectral

Array: TypeAlias = npt.NDArray[np.float64]


def operation(node: Node, leading: int = 0) -> Callable[..., Array]:
    """Return what computes a node from the values of its operands; it can be pickled.

    Args:
        node: An operation on constant axes; with leading axes, the operands of an `Elementwise`
            have equally many constant axes.
        leading: How many axes stand before the constant ones.

    Raises:
        ValueError: It is an operation on coordinates, or none.
    """
    match node:
        case op.Elementwise(function=function):
            return UFUNCS.get(function) or partial(elementwise, function)
        case op.Contract(axes=axes):
            return partial(contract, axes=axes, leading=leading)
        case op.Take(keys=keys):
            whole = (slice(None),) * leading
            index = tuple(slice(None) if key is None else key for key in keys)
            return partial(_taken, key=(*whole, *index))
        case op.Permute(order=order):
            return partial(np.transpose, axes=(*range(leading), *_behind(leading, order)))
        case op.Expand(axes=axes):
            return partial(np.expand_dims, axis=_behind(leading, axes))
        case op.Reduce(reduction=reduction, axes=axes):
            return partial(reduced, reduction, axes=_behind(leading, axes))
        case op.Softmax():
            return runtime.softmax
        case op.Stack():
            return partial(_stacked, axis=leading)
        case op.LinearAlgebra(function=name):
            return partial(linear_algebra, name)
        case op.Spectral(function=name, rows=rows) if not leading:
            return partial(getattr(spectral, name), rows=rows)
        case _:
            raise ValueError(f"no operation on constant axes: {node!r}")


LARGEST_CONSTANT = 512
"""How many entries a folded constant may have: modules compute larger ones, and need no text."""


def folded(node: Node, functions: Collection[str]) -> Array | None:
    """Return the finite value of an operation on constants, or None; large ones stay operations.

    Args:
        node: Whatever it is; functions entry by entry only if they are among `functions`.
        functions: Names in `tpc.functions`.
    """
    values = [operand.value for operand in operands(node) if isinstance(operand, op.Constant)]
    if not values or len(values) < len(operands(node)) or prod(node.shape) > LARGEST_CONSTANT:
        return None
    if isinstance(node, op.Elementwise) and node.function not in functions:
        return None
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(operation(node)(*values))
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def elementwise(function: str, *arguments: Array) -> Array:
    """Return a function of `tpc.functions`, entry by entry; arguments broadcast."""
    return np.asarray(_applied(function)(*arguments), dtype=np.float64)


@cache
def _applied(function: str) -> Callable[..., Any]:
    """Return a function by its NumPy text."""
    text = FUNCTIONS[function].text.format("*x")
    applied: Callable[..., Any] = eval(f"lambda *x: {text}", {"np": np, **vars(runtime)})
    return applied


def _ufuncs() -> dict[str, np.ufunc]:
    """Return the functions that are ufuncs from float64 to float64."""
    named = {f.name: getattr(np, f.text.removeprefix("np.")[:-4], None) for f in FUNCTIONS.values()}
    return {
        name: ufunc
        for name, ufunc in named.items()
        if isinstance(ufunc, np.ufunc) and f"{'d' * ufunc.nin}->d" in ufunc.types
    }


UFUNCS: dict[str, np.ufunc] = _ufuncs()
"""The functions that can write to an array of the caller's."""


def contract(left: Array, right: Array, axes: int, leading: int = 0) -> Array:
    """Contract the last constant axes of `left` with the first ones of `right`."""
    middle = left.ndim - axes
    kept, new = left.shape[leading:middle], right.shape[leading + axes :]
    summed = prod(left.shape[middle:])
    x = left.reshape((*left.shape[:leading], prod(kept), summed))
    y = right.reshape((*right.shape[:leading], summed, prod(new)))
    product: Array = np.matmul(x, y)
    return product.reshape((*product.shape[:leading], *kept, *new))


def reduced(reduction: op.Reduction, value: Array, axes: tuple[int, ...] | None) -> Array:
    """Return the sum or the maximum over some axes, or over all of them."""
    return np.asarray(value.sum(axis=axes) if reduction == "sum" else value.max(axis=axes))


def linear_algebra(function: op.ArrayFunction, value: Array) -> Array:
    """Return `inv`, `trace` or `det` over the last two axes, or the root of a covariance.

    The inverse of a singular matrix is NaN: as in a division by zero, no exception, and nothing
    that looks like a result.
    """
    match function:
        case "trace":
            return np.asarray(np.trace(value, axis1=-2, axis2=-1))
        case "det":
            return np.asarray(np.linalg.det(value))
        case "root":
            return runtime.root(value)
        case _:
            try:
                return np.asarray(np.linalg.inv(value))
            except np.linalg.LinAlgError:
                return np.full_like(value, np.nan)


def _behind(leading: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(leading + axis for axis in axes)


def _taken(value: Array, key: tuple[slice | int, ...]) -> Array:
    return value[key]


def _stacked(*values: Array, axis: int) -> Array:
    return np.stack(values, axis=axis)
