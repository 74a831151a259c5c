"""Arrays of pairs: what depends on a sample and on one copy, stored once for all its means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.runtime.copy_means import COPY, PAIRS_IN_BLOCK, mean_on_grids
from tpc.runtime.grids import GridNodes, Ket
from tpc.runtime.random_nodes import Nodes

Array = npt.NDArray[np.float64]

# <part pair_array>


class PairArray:
    """The values of a function of two samples, one free and one of a copy.

    It is stored, an N x N array, where all arrays that live at once have room. Else it is
    computed block by block, again for each mean, from all that it is made of.
    """

    def __init__(
        self,
        nodes: Nodes,
        body: Callable[..., Array],
        free: Sequence[Array],
        copy: Sequence[Array],
        arrays: Sequence[Any],
    ) -> None:
        self.nodes = nodes
        self._made_of = body, free, copy, arrays
        self.whole: Array | None = None
        if isinstance(nodes, GridNodes):
            moved = [moved_to_copy(nodes, ket) for ket in copy]
            self.whole = body(*free, *moved, *(array.whole for array in arrays))
        elif PAIR_ARRAYS * nodes.samples**2 <= PAIR_FLOATS:
            whole = np.empty((nodes.samples, nodes.samples))
            step = max(1, PAIRS_IN_BLOCK // nodes.samples)
            for start in range(0, nodes.samples, step):
                rows = slice(start, start + step)
                whole[rows] = self.block(rows, slice(None))
            self.whole = whole
        if self.whole is not None:
            self._made_of = body, (), (), ()

    @property
    def T(self) -> TransposedPairs:  # noqa: N802
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
        return exchanged(whole) if isinstance(whole, Ket) else None if whole is None else whole.T

    def block(self, rows: slice, columns: slice) -> Array:
        """Return the values of some free samples with some of the copy."""
        return self.T.block(columns, rows).T


def moved_to_copy(nodes: GridNodes, ket: Array) -> Ket:
    """Return a ket on the directions of the copy."""
    assert isinstance(ket, Ket)
    ket = nodes.on_grid(ket)
    assert ket.directions is not None
    return nodes.ket(ket.array, tuple(COPY + d for d in ket.directions))


def exchanged(ket: Ket) -> Ket:
    """Return a function of two samples with the directions of both exchanged."""
    assert ket.directions is not None
    other = [d - COPY if d >= COPY else d + COPY for d in ket.directions]
    order = sorted(range(len(other)), key=other.__getitem__)
    axes = [*order, *range(len(other), ket.ndim)]
    return ket.nodes.ket(ket.array.transpose(axes), tuple(sorted(other)))


def product_of_pairs(
    nodes: Nodes,
    array: PairArray | TransposedPairs,
    onto: Array | None = None,
) -> Array:
    """Average array * onto over the copy, for every free sample; onto is 1 by default.

    Random samples leave out the pairs in which one meets itself.
    """
    if isinstance(nodes, GridNodes):
        return mean_on_grids(nodes, np.positive, (), (), onto, (array,))
    kets = np.ones(nodes.samples) if onto is None else onto
    flat = kets.reshape(nodes.samples, -1)
    if nodes.weights is not None:
        flat = flat * (nodes.weights / nodes.weights.mean())[:, None]
    found = np.empty_like(flat)
    step = PAIRS_IN_BLOCK // nodes.samples if array.whole is None else nodes.samples
    for start in range(0, nodes.samples, max(1, step)):
        rows = slice(start, start + max(1, step))
        block = array.block(rows, slice(None))
        same = block[:, rows]
        met = same.diagonal().copy()
        if nodes.apart:
            np.fill_diagonal(same, 0)
        np.matmul(block, flat, out=found[rows])
        np.fill_diagonal(same, met)
    found /= nodes.samples - nodes.apart
    return found.reshape(kets.shape)


PAIR_FLOATS = 2**29
"""How many floats all stored pair arrays may have together."""

# <part pair_program>

PAIR_ARRAYS = 1
"""How many pair arrays live at once at most."""
