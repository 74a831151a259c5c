"""Random nodes that reach further than the Gaussians do, to check what grids have found."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.random_nodes import Nodes


class WideNodes(Nodes):
    """Random nodes, a few Gaussians wider than they are and weighted by the ratio of densities.

    So functions that grow, as exp(4 u) does, are seen where their expectation comes from.
    """

    def __init__(
        self,
        streams: Sequence[np.random.SeedSequence],
        samples: int,
        rank_tolerance: float,
        gaussians: int,
    ) -> None:
        super().__init__(streams, samples, rank_tolerance)
        self._columns = super().normal((gaussians if gaussians <= FEW_WIDE else 0,))
        self._drawn = 0
        exponent = (self._columns**2).sum(axis=1) / 2
        weights = np.exp(-exponent * (WIDE**2 - 1))
        self._columns *= WIDE
        self.weights = weights / weights.mean()

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Return the next columns as standard normals, of shape (samples, *shape)."""
        first, self._drawn = self._drawn, self._drawn + prod(shape)
        wide = self._columns[:, first : self._drawn]
        rest = super().normal((prod(shape) - wide.shape[1],))
        return np.concatenate([wide, rest], axis=1).reshape(self.samples, *shape)


WIDE = 2.0
"""The standard deviation along each Gaussian."""

FEW_WIDE = 4
"""With how many Gaussians at most nodes are wide."""
