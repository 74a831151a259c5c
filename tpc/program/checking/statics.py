"""Arithmetic of statics: Python's on numbers, NumPy's on float64 arrays, finite or refused.

Integers stay integers up to 2^53, beyond which they are floats like every other number.
"""

from collections.abc import Callable
from functools import partial
from math import isfinite
from operator import add, floordiv, mod, mul, sub
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.program import operations
from tpc.program.builder import ShapeMismatch
from tpc.program.checking.values import StaticValue
from tpc.program.nodes import ArrayFunction

Compute: TypeAlias = Callable[[], StaticValue]
"""Arithmetic that is about to be done."""

EXACT = 2**53
"""The largest integer up to which all integers are floats."""

_INTEGER = {"+": add, "-": sub, "*": mul, "//": floordiv, "%": mod}
_FLOAT = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}


class NoValue(ArithmeticError):
    """The result is not a finite number."""


def settle(value: npt.ArrayLike) -> StaticValue:
    """Return an array with axes as float64, a number as `int` where it is integral."""
    if isinstance(value, bool | int):
        return value if abs(value) <= EXACT else float(value)
    array = np.asarray(value, dtype=np.float64)
    if array.shape:
        return array
    number = float(array)
    return int(number) if number.is_integer() and abs(number) <= EXACT else number


def literal(value: int | float) -> StaticValue:
    """Return a number of the text.

    Raises:
        NoValue: It is larger than every float.
    """
    try:
        if isfinite(value):
            return value if isinstance(value, bool) else settle(value)
    except OverflowError:
        pass
    raise NoValue("overflow")


def operate(operator: str, left: StaticValue, right: StaticValue) -> StaticValue:
    """Return `left operator right` for `+ - * / ^ // %`.

    Raises:
        NoValue: Division by zero, overflow, or a negative number to a fractional power.
        ShapeMismatch: The shapes do not broadcast.
    """
    if isinstance(left, int) and isinstance(right, int):
        if operator in _INTEGER:
            if right == 0 and operator in ("//", "%"):
                raise NoValue("division by zero")
            return settle(_INTEGER[operator](left, right))
        if operator == "^" and 0 <= right <= 64 and abs(left) <= 2**16:
            return settle(left**right)
    x, y = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if operator in ("//", "%"):
        return _guarded(np.floor_divide if operator == "//" else np.mod, x, y)
    return apply(_FLOAT[operator], left, right)


def apply(function: str, *arguments: StaticValue) -> StaticValue:
    """Return an elementwise function of statics.

    Raises:
        NoValue: The result is not finite.
        ShapeMismatch: The shapes do not broadcast.
    """
    arrays = [np.asarray(argument, dtype=np.float64) for argument in arguments]
    return _guarded(partial(operations.elementwise, function), *arrays)


def contract(left: StaticValue, right: StaticValue) -> StaticValue:
    """Return tensordot(left, right, 1).

    Raises:
        ShapeMismatch: The axes do not meet.
    """
    x, y = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not x.shape or not y.shape or x.shape[-1] != y.shape[0]:
        raise ShapeMismatch(f"{x.shape} and {y.shape}")
    return _guarded(partial(operations.contract, axes=1), x, y)


def linear_algebra(function: ArrayFunction, operand: StaticValue) -> StaticValue:
    """Return `inv`, `trace` or `det` over the last two axes.

    Raises:
        NoValue: The matrix is singular.
        ShapeMismatch: The last two axes are not those of a square matrix.
    """
    array = np.asarray(operand, dtype=np.float64)
    if len(array.shape) < 2 or array.shape[-1] != array.shape[-2]:
        raise ShapeMismatch(str(array.shape))
    found = _guarded(partial(operations.linear_algebra, function), array)
    if np.isnan(found).any():
        raise NoValue("the matrix is singular")
    return found


def integer(value: StaticValue) -> int | None:
    """Return a static as an integer, or None where it is not one."""
    if isinstance(value, bool | np.ndarray):
        return None
    if isinstance(value, int):
        return value
    return int(value) if value.is_integer() else None


def _guarded(
    function: Callable[..., npt.ArrayLike], *arrays: npt.NDArray[np.float64]
) -> StaticValue:
    try:
        with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
            return settle(function(*arrays))
    except FloatingPointError as error:
        why = "division by zero" if "divide" in str(error) else str(error).split(" encountered")[0]
        raise NoValue(why) from None
    except ValueError:
        raise ShapeMismatch(" and ".join(str(array.shape) for array in arrays)) from None
