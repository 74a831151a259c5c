"""Nodes on grids: every expectation is a quadrature over the Gaussians it depends on.

    E|x> = sum over nodes z1, ..., zd of w(z1) ... w(zd) x(z1, ..., zd)

Kets are arrays that know their directions. An operation takes the union of its operands'
directions, an expectation sums over those that its kets have, so that each is a quadrature in as
many dimensions as it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.runtime.random_nodes import Nodes

Array = npt.NDArray[np.float64]

# <part Ket>


class Ket(np.ndarray[Any, np.dtype[np.float64]]):
    """A ket on a grid: an array with one leading axis for each direction it depends on.

    Directions are orthonormal combinations of the Gaussians drawn so far. A ket that is
    affine in the Gaussians has `directions` None; its one leading axis holds coefficients,
    first of 1, then of each Gaussian. It gets directions where more is done with it.
    """

    nodes: GridNodes
    directions: tuple[int, ...] | None

    def __array_finalize__(self, source: Any) -> None:
        self.nodes = getattr(source, "nodes", None)  # type: ignore[assignment]
        self.directions = getattr(source, "directions", ())

    @property
    def lead(self) -> int:
        """How many axes stand before the constant ones."""
        return 1 if self.directions is None else len(self.directions)

    @property
    def array(self) -> Array:
        """The same as a plain array."""
        return self.view(np.ndarray)

    def along(self, directions: Sequence[int]) -> Array:
        """Return the values with axes of length 1 for further directions."""
        own, points = self.directions or (), len(self.nodes.points)
        axes = tuple(points if direction in own else 1 for direction in directions)
        return self.array.reshape(axes + self.shape[self.lead :])

    def __array_ufunc__(
        self,
        ufunc: Any,
        method: Any,
        *inputs: Any,
        **more: Any,
    ) -> Any:
        """Apply a function entry by entry, or along constant axes."""
        nodes = self.nodes
        if keeps_affine(ufunc, method, inputs):
            if ufunc in (np.add, np.subtract) and method == "__call__":
                inputs = tuple(nodes.as_affine(inputs))
            plain = [x.array if isinstance(x, Ket) else x for x in inputs]
            return nodes.ket(getattr(ufunc, method)(*plain, **more), None)
        placed = [nodes.on_grid(x) if isinstance(x, Ket) else x for x in inputs]
        kets = [x for x in placed if isinstance(x, Ket)]
        union = sorted({axis for ket in kets for axis in ket.directions or ()})
        arrays = [x.along(union) if isinstance(x, Ket) else x for x in placed]
        if method == "__call__":
            shape = shape_of_result(ufunc, [np.shape(array) for array in arrays])
            if not nodes.fits(shape):
                return nodes.refused(shape[len(union) :], len(union))
        return nodes.ket(getattr(ufunc, method)(*arrays, **more), tuple(union))

    def __array_function__(self, function: Any, types: Any, *given: Any) -> Any:
        """Keep the directions where NumPy forgets them, in np.tensordot(ket, array)."""
        found = super().__array_function__(function, types, *given)
        if isinstance(found, Ket):
            return found
        return self.nodes.ket(found, self.directions)


def keeps_affine(ufunc: Any, method: str, inputs: Sequence[Any]) -> bool:
    """Whether an operation on affine kets and plain arrays gives an affine ket."""
    are_kets = [isinstance(x, Ket) for x in inputs]
    if any(x.directions is not None for x in inputs if isinstance(x, Ket)):
        return False
    if method != "__call__":
        return method == "reduce" and ufunc is np.add
    if ufunc in (np.add, np.subtract, np.negative):
        return True
    if ufunc in (np.divide, np.matmul):
        return are_kets == [True, False]
    return ufunc is np.multiply and sum(are_kets) == 1


def shape_of_result(ufunc: Any, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape that a function of arrays will have."""
    if ufunc is np.matmul:
        return shapes[0][:-1] + shapes[1][1:]
    return np.broadcast_shapes(*shapes)


# <part GridNodes>


class GridNodes(Nodes):
    """Tensor grids: a one-dimensional rule along each direction that a ket depends on.

    New directions are those of the columns of a ket, which is few for U @ X.T. Or they are
    single Gaussians, which is few for a bias that all layers share. What would not fit is
    refused: it is NaN, and so is all that is made of it.
    """

    sampled = False

    def __init__(self, points: int, floats: int, single: bool = False) -> None:
        self.points, self.shares = normal_rule(points)
        self.tolerance = max(10.0**-points, 3e-14)
        self.stein_load = {}
        self.samples = 0
        self.refusal = ""
        self._floats = floats
        self._single = single
        self._gaussians = 0
        self._basis = np.empty((0, 0))

    def ket(self, array: Array, directions: tuple[int, ...] | None) -> Ket:
        """Return an array as a ket."""
        found = np.asarray(array).view(Ket)
        found.nodes, found.directions = self, directions
        return found

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
            x, y = (ket.array for ket in self.as_affine([left, right]))
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
