"""Nodes: what expectations are averages over. Random ones, and the points of Sobol's sequence.

E|x> = mean(ket), <x|y> = inner(left, right); normal(shape) draws independent standard normals.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# <part Nodes>


class Nodes:
    """Random nodes of one replicate: every expectation is an average over its samples.

    Two streams of random numbers fill its halves, so that a half can be run by itself.
    """

    sampled = True
    """Whether expectations are averages, also those that have a series."""

    apart = True
    """Whether means over copies leave out the pairs in which a sample meets itself."""

    weights: Array | None = None
    """Weights of the samples, 1 on average; None where they are equal."""

    def __init__(
        self,
        streams: Sequence[np.random.SeedSequence],
        samples: int,
        rank_tolerance: float = 1e-22,
    ) -> None:
        self._streams = [np.random.default_rng(stream) for stream in streams]
        self._each = samples // len(streams)
        self._order = np.random.default_rng(streams[0].spawn(1)[0])
        self._cycle: npt.NDArray[np.intp] | None = None
        self.samples = self._each * len(streams)
        self.rank_tolerance = rank_tolerance
        self.stein_load: dict[str, float] = {}

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Draw independent standard normals, of shape (samples, *shape)."""
        drawn = np.empty((self.samples, *shape))
        for half, stream in enumerate(self._streams):
            rows = slice(half * self._each, (half + 1) * self._each)
            stream.standard_normal(out=drawn[rows])
        return drawn

    def gaussian(self, covariance: Array, shape: tuple[int, ...]) -> Array:
        """Draw centred Gaussians; the covariance has shape + shape."""
        root = factor(np.reshape(covariance, (prod(shape), prod(shape))))
        drawn = self.normal((len(root),)) @ root
        return drawn.reshape(drawn.shape[:-1] + shape)

    def mean(self, ket: Array) -> Array:
        """Return E|x>."""
        return np.asarray(ket.mean(axis=0))

    def inner(self, left: Array, right: Array) -> Array:
        """Return <x|y>, of shape k_x + k_y."""
        if left.ndim == right.ndim == 1:
            return np.asarray(left @ right / self.samples)
        return np.tensordot(left, right, (0, 0)) / self.samples

    def hat(self, gain: float | Array, ket: Array) -> Array:
        """Draw hat(W x): Gaussian of covariance gain <x|x>, independent of all before."""
        covariance = np.asarray(gain * self.inner(ket, ket))
        if covariance.ndim == 0:
            return np.sqrt(covariance) * self.normal()
        return self.gaussian(covariance, covariance.shape[: covariance.ndim // 2])

    def partners(self, copy: int) -> npt.NDArray[np.intp]:
        """Return which sample each node of a copy is: steps along one random cycle."""
        if self._cycle is None:
            self._cycle = self._order.permutation(self.samples)
        found = np.empty_like(self._cycle)
        found[self._cycle] = np.roll(self._cycle, -copy)
        return found


def factor(covariance: Array) -> Array:
    """Return R with R.T @ R = covariance; directions without variance are left out."""
    if not np.isfinite(covariance).all():
        # There is no such Gaussian, so no number about it.
        return np.full_like(covariance, np.nan)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > 1e-13 * max(values[0], 0.0)
    root: Array = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    return root


# <part SobolNodes>


class SobolNodes(Nodes):
    """A scrambled Sobol sequence through the normal quantile, a column for each Gaussian.

    What the program draws first has the first columns, which are the most even ones. Past
    the last dimension of the sequence, or of memory, columns are random. A few columns are
    drawn from a wider Gaussian and weighted by the ratio of the densities: functions that
    grow at infinity are rough at the ends of (0, 1), and the weights vanish there.
    """

    # Together, sample and sample are as even as any pair: leaving them out would not be.
    apart = False

    def __init__(
        self,
        stream: np.random.SeedSequence,
        samples: int,
        gaussians: int,
        rank_tolerance: float = 1e-22,
    ) -> None:
        from scipy.stats import qmc

        super().__init__([stream], samples, rank_tolerance)
        columns = min(max(gaussians, 1), qmc.Sobol.MAXDIM, SOBOL_FLOATS // samples)
        scrambling = np.random.default_rng(stream.spawn(1)[0])
        self._points = qmc.Sobol(columns, seed=scrambling).random(samples)
        self._drawn = 0
        self._width = np.sqrt(SOBOL_VARIANCE) if gaussians <= SOBOL_WEIGHTED else 1.0
        if self._width > 1:
            exponent = (self._normals(0, columns) ** 2).sum(axis=1) / 2
            weights = np.exp(-exponent * (1 - 1 / SOBOL_VARIANCE))
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

    def mean(self, ket: Array) -> Array:
        """Return E|x>."""
        if self.weights is None:
            return super().mean(ket)
        return np.tensordot(self.weights, ket, 1) / self.samples

    def inner(self, left: Array, right: Array) -> Array:
        """Return <x|y>, of shape k_x + k_y."""
        if self.weights is not None:
            left = (left.T * self.weights).T
        return super().inner(left, right)


SOBOL_FLOATS = 2**25
"""How many coordinates of Sobol points a replicate holds at most."""

SOBOL_WEIGHTED = 8
"""With how many Gaussians at most samples are weighted."""

SOBOL_VARIANCE = 1.2
"""The variance that weighted samples have along each Gaussian."""
