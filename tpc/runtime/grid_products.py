"""Products with one side of a matrix, on grids."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.kets import Ket
from tpc.runtime.matrix_products import Products

if TYPE_CHECKING:
    from tpc.runtime.grids import GridNodes


class GridProducts(Products):
    """The same on grids, where Q = X C is known by its coefficients C in the operands X.

    So no ket is ever put on the grid of all operands together: <Q|x> = C.T <X|x>.
    """

    def __init__(
        self,
        nodes: GridNodes,
        gain: float | Array,
        name: str,
        room: int = 0,
    ) -> None:
        super().__init__(nodes, gain, name, room)
        self._grid = nodes
        self._operands: list[Ket] = []
        self._multiplied: list[Ket] = []
        self._blocks: list[Array] = []
        self._coefficients = np.empty((0, 0))

    def hat(self, ket: Array, other: Products | None = None) -> Array:
        """Draw hat(W x) given the hats of all earlier products."""
        nodes = self._grid
        x, shape = as_columns(ket)
        second = nodes.inner(x, x)
        cross = [np.empty((0, len(second)))]
        cross += [nodes.inner(earlier, x) for earlier in self._operands]
        known = self._coefficients.T @ np.concatenate(cross)
        rest = second - known.T @ known
        self._shapes.append(shape)
        self._multiplied.append(x)
        if not np.isfinite(rest).all():
            self._finite = False
            self._coordinates.append(np.zeros_like(known))
            return nodes.refused(shape, 0)
        values, vectors = np.linalg.eigh(rest)
        kept = np.flatnonzero(values > 1e-12 * second.trace())[::-1]
        root = np.sqrt(values[kept])
        fresh = vectors[:, kept] / root
        old = -self._coefficients @ known @ fresh
        below = np.zeros((len(fresh), self._coefficients.shape[1]))
        self._coefficients = np.block([[self._coefficients, old], [below, fresh]])
        self._operands.append(x)
        self._blocks.append(nodes.normal((len(kept),)))
        coordinates = np.concatenate([known, (vectors[:, kept] * root).T])
        self._coordinates.append(coordinates)
        hat = nodes.ket(np.zeros((1, len(second))), None)
        start = 0
        for block in self._blocks:
            rows = slice(start, start := start + block.shape[-1])
            hat = hat + block @ (self._root * coordinates[rows])
        return hat.reshape(-1, *shape)

    def dot(self, other: Products, position: int = -1) -> Array:
        """Return the sum of |y> <nabla_{W.T y}|x> over all products of the other side."""
        assert isinstance(other, GridProducts)
        moments, shape = self._moments(other, position), self._shapes[position]
        scaled = moments / other._root if other._root > 0 else 0 * moments
        rows = other._coefficients @ scaled
        dot: Any = self._grid.ket(np.zeros((1, moments.shape[1])), None)
        start = 0
        for operand in other._operands:
            dot = dot + operand @ rows[start : (start := start + operand.shape[-1])]
        found: Array = dot.reshape(*dot.shape[: dot.lead], *shape)
        return found

    def _moments(self, other: Products, position: int) -> Array:
        """Return E[Y |x>], the axes of x flat; NaN if a hat was refused."""
        assert isinstance(other, GridProducts)
        x = self._multiplied[position]
        moments = [self._grid.inner(block, x) for block in other._blocks]
        found = np.concatenate([np.empty((0, x.shape[-1])), *moments])
        return found if self._finite and other._finite else np.full_like(found, np.nan)


def as_columns(ket: Array) -> tuple[Ket, tuple[int, ...]]:
    """Return a ket with one constant axis, and the constant axes it had."""
    assert isinstance(ket, Ket)
    axes, shape = ket.shape[: ket.lead], ket.shape[ket.lead :]
    columns = ket.reshape(*axes, prod(shape))
    assert isinstance(columns, Ket)
    return columns, shape
