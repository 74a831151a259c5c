"""E f(u) g(w) summed over a plane, where a series has too few digits.

A series is precise relative to sqrt(E f^2 E g^2). That may be far more than E |f g|, as for
exp(6 u) and tanh(w), and sums over independent z and t of

    f(m + sqrt(q) z) g(m' + sqrt(q') (rho z + sqrt(1 - rho^2) t))

are precise relative to E |f g|.
"""

from __future__ import annotations

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.hermite import FIRST_REACH, MOST_REACH, Family, Line


def plane_moment(f: Family, g: Family, rho: float) -> tuple[float, float]:
    """Integrate f(u) g(w) for families of one member.

    Returns:
        The expectation, and its error by the change from a coarser grid; infinite where no
        grid reaches to where the integrand vanishes.
    """
    f = g.alike(f)
    found = f.moment_with(g, rho)
    if found is not None:
        return found
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
