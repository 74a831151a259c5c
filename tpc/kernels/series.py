"""Expectations of smooth functions of one or two Gaussians, for single inputs and for pairs.

    E f(u)        for each input, on a grid
    E f(u) g(w)   for each pair, by Mehler's series: sum over n of a_n(x) b_n(x') rho(x, x')^n

The coefficients a_n and b_n are those of single inputs: they are computed once for all inputs, a
tile of pairs is summed with as many as its correlations need.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from tpc.kernels.plan import AXES, Array, Tile
from tpc.limit.gaussian import arithmetic, orthant_arithmetic
from tpc.limit.gaussian.instructions import Instruction, Operand
from tpc.limit.gaussian.series.hermite import (
    TOLERANCE,
    Family,
    Function,
    Line,
    settle,
    single_series,
)
from tpc.limit.gaussian.series.mehler import Series, expand
from tpc.limit.gaussian.series.pairs import (
    Plane,
    error_bound,
    largest_imperfect,
    listed_series,
    sum_pairs,
    sum_tile,
)
from tpc.program.functions import ARITIES
from tpc.program.numeric import elementwise

FIRST_REACH = 0.95
"""The correlation that coefficients are computed for at first."""

PRECISE = 1e-8
"""The largest relative error of a series; functions with kinks have a larger one."""


class NotSmooth(Exception):
    """A series whose error is not small: a function has kinks, or an expectation is infinite."""


@lru_cache(maxsize=256)
def function_of(instructions: tuple[Instruction, ...], result: Operand, count: int) -> Function:
    """Return what instructions compute, as a function of `count` arrays; equal ones are one."""

    def applied(*given: Array) -> Array:
        values: list[Any] = list(given[:count])
        for instruction in instructions:
            operands = [values[x] if isinstance(x, int) else x for x in instruction.operands]
            values.append(_applied(instruction.function, operands))
        found = values[result] if isinstance(result, int) else result
        return np.broadcast_to(found, np.shape(given[0]))

    return applied


def _applied(function: str, operands: Sequence[Any]) -> Any:
    if function in ARITIES:
        return elementwise(function, *operands)
    if function.startswith("np."):
        return getattr(np, function.removeprefix("np."))(*operands)
    module = arithmetic if hasattr(arithmetic, function) else orthant_arithmetic
    return getattr(module, function)(*operands)


@dataclass(frozen=True, slots=True)
class Law:
    """One function of a series with the numbers of what its Gaussian needs.

    Attributes:
        function: Of the Gaussian, then of constants.
        variance: The number of its variance.
        mean: That of its mean, None for zero.
        constants: Those of the function's constants.
    """

    function: Function
    variance: int
    mean: int | None
    constants: tuple[int, ...]

    @property
    def operands(self) -> tuple[int, ...]:
        """All numbers, the variance first, then the mean if there is one."""
        return (self.variance, *(() if self.mean is None else (self.mean,)), *self.constants)

    def family(self, values: Sequence[Array]) -> tuple[Family, tuple[int, ...]]:
        """Return the members of all entries, and the shape that they have before flattening.

        Args:
            values: Those of `operands`.
        """
        shape = np.broadcast_shapes(*(value.shape for value in values))
        flat = [np.broadcast_to(value, shape).reshape(-1) for value in values]
        mean = None if self.mean is None else flat[1]
        constants = flat[1 if self.mean is None else 2 :]
        return Family.of(self.function, flat[0], mean, constants), shape


def single_expectation(law: Law) -> Callable[..., Array]:
    """Return what computes E f(u), entry by entry, from the values of the law."""

    def applied(*values: Array) -> Array:
        family, shape = law.family(values)
        found, error, _ = single_series(family, TOLERANCE)
        _check(error)
        return found.reshape(shape)

    return applied


def listed_expectation(left: Law, right: Law) -> Callable[..., Array]:
    """Return what computes E f(u) g(w), entry by entry, from the values of both and of c."""

    def applied(*values: Array) -> Array:
        whole = np.broadcast_shapes(*(value.shape for value in values))
        *laws, c = (np.broadcast_to(value, whole) for value in values)
        count = len(left.operands)
        one, _ = left.family(laws[:count])
        other, _ = right.family(laws[count:])
        found, error, _ = listed_series(one, other, c.reshape(-1), TOLERANCE)
        _check(error)
        return found.reshape(whole)

    return applied


def _check(error: float) -> None:
    if not error <= PRECISE:
        raise NotSmooth


class PairSeries:
    """E f(u) g(w) where u belongs to the first input and w to the second."""

    def __init__(
        self, left: Law, right: Law, left_values: Sequence[Array], right_values: Sequence[Array]
    ) -> None:
        """Compute the functions on a grid for all inputs.

        Args:
            left: f and u.
            right: g and w.
            left_values: Those of its law, over the first inputs.
            right_values: Those of its law, over the second inputs.
        """
        self._left, self._left_shape = left.family([_inputs_last(v) for v in left_values])
        self._right, self._right_shape = right.family([_inputs_last(v) for v in right_values])
        same = self._left.equals(self._right)
        sides = [self._left] if same else [self._left, self._right]
        self._line, values, self._error = settle(sides, TOLERANCE)
        _check(self._error)
        self._values = values[0], values[-1]
        self._lock = Lock()
        self._reach = 0.0
        self._series: Series | None = None

    def tile(self, covariance: Array, tile: Tile) -> Array:
        """Return the expectations of a tile of pairs.

        Args:
            covariance: Of u and w, over the pairs of the tile and constant axes.
            tile: Which pairs.
        """
        inner = np.broadcast_shapes(
            covariance.shape[AXES:], self._left_shape[:-1], self._right_shape[:-1]
        )
        rows, columns = covariance.shape[:AXES]
        result = np.empty((rows, columns, *inner))
        whole = np.broadcast_to(covariance, result.shape)
        for index in np.ndindex(*inner):
            result[(slice(None), slice(None), *index)] = self._of_entry(
                whole[(slice(None), slice(None), *index)],
                self._members(self._left_shape, index, tile[0]),
                self._members(self._right_shape, index, tile[1]),
            )
        return result

    def _members(self, shape: tuple[int, ...], index: tuple[int, ...], part: slice) -> slice:
        """Return which members of a family belong to an entry, for some of the inputs."""
        own = index[len(index) - len(shape) + 1 :] if len(shape) > 1 else ()
        place = 0
        for i, size in zip(own, shape[:-1], strict=True):
            place = place * size + (i if size > 1 else 0)
        start = place * shape[-1]
        return slice(start + part.start, start + min(part.stop, shape[-1]))

    def _of_entry(self, covariance: Array, rows: slice, columns: slice) -> Array:
        left, right = self._left.root[rows], self._right.root[columns]
        moments = covariance * _inverse(left)[:, None]
        moments *= _inverse(right)
        np.clip(moments, -1, 1, out=moments)
        largest = largest_imperfect(moments)
        known = self._up_to(largest)
        series = Series(
            known.left[:, rows], known.right[:, columns], known.orders, known.log_tails,
            known.tolerance,
        )  # fmt: skip
        whole = slice(0, len(left)), slice(0, len(right))
        pairs = sum_tile(series, moments, whole, largest)
        if len(pairs.rho):
            plane = Plane(
                self._line,
                self._values[0][rows],
                self._values[1][columns],
                self._right[columns],
            )
            smooth = self._error <= TOLERANCE
            moments[pairs.rows, pairs.columns] = sum_pairs(series, plane, pairs, smooth)
        _check(error_bound(series, self._error, largest))
        return moments

    def _up_to(self, largest: float) -> Series:
        """Return the coefficients, as many as a correlation needs."""
        with self._lock:
            if self._series is None or largest > self._reach:
                nearer = 1 - (1 - largest) / 4
                self._reach = min(max(FIRST_REACH, nearer), 1 - 1e-15)
                self._series = expand(self._line, *self._values, self._reach, TOLERANCE)
            return self._series


def _inputs_last(value: Array) -> Array:
    """Move the axis over inputs behind the constant axes, so that a slice of it is contiguous."""
    axis = 0 if value.shape[0] > 1 else 1
    return np.moveaxis(value, axis, -1).squeeze(0) if value.ndim > 1 else value


def _inverse(root: Array) -> Array:
    return np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)


__all__ = [
    "Law",
    "Line",
    "NotSmooth",
    "PairSeries",
    "function_of",
    "listed_expectation",
    "single_expectation",
]
