"""Nodes: what expectations are averages over, here random ones.

E|x> = mean(ket), <x|y> = inner(left, right); normal(shape) draws independent standard normals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array, Indices
from tpc.runtime.heavy_tails import Tails
from tpc.runtime.matrix_products import Products
from tpc.runtime.pinned_averages import Averages
from tpc.runtime.stored_pairs import PAIRS_IN_BLOCK, PairArray, TransposedPairs


class Nodes:
    """Random nodes of one replicate: every expectation is an average over its samples.

    Two streams of random numbers fill its halves, so that a half can be run by itself.
    """

    apart = True
    """Whether means over copies leave out the pairs in which a sample meets itself."""

    weights: Array | None = None
    """Weights of the samples, 1 on average; None where they are equal."""

    tails: Tails | None = None
    """What looks at the samples of all averages, if anything does."""

    averages: Averages | None = None
    """What records the averages, and may pin them."""

    copied = False
    """Whether a mean over copies has been taken."""

    def __init__(
        self,
        streams: Sequence[np.random.SeedSequence],
        samples: int,
        rank_tolerance: float = 1e-22,
        spare: list[Array] | None = None,
    ) -> None:
        self._streams = [np.random.default_rng(stream) for stream in streams]
        self._each = samples // len(streams)
        self._order = np.random.default_rng(streams[0].spawn(1)[0])
        self._cycle: Indices | None = None
        self.samples = self._each * len(streams)
        self.rank_tolerance = rank_tolerance
        self.stein_load: dict[str, float] = {}
        self._spare: list[Array] = [] if spare is None else spare
        self._rooms = 0

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

    def room(self, shape: tuple[int, ...]) -> Array:
        """Return memory for an array: what an earlier run had, since new takes long."""
        place, size = self._rooms, prod(shape)
        self._rooms += 1
        if place == len(self._spare):
            self._spare.append(np.empty(size))
        elif self._spare[place].size < size:
            self._spare[place] = np.empty(size)
        return self._spare[place][:size].reshape(shape)

    def mean(self, ket: Array) -> Array:
        """Return E|x>."""
        self.look(ket)
        if self.weights is not None:
            return self.taken(np.tensordot(self.weights, ket, 1) / self.samples)
        return self.taken(np.asarray(ket.mean(axis=0)))

    def taken(self, average: Array) -> Array:
        """Return an average as it is, unless it is pinned."""
        return average if self.averages is None else self.averages.next(average)

    def inner(self, left: Array, right: Array) -> Array:
        """Return <x|y>, of shape k_x + k_y."""
        self.look(left, right)
        return self.taken(self.average_product(left, right))

    def look(self, left: Array, right: Array | None = None) -> None:
        """Look at what E|x> or <x|y> averages, if anything looks at averages."""
        if self.tails is not None:
            self.tails.look(left, right, self.weights)

    def average_product(self, left: Array, right: Array) -> Array:
        """Return <x|y> without recording it."""
        if self.weights is not None:
            left = (left.T * self.weights).T
        if left.ndim == right.ndim == 1:
            return np.asarray(left @ right / self.samples)
        # Not `tensordot`: it copies columns that stand in a wider array.
        x, y = (ket.reshape(len(ket), -1) for ket in (left, right))
        found: Array = x.T @ y / self.samples
        return found.reshape(left.shape[1:] + right.shape[1:])

    def hat(self, gain: float | Array, ket: Array) -> Array:
        """Draw hat(W x): Gaussian of covariance gain <x|x>, independent of all before."""
        covariance = np.asarray(gain * self.inner(ket, ket))
        if covariance.ndim == 0:
            return np.sqrt(covariance) * self.normal()
        return self.gaussian(covariance, covariance.shape[: covariance.ndim // 2])

    def products(self, gain: float | Array, name: str, room: int = 0) -> Products:
        """Return the record of all products with one side, of so many columns."""
        return Products(self, gain, name, room)

    def mean_over_copies(
        self,
        body: Callable[..., Array],
        free: Sequence[Array],
        copies: Sequence[Sequence[Array]],
        onto: Array | None = None,
        arrays: Sequence[Any] = (),
    ) -> Array:
        """Average body(*free, *copies) over iid copies, for every sample of the free kets.

        A copy is the samples in another order. Random samples leave out the pairs in which a
        copy is the free sample itself, so that no ket meets itself. With `onto`, a ket of the
        first copy, the body is an operator without constant axes and this is its product with
        that ket. With pair arrays there is one copy, and the body takes them too.
        """
        self.copied, samples = True, self.samples
        partners = [self.partners(c) for c in range(len(copies))]
        shuffled: list[Array] = []
        for partner, kets in zip(partners, copies, strict=True):
            shuffled += [ket[partner][None] for ket in kets]
        places = [np.argsort(partner) for partner in partners if self.apart]
        weights = None
        if self.weights is not None:
            weights = np.prod([self.weights[partner] for partner in partners], axis=0)
            weights = weights / weights.mean()
        rows = max(1, PAIRS_IN_BLOCK // samples)
        flat = None if onto is None else onto.reshape(samples, -1)
        sums: list[Array] = []
        for start in range(0, samples, rows):
            index = np.arange(start, min(start + rows, samples))
            block = slice(start, start + rows)
            pairs = [array.block(block, slice(None)) for array in arrays]
            values = body(*(ket[index, None] for ket in free), *shuffled, *pairs)
            if weights is not None:
                values = (values.T * weights[:, None]).T
            for place in places:
                values[index - start, place[index]] = 0
            sums.append(values.sum(axis=1) if flat is None else values @ flat)
        total = np.concatenate(sums) / (samples - len(places))
        return total if onto is None else total.reshape(onto.shape)

    def partners(self, copy: int) -> Indices:
        """Return which sample each node of a copy is: steps along one random cycle."""
        if self._cycle is None:
            self._cycle = self._order.permutation(self.samples)
        found = np.empty_like(self._cycle)
        found[self._cycle] = np.roll(self._cycle, -copy)
        return found

    def inner_of_pairs(self, left: Array, right: Array) -> Array:
        """Sum products of a free ket and a copy over their last axis, for every pair."""
        return np.asarray(left[:, 0] @ right[0].T)

    def pair_array(
        self,
        together: int,
        body: Callable[..., Array],
        free: Sequence[Array],
        copy: Sequence[Array],
        arrays: Sequence[Any],
    ) -> PairArray:
        """Return a function of two samples as an array; so many live together."""
        return PairArray(self.samples, together, (body, free, copy, arrays))

    def product_of_pairs(
        self,
        array: PairArray | TransposedPairs,
        onto: Array | None = None,
    ) -> Array:
        """Average array * onto over the copy, for every free sample; onto is 1 by default.

        Random samples leave out the pairs in which one meets itself.
        """
        kets = np.ones(self.samples) if onto is None else onto
        flat = kets.reshape(self.samples, -1)
        if self.weights is not None:
            flat = flat * (self.weights / self.weights.mean())[:, None]
        found = np.empty_like(flat)
        step = PAIRS_IN_BLOCK // self.samples if array.whole is None else self.samples
        for start in range(0, self.samples, max(1, step)):
            rows = slice(start, start + max(1, step))
            block = array.block(rows, slice(None))
            same = block[:, rows]
            met = same.diagonal().copy()
            if self.apart:
                np.fill_diagonal(same, 0)
            # Rows as they lie in memory are fastest.
            as_stored = block.flags.c_contiguous
            found[rows] = block @ flat if as_stored else (flat.T @ block.T).T
            np.fill_diagonal(same, met)
        found /= self.samples - self.apart
        return found.reshape(kets.shape)


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
