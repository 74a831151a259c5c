"""Functions of two samples that go from round to round: what nonlinear updates make of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.stored_pairs import PAIR_FLOATS, PAIRS_IN_BLOCK, PairArray

if TYPE_CHECKING:
    from tpc.runtime.random_nodes import Nodes


class MovingPairs(PairArray):
    """A function of two samples, one free and one of a copy, that starts as a number.

    Where all that live together have room it is stored after its first step, an N x N array, and
    changes in its place. Else all its steps are taken anew for each block of pairs.
    """

    def __init__(self, nodes: Nodes, together: int, start: float) -> None:
        self.start = float(start)
        self.nodes, self.samples = nodes, nodes.samples
        self.stored = together * self.samples**2 <= PAIR_FLOATS
        self.steps: list[tuple[Any, ...]] = []  # what `move_pairs` was given
        self.whole: Array | None = None

    def block(self, rows: slice, columns: slice) -> Array:
        """Return the values of some free samples with some of the copy."""
        if self.whole is not None:
            return self.whole[rows, columns]
        together: Sequence[MovingPairs] = self.steps[0][-1] if self.steps else (self,)
        values: Sequence[Array | float] = [array.start for array in together]
        for body, numbers, free, copy, _ in self.steps:
            values = body(*numbers, *_kets(free, copy, rows, columns), *values)
        own, size = values[together.index(self)], range(self.samples)
        return own + np.zeros((len(size[rows]), len(size[columns])))

    @property
    def room(self) -> Array:
        """Where it is stored, or is going to be."""
        shape = self.samples, self.samples
        return self.nodes.room(shape) if self.whole is None else self.whole

    def now(self, rows: slice) -> Array | float:
        """Return the stored values of some free samples, or the number that they are."""
        return self.start if self.whole is None else self.whole[rows]


def move_pairs(
    body: Callable[..., Sequence[Array]],
    numbers: Sequence[Array],
    free: Sequence[Array],
    copy: Sequence[Array],
    arrays: Sequence[MovingPairs],
) -> None:
    """Take a step: body(*numbers, *free, *copy, *arrays) is what the arrays are from now on."""
    samples = arrays[0].samples
    if not arrays[0].stored:
        for array in arrays:
            array.steps.append((body, numbers, free, copy, arrays))
        return
    wholes = [array.room for array in arrays]
    step = max(1, PAIRS_IN_BLOCK // samples)
    for start in range(0, samples, step):
        rows = slice(start, start + step)
        before = [array.now(rows) for array in arrays]
        after = body(*numbers, *_kets(free, copy, rows, slice(None)), *before)
        for whole, old, new in zip(wholes, before, after, strict=True):
            if new is not old:  # else it has changed in its place
                whole[rows] = new
    for array, whole in zip(arrays, wholes, strict=True):
        array.whole = whole


def _kets(
    free: Sequence[Array],
    copy: Sequence[Array],
    rows: slice,
    columns: slice,
) -> list[Array]:
    """Return free kets and those of the copy, each with an axis for the other's samples."""
    return [ket[rows, None] for ket in free] + [ket[None, columns] for ket in copy]
