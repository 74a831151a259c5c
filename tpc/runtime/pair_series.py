"""E f(u) g(w) for smooth functions and all pairs of two families of Gaussians.

Input: functions, variances, covariances. Output: a matrix of expectations, its error.

Tiles of the matrix, which stay in cache, are summed by Mehler's series up to the order
that their correlations need. Pairs that need far more terms than the rest of their tile
are put off to a second pass, one by one: with rho = +-1, where u determines w,

    E f(u) g(w) = E f(m + sqrt(q) z) g(m' +- sqrt(q') z),

with rho in reach of the series, by the series, nearer to +-1 over independent z and t,

    E f(u) g(w) = E f(m + sqrt(q) z) g(m' + sqrt(q') (rho z + sqrt(1 - rho^2) t)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tpc.runtime.arrays import Array, Indices
from tpc.runtime.hermite import TOLERANCE, Family, Function, Line, Samples, settle, unit
from tpc.runtime.mehler import Series, expand

PERFECT = 1 - 1e-15
"""A correlation beyond this differs from 1 by the rounding of a covariance."""

TILE = (64, 256)
"""Rows and columns summed at a time: three such arrays should stay in cache."""

PLENTY = 64
"""Where a tile needs more terms, its largest correlations, 1 in 50, are put off."""


def pair_series(
    left: Family,
    right: Family,
    c: Array,
    tolerance: float,
) -> tuple[Array, float, Array]:
    """Integrate the products of two functions for all pairs: see `pair_moment`.

    Returns:
        The expectations, a bound of their error relative to sqrt(E f^2 E g^2), and that,
        of the same shape.
    """
    same = left.equals(right)
    samples, error = settle([left] if same else [left, right], tolerance)
    moments = correlations(left, right, c)
    if not np.isfinite(error):
        return np.full_like(moments, np.nan), np.inf, np.ones_like(moments)
    plane = Plane(samples[0], samples[-1])
    mirrored = same and np.array_equal(c, np.transpose(c))
    tiles = list(cut(moments.shape, mirrored))
    reaches = [largest_imperfect(moments[tile]) for tile in tiles]
    largest = max(reaches, default=0.0)
    series = expand(plane.left, plane.right, largest, tolerance)
    put_off = []
    for tile, rho in zip(tiles, reaches, strict=True):
        put_off.append(sum_tile(series, moments, tile, rho))
    pairs = Pairs.join(put_off)
    if mirrored:
        pairs = pairs[pairs.rows <= pairs.columns]
        for tile in tiles:
            moments[tile[::-1]] = moments[tile].T
    single, missed = sum_pairs(series, plane, pairs, error <= tolerance)
    moments[pairs.rows, pairs.columns] = single
    if mirrored:
        moments[pairs.columns, pairs.rows] = single
    sizes = np.outer(plane.left.sizes, plane.right.sizes)
    return moments, error_bound(series, error, largest) + missed, sizes


LISTED = 2**12
"""How many pairs of a list are summed at a time."""


def listed_series(
    left: Family,
    right: Family,
    c: Array,
    tolerance: float,
) -> tuple[Array, float, Array]:
    """Integrate the same for a list of pairs: families and c have the shape (P,)."""
    moments, sizes, worst = np.empty(len(left.root)), np.ones(len(left.root)), 0.0
    for start in range(0, len(moments), LISTED):
        part = slice(start, start + LISTED)
        one, two = left[part], right[part]
        samples, error = settle([one, two], tolerance)
        if not np.isfinite(error):
            return np.full_like(moments, np.nan), np.inf, sizes
        index = np.arange(len(one.root))
        rho = listed_correlations(one, two, c[part])
        largest = largest_imperfect(rho)
        plane = Plane(*samples)
        series = expand(plane.left, plane.right, largest, tolerance)
        pairs = Pairs(index, index, rho)
        moments[part], missed = sum_pairs(series, plane, pairs, error <= tolerance)
        worst = max(worst, error_bound(series, error, largest) + missed)
        sizes[part] = plane.left.sizes * plane.right.sizes
    return moments, worst, sizes


def pair_moment(
    f: Function,
    g: Function,
    q_left: Array,
    q_right: Array,
    c: Array,
    m_left: Array | None = None,
    m_right: Array | None = None,
    s_left: Sequence[Array] = (),
    s_right: Sequence[Array] = (),
    tolerance: float = TOLERANCE,
) -> tuple[Array, float]:
    """Integrate f(u) g(w) over jointly Gaussian u and w, for all pairs.

    Args:
        f: A smooth function of an array and of constants.
        g: Another, or the same.
        q_left: Variances of u, of shape (A,).
        q_right: Variances of w, of shape (B,).
        c: Covariances, of shape (A, B).
        m_left: Means of u, 0 by default.
        m_right: Means of w, 0 by default.
        s_left: What f takes behind its argument, each of shape () or (A,).
        s_right: What g takes likewise.
        tolerance: What to aim for, relative to sqrt(E f^2 E g^2).

    Returns:
        E f(u) g(w), of shape (A, B), and a bound of its error: about 1e-13 times
        sqrt(E f^2 E g^2) at its largest, far more where a function is not smooth, and
        infinite where E f^2 or E g^2 seems to be.
    """
    left = Family.of(f, q_left, m_left, s_left)
    right = Family.of(g, q_right, m_right, s_right)
    moments, error, sizes = pair_series(left, right, c, tolerance)
    return moments, error * float(np.max(sizes, initial=0))


def listed_moment(
    f: Function,
    g: Function,
    q_left: Array,
    q_right: Array,
    c: Array,
    m_left: Array | None = None,
    m_right: Array | None = None,
    s_left: Sequence[Array] = (),
    s_right: Sequence[Array] = (),
    tolerance: float = TOLERANCE,
) -> tuple[Array, float]:
    """Integrate f(u) g(w) for a list of pairs: all arrays have the shape (P,).

    Returns:
        The same as `pair_moment`, of shape (P,).
    """
    left = Family.of(f, q_left, m_left, s_left)
    right = Family.of(g, q_right, m_right, s_right)
    moments, error, sizes = listed_series(left, right, c, tolerance)
    return moments, error * float(np.max(sizes, initial=0))


@dataclass(frozen=True)
class Plane:
    """Both functions on grids, for sums over two variables.

    Attributes:
        left: f.
        right: g.
    """

    left: Samples
    right: Samples

    def scale(self) -> float:
        """Return the largest sqrt(E f^2) times the largest sqrt(E g^2)."""
        return float(self.left.sizes.max(initial=0) * self.right.sizes.max(initial=0))

    def on_diagonals(self, pairs: Pairs) -> Array:
        """Sum over z where w is determined by u, for all pairs together."""
        values = np.empty(len(pairs.rho))
        many = max(1, 2**17 // self.left.values.shape[1])
        for start in range(0, len(values), many):
            part = slice(start, start + many)
            right = self.right.values[pairs.columns[part]]
            falling = pairs.rho[part] < 0
            right[falling] = right[falling, ::-1]
            left = self.left.values[pairs.rows[part]]
            np.einsum("pn,pn->p", left, right, out=values[part])
        return values

    def rotated(self, row: int, column: int, rho: float) -> tuple[float, float]:
        """Sum over z and t for one pair; g varies slowly in t and needs few nodes.

        Returns:
            The expectation, and what its error is more than that of the grid.
        """
        f, g = self.left.family[row : row + 1], self.right.family[column : column + 1]
        found = f.moment_with(g, rho)
        if found is not None:
            return found
        line = self.left.line
        narrow = np.sqrt((1 - rho) * (1 + rho))
        across = Line(min(0.5, line.step / narrow), line.reach)
        z, t, weights = line.z, across.z, across.root_weights**2
        left = self.left.values[row] * self.left.root_weights
        total = 0.0
        many = max(1, 2**16 // len(z))
        for start in range(0, len(t), many):
            part = slice(start, start + many)
            w = rho * z + narrow * t[part, None]
            values = np.broadcast_to(g(w.reshape(1, -1)), (1, w.size))
            total += float(weights[part] @ (values.reshape(w.shape) @ left))
        return total, 0.0


@dataclass(frozen=True)
class Pairs:
    """Single entries of the matrix, and their correlations."""

    rows: Indices
    columns: Indices
    rho: Array

    @staticmethod
    def join(pieces: Sequence[Pairs]) -> Pairs:
        """Put lists together."""
        nothing = np.empty(0, np.intp)
        rows = np.concatenate([nothing, *(piece.rows for piece in pieces)])
        columns = np.concatenate([nothing, *(piece.columns for piece in pieces)])
        rho = np.concatenate([np.empty(0), *(piece.rho for piece in pieces)])
        return Pairs(rows, columns, rho)

    def __getitem__(self, index: Indices | npt.NDArray[np.bool_]) -> Pairs:
        return Pairs(self.rows[index], self.columns[index], self.rho[index])


def error_bound(series: Series, error: float, largest: float) -> float:
    """Return a bound of relative errors, given that of the grid and the largest |rho|."""
    smooth = error <= series.tolerance
    left_out = series.tolerance if smooth else np.exp(series.log_bounds(largest)[-1])
    return float(2 * error + left_out)


def correlations(left: Family, right: Family, c: Array) -> Array:
    """Return c / sqrt(q_left q_right), 0 where a variance is."""
    inverses = []
    for family in (left, right):
        positive = family.root > 0
        inverses.append(positive / np.where(positive, family.root, 1))
    rho = np.outer(inverses[0], inverses[1])
    rho *= c
    return perfected(rho)


def listed_correlations(left: Family, right: Family, c: Array) -> Array:
    """Return the same for a list of pairs."""
    size = left.root * right.root
    return perfected(np.divide(c, size, np.zeros_like(size), where=size > 0))


def perfected(rho: Array) -> Array:
    """Return correlations, those that are perfect but for rounding as 1 and -1."""
    return np.where(np.abs(rho) > PERFECT, np.sign(rho), rho)


def largest_imperfect(rho: Array) -> float:
    """Return the largest |rho| that is not 1."""
    size = np.abs(rho)
    return float(np.max(size * (size <= PERFECT), initial=0))


def cut(shape: tuple[int, ...], mirrored: bool) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of tiles, only from the diagonal on if mirrored."""
    rows, columns = TILE
    for top in range(0, shape[0], rows):
        for first in range(top if mirrored else 0, shape[1], columns):
            yield slice(top, top + rows), slice(first, first + columns)


