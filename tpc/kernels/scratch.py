"""Memory of arrays that are no longer needed, for the next ones.

An array of a tile is so large that the system hands its memory out afresh, page by page, each time:
that costs more than to compute with it.
"""

from math import prod

import numpy as np

from tpc.kernels.plan import Array


class Scratch:
    """Arrays without content, as views of buffers of like size. It belongs to one thread."""

    def __init__(self) -> None:
        self._free: dict[int, list[Array]] = {}

    def take(self, shape: tuple[int, ...]) -> Array:
        """Return an array of this shape."""
        size = prod(shape)
        whole = 1 << (size - 1).bit_length()
        free = self._free.setdefault(whole, [])
        buffer = free.pop() if free else np.empty(whole)
        return buffer[:size].reshape(shape)

    def give(self, *arrays: Array) -> None:
        """Take back arrays that nobody looks at any more."""
        for array in arrays:
            assert array.base is not None
            self._free[array.base.size].append(array.base)
