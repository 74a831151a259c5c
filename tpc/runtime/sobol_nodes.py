"""Nodes that are the points of Sobol's sequence, more even than random ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.random_nodes import Nodes


class SobolNodes(Nodes):
    """A scrambled Sobol sequence through the normal quantile, a column for each Gaussian.

    Each of several streams scrambles a sequence of its own, and has its part of the samples.
    What the program draws first has the first columns, which are the most even ones. Past
    the last dimension of the sequence, or of memory, columns are random. A few columns are
    drawn from a wider Gaussian and weighted by the ratio of the densities: functions that
    grow at infinity are rough at the ends of (0, 1), and the weights vanish there.
    """

    # Together, sample and sample are as even as any pair: leaving them out would not be.
    apart = False

    def __init__(
        self,
        streams: Sequence[np.random.SeedSequence],
        samples: int,
        rank_tolerance: float,
        gaussians: int,
    ) -> None:
        from scipy.stats import qmc

        super().__init__(streams, samples, rank_tolerance)
        room = max(1, SOBOL_FLOATS // samples)
        columns = min(max(gaussians, 1), qmc.Sobol.MAXDIM, room)
        scramblings = [np.random.default_rng(stream.spawn(1)[0]) for stream in streams]
        nets = [qmc.Sobol(columns, seed=each) for each in scramblings]
        self._points = np.concatenate([net.random(self._each) for net in nets])
        self._drawn = 0
        variance = SOBOL_VARIANCE + SOBOL_WIDER / max(gaussians, 1) ** 2
        self._width = np.sqrt(variance) if gaussians <= SOBOL_WEIGHTED else 1.0
        if self._width > 1:
            exponent = (self._normals(0, columns) ** 2).sum(axis=1) / 2
            weights = np.exp(-exponent * (1 - 1 / variance))
            self.weights = weights / weights.mean()

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Return the next columns as standard normals, of shape (samples, *shape)."""
        first, self._drawn = self._drawn, self._drawn + prod(shape)
        even = self._normals(first, self._drawn)
        rest = super().normal((prod(shape) - even.shape[1],))
        return np.concatenate([even, rest], axis=1).reshape(self.samples, *shape)

    def _normals(self, start: int, stop: int) -> Array:
        from scipy.special import ndtri

        # Points are multiples of 2^-30; the middle of their cells is inside of (0, 1).
        return np.asarray(self._width * ndtri(self._points[:, start:stop] + 2.0**-31))


SOBOL_FLOATS = 2**25
"""How many coordinates of Sobol points a replicate holds at most."""

SOBOL_WEIGHTED = 8
"""With how many Gaussians at most samples are weighted."""

SOBOL_VARIANCE, SOBOL_WIDER = 1.2, 1.8
"""The variance that weighted samples have along each of many Gaussians, and what one has more."""
