"""Products with one side of a matrix, sampled: hats by regression, bras by Stein's lemma."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from tpc.codegen.preamble.nodes import Nodes

Array = npt.NDArray[np.float64]

# <part Products>


class Products:
    """All products with one side of a matrix: their hats are jointly Gaussian.

    With an orthonormal basis Q of the operands, <Q|Q> = 1, a hat is sqrt(gain) Z <Q|x>
    where Z are independent normals, one for each column of Q. This is the regression on
    the earlier hats plus a fresh Gaussian. It is linear in x, so that linear relations
    between operands hold for their hats.
    """

    def __init__(self, nodes: Nodes, gain: float | Array, name: str) -> None:
        self._nodes = nodes
        self._root = np.sqrt(gain)
        self._name = name
        self._basis = np.empty((nodes.samples, 0))
        self._normals = np.empty((nodes.samples, 0))
        self._coordinates: list[Array] = []
        self._shapes: list[tuple[int, ...]] = []
        self._finite = True

    def hat(self, ket: Array) -> Array:
        """Draw hat(W x) given the hats of all earlier products."""
        nodes, shape = self._nodes, ket.shape[1:]
        x = ket.reshape(nodes.samples, -1)
        known = nodes.inner(self._basis, x)
        self._shapes.append(shape)
        scale = np.einsum("nk,nk->", x, x) / nodes.samples
        if not np.isfinite(scale):
            self._finite = False
            self._coordinates.append(np.zeros_like(known))
            return np.full_like(ket, np.nan)
        rest = x - self._basis @ known
        # Once is not enough where x is nearly in the span of the basis.
        again = nodes.inner(self._basis, rest)
        known, rest = known + again, rest - self._basis @ again
        values, vectors = np.linalg.eigh(nodes.inner(rest, rest))
        kept = values > max(1e-13 * values[-1], 1e-22 * scale)
        fresh = rest @ (vectors[:, kept] / np.sqrt(values[kept]))
        self._basis = np.concatenate([self._basis, fresh], axis=1)
        normals = nodes.normal((fresh.shape[1],))
        self._normals = np.concatenate([self._normals, normals], axis=1)
        coordinates = np.concatenate([known, nodes.inner(fresh, x)])
        self._coordinates.append(coordinates)
        hat: Array = self._normals @ (self._root * coordinates)
        return hat.reshape(nodes.samples, *shape)

    def bras(self, ket: Array) -> list[Array]:
        """Return the bras <nabla|x> in all hats q so far: pinv(<q|q>) E[q |x>]."""
        moments, shape = self._moments(ket)
        rank = len(moments)
        rows = [np.pad(c, ((0, rank - len(c)), (0, 0))) for c in self._coordinates]
        inverse = np.linalg.pinv(np.concatenate(rows, axis=1), rcond=1e-11)
        solved = inverse @ moments / self._root if self._root > 0 else 0 * moments
        ends = np.cumsum([prod(known) for known in self._shapes])[:-1]
        pieces = zip(np.split(solved, ends), self._shapes, strict=True)
        return [piece.reshape(known + shape) for piece, known in pieces]

    def _moments(self, ket: Array) -> tuple[Array, tuple[int, ...]]:
        """Return E[Z |x>], the axes of x flat, and these axes; NaN if a hat is not finite."""
        nodes = self._nodes
        nodes.stein_load[self._name] = self._basis.shape[1] / nodes.samples
        found = nodes.inner(self._normals, ket.reshape(nodes.samples, -1))
        return (found if self._finite else np.full_like(found, np.nan)), ket.shape[1:]
