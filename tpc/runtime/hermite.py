"""Smooth functions of Gaussians: samples on a line, Hermite polynomials, E f(u).

Input: a smooth function f, variances q, means m, constants that f takes behind its argument.
Output: expectations and their errors. For standard normal z and orthonormal Hermite
polynomials h_n,

    f(m + sqrt(q) z) = sum_n a_n h_n(z),    a_n = E f(m + sqrt(q) z) h_n(z).

Expectations are trapezoid sums, whose error is exponentially small in 1/step where f is
analytic. They need fewer nodes than Gauss-Hermite rules, most of whose nodes lie beyond
where f(z)^2 phi(z) counts. Two grids are compared and the difference gives the error,
which stays large where f has a kink or jumps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array, Indices

Function = Callable[..., Array]
"""Of an array, then of constants that broadcast to it."""

TOLERANCE = 3e-14
"""Relative to the root mean squares of functions: what series and grids aim for."""

ROUNDING = 2e-15
"""What rounding adds to errors, relative likewise."""

FIRST_STEP, FIRST_REACH = 0.3, 12.5
"""The coarsest grid: phi(FIRST_REACH) is 1e-34."""

MOST_NODES, MOST_REACH = 6000, 40.0
"""Grids are not refined past this: f then has kinks, or a variance is huge."""

PEAK_NODES = 30_000
"""Grids of functions with narrow peaks are refined up to this."""

LOOKED = 3000
"""How many nodes look for what a grid has overlooked."""

PEAKS = np.linspace(-5, 5, 41)
"""Arguments at which functions have their peaks."""


@dataclass(frozen=True)
class Line:
    """A uniform grid for a standard normal z, with trapezoid weights."""

    step: float
    reach: float

    @property
    def z(self) -> Array:
        """The nodes, symmetric about 0."""
        last = int(np.ceil(self.reach / self.step))
        return np.asarray(self.step * np.arange(-last, last + 1), dtype=float)

    @property
    def root_weights(self) -> Array:
        """The roots of step * phi(z)."""
        return self.density_root(self.z)

    def density_root(self, z: Array) -> Array:
        """Return the roots of step * phi(z) anywhere."""
        scale = np.sqrt(self.step / np.sqrt(2 * np.pi))
        return np.asarray(scale * np.exp(-(z**2) / 4))

    def finer(self) -> Line:
        """Refine by an irrational ratio: no frequency looks alike on both grids."""
        return Line(self.step / np.sqrt(2), self.reach)


@dataclass(frozen=True)
class Family:
    """f(m + sqrt(q) z, s) for arrays of variances q, means m and constants s."""

    f: Function
    root: Array
    mean: Array
    constants: tuple[Array, ...] = ()

    @staticmethod
    def of(
        f: Function,
        q: Array,
        m: Array | None = None,
        constants: Sequence[Array] = (),
    ) -> Family:
        """Take variances; those below zero by rounding count as zero."""
        root = np.sqrt(np.maximum(np.asarray(q, dtype=float), 0))
        mean = np.zeros_like(root) if m is None else np.asarray(m, dtype=float)
        spread = (np.broadcast_to(constant, root.shape) for constant in constants)
        return Family(f, root, mean, tuple(spread))

    def equals(self, other: Family) -> bool:
        """Whether functions and Gaussians are the same."""
        if self.f is not other.f:
            return False
        own = (self.root, self.mean, *self.constants)
        others = (other.root, other.mean, *other.constants)
        return all(np.array_equal(x, y) for x, y in zip(own, others, strict=True))

    def __getitem__(self, chosen: Any) -> Family:
        constants = tuple(constant[chosen] for constant in self.constants)
        return Family(self.f, self.root[chosen], self.mean[chosen], constants)

    def __call__(self, z: Array) -> Array:
        """Return f for each member, of shape (variances, nodes); z broadcasts to that."""
        constants = (constant[:, None] for constant in self.constants)
        return self.f(self.mean[:, None] + self.root[:, None] * z, *constants)

    def probes(self) -> Family:
        """Return the members that a grid is chosen by.

        Centred, these are nine over the range of variances: the largest needs the
        finest grid, and kinks show in any.
        """
        varying = (self.mean, *(c - c[:1] for c in self.constants))
        if len(self.root) <= 9 or any(array.any() for array in varying):
            return self
        order = np.argsort(self.root)
        return self[order[np.linspace(0, len(order) - 1, 9).astype(int)]]

    def hides_peaks(self, line: Line, values: Array) -> bool:
        """Whether some f leaves, for arguments near 0, the range of a grid's nodes around.

        Args:
            line: A grid.
            values: f times the root weights on that grid.
        """
        with np.errstate(all="ignore"):
            for row in np.nonzero(self.root * line.step > 1)[0]:
                z = (PEAKS - self.mean[row]) / self.root[row]
                z = z[np.abs(z) < line.reach]
                found = self[row : row + 1](z[None]) * line.density_root(z)
                first = np.clip(np.searchsorted(line.z, z) - 8, 0, len(line.z) - 16)
                around = values[row][first[:, None] + np.arange(16)]
                room = 0.03 * np.abs(values[row]).max()
                if (found > around.max(axis=1) + room).any():
                    return True
                if (found < around.min(axis=1) - room).any():
                    return True
        return False

    def on(self, line: Line) -> Array:
        """Return f times the root weights, of shape (variances, nodes)."""
        z, root_weights = line.z, line.root_weights
        values = np.empty((len(self.root), len(z)))
        rows = max(1, 2**16 // len(z))
        with np.errstate(all="ignore"):
            for start in range(0, len(self.root), rows):
                block = slice(start, start + rows)
                values[block] = self[block](z)
                values[block] *= root_weights
        return values


def hermite_blocks(line: Line, size: int) -> Iterator[Array]:
    """Yield h_n times the root weights, the first `size` orders n, then ever more.

    The recurrence sqrt(n + 1) h_(n+1) = z h_n - sqrt(n) h_(n-1) is stable upwards.
    """
    z, current = line.z, line.root_weights
    before, n = np.zeros_like(z), 0
    while True:
        block = np.empty((size, len(z)))
        for row in block:
            row[:] = current
            following = (z * current - np.sqrt(n) * before) / np.sqrt(n + 1)
            before, current, n = current, following, n + 1
        yield block
        size = min(2 * size, 256)


def settle(
    families: Sequence[Family],
    tolerance: float = TOLERANCE,
) -> tuple[Line, list[Array], float]:
    """Find a grid that resolves all functions to a tolerance.

    Returns:
        The grid, the functions on it, and an error relative to sqrt(E f^2): three times
        the largest change of a few moments from a grid sqrt(2) times as coarse, so that
        it holds even where convergence is of first order.
    """
    line = Line(FIRST_STEP, FIRST_REACH)
    probes = [family.probes() for family in families]
    values = [probe.on(line) for probe in probes]
    while line.reach < MOST_REACH and not all(map(vanishes_at_ends, values)):
        line = Line(line.step, 1.25 * line.reach)
        values = [probe.on(line) for probe in probes]
    moments = [low_moments(line, value) for value in values]
    error, most = np.inf, MOST_NODES
    while error > tolerance and len(line.z) <= most:
        line, before = line.finer(), moments
        values = [probe.on(line) for probe in probes]
        moments = [low_moments(line, value) for value in values]
        error = 3 * largest_change(before, moments)
        if error <= tolerance:
            error = max(error, overlooked(line, probes, moments, tolerance))
            most = PEAK_NODES
    return line, [family.on(line) for family in families], error


def overlooked(
    line: Line,
    probes: Sequence[Family],
    moments: Sequence[Array],
    tolerance: float,
) -> float:
    """Return the error by what a much finer grid sees of functions and the grid does not.

    Two grids agree where a peak stands between the nodes of both. A function of a Gaussian
    of huge variance may have one near 0 that is too narrow for any grid: the error is
    infinite then.
    """
    fine = Line(min(line.step, 2 * line.reach / LOOKED), line.reach)
    error = 0.0
    for probe, known in zip(probes, moments, strict=True):
        chosen = spread_out(len(probe.root), 16)
        few = probe[chosen]
        values = few.on(fine)
        if few.hides_peaks(fine, values):
            return np.inf
        change = largest_change([known[:, chosen]], [low_moments(fine, values)])
        error = max(error, 3 * change)
    return error if error > 10 * tolerance else 0.0


def spread_out(count: int, most: int) -> Indices:
    """Return at most so many indices, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def root_mean_square(values: Array) -> Array:
    """Return sqrt(E f^2) for functions on a grid."""
    return np.asarray(np.sqrt(np.einsum("an,an->a", values, values)))


