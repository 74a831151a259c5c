"""Nodes on grids: every expectation is a quadrature over the Gaussians it depends on.

    E|x> = sum over nodes z1, ..., zd of w(z1) ... w(zd) x(z1, ..., zd)

The kets know the directions z1, ..., zd that they depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.grid_products import GridProducts
from tpc.runtime.kets import Ket
from tpc.runtime.random_nodes import Nodes


class GridNodes(Nodes):
    """Tensor grids: a one-dimensional rule along each direction that a ket depends on.

    New directions are those of the columns of a ket, which is few for U @ X.T. Or they are
    single Gaussians, which is few for a bias that all layers share. What would not fit is
    refused: it is NaN, and so is all that is made of it.
    """

    def __init__(
        self,
        points: int,
        floats: int,
        single: bool = False,
        shakes: np.random.Generator | None = None,
    ) -> None:
        """Take the nodes of a rule, how large a ket may be, which directions are new ones.

        With random numbers to shake them, series are off by about as much as they may be.
        """
        self.points, self.shares = normal_rule(points)
        self._shakes = shakes
        self.stein_load = {}
        self.samples = 0
        self.refusal = ""
        self._floats = floats
        self._single = single
        self._gaussians = 0
        self._basis = np.empty((0, 0))
        self._spare, self._rooms = [], 0

    def ket(self, array: Array, directions: tuple[int, ...] | None) -> Ket:
        """Return an array as a ket."""
        found = np.asarray(array).view(Ket)
        found.nodes, found.directions = self, directions
        return found

    def shaken(self, errors: Array) -> Array:
        """Return errors that expectations may have; nothing unless they are asked for."""
        if self._shakes is None:
            return np.zeros_like(errors)
        signs = self._shakes.choice([-1.0, 1.0], errors.shape)
        return np.asarray(signs * self._shakes.uniform(0.5, 1, errors.shape) * errors)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether there is room for an array."""
        return prod(shape) <= self._floats

    def refused(self, shape: tuple[int, ...], gaussians: int) -> Ket:
        """Return the ket that stands for one that does not fit, or is not finite."""
        if gaussians and not self.refusal:
            each = len(self.points)
            self.refusal = f"{gaussians} Gaussians together, {each} nodes for each"
        return self.ket(np.full(shape, np.nan), ())

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Draw independent standard normals: affine kets with coefficients 0 and 1."""
        count = prod(shape)
        if self._gaussians + count > GRID_GAUSSIANS:
            many = f"more than {GRID_GAUSSIANS} Gaussians in all"
            self.refusal = self.refusal or many
            return self.refused(shape, 0)
        rows = np.zeros((1 + self._gaussians + count, count))
        rows[1 + self._gaussians :] = np.eye(count)
        self._gaussians += count
        return self.ket(rows.reshape(len(rows), *shape), None)

    def gaussian(self, covariance: Array, shape: tuple[int, ...]) -> Array:
        """Draw centred Gaussians; the covariance has shape + shape."""
        if not np.isfinite(covariance).all():
            return self.refused(shape, 0)
        return super().gaussian(covariance, shape)

    def mean(self, ket: Array) -> Array:
        """Return E|x>."""
        assert isinstance(ket, Ket)
        if ket.directions is None:
            return np.array(ket.array[0])
        return self.sum_over(ket, ())

    def inner(self, left: Array, right: Array) -> Array:
        """Return <x|y>, of shape k_x + k_y."""
        assert isinstance(left, Ket)
        assert isinstance(right, Ket)
        if not (np.isfinite(left.array).all() and np.isfinite(right.array).all()):
            # Products of matrices may pass over 0 times NaN, and what was refused would be 0.
            return np.full(left.shape[left.lead :] + right.shape[right.lead :], np.nan)
        if left.directions is None and right.directions is None:
            x, y = (self.as_affine([ket])[0].array for ket in (left, right))
            return np.tensordot(x, y, (0, 0))
        if left.directions is None:
            return self._inner_with_affine(left, right)
        if right.directions is None:
            found = self._inner_with_affine(right, left)
            return np.moveaxis(found, range(right.ndim - 1), range(1 - right.ndim, 0))
        shared = tuple(d for d in left.directions if d in right.directions)
        one, two = self.sum_over(left, shared), self.sum_over(right, shared)
        weights = reduce(np.multiply.outer, [self.shares] * len(shared), np.ones(()))
        x, y = (array.reshape(weights.size, -1) for array in (one, two))
        product = (x * weights.reshape(-1, 1)).T @ y
        return product.reshape(one.shape[len(shared) :] + two.shape[len(shared) :])

    def _inner_with_affine(self, affine: Ket, ket: Ket) -> Array:
        """Use that an affine ket's part in other directions has mean zero given the ket."""
        assert ket.directions is not None
        directions = list(ket.directions)
        (padded,) = self.as_affine([affine])
        basis = self._padded_basis()[:, directions]
        projected = np.tensordot(basis, padded.array[1:], (0, 0))
        moments = [self.sum_over(ket, ())]
        for direction in directions:
            along = np.moveaxis(self.sum_over(ket, (direction,)), 0, -1)
            moments.append(along @ (self.shares * self.points))
        coefficients = np.concatenate([padded.array[:1], projected])
        return np.tensordot(coefficients, np.array(moments), (0, 0))

    def sum_over(self, ket: Ket, kept: tuple[int, ...]) -> Array:
        """Return the expectation over all directions but some."""
        self.samples = max(self.samples, prod(ket.shape[: ket.lead]))
        values = ket.array
        for axis, direction in reversed(list(enumerate(ket.directions or ()))):
            if direction not in kept:
                values = np.tensordot(self.shares, values, (0, axis))
        return values

    def as_affine(self, kets: Sequence[Any]) -> list[Ket]:
        """Return affine kets and plain arrays as affine kets with all coefficients."""
        rank = max(x.ndim - 1 for x in kets if isinstance(x, Ket))
        found = []
        for x in kets:
            rows = x.array if isinstance(x, Ket) else np.asarray(x)[None]
            constants = (1,) * (rank + 1 - rows.ndim) + rows.shape[1:]
            padded = np.zeros((1 + self._gaussians, *constants))
            padded[: len(rows)] = rows.reshape(len(rows), *constants)
            found.append(self.ket(padded, None))
        return found

    def _padded_basis(self) -> Array:
        missing = self._gaussians - len(self._basis)
        return np.pad(self._basis, ((0, missing), (0, 0)))

    def on_grid(self, ket: Ket) -> Ket:
        """Return the values of an affine ket, along old directions and as few new ones."""
        if ket.directions is not None:
            return ket
        (padded,) = self.as_affine([ket])
        shape = ket.shape[1:]
        constant = padded.array[0]
        columns = padded.array[1:].reshape(self._gaussians, -1)
        basis = self._padded_basis()
        used = np.flatnonzero(columns.any(axis=1))
        wanted = np.eye(self._gaussians)[used] if self._single else columns.T
        for column in wanted:
            rest = column
            for _ in range(2):
                rest = rest - basis @ (basis.T @ rest)
            length = np.linalg.norm(rest)
            if length > 1e-13 * np.linalg.norm(column):
                basis = np.column_stack([basis, rest / length])
        coordinates = basis.T @ columns
        size = np.abs(coordinates).max(axis=1, initial=0)
        directions = tuple(np.flatnonzero(size > 1e-14 * size.max(initial=0)).tolist())
        points, count = len(self.points), len(directions)
        if not np.isfinite(columns).all() or not self.fits((points,) * count + shape):
            return self.refused(shape, count)
        self._basis = basis
        values = np.zeros((*(1,) * count, 1)) + constant.reshape(-1)
        for axis, direction in enumerate(directions):
            along = self.points.reshape(-1, *(1,) * (count - axis))
            values = values + along * coordinates[direction]
        return self.ket(values.reshape(values.shape[:count] + shape), directions)

    def products(self, gain: float | Array, name: str, room: int = 0) -> GridProducts:
        """Return the record of all products with one side, of so many columns."""
        return GridProducts(self, gain, name, room)

    def mean_over_copies(
        self,
        body: Callable[..., Array],
        free: Sequence[Array],
        copies: Sequence[Sequence[Array]],
        onto: Array | None = None,
        arrays: Sequence[Any] = (),
    ) -> Array:
        """Average over copies whose directions are new ones, beyond those of the free kets."""
        placed: list[Array] = []
        for copy, kets in enumerate(copies, 1):
            placed += [self.moved(ket, copy) for ket in kets]
        values = body(*free, *placed, *(array.whole for array in arrays))
        if onto is not None:
            factor = self.moved(onto, 1)
            values = values[(..., *[None] * (factor.ndim - factor.lead))] * factor
        assert isinstance(values, Ket)
        kept = tuple(d for d in values.directions or () if d < COPY)
        return self.ket(self.sum_over(values, kept), kept)

    def moved(self, ket: Array, copy: int) -> Ket:
        """Return a ket on the directions of a copy."""
        assert isinstance(ket, Ket)
        ket = self.on_grid(ket)
        assert ket.directions is not None
        return self.ket(ket.array, tuple(copy * COPY + d for d in ket.directions))

    def inner_of_pairs(self, left: Array, right: Array) -> Array:
        """Sum products of a free ket and a copy over their last axis, for every pair."""
        products: Array = (left * right).sum(axis=-1)
        return products

    def pair_array(
        self,
        together: int,
        body: Callable[..., Array],
        free: Sequence[Array],
        copy: Sequence[Array],
        arrays: Sequence[Any],
    ) -> Any:
        """Return a function of two samples; it is a ket."""
        moved = [self.moved(ket, 1) for ket in copy]
        return GridPairs(body(*free, *moved, *(array.whole for array in arrays)))

    def product_of_pairs(self, array: Any, onto: Array | None = None) -> Array:
        """Average array * onto over the copy; onto is 1 by default."""
        return self.mean_over_copies(np.positive, (), (), onto, (array,))


