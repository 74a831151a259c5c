"""Averages that few samples decide: their spread says nothing of their error.

Of the deviations d of an average's samples from it, the largest share max d^2 / sum d^2 stays away
from 0 where the variance is infinite, or so large that no sample shows it. The tail index is that
of Hill: 1 / mean log(d / d_k) over the k largest. A variance is finite for an index above 2.

Reference:
    Hill, A Simple General Approach to Inference About the Tail of a Distribution, 1975.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.not_finite import equation_above, source_of


@dataclass(frozen=True)
class Tail:
    """The largest square of a replicate, the sum of squares, and 1 / the tail index."""

    largest: float
    total: float
    inverse: float


class Tails:
    """What the averages of a function are like over all replicates, by the line that takes them."""

    def __init__(self, limit: Any, replicates: int) -> None:
        self._limit, self._replicates = limit, replicates
        self._found: dict[int, list[Tail]] = {}
        self._looks: dict[int, int] = {}
        self._looked: dict[int, int] = {}
        self._half: int | None = None
        self._first: dict[tuple[int, int], Array] = {}

    def of_replicate(self, half: int | None = None) -> Tails:
        """Return this for another replicate, or a half: the rounds of loops are counted anew."""
        self._looks, self._half = {}, half
        return self

    def look(self, left: Array, right: Array | None, weights: Array | None) -> None:
        """Look at the samples of E|x> or <x|y>: of the columns with the largest single entries.

        Of the rounds of a loop the first are looked at, then one in so many.
        """
        line = self._line()
        before = self._looks.get(line, 0)
        self._looks[line] = before + 1
        if before >= FIRST_ROUNDS and before % ONE_ROUND_IN:
            return
        samples = outstanding(left)
        if right is not None:
            samples = samples * (samples if right is left else outstanding(right))
        if weights is not None:
            samples = samples * weights
        if self._half == 0:
            self._first[line, before] = samples
            return
        if self._half == 1:
            samples = np.concatenate([self._first.pop((line, before)), samples])
        squares = (samples - samples.mean()) ** 2
        total, largest = float(squares.sum()), float(squares.max())
        if len(samples) < FEWEST or total == 0:
            return
        self._looked[line] = self._looked.get(line, 0) + 1
        if largest > SUSPECT * total:
            tail = np.sort(squares)[-max(8, len(samples) // 512) :]
            logs = np.log(tail[1:] / tail[0]) / 2 if tail[0] > 0 else np.array([np.inf])
            seen = Tail(largest, total, float(logs.mean()))
            self._found.setdefault(line, []).append(seen)

    def _line(self) -> int:
        """Return the line of the function that takes the average."""
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code is not self._limit.__code__:
            frame = frame.f_back
        return frame.f_lineno

    def warnings(self, samples: int) -> tuple[str, ...]:
        """Return what to say of averages over so many samples in each replicate."""
        least = LEAST_SHARE + 100 / samples
        heavy = []
        for line, found in self._found.items():
            count = max(self._replicates, self._looked[line])
            share = sum(tail.largest / tail.total for tail in found) / count
            total = sum(tail.total for tail in found) * count / len(found)
            pooled = max(tail.largest for tail in found) / total
            index = 1 / float(np.mean([tail.inverse for tail in found]))
            infinite = index < SURE_INDEX or (index < LARGEST_INDEX and pooled > POOLED)
            if share > least and infinite:
                heavy.append(line)
        return tuple(dict.fromkeys(map(self._warning, sorted(heavy))))

    def _warning(self, row: int) -> str:
        line, equation = equation_above(*source_of(self._limit), row)
        about = "a few samples decide an average, and its error may be far too small"
        where = f"line {line}, `{equation}`" if line else f"`{equation}`"
        return f"heavy tails in {where}: {about}"


FEWEST = 256
"""With fewer samples nothing is said."""

SUSPECT = 0.1
"""Smaller shares in a replicate are not looked at."""

LEAST_SHARE, POOLED = 0.2, 0.13
"""Of heavy tails the share is larger, on average over replicates and in all of them together."""

SURE_INDEX, LARGEST_INDEX = 1.5, 1.85
"""Their index is smaller; with the first one, whatever the share in all replicates together."""

FIRST_ROUNDS, ONE_ROUND_IN = 4, 8
"""Rounds of a loop that are looked at."""

COLUMNS = 16
"""Among so many columns of a ket the one with the largest single entry is looked at."""


def outstanding(ket: Array) -> Array:
    """Return the column of a ket in which a single entry is the largest part of the whole."""
    if ket.ndim == 1:
        return ket
    columns = ket.reshape(len(ket), -1)
    columns = columns[:, :: -(-columns.shape[1] // COLUMNS) or 1]
    squares = np.einsum("ij,ij->j", columns, columns)
    peaks = np.abs(columns).max(axis=0, initial=0) ** 2
    shares = np.divide(peaks, squares, out=np.zeros_like(peaks), where=squares > 0)
    return columns[:, shares.argmax()] if len(shares) else np.zeros(len(ket))
