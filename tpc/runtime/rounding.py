"""How far rounding reaches: a limit evaluated again, its operations off by a few last bits.

What is lost where digits cancel, and what layer after layer amplifies it to, then shows in the
results. In some evaluations each entry of each result is off by a number of its own, in others all
by one, since errors of layers that are alike add up. Each is made with both signs: near the edge of
what is possible, as at a correlation of 1, only one of them may matter.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array, Outputs

UNITS = 4 * np.finfo(float).eps
"""By which part of it a result is off at most."""

WIDENED = 2.0
"""How many times the largest difference seen is stated."""

EXACT = 2e-13
"""The part of a value up to which its rounding is not stated."""

DIRECTIONS = 4
"""How many pairs of evaluations there are, the first of them off by one number."""

LARGE = 10**5
"""Where an array has more entries, the first pair is all: it costs the least."""


class Drawn:
    """Numbers near 1 by which the results of one evaluation are multiplied."""

    def __init__(self, direction: int, sign: int) -> None:
        self._direction, self._scale = direction, sign * UNITS
        self._stream = np.random.default_rng(direction)
        self._factors = np.ones(0)
        self.largest = 0
        self._at = 0

    def array(self, value: Any) -> Any:
        """Return an array whose operations are off; what is none is left as it is."""
        if not is_real(value) or isinstance(value, Perturbed):
            return value
        found = np.asarray(value).view(Perturbed)
        found.drawn = self
        return found

    def moved(self, value: Array) -> Array:
        """Return an array, each entry of it off."""
        return value * self.factors(np.shape(value))

    def factors(self, shape: tuple[int, ...]) -> Array:
        """Return the next numbers."""
        size = int(np.prod(shape, dtype=int))
        self.largest = max(self.largest, size)
        if not self._direction:
            return np.asarray(1 + self._scale / 2)
        if size > len(self._factors):
            count = max(2 * size, 4096)
            self._factors = 1 + self._scale * self._stream.uniform(-1, 1, count)
        self._at = (self._at + size) % (len(self._factors) - size + 1)
        return self._factors[self._at : self._at + size].reshape(shape)

    def of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a copy of a function that reads such arrays, and calls what returns them."""
        code, names = function.__code__, dict(function.__globals__)
        for name in names.keys() & set(code.co_names):
            value = names[name]
            known = isinstance(value, FunctionType)
            names[name] = self.behind(value) if known else self.array(value)
        return FunctionType(code, names, closure=function.__closure__)

    def behind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose results are off."""

        def called(*given: Any) -> Any:
            found = function(*map(as_plain, given))
            return self.array(self.moved(found)) if is_real(found) else found

        return called


class Perturbed(np.ndarray[Any, np.dtype[np.float64]]):
    """An array whose operations are off; sums of products in each of their terms."""

    drawn: Drawn

    def __array_finalize__(self, parent: Any) -> None:
        self.drawn = getattr(parent, "drawn", None)  # type: ignore[assignment]

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: Any, *given: Any, out: Any = None, **options: Any
    ) -> Any:
        """Compute on arrays, then multiply."""
        drawn = next(x.drawn for x in given if isinstance(x, Perturbed))
        plain = [as_plain(x) for x in given]
        summed = method == "reduce" or ufunc is np.matmul
        if summed:
            plain = [drawn.moved(x) if is_real(x) else x for x in plain]
        if out is not None:
            options["out"] = tuple(map(as_plain, out))
        found = getattr(ufunc, method)(*plain, **options)
        if not is_real(found):
            return found
        found = np.asarray(found)
        if not summed and ufunc not in UNROUNDED:
            found *= drawn.factors(found.shape)
        return drawn.array(found)

    def __array_function__(
        self,
        function: Any,
        types: Any,
        given: Any,
        options: Any,
    ) -> Any:
        """Compute on arrays; only what sums products is off."""
        plain = {name: as_plain(option) for name, option in options.items()}
        found = function(*map(as_plain, given), **plain)
        if isinstance(found, list | tuple):
            return tuple(map(self.drawn.array, found))
        if function in (np.tensordot, np.dot, np.inner):
            found = self.drawn.moved(found)
        return self.drawn.array(found)


UNROUNDED = (np.negative, np.absolute, np.maximum, np.minimum, np.positive, np.sign)
"""Functions that do not round."""


def is_real(value: Any) -> bool:
    """Whether a value is a real number or an array of them."""
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def as_plain(value: Any) -> Any:
    """Return an array, or all in a list, as it is without perturbations."""
    if isinstance(value, list | tuple):
        return type(value)(map(as_plain, value))
    return np.asarray(value) if isinstance(value, Perturbed) else value


def rounding_errors(
    limit: Callable[..., Outputs],
    params: dict[str, Any],
    values: Outputs,
    nodes: Callable[[], tuple[Any, ...]] = tuple,
) -> Outputs:
    """Return by how much outputs may be off through rounding; 0 where that is in no digit shown.

    Args:
        limit: The function of a module that computes outputs.
        params: What it takes last.
        values: The outputs in question.
        nodes: Makes what it takes before, anew for each evaluation.
    """
    seen: dict[tuple[str, str], list[Array]] = {key: [] for key in values}
    for direction in range(DIRECTIONS):
        for sign in (1, -1):
            drawn = Drawn(direction, sign)
            own = {name: np.asarray(value, float) for name, value in params.items()}
            given = {name: drawn.array(value) for name, value in own.items()}
            with np.errstate(all="ignore"):
                outputs = drawn.of(limit)(*nodes(), given)
            for key, differences in seen.items():
                differences.append(np.asarray(outputs[key]) - values[key])
        errors = {key: largest(np.array(found)) for key, found in seen.items()}
        if drawn.largest > LARGE or (
            direction and all(is_small(errors[key], values[key]) for key in errors)
        ):
            break
    return {key: stated(values[key], error) for key, error in errors.items()}


def is_small(seen: Array, value: Array) -> bool:
    """Whether differences are so small that more of them would not be stated either."""
    return bool(np.all(16 * seen <= EXACT * np.abs(value)))


def stated(value: Array, seen: Array) -> Array:
    """Return the error that is stated for the largest differences seen."""
    error = WIDENED * seen
    return np.where(np.isfinite(value) & (error > EXACT * np.abs(value)), error, 0.0)


def largest(differences: Array) -> Array:
    """Return the largest of some differences that are finite, or infinity where none is."""
    known = np.where(np.isfinite(differences), np.abs(differences), -1.0).max(axis=0)
    return np.where(known < 0, np.inf, known)