def normal_rule(points: int) -> tuple[Array, Array]:
    """Return nodes and weights for expectations over a standard normal.

    Few nodes are those of Gauss and Hermite, exact for polynomials. Many are equally
    spaced, which beats them: their error falls as exp(-c n^(2/3)), not as exp(-c n^(1/2)).
    The step balances what the tails leave out and poles at distance pi/2, as tanh has.
    """
    if points <= 16:
        nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    else:
        step = 2 * (np.pi / points) ** (2 / 3)
        nodes = step * (np.arange(points) - (points - 1) / 2)
        weights = np.exp(-nodes * nodes / 2)
    return nodes, weights / weights.sum()


GRID_GAUSSIANS = 512
"""How many Gaussians grids keep track of."""

COPY = 2**32
"""What is added to the directions of a copy."""


class GridPairs:
    """A function of two samples on a grid: its copy has directions of its own."""

    def __init__(self, whole: Array) -> None:
        self.whole = whole

    @property
    def T(self) -> GridPairs:
        """The same with the free sample and that of the copy exchanged."""
        ket = self.whole
        assert isinstance(ket, Ket)
        assert ket.directions is not None
        other = [d - COPY if d >= COPY else d + COPY for d in ket.directions]
        order = sorted(range(len(other)), key=other.__getitem__)
        axes = [*order, *range(len(other), ket.ndim)]
        array = ket.array.transpose(axes)
        return GridPairs(ket.nodes.ket(array, tuple(sorted(other))))
