"""How far rounding reaches: a limit evaluated again, its operations off by a few last bits.

What is lost where digits cancel, and what layer after layer amplifies it to, then shows in the
results. In some evaluations each entry of each result is off by a number of its own, in others all
by one, since errors of layers that are alike add up. Each is made with both signs: near the edge of
what is possible, as at a correlation of 1, only one of them may matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array, Outputs

UNITS = 8 * np.finfo(float).eps
"""By which part of it a result is off at most."""

WIDENED = 2.0
"""How many times the largest difference seen is stated."""

EXACT = 1e-13
"""The part of a value up to which its rounding is not stated."""

DIRECTIONS = 4
"""How many pairs of evaluations there are, the first of them off by one number."""


class Drawn:
    """Numbers near 1 by which the results of one evaluation are multiplied."""

    def __init__(self, direction: int, sign: int) -> None:
        self._direction, self._scale = direction, sign * UNITS
        self._stream = np.random.default_rng(direction)
        self._factors = np.ones(0)
        self._at = 0

    def array(self, value: Any) -> Any:
        """Return an array whose operations are off; what is none is left as it is."""
        if isinstance(value, Perturbed) or not isinstance(value, float | np.ndarray | np.generic):
            return value
        array = np.asarray(value)
        if array.dtype.kind != "f":
            return value
        found = array.view(Perturbed)
        found.drawn = self
        return found

    def moved(self, value: Array) -> Array:
        """Return an array, each entry of it off."""
        return value * self.factors(np.shape(value))

    def factors(self, shape: tuple[int, ...]) -> Array:
        """Return the next numbers."""
        if not self._direction:
            return np.asarray(1 + self._scale / 4)
        size = int(np.prod(shape, dtype=int))
        if size > len(self._factors):
            count = max(2 * size, 4096)
            self._factors = 1 + self._scale * self._stream.uniform(-1, 1, count)
        self._at = (self._at + size) % (len(self._factors) - size + 1)
        return self._factors[self._at : self._at + size].reshape(shape)

    def of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a copy of a function that reads such arrays, and calls what returns them."""
        names = function.__globals__
        read = {name: names[name] for name in function.__code__.co_names if name in names}
        own = {
            name: self.behind(value) if isinstance(value, FunctionType) else self.array(value)
            for name, value in read.items()
        }
        return FunctionType(function.__code__, {**names, **own})

    def behind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose results are off."""

        def called(*given: Any) -> Any:
            found = function(*map(self.array, given))
            plain = isinstance(found, np.ndarray | np.floating) and not isinstance(found, Perturbed)
            return self.array(self.moved(found)) if plain else found

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
            plain = [drawn.moved(x) if np.asarray(x).dtype.kind == "f" else x for x in plain]
        if out is not None:
            options["out"] = tuple(map(as_plain, out))
        found = getattr(ufunc, method)(*plain, **options)
        if not isinstance(found, np.ndarray | np.floating) or found.dtype.kind != "f":
            return found
        found = np.asarray(found)
        if not summed and ufunc not in UNROUNDED:
            found *= drawn.factors(found.shape)
        return drawn.array(found)

    def __array_function__(self, function: Any, types: Any, given: Any, options: Any) -> Any:
        """Compute on arrays; only what sums products is off."""
        found = function(*map(as_plain, given), **{k: as_plain(x) for k, x in options.items()})
        if isinstance(found, list | tuple):
            return type(found)(map(self.drawn.array, found))
        if function in (np.tensordot, np.dot, np.inner) and isinstance(found, np.ndarray):
            found = self.drawn.moved(found)
        return self.drawn.array(found)


UNROUNDED = (np.negative, np.absolute, np.maximum, np.minimum, np.positive, np.sign)
"""Functions that do not round."""


def as_plain(value: Any) -> Any:
    """Return an array, or all in a list, as it is without perturbations."""
    if isinstance(value, list | tuple):
        return type(value)(map(as_plain, value))
    return np.asarray(value) if isinstance(value, Perturbed) else value


def rounding_errors(compute: Callable[[Drawn], Outputs], values: Outputs) -> Outputs:
    """Return by how much outputs may be off through rounding; 0 where that is in no digit shown.

    Args:
        compute: Computes the outputs with operations that are off.
        values: The outputs.
    """
    seen = {key: np.zeros(np.shape(value)) for key, value in values.items()}
    for drawn in evaluations():
        with np.errstate(all="ignore"):
            for key, found in compute(drawn).items():
                if key in seen:
                    np.fmax(seen[key], np.abs(np.asarray(found) - values[key]), out=seen[key])
    return {key: stated(values[key], differences) for key, differences in seen.items()}


def evaluations() -> Iterator[Drawn]:
    """Yield what evaluations are made with."""
    for direction in range(DIRECTIONS):
        for sign in (1, -1):
            yield Drawn(direction, sign)


def stated(value: Array, seen: Array) -> Array:
    """Return the error that is stated for the largest differences seen."""
    error = WIDENED * seen
    return np.where(np.isfinite(value) & (error > EXACT * np.abs(value)), error, 0.0)


def largest(differences: Array) -> Array:
    """Return the largest of some differences that are finite, or infinity where none is."""
    known = np.where(np.isfinite(differences), np.abs(differences), -1.0).max(axis=0)
    return np.where(known < 0, np.inf, known)
