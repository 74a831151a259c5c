"""Products with one side of a matrix, sampled: hats by regression, dots by Stein's lemma.

Reference:
    Tensor Programs IVb, Definition 2.6.5 (hats, dots), Remark 2.6.6 (Stein's lemma).
    Tensor Programs III, Remark 2.12, equation (4) (its pseudo-inverse).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from tpc.runtime.arrays import Array

if TYPE_CHECKING:
    from tpc.runtime.random_nodes import Nodes


class Products:
    """All products with one side of a matrix: their hats are jointly Gaussian.

    With an orthonormal basis Q of the operands, <Q|Q> = 1, a hat is sqrt(gain) Z <Q|x>
    where Z are independent normals, one for each column of Q. This is the regression on
    the earlier hats plus a fresh Gaussian. It is linear in x, so that linear relations
    between operands hold for their hats.

    The other side has P and Y for Q and Z. By Stein's lemma the sum over its products
    W.T y of |y> <nabla_{W.T y}|x> is P E[Y |x>] / sqrt(its gain), where |x> is Q <Q|x>:
    linear in x too. What a column of Q does not depend on is independent of it.

    The columns of Q are others in each replicate, so their averages are not recorded.
    """

    def __init__(
        self,
        nodes: Nodes,
        gain: float | Array,
        name: str,
        room: int = 0,
    ) -> None:
        self._nodes = nodes
        self._root = np.sqrt(gain)
        self._name = name
        self._basis = Columns(nodes, room)
        self._normals = Columns(nodes, room)
        self._coordinates: list[Array] = []
        self._shapes: list[tuple[int, ...]] = []
        self._slopes = np.empty((0, 0))
        self._finite = True

    def hat(self, ket: Array, other: Products | None = None) -> Array:
        """Draw hat(W x) given the hats of all earlier products.

        With the products of the other side, if |x> depends on hats of theirs.
        """
        nodes, shape = self._nodes, ket.shape[1:]
        x = ket.reshape(nodes.samples, -1)
        self._shapes.append(shape)
        nodes.look(x, x)
        second = nodes.average_product(x, x)
        scale = second.trace()
        if not np.isfinite(scale):
            self._finite = False
            self._coordinates.append(np.zeros((self._basis.count, len(second))))
            return np.full_like(ket, np.nan)
        known, fresh = self._split(x, second)
        self._normals.append(nodes.normal((fresh.shape[1],)))
        self._basis.append(fresh)
        if other is not None:
            slopes = nodes.average_product(other._normals.array, fresh)
            end = self._basis.count
            self._slopes = with_room(self._slopes, len(slopes), end)
            self._slopes[: len(slopes), end - fresh.shape[1] : end] = slopes
        coordinates = np.concatenate([known, nodes.average_product(fresh, x)])
        self._coordinates.append(coordinates)
        hat: Array = self._normals.array @ (self._root * coordinates)
        return hat.reshape(nodes.samples, *shape)

    def _split(self, x: Array, second: Array) -> tuple[Array, Array]:
        """Return <Q|x>, and an orthonormal basis of what Q does not span of x.

        A direction counts if it is more than the tolerance of some column of x, <x|x> = second.
        """
        nodes, basis = self._nodes, self._basis.array
        scale, tolerance = second.trace(), nodes.rank_tolerance
        sizes = np.diagonal(second)
        weights = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 0)
        known = nodes.average_product(basis, x)
        rest = x - basis @ known
        values, vectors = np.linalg.eigh(nodes.average_product(rest, rest))
        shares = weights[:, None] * vectors**2
        kept = values * shares.max(axis=0, initial=0) > tolerance
        if (values[kept] < 1e-6 * scale).any():
            # Rounding has left something of Q where x is nearly in its span.
            again = nodes.average_product(basis, rest)
            known += again
            rest -= basis @ again
            values, vectors = np.linalg.eigh(nodes.average_product(rest, rest))
            shares = weights[:, None] * vectors**2
            kept = values * shares.max(axis=0, initial=0) > tolerance
            kept &= values > 1e-13 * values[-1]
        return known, rest @ (vectors[:, kept] / np.sqrt(values[kept]))

    def inner(self, left: int, right: int) -> Array:
        """Return <x|y> of the operands of two products, by their coordinates."""
        x, y = self._coordinates[left], self._coordinates[right]
        rank = min(len(x), len(y))
        found = x[:rank].T @ y[:rank]
        found = found if self._finite else np.full_like(found, np.nan)
        found = found.reshape(self._shapes[left] + self._shapes[right])
        return self._nodes.taken(found)

    def dot(self, other: Products, position: int = -1) -> Array:
        """Return the sum of |y> <nabla_{W.T y}|x> over all products W.T y of the other side.

        |x> is the operand of the latest product, or of that at a position.
        """
        moments = self._moments(other, position)
        root = other._root
        dot = other._basis.array @ (moments / root if root > 0 else 0 * moments)
        return dot.reshape(len(dot), *self._shapes[position])

    def bras(self, other: Products, position: int = -1) -> list[Array]:
        """Return the bras <nabla|x> in all hats q of the other side: pinv(<q|q>) E[q |x>]."""
        moments, shape = self._moments(other, position), self._shapes[position]
        rows = [padded(c, len(moments), c.shape[1]) for c in other._coordinates]
        inverse = np.linalg.pinv(np.concatenate(rows, axis=1), rcond=1e-11)
        solved = inverse @ moments
        solved = solved / other._root if other._root > 0 else 0 * solved
        ends = np.cumsum([prod(known) for known in other._shapes])[:-1]
        pieces = zip(np.split(solved, ends), other._shapes, strict=True)
        shaped = (piece.reshape(known + shape) for piece, known in pieces)
        return [self._nodes.taken(piece) for piece in shaped]

    def _moments(self, other: Products, position: int) -> Array:
        """Return E[Y |x>], the axes of x flat; NaN if a hat is not finite."""
        count = other._basis.count
        self._nodes.stein_load[other._name] = count / self._nodes.samples
        coordinates = self._coordinates[position]
        self._slopes = with_room(self._slopes, count, self._basis.count)
        finite = self._finite and other._finite
        found = self._slopes[:count, : len(coordinates)] @ coordinates
        return found if finite else np.full_like(found, np.nan)


class Columns:
    """Columns that are appended to in place."""

    def __init__(self, nodes: Nodes, room: int) -> None:
        self._room = nodes.room((nodes.samples, room))
        self.count = 0

    @property
    def array(self) -> Array:
        """All columns so far."""
        return self._room[:, : self.count]

    def append(self, columns: Array) -> None:
        """Append columns, in half more room where there is none left."""
        end = self.count + columns.shape[1]
        if end > self._room.shape[1]:
            room = np.empty((len(self._room), max(end, 3 * self.count // 2)))
            room[:, : self.count] = self.array
            self._room = room
        self._room[:, self.count : end] = columns
        self.count = end


def with_room(array: Array, rows: int, columns: int) -> Array:
    """Return a matrix of at least so many rows and columns, of twice as many if it has to grow."""
    if rows <= array.shape[0] and columns <= array.shape[1]:
        return array
    height, width = array.shape
    return padded(array, max(2 * rows, height), max(2 * columns, width))


def padded(array: Array, rows: int, columns: int) -> Array:
    """Return a matrix with zeros below and to the right."""
    return np.pad(array, ((0, rows - array.shape[0]), (0, columns - array.shape[1])))
