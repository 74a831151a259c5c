"""Smooth functions of Gaussians: samples on a line, Hermite polynomials, E f(u).

Input: a smooth function f, variances q, means m, constants that f takes behind its argument.
Output: expectations and their errors. For standard normal z and orthonormal Hermite
polynomials h_n,

    f(m + sqrt(q) z) = sum_n a_n h_n(z),    a_n = E f(m + sqrt(q) z) h_n(z).

Expectations are trapezoid sums, whose error is exponentially small in 1/step where f is
analytic. They need fewer nodes than Gauss-Hermite rules, most of whose nodes lie beyond
where f(z)^2 phi(z) counts. Grids are split where f says that it has kinks. Two grids are compared
and the difference gives the error, which stays large where f has others or jumps.
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

SINGLE_NODES, SINGLE_VALUES = (2**17, 2**20), 2**22
"""Where one function is integrated alone, both may be more, and all values so many."""

LOOKED, LOOKED_CLOSELY = 3000, 2**14
"""How many nodes look for what a grid has overlooked, and for a function that is alone."""

RECENT = 4
"""How many refinements say how far off sums are that do not settle: the step becomes a quarter."""

PEAKS = np.linspace(-5, 5, 41)
"""Arguments at which functions have their peaks."""


@dataclass(frozen=True)
class Line:
    """A uniform grid for a standard normal z, with trapezoid weights."""

    step: float
    reach: float

    patience = 1.0
    """How many times as many terms series on it may have."""

    def __getitem__(self, chosen: slice) -> Line:
        """Return the grid of some members, which all have the same."""
        return self

    def step_for(self, orders: int) -> float:
        """Return the step that resolves Hermite polynomials up to a degree."""
        return self.step

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
    """f(m + sqrt(q) z, s) for arrays of variances q, means m and constants s.

    Attributes:
        f: The function.
        root: The roots of the variances, of shape (members,).
        mean: The means.
        constants: What f takes behind its argument.
    """

    f: Function
    root: Array
    mean: Array
    constants: tuple[Array, ...]

    splits = False
    """Whether grids are split at kinks."""

    @staticmethod
    def of(
        f: Any,
        q: Array,
        m: Array | None = None,
        constants: Sequence[Array] = (),
    ) -> Family:
        """Take variances; those below zero by rounding count as zero.

        Functions with kinks make families of their own.
        """
        root = np.sqrt(np.maximum(np.asarray(q, dtype=float), 0))
        mean = np.zeros_like(root) if m is None else np.asarray(m, dtype=float)
        spread = (np.broadcast_to(constant, root.shape) for constant in constants)
        make = f.family if hasattr(f, "kinks") else Family
        family: Family = make(f, root, mean, tuple(spread))
        return family

    def equals(self, other: Family) -> bool:
        """Whether functions and Gaussians are the same."""
        if self.f != other.f:
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

    def is_rounding(self) -> bool:
        """Whether rounding hides what functions are like where grids are split."""
        return False

    def line(self, step: float, reach: float) -> Line:
        """Return a grid for all members."""
        return Line(step, reach)

    def alike(self, other: Family) -> Family:
        """Return another family with grids that are split if those of this one are."""
        return other

    def moment_with(self, other: Family, rho: float) -> tuple[float, float] | None:
        """Return E f(u) g(w) of single members and its error, if grids are split."""
        return None

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
                high, low = around.max(axis=1) + room, around.min(axis=1) - room
                if (np.isfinite(found) & ((found > high) | (found < low))).any():
                    return True
        return False

    def on(self, line: Line) -> Samples:
        """Return the functions on a grid."""
        z, root_weights = line.z, line.root_weights
        values = np.empty((len(self.root), z.shape[-1]))
        rows = max(1, 2**16 // z.shape[-1])
        with np.errstate(all="ignore"):
            for start in range(0, len(self.root), rows):
                block = slice(start, start + rows)
                own = block if z.ndim > 1 else slice(None)
                values[block] = self[block](z[own])
                values[block] *= root_weights[own]
        return Samples(self, line, root_weights, values)


@dataclass(frozen=True)
class Samples:
    """Functions on a grid.

    Attributes:
        family: The functions.
        line: The grid.
        root_weights: Those of the grid.
        values: The functions times the root weights, of shape (variances, nodes).
    """

    family: Family
    line: Line
    root_weights: Array
    values: Array

    def __getitem__(self, chosen: slice) -> Samples:
        line, weights = self.line[chosen], self.root_weights
        if weights.ndim > 1:
            weights = weights[chosen]
        return Samples(self.family[chosen], line, weights, self.values[chosen])

    def resolving(self, orders: int) -> Samples:
        """Return the same on a grid that resolves Hermite polynomials up to a degree."""
        step = self.line.step_for(orders)
        if self.line.step <= step:
            return self
        return self.family.on(self.family.line(step, self.line.reach))

    @property
    def sizes(self) -> Array:
        """The roots of E f^2."""
        return np.asarray(np.sqrt(np.einsum("an,an->a", self.values, self.values)))

    @property
    def means(self) -> Array:
        """E f."""
        if self.root_weights.ndim == 1:
            return np.asarray(self.values @ self.root_weights)
        return np.asarray((self.values * self.root_weights).sum(axis=1))

    def coefficients(self, basis: Array) -> Array:
        """Return E f h_n of functions on the same grid, of shape (orders, variances)."""
        if basis.ndim == 2:
            return np.asarray(basis @ self.values.T)
        return np.asarray(np.einsum("nai,ai->na", basis, self.values))

    def vanish_at_ends(self) -> bool:
        """Whether the grid reaches to where the weighted functions are nothing."""
        ends = np.abs(self.values[:, [0, -1]]).max(axis=1)
        sizes = self.sizes
        return bool((np.isfinite(sizes) & (ends <= 1e-15 * sizes)).all())

    def low_moments(self) -> Array:
        """Return sqrt(E f^2) and the first coefficients, of shape (9, variances)."""
        with np.errstate(invalid="ignore"):
            low = self.coefficients(next(hermite_blocks(self.line, 8)))
        return np.vstack([self.sizes, low])


def hermite_blocks(
    line: Line,
    size: int,
    most: int = 256,
) -> Iterator[Array]:
    """Yield h_n times the root weights, the first `size` orders n, then ever more, up to `most`.

    The recurrence sqrt(n + 1) h_(n+1) = z h_n - sqrt(n) h_(n-1) is stable upwards.
    """
    z, current = line.z, line.root_weights
    before, n = np.zeros_like(z), 0
    while True:
        block = np.empty((size, *z.shape))
        for row in block:
            row[:] = current
            following = (z * current - np.sqrt(n) * before) / np.sqrt(n + 1)
            before, current, n = current, following, n + 1
        yield block
        size = min(2 * size, most)


def settle(
    families: Sequence[Family],
    tolerance: float = TOLERANCE,
) -> tuple[list[Samples], float]:
    """Find a grid that resolves all functions to a tolerance.

    Returns:
        The functions on it, and an error relative to sqrt(E f^2): three times the largest
        change of a few moments from a grid sqrt(2) times as coarse, so that it holds even
        where convergence is of first order.
    """
    for family in tuple(families):
        families = [family.alike(each) for each in families]
    step, reach = FIRST_STEP, FIRST_REACH
    probes = [family.probes() for family in families]
    hidden = any(family.is_rounding() for family in probes)

    def sampled(members: Sequence[Family]) -> list[Samples]:
        return [member.on(member.line(step, reach)) for member in members]

    samples = sampled(probes)
    while reach < MOST_REACH and not all(each.vanish_at_ends() for each in samples):
        reach *= 1.25
        samples = sampled(probes)
    moments = [each.low_moments() for each in samples]
    error, most = np.inf, most_nodes(families, MOST_NODES, SINGLE_NODES[0])
    if hidden:
        return sampled(families), error
    errors: list[float] = []
    while error > tolerance and max(each.values.shape[1] for each in samples) <= most:
        step, before = step / np.sqrt(2), moments
        samples = sampled(probes)
        moments = [each.low_moments() for each in samples]
        errors.append(3 * largest_change(before, moments))
        error = errors[-1]
        if error <= tolerance:
            error = max(error, overlooked(samples, moments, tolerance))
            most = most_nodes(families, PEAK_NODES, SINGLE_NODES[1])
    # At a jump sums wander with the grid, and two of them may agree by chance.
    if error > tolerance and not falls_fast(errors):
        error = max(error, *errors[-RECENT:])
    return sampled(families), error


def falls_fast(errors: Sequence[float]) -> bool:
    """Whether the last two steps took off more than they do at kinks, where half is usual."""
    return len(errors) > 2 and errors[-1] < errors[-2] / 8 < errors[-3] / 64


def most_nodes(families: Sequence[Family], many: int, alone: int) -> int:
    """Return how many nodes a grid may have, more where one function is alone."""
    if len(families) > 1:
        return many
    return max(many, min(alone, SINGLE_VALUES // max(1, len(families[0].root))))


def overlooked(
    samples: Sequence[Samples],
    moments: Sequence[Array],
    tolerance: float,
) -> float:
    """Return the error by what a much finer grid sees of functions and the grid does not.

    Two grids agree where a peak stands between the nodes of both. A function of a Gaussian
    of huge variance may have one near 0 that is too narrow for any grid: the error is
    infinite then.
    """
    error = 0.0
    for each, known in zip(samples, moments, strict=True):
        step, reach = min(each.line.step, 2 * each.line.reach / LOOKED), each.line.reach
        chosen = spread_out(len(each.values), 16)
        few = each.family[chosen]
        plain = Line(step, reach)
        if few.hides_peaks(plain, few.on(plain).values):
            return np.inf
        if len(samples) == len(few.root) == 1:
            closely = few.on(few.line(min(step, 2 * reach / LOOKED_CLOSELY), reach))
            known, finer = known[:2], np.vstack([closely.sizes, closely.means])
        else:
            finer = few.on(few.line(step, reach)).low_moments()
        change = largest_change([known[:, chosen]], [finer])
        error = max(error, 3 * change)
    return error if error > 10 * tolerance else 0.0


def spread_out(count: int, most: int) -> Indices:
    """Return at most so many indices, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def unit(scale: Array) -> Array:
    """Return what to divide by: the scale, or 1 where it is zero."""
    return np.where(scale > 0, scale, 1.0)


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
    (samples,), error = settle([family], tolerance)
    if not np.isfinite(error):
        return (
            np.full(len(samples.values), np.nan),
            np.inf,
            np.ones(len(samples.values)),
        )
    found, size = samples.means, samples.sizes
    bound = error + ROUNDING
    few = np.flatnonzero(np.abs(found) < 1e-3 * size)
    if len(few):
        rest = samples.family[few]
        again = rest.on(rest.line(samples.line.step / np.sqrt(2), samples.line.reach))
        change = np.abs(again.means - found[few])
        absolute = np.abs(again.values * again.root_weights).sum(axis=1)
        own = 3 * change + ROUNDING * absolute
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
