"""E f(u) g(w) summed over a plane, where a series has too few digits.

A series is precise relative to sqrt(E f^2 E g^2). That may be far more than E |f g|, as for
exp(6 u) and tanh(w), and sums over independent z and t of

    f(m + sqrt(q) z) g(m' + sqrt(q') (rho z + sqrt(1 - rho^2) t))

are precise relative to E |f g|. Sums are split where either function has a kink.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.hermite import FIRST_REACH, MOST_REACH, Family, Line, without_poles
from tpc.runtime.split_lines import Kinked, SplitLine


def plane_moment(f: Family, g: Family, rho: float) -> tuple[float, float]:
    """Integrate f(u) g(w) for families of one member.

    Returns:
        The expectation, and its error by the change from a coarser grid; infinite where no
        grid reaches to where the integrand vanishes.
    """
    if isinstance(f.f, Kinked) or isinstance(g.f, Kinked):
        return split_moment(f, g, rho)
    line = Line(0.4, FIRST_REACH)
    while (values := on_plane(f, g, rho, line)) is None and line.reach < MOST_REACH:
        line = Line(line.step, 1.25 * line.reach)
    error = np.inf
    total = np.nan if values is None else float(values.sum())
    while values is not None and len(line.z) < MOST_ON_SIDE:
        size = float(np.abs(values).sum())
        line, before = line.finer(), total
        values = on_plane(f, g, rho, line)
        if values is None:
            break
        total = float(values.sum())
        error = 3 * abs(total - before) + 4e-15 * size
        if error <= 3e-14 * size:
            break
    return total, error


def on_plane(f: Family, g: Family, rho: float, line: Line) -> Array | None:
    """Return the weighted integrand on a grid, or None where it does not vanish at the ends."""
    z, weights = line.z, line.root_weights**2
    narrow = np.sqrt((1 - rho) * (1 + rho))
    across, shares = (z, weights) if narrow > 0 else (np.zeros(1), np.ones(1))
    with np.errstate(all="ignore"):
        left = (f(z[None])[0] * weights)[:, None]
        w = rho * z[:, None] + narrow * across
        values: Array = left * (g(w.reshape(1, -1)).reshape(w.shape) * shares)
    size = np.abs(values)
    ends = max(size[[0, -1]].max(), size[:, [0, -1]].max() if narrow > 0 else 0.0)
    return values if ends <= 1e-16 * size.max() else None


MOST_ON_SIDE = 800
"""Nodes on each side of a grid at most."""


def split_moment(f: Family, g: Family, rho: float) -> tuple[float, float]:
    """Integrate the same where functions have kinks: see `split_plane`."""
    f, g = f.split(), g.split()
    assert f.places is not None
    assert g.places is not None
    return split_plane(lambda z, w: f(z) * g(w), f.places[0], g.places[0], rho)


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


COARSE, NEAR, CROSSED = 0.45, 9.0, 0.7
"""The first step and reach, and the correlation from which on sums over z are inside."""
