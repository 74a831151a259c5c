"""Functions of two samples, one free and one of a copy, whose values several means use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array

PairBody = tuple[Callable[..., Array], Sequence[Array], Sequence[Array], Sequence[Any]]
"""A function, its free kets, its kets of the copy, the pair arrays that it takes."""


class PairArray:
    """The values of a function of two samples, one free and one of a copy.

    It is stored, an N x N array, where all arrays that live together have room. Else it is
    computed block by block, again for each mean, from all that it is made of.
    """

    def __init__(self, samples: int, together: int, made_of: PairBody) -> None:
        self._made_of = made_of
        self.whole: Array | None = None
        if together * samples**2 <= PAIR_FLOATS:
            whole = np.empty((samples, samples))
            step = max(1, PAIRS_IN_BLOCK // samples)
            for start in range(0, samples, step):
                rows = slice(start, start + step)
                whole[rows] = self.block(rows, slice(None))
            self.whole = whole
            self._made_of = made_of[0], (), (), ()

    @property
    def T(self) -> TransposedPairs:
        """The same with the free sample and that of the copy exchanged."""
        return TransposedPairs(self)

    def block(self, rows: slice, columns: slice) -> Array:
        """Return the values of some free samples with some of the copy."""
        if self.whole is not None:
            return self.whole[rows, columns]
        body, free, copy, arrays = self._made_of
        kets = [ket[rows, None] for ket in free] + [ket[None, columns] for ket in copy]
        return body(*kets, *(array.block(rows, columns) for array in arrays))


class TransposedPairs:
    """A pair array with its two samples exchanged."""

    def __init__(self, array: PairArray) -> None:
        self.T = array

    @property
    def whole(self) -> Array | None:
        """All values, if they are stored."""
        whole = self.T.whole
        return None if whole is None else whole.T

    def block(self, rows: slice, columns: slice) -> Array:
        """Return the values of some free samples with some of the copy."""
        return self.T.block(columns, rows).T


PAIRS_IN_BLOCK = 2**15
"""How many pairs of samples are held at a time: a few arrays of them stay in cache."""

PAIR_FLOATS = 2**29
"""How many floats all stored pair arrays may have together."""
