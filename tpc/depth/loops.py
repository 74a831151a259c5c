"""A loop over a depth, ready for inputs: the kernels of tiles of pairs, and their errors.

Where states are nearly collinear, the angle between them has lost digits, and kernels with kinks
know it: these pairs are computed again from a covariance that is off by its last bits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

import numpy as np

from tpc.depth.course import Course, course, vertex_times
from tpc.depth.flow import flowed
from tpc.depth.plane_limit import MOST, OF_PATHS, TOLERANCE, midpoint_kernels, plane_limits
from tpc.depth.planes import plane_kernels
from tpc.depth.recursion import after_round, before_loop, behind_loop
from tpc.depth.rounds import Equal, Pairs, StageMap
from tpc.depth.verdict import DeepMaps
from tpc.kernels.plan import Array
from tpc.kernels.rounding import directions, equal_inputs

NEAR = 1 - 1e-5
"""The cosine of inputs whose states have lost digits of their angle."""

LAST_BITS = 2.0**-49
"""By how much a covariance is off."""


@dataclass(frozen=True, slots=True)
class ReadyLoop:
    """A network with a loop over its depth.

    Attributes:
        maps: Of its stages.
        rates: Of a round of infinitely many; None for a finite number.
        rounds: How many times the free depth there are; of no meaning where `rates` are given.
        tied: Whether rounds share their weights.
        path: Whether inputs are paths.
        read: After which part of all rounds the loop is left.
    """

    maps: DeepMaps
    rates: StageMap | None
    rounds: int
    tied: bool
    path: bool
    read: float

    @property
    def method(self) -> str:
        """How its kernels are computed."""
        return "recursion" if self.rates is None else "pde" if self.tied else "ode"

    def weight(self, rows: Array, columns: Array) -> int:
        """Return how many numbers there are for a pair of inputs, in units of a tile's."""
        entries = int(np.prod(self.maps.before.pairs.shapes["covariance"]))
        if not self.tied:
            return entries
        most = max(MOST, 4 * self._segments(rows, columns))
        count = self.rounds if self.rates is None else most
        return int(max(1, entries**2 * count**2 // 2**9))

    def kernels(self, rows: Array, columns: Array) -> tuple[Mapping[str, Array], dict[str, Array]]:
        """Return the kernels of a tile and what bounds their errors, (rows, columns) + e + e."""
        found, bound = self._kernels(rows, columns, 0.0)
        errors = {name: np.full_like(value, bound) for name, value in found.items()}
        i, j = _near(rows, columns)
        if len(i):
            (one, i_), (other, j_) = (np.unique(x, return_inverse=True) for x in (i, j))
            moved, _ = self._kernels(rows[one], columns[other], LAST_BITS)
            for name, value in found.items():
                errors[name][i, j] += np.abs(moved[name][i_, j_] - value[i, j])
        return found, errors

    def _kernels(
        self, rows: Array, columns: Array, off: float
    ) -> tuple[Mapping[str, Array], float]:
        """Return the kernels of a tile and a bound, from covariances that are off by a part."""
        first = self._over(rows, columns, np.array([0.0, 1.0])).start
        start = before_loop(self.maps.before, first, self.maps.mean)
        start = replace(start, covariance=start.covariance * (1 - off))
        run = self._planes if self.tied else self._rounds
        return run(rows, columns, start)

    def _over(self, rows: Array, columns: Array, times: Array) -> Course:
        return course(rows, columns, self.path, times)

    def _even(self, rows: Array, columns: Array, pieces: int) -> Course:
        total = pieces / self.read
        if self.rates is None:
            total = round(self.rounds * self.maps.ratio / self.read)
        return self._over(rows, columns, np.arange(pieces + 1) / total)

    def _segments(self, rows: Array, columns: Array) -> int:
        """Return of what the cells of a plane are a multiple, so that vertices are met."""
        if not self.path:
            return 1
        return lcm(*(side.shape[1] - 1 for side in (rows, columns))) * Fraction(self.read).numerator

    def _planes(
        self, rows: Array, columns: Array, start: Pairs
    ) -> tuple[Mapping[str, Array], float]:
        maps, rates = self.maps, self.rates
        if rates is None:
            count = round(self.rounds * maps.ratio)
            return plane_kernels(maps, self._even(rows, columns, count), start), start.error

        def at(cells: int) -> dict[str, Array]:
            inputs = self._even(rows, columns, cells)
            return midpoint_kernels(rates, maps.behind, inputs, start, maps.ratio)

        tolerance = OF_PATHS if self.path else TOLERANCE
        found, error = plane_limits(at, self._segments(rows, columns), tolerance)
        return found, start.error + error

    def _rounds(
        self, rows: Array, columns: Array, start: Pairs
    ) -> tuple[Mapping[str, Array], float]:
        maps, state = self.maps, start
        if self.rates is None:
            count = round(self.rounds * maps.ratio)
            given = self._even(rows, columns, count)
            for at in range(count):
                state = after_round(maps.round, state, given.at(at))
        else:
            given = self._over(rows, columns, vertex_times(rows, columns, self.path, self.read))
            state = flowed(self.rates, state, given, maps.ratio)
        return behind_loop(maps.behind, state, given.end)


def _near(rows: Array, columns: Array) -> Equal:
    """Return rows and columns of pairs that are nearly collinear, and not equal."""
    near = np.abs(directions(rows) @ directions(columns).T) > NEAR
    near[equal_inputs(rows, columns)] = False
    i, j = np.nonzero(near)
    return i, j
