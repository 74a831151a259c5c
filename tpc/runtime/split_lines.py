"""Grids that are split where functions of a standard normal z have kinks, jumps or branch points.

Between two neighbours a < b of the points -reach, kinks, reach, nodes are equally spaced in t, with

    z = a + log((1 + e^s) / (1 + e^(s - b + a))),    s = t - e^(-t) + e^(t - b + a),

which is near t + a in between and comes to a kink doubly exponentially, so that sums converge
exponentially for functions that are analytic between the kinks, whatever they are like there
(the double exponential formulas of Takahasi and Mori).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.hermite import Line


@dataclass(frozen=True)
class SplitLine(Line):
    """A grid for a standard normal z that is split at some places.

    Nodes are `SPLIT_STEP` times as far apart as on a uniform grid of the same step.

    Attributes:
        nodes: Of shape (nodes,) or, where members differ, (members, nodes).
        roots: The roots of their weights.
    """

    nodes: Array
    roots: Array

    @staticmethod
    def of(places: Array, step: float, reach: float) -> SplitLine:
        """Make the grids of members, or one where all are split at the same places."""
        few = places[:1] if (places == places[:1]).all() else places
        inner = np.sort(np.where(np.abs(few) < reach, few, 0), axis=1)
        far = np.full((len(few), 1), reach)
        ends = np.concatenate([-far, inner, far], axis=1)
        last = ends.shape[1] - 2
        panels = [
            panel(ends[:, i], ends[:, i + 1], SPLIT_STEP * step, (i > 0, i < last))
            for i in range(last + 1)
        ]
        z, shares = (np.concatenate(part, axis=1) for part in zip(*panels, strict=True))
        roots = np.sqrt(shares / np.sqrt(2 * np.pi)) * np.exp(-(z**2) / 4)
        if len(z) == 1:
            z, roots = z[0], roots[0]
        return SplitLine(step, reach, z, roots)

    @property
    def z(self) -> Array:
        """The nodes."""
        return self.nodes

    @property
    def root_weights(self) -> Array:
        """The roots of the weights."""
        return self.roots

    @property
    def patience(self) -> float:  # type: ignore[override]
        """How many times as many terms series have: few where each member has its own basis."""
        return 0.25 if self.nodes.ndim > 1 else 4.0

    def __getitem__(self, chosen: slice) -> SplitLine:
        """Return the grids of some members."""
        if self.nodes.ndim == 1:
            return self
        return SplitLine(self.step, self.reach, self.nodes[chosen], self.roots[chosen])

    def step_for(self, orders: int) -> float:
        """Return the step that resolves Hermite polynomials up to a degree.

        These oscillate with the frequency sqrt(n), and what functions of t have beside
        them is nothing at frequencies from 23 on.
        """
        finest = 2 * np.pi / (23 + np.sqrt(orders)) / SPLIT_STEP
        return float(min(self.step, finest))


SPLIT_STEP = 0.6
"""How much finer split grids are than uniform ones: nodes crowd at kinks."""


def panel(
    a: Array,
    b: Array,
    step: float,
    graded: tuple[bool, bool],
) -> tuple[Array, Array]:
    """Return nodes between two points and their weights, for every member.

    Args:
        a: The left points, of shape (members,).
        b: The right points.
        step: The largest step in t.
        graded: Whether nodes come to the left and to the right points, else they end there.
    """
    if graded == (False, True):
        z, shares = panel(-b, -a, step, (True, False))
        return -z[:, ::-1], shares[:, ::-1]
    length = (b - a)[:, None]
    if not graded[1]:  # the same nodes behind every point
        length = np.max(length, axis=0, keepdims=True)
    before, behind = (GRADED if end else 0.0 for end in graded)
    count = int(np.ceil((np.max(length) + before + behind) / step))
    spacing = (length + before + behind) / count
    t = np.arange(count + 1) * spacing - before
    if not any(graded):
        return a[:, None] + t, np.broadcast_to(spacing, t.shape)
    whole = length if graded[1] else np.inf
    rising, falling = np.exp(-t), np.exp(t - whole)
    size = np.exp(t - rising + falling)
    above, below = -np.expm1(-whole) * size, 1 + np.exp(-whole) * size
    from_a = np.log1p(above / below)
    shares = spacing * (1 + rising + falling) * above / (below * (1 + size))
    if not graded[1]:
        return a[:, None] + from_a, np.broadcast_to(shares, (len(a), count + 1))
    from_b = from_a[:, ::-1]
    return np.where(from_a < from_b, a[:, None] + from_a, b[:, None] - from_b), shares


GRADED = 4.6
"""How far t goes past a kink: nodes come as near to it as exp(-exp(4.6)), which is 1e-43."""


def kink_places(
    kinks: Callable[..., Sequence[Array]],
    root: Array,
    mean: Array,
    constants: Sequence[Array],
    reach: float,
) -> tuple[Array, Array]:
    """Return where functions of m + sqrt(q) z, with constants, change their signs.

    Args:
        kinks: The functions.
        root: The roots of variances, of shape (members,).
        mean: Means, and below constants, alike.
        constants: What the functions take besides.
        reach: How far z goes.

    Returns:
        The places in z, of shape (members, most places), filled up with 0, and how far around
        each the function is 0 for rounding alone, as log(1 + z^2) is near 0.
    """

    def at(z: Array, members: Any) -> list[Array]:
        known = [constant[members][:, None] for constant in constants]
        x = mean[members][:, None] + root[members][:, None] * z
        return [np.broadcast_to(value, x.shape) for value in kinks(x, *known)]

    with np.errstate(all="ignore"):
        near = (ARGUMENTS - mean[:, None]) / root[:, None]
        near = np.clip(np.where(np.isfinite(near), near, 0), -reach, reach)
        even = np.tile(np.linspace(-reach, reach, SEARCHED), (len(root), 1))
        z = np.sort(np.concatenate([even, near], axis=1), axis=1)
        found: list[dict[float, float]] = [{} for _ in root]
        for which, values in enumerate(at(z, slice(None))):
            signs = np.sign(values)
            still = np.zeros((len(root), 1))
            moved = np.concatenate([still, np.abs(np.diff(signs)), still], axis=1)
            single = (signs == 0) & (moved[:, :-1] + moved[:, 1:] > 0)
            members, k = np.nonzero(signs[:, 1:] * signs[:, :-1] < 0)
            low, high, sign = z[members, k], z[members, k + 1], signs[members, k]
            for _ in range(HALVINGS if len(members) else 0):
                middle = (low + high) / 2
                same = np.sign(at(middle[:, None], members)[which][:, 0]) == sign
                low, high = np.where(same, middle, low), np.where(same, high, middle)
            everyone = np.concatenate([np.nonzero(single)[0], members])
            places = np.concatenate([z[single], (low + high) / 2])
            around = (places[:, None] + side * RADII for side in (-1, 1))
            zero = [at(near, everyone)[which] == 0 for near in around]
            radii = np.max([hidden_radii(each) for each in zero], axis=0)
            for member, place, radius in zip(everyone, places, radii, strict=True):
                known = found[member]
                known[place] = max(radius, known.get(place, 0.0))
    most = min(max(map(len, found), default=0), MOST_KINKS)
    rows = np.zeros((2, len(root), most))
    for member, known in enumerate(found):
        for column, place in enumerate(sorted(known)[:most]):
            rows[:, member, column] = place, known[place]
    return rows[0], rows[1]


def hidden_radii(zero: Array) -> Array:
    """Return the radii up to which functions are 0, none where they are at the largest, too."""
    return np.where(zero[:, -1], 0, 2 * (zero * RADII).max(axis=1))


RADII = 2.0 ** np.arange(-60, -19)
"""How far around a kink functions may be 0 for rounding."""

SEARCHED, ARGUMENTS = 801, np.linspace(-8, 8, 129)
"""Between how many nodes and between which arguments kinks are looked for."""

HALVINGS, MOST_KINKS = 64, 48
"""How often what holds a kink is halved; how many kinks a function may have."""
