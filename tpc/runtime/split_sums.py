"""E f(u) and E f(u) g(w) where functions have kinks: sums over grids that are split there.

With w = rho z + s t, s^2 = 1 - rho^2, the plane of z and t is cut along the lines z = a and
rho z + s t = b, at which f and g have their kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.hermite import MOST_REACH, Family, Line, Samples
from tpc.runtime.plane_sums import MOST_ON_SIDE
from tpc.runtime.split_lines import SplitLine, kink_places


@dataclass(frozen=True)
class Kinked:
    """A function with kinks or jumps, of an array and of constants.

    Attributes:
        f: The function.
        kinks: Functions of the same; f has its kinks where one of them changes its sign.
    """

    f: Callable[..., Array]
    kinks: Callable[..., Sequence[Array]]

    def __call__(self, *given: Array) -> Array:
        """Return the values of f."""
        return self.f(*given)

    def family(
        self,
        f: Kinked,
        root: Array,
        mean: Array,
        constants: tuple[Array, ...],
    ) -> SplitFamily:
        """Return the function for arrays of variances, means and constants."""
        places, hidden = kink_places(self.kinks, root, mean, constants, MOST_REACH)
        hidden = np.maximum(hidden, UNRESOLVED * np.abs(places))
        return SplitFamily(f, root, mean, constants, places, hidden)


@dataclass(frozen=True)
class SplitFamily(Family):
    """A family with grids that are split, maybe for the sake of another.

    Attributes:
        places: Where they are, of shape (members, kinks).
        hidden: How far around each rounding hides on which side a node is.
    """

    places: Array
    hidden: Array

    splits = True

    def is_rounding(self) -> bool:
        """Whether cancellation hides what functions are like at a place, as (cos z - 1) / z^2.

        Where z doubles on the way to a place, changes of f become smaller, until rounding grows.
        """
        sides = [(place, side) for place in self.places.T for side in (-1, 1)]
        for place, side in sides:
            near = place[:, None] + side * APPROACH
            with np.errstate(all="ignore"):
                values = self(near)
                changes = np.abs(np.diff(values, axis=1))
                least = np.minimum.accumulate(changes, axis=1)
                behind = np.logical_or.accumulate(changes > 4 * least, axis=1)
                lowest = np.where(behind, np.inf, least).min(axis=1)
                smooth = lowest <= 1e-3 * changes[:, 0]
                noise = np.max(behind * changes * APPROACH[1:], axis=1)
                if (smooth & (noise > 1e-13 * np.abs(values).max(axis=1))).any():
                    return True
        return False

    def __getitem__(self, chosen: Any) -> SplitFamily:
        """Return some members."""
        constants = tuple(constant[chosen] for constant in self.constants)
        law = self.root[chosen], self.mean[chosen], constants
        return SplitFamily(self.f, *law, self.places[chosen], self.hidden[chosen])

    def __call__(self, z: Array) -> Array:
        """Return f for each member, that of nodes hidden by rounding from those around."""
        for k in np.flatnonzero(self.hidden.any(axis=0)):
            place, radius = self.places[:, k, None], self.hidden[:, k, None]
            off = z - place
            z = np.where(np.abs(off) < radius, place + np.copysign(radius, off), z)
        return super().__call__(z)

    def line(self, step: float, reach: float) -> Line:
        """Return a grid for all members."""
        return SplitLine.of(self.places, step, reach)

    def on(self, line: Line) -> Samples:
        """Return the functions on a grid."""
        samples = super().on(line)
        without_poles(samples.values, samples.root_weights)
        return samples

    def alike(self, other: Family) -> Family:
        """Return another family with grids that are split."""
        if isinstance(other, SplitFamily):
            return other
        none = np.empty((len(other.root), 0))
        law = other.root, other.mean, other.constants
        return SplitFamily(other.f, *law, none, none)

    def moment_with(self, other: Family, rho: float) -> tuple[float, float]:
        """Return E f(u) g(w) of single members and its error."""
        g = self.alike(other)
        assert isinstance(g, SplitFamily)
        places = self.places[0], g.places[0]
        return split_plane(lambda z, w: self(z) * g(w), *places, rho)


APPROACH = 2.0 ** np.arange(-4, -61, -1)
"""How far from a place functions are looked at."""

UNRESOLVED = 2.0**-50
"""How near to a place, relative to it, nodes are on neither side of it."""


def without_poles(values: Array, root_weights: Array) -> None:
    """Drop what is not finite at nodes that round to a kink, whose weights are nothing."""
    values[~np.isfinite(values) & (root_weights < 1e-8)] = 0


def split_plane(
    function: Callable[[Array, Array], Array], a: Array, b: Array, rho: float
) -> tuple[float, float]:
    """Integrate a function of standard normals z and w with kinks at z in a and at w in b.

    Args:
        function: Of arrays that broadcast.
        a: Places, of shape (kinks,).
        b: Others likewise.
        rho: The correlation.

    Returns:
        The expectation, and its error by the change from a coarser grid.
    """
    step, reach, error, total = COARSE, NEAR, np.inf, np.nan
    if a.size * b.size > MOST_MEETINGS:
        return total, error
    values = split_values(function, a, b, rho, Line(step, reach))
    while (open_ended := not vanishes_around(values)) and reach < MOST_REACH:
        reach *= 1.25
        values = split_values(function, a, b, rho, Line(step, reach))
    if open_ended:
        return total, error
    total = float(values.sum())
    while values.size < MOST_ON_SIDE**2:
        step, before = step / np.sqrt(2), total
        values = split_values(function, a, b, rho, Line(step, reach))
        total, size = float(values.sum()), float(np.abs(values).sum())
        error = 3 * abs(total - before) + 4e-15 * size
        if error <= 3e-14 * size:
            break
    return total, error


def split_values(
    function: Callable[[Array, Array], Array],
    a: Array,
    b: Array,
    rho: float,
    line: Line,
) -> Array:
    """Return the weighted integrand on a grid that is split at all kinks.

    With w = rho z + s t, s^2 = 1 - rho^2, the rows are z where |rho| is small and the columns t,
    with kinks at t = (b - rho z) / s. Else the rows are t and the columns z, with kinks at z in a
    and at (b - s t) / rho, which meet at t = (b - rho a) / s. So sums over columns vary slowly.
    """
    narrow = float(np.sqrt((1 - rho) * (1 + rho)))
    crossed = abs(rho) > CROSSED
    meet = a
    if crossed:
        meet = np.subtract.outer(b, rho * a).ravel() if narrow > 0 else a[:0]
        meet = meet / narrow
    outer = SplitLine.of(meet[None], line.step, line.reach)
    x, shares = outer.z, outer.root_weights**2
    if narrow == 0:
        x, shares = np.zeros(1), np.ones(1)
    kinks = (b - np.multiply.outer(x, narrow if crossed else rho)[:, None]) / (
        rho if crossed else narrow
    )
    if crossed:
        kinks = np.concatenate([kinks, np.broadcast_to(a, (len(x), len(a)))], axis=1)
    inner = SplitLine.of(kinks, line.step, line.reach)
    x, y = x[:, None], inner.z if inner.z.ndim > 1 else inner.z[None]
    z, w = (y, rho * y + narrow * x) if crossed else (x, rho * x + narrow * y)
    roots = np.broadcast_to(inner.root_weights, (len(x), y.shape[1]))
    with np.errstate(all="ignore"):
        values = np.array(np.broadcast_to(function(z, w), roots.shape) * roots**2)
    without_poles(values, roots)
    values *= shares[:, None]
    return values


def vanishes_around(values: Array) -> bool:
    """Whether a weighted integrand is nothing at the ends of a grid."""
    size = np.abs(values)
    ends = size[[0, -1]].max() if len(size) > 1 else 0.0
    return bool(max(ends, size[:, [0, -1]].max()) <= 1e-16 * size.max())


MOST_MEETINGS = 100
"""Where kinks of both sides meet at more places the plane is not split: grids would be huge."""

COARSE, NEAR, CROSSED = 0.45, 9.0, 0.7
"""The first step and reach, and the correlation from which on sums over z are inside."""
