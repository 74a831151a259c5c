"""Expectations of smooth functions of one or two Gaussians, for single inputs and for pairs.

    E f(u)        for each input, on a grid
    E f(u) g(w)   for each pair, by Mehler's series: sum over n of a_n(x) b_n(x') rho(x, x')^n

The coefficients a_n and b_n are those of single inputs: they are computed once for all inputs, a
tile of pairs is summed with as many as its correlations need.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, log
from typing import Any

import numpy as np

from tpc.functions import FUNCTIONS
from tpc.gaussian.instructions import Instruction, Operand
from tpc.kernels.plan import AXES, Array, LawSteps, Tile
from tpc.program.operations import elementwise
from tpc.runtime.function_table import CLOSED_FORM_FUNCTIONS
from tpc.runtime.hermite import TOLERANCE, Family, Function, settle, single_series
from tpc.runtime.mehler import Series, expand
from tpc.runtime.pair_series import (
    Plane,
    error_bound,
    largest_imperfect,
    listed_series,
    sum_pairs,
    sum_tile,
)
from tpc.runtime.split_sums import Kinked

FIRST_REACH = 0.7
"""The correlation that the fewest coefficients reach; the next ones come nearer to 1 by NEARER."""

NEARER = 4

PRECISE = 1e-8
"""The largest relative error of a series; functions with kinks have a larger one."""


class NotSmooth(Exception):
    """A series whose error is not small: a function has kinks, or an expectation is infinite."""


def function_of(law: LawSteps) -> Function:
    """Return the function of a law, of arrays: of the Gaussian, then of constants."""
    function = partial(_computed, law.instructions, law.result)
    if not law.kinks:
        return function
    kinks = [partial(_computed, *steps) for steps in law.kinks]
    return Kinked(function, lambda *given: [kink(*given) for kink in kinks])


def _computed(instructions: Sequence[Instruction], result: Operand, *given: Array) -> Array:
    values: list[Any] = list(given)
    for instruction in instructions:
        operands = [values[x] if isinstance(x, int) else x for x in instruction.operands]
        values.append(named(instruction.function)(*operands))
    found = values[result] if isinstance(result, int) else result
    return np.broadcast_to(found, np.shape(given[0]))


def named(function: str) -> Callable[..., Any]:
    """Return a function of instructions."""
    if function in FUNCTIONS:
        return partial(elementwise, function)
    if function.startswith("np."):
        found: Callable[..., Any] = getattr(np, function.removeprefix("np."))
        return found
    return CLOSED_FORM_FUNCTIONS[function]


def family_of(
    law: LawSteps, values: Sequence[Array], shape: tuple[int, ...], function: Function | None = None
) -> Family:
    """Return the members of all entries of a shape, flattened."""
    flat = [np.broadcast_to(value, shape).reshape(-1) for value in values]
    mean = flat[1] if law.has_mean else None
    return Family.of(function or function_of(law), flat[0], mean, flat[1 + law.has_mean :])


def single_expectation(law: LawSteps, *values: Array) -> Array:
    """Return E f(u), entry by entry, from the values of the law."""
    shape = np.broadcast_shapes(*(value.shape for value in values))
    found, error, _ = single_series(family_of(law, values, shape), TOLERANCE)
    _check(error)
    return found.reshape(shape)


def listed_expectation(left: LawSteps, right: LawSteps, *values: Array) -> Array:
    """Return E f(u) g(w), entry by entry, from the values of both and of c."""
    *laws, c = values
    whole = np.broadcast_shapes(*(value.shape for value in values))
    one = family_of(left, laws[: left.count], whole)
    other = family_of(right, laws[left.count :], whole)
    flat = np.broadcast_to(c, whole).reshape(-1)
    found, error, _ = listed_series(one, other, flat, TOLERANCE)
    _check(error)
    return found.reshape(whole)


def _check(error: float) -> None:
    if not error <= PRECISE:
        raise NotSmooth


class PairSeries:
    """E f(u) g(w) where u belongs to the first input and w to the second."""

    def __init__(
        self,
        left: LawSteps,
        right: LawSteps,
        values: Sequence[Array],
        sizes: tuple[int, int],
    ) -> None:
        """Compute the functions on a grid for all inputs.

        Args:
            left: f and u.
            right: g and w.
            values: Those of the law of u over the first inputs, then those of w over the second.
            sizes: How many first and second inputs there are.
        """
        self._sizes = sizes
        rows = [_inputs_last(value, 0) for value in values[: left.count]]
        columns = [_inputs_last(value, 1) for value in values[left.count :]]
        self._left_shape = _shape_for(rows, sizes[0])
        self._right_shape = _shape_for(columns, sizes[1])
        self._left = family_of(left, rows, self._left_shape)
        alike = self._left.f if repr(left) == repr(right) else None  # as text: 2 is not 2.0
        self._right = family_of(right, columns, self._right_shape, alike)
        same = self._left.equals(self._right)
        sides = [self._left] if same else [self._left, self._right]
        samples, self._error = settle(sides, TOLERANCE)
        _check(self._error)
        self._plane = Plane(samples[0], samples[-1])
        self._missed = 0.0
        self._series: dict[int, Series] = {}
        self._up_to(0.0)

    @property
    def error(self) -> float:
        """A bound of the errors of all expectations so far."""
        return float((2 * self._error + TOLERANCE + self._missed) * self._plane.scale())

    def tile(self, covariance: Array, tile: Tile) -> Array:
        """Return the expectations of a tile of pairs.

        Args:
            covariance: Of u and w, over the pairs of the tile and constant axes.
            tile: Which pairs.
        """
        inner = np.broadcast_shapes(
            covariance.shape[AXES:], self._left_shape[:-1], self._right_shape[:-1]
        )
        rows, columns = (
            min(part.stop, size) - part.start for part, size in zip(tile, self._sizes, strict=True)
        )
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
            plane = Plane(self._plane.left[rows], self._plane.right[columns])
            smooth = self._error <= TOLERANCE
            single, missed = sum_pairs(series, plane, pairs, smooth)
            moments[pairs.rows, pairs.columns] = single
            self._missed = max(self._missed, missed)
        _check(error_bound(series, self._error, largest) + self._missed)
        return moments

    def _up_to(self, largest: float) -> Series:
        """Return as many coefficients as a correlation needs, in steps that are always the same."""
        nearer = (1 - FIRST_REACH) / (1 - largest)
        level = ceil(log(nearer, NEARER)) if nearer > 1 else 0  # also where it is no number
        if level not in self._series:  # two threads may find the same
            reach = min(1 - (1 - FIRST_REACH) / NEARER**level, 1 - 1e-15)
            self._series[level] = expand(self._plane.left, self._plane.right, reach, TOLERANCE)
        return self._series[level]


def _inputs_last(value: Array, axis: int) -> Array:
    """Move the axis over inputs behind the constant axes, so that a slice of it is contiguous."""
    return np.asarray(np.moveaxis(value, axis, -1)[0])


def _shape_for(values: Sequence[Array], inputs: int) -> tuple[int, ...]:
    """Return the constant axes of values, then the axis over inputs."""
    *inner, _ = np.broadcast_shapes(*(value.shape for value in values))
    return (*inner, inputs)


def _inverse(root: Array) -> Array:
    return np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