def unit(scale: Array) -> Array:
    """Return what to divide by: the scale, or 1 where it is zero."""
    return np.where(scale > 0, scale, 1.0)


def vanishes_at_ends(values: Array) -> bool:
    """Whether the grid reaches to where the weighted functions are nothing."""
    scale = root_mean_square(values)
    ends = np.abs(values[:, [0, -1]]).max(axis=1)
    return bool((np.isfinite(scale) & (ends <= 1e-15 * scale)).all())


def low_moments(line: Line, values: Array) -> Array:
    """Return sqrt(E f^2) and the first coefficients, of shape (9, variances)."""
    with np.errstate(invalid="ignore"):
        low = next(hermite_blocks(line, 8)) @ values.T
    return np.vstack([root_mean_square(values), low])


def largest_change(before: Sequence[Array], after: Sequence[Array]) -> float:
    """Return the largest difference of low moments, relative to sqrt(E f^2)."""
    pairs = zip(before, after, strict=True)
    with np.errstate(invalid="ignore"):
        changes = [np.max(abs(b - a) / unit(b[0]), initial=0) for a, b in pairs]
    largest = float(np.max(changes))
    return largest if np.isfinite(largest) else np.inf


def single_series(family: Family, tolerance: float) -> tuple[Array, float, Array]:
    """Integrate one function: see `single_moment`.

    Returns:
        The expectations, a bound of their error relative to sqrt(E f^2), or to what the
        change from a coarser grid says where that is less, and this size.
    """
    line, (values,), error = settle([family], tolerance)
    if not np.isfinite(error):
        return np.full(len(values), np.nan), np.inf, np.ones(len(values))
    found = values @ line.root_weights
    bound, size = error + ROUNDING, root_mean_square(values)
    few = np.flatnonzero(np.abs(found) < 1e-3 * size)
    if len(few):
        rest = family[few]
        finer = line.finer()
        again = rest.on(finer) * finer.root_weights
        change = np.abs(again.sum(axis=1) - found[few])
        own = 3 * change + ROUNDING * np.abs(again).sum(axis=1)
        size[few] = np.minimum(size[few], own / bound)
    return found, bound, size


def single_moment(
    f: Function,
    q: Array,
    m: Array | None = None,
    constants: Sequence[Array] = (),
    tolerance: float = TOLERANCE,
) -> tuple[Array, float]:
    """Integrate f over Gaussians of variances q and means m.

    Args:
        f: A smooth function of an array and of constants.
        q: Variances, of shape (A,).
        m: Means, 0 by default.
        constants: What f takes behind its argument, each of shape () or (A,).
        tolerance: How fine a grid is chosen, relative to sqrt(E f^2).

    Returns:
        E f(m + sqrt(q) z), and a bound of its error: about 1e-14 sqrt(E f^2) at its
        largest, far more where f is not smooth, infinite where E f^2 seems to be.
    """
    found, error, sizes = single_series(Family.of(f, q, m, constants), tolerance)
    return found, error * float(np.max(sizes, initial=0))