def sum_tile(
    series: Series,
    moments: Array,
    tile: tuple[slice, slice],
    largest: float,
) -> Pairs:
    """Replace a tile's correlations by expectations; return the pairs put off."""
    rho = moments[tile].copy()
    rows, columns = tile
    size = np.abs(rho)
    terms = series.terms(largest)
    if terms > PLENTY:
        terms = series.terms(np.quantile(size, 0.98, method="lower"))
    left, right = series.left[:, rows, None], series.right[:, None, columns]
    product = np.empty_like(rho)

    def products(n: int) -> Array:
        np.multiply(left[n], right[n], out=product)
        return product

    moments[tile] = series.sum(terms, rho, products)
    i, j = np.nonzero(size > series.reach(terms))
    return Pairs(i + rows.start, j + columns.start, rho[i, j])


def sum_pairs(
    series: Series,
    plane: Plane,
    pairs: Pairs,
    smooth: bool,
) -> tuple[Array, float]:
    """Return the expectations of single pairs, and what their relative error is more.

    Where the functions are not smooth on the grid, the plane would be no better.
    """
    values = np.empty(len(pairs.rho))
    size = np.abs(pairs.rho)
    perfect, missed = size > PERFECT, 0.0
    listed = ~perfect
    if plane.left.family.splits:
        perfect &= False
    values[perfect] = plane.on_diagonals(pairs[perfect])
    if smooth:
        listed &= size <= series.reach(len(series.left))
    for k in np.nonzero(~perfect & ~listed)[0]:
        row, column = pairs.rows[k], pairs.columns[k]
        values[k], error = plane.rotated(row, column, pairs.rho[k])
        scale = plane.left[row : row + 1].sizes * plane.right[column : column + 1].sizes
        missed = max(missed, error / unit(scale)[0])
    by_size = np.nonzero(listed)[0]
    by_size = by_size[np.argsort(size[by_size])]
    for start in range(0, len(by_size), 1024):
        part = by_size[start : start + 1024]
        chosen = pairs[part]

        def products(n: int, chosen: Pairs = chosen) -> Array:
            left, right = series.left[n, chosen.rows], series.right[n, chosen.columns]
            return np.asarray(left * right)

        values[part] = series.sum(series.terms(size[part[-1]]), chosen.rho, products)
    return values, missed
