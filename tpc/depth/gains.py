"""What a round adds to covariances, k(q, q', C), with the derivatives that training asks for.

All are found from the map of the round, F = C + k and dF/dC = 1 + k1, at states nearby. Functions
with kinks are not smooth at correlation 1: along a fixed correlation they are, and so

    k2 = (dk/ds - C k1) / q,    k12 = (dk1/ds - C k11) / q,    q -> s^2 q, C -> s C at s = 1,

by Stein's lemma. k11 is a difference over the angle.
"""

from dataclasses import dataclass

import numpy as np

from tpc.depth.rounds import Moments, Pairs, StageMap, TileInputs
from tpc.kernels.plan import Array

STEP = 1e-4
"""Of differences, whose errors are of its square."""


@dataclass(frozen=True, slots=True)
class Gains:
    """k and its derivatives for pairs, rows x columns."""

    k: Array
    k1: Array
    k11: Array
    k2: Array
    k12: Array


@dataclass(frozen=True, slots=True)
class Gain:
    """The map of a round of a network of finite depth, of states without constant axes."""

    round: StageMap

    def at(self, rows: Array, columns: Array, second: Array, first: int) -> Gains:
        """Return k and its derivatives.

        Args:
            rows: Variances q.
            columns: Variances q'.
            second: C.
            first: The column that is the first row.
        """
        scale = np.sqrt(rows[:, None] * columns)
        angle = np.arccos(np.clip(second / scale, -1, 1))
        angle[np.arange(len(rows)), first + np.arange(len(rows))] = 0
        step = np.minimum(STEP, np.minimum(angle, np.pi - angle) / 2)
        step[step <= 0] = STEP
        variants = [(1.0, angle), (1.0, angle + step), (1.0, np.abs(angle - step)),
                    (1 + STEP, angle), (1 - STEP, angle)]  # fmt: skip
        grown = np.concatenate([s**2 * rows for s, _ in variants])
        mixed = np.concatenate([s * scale * np.cos(theta) for s, theta in variants])
        k, k1 = self._of(grown, columns, mixed, first)
        k, k1 = (x.reshape(len(variants), *second.shape) for x in (k, k1))
        sine = np.maximum(np.sin(angle), np.finfo(float).tiny)
        k11 = -(k1[1] - k1[2]) / (2 * step) / (sine * scale)
        k11[angle == 0] = 0  # of equal kets alone, which training never asks for
        q = rows[:, None]
        k2 = ((k[3] - k[4]) / (2 * STEP) - second * k1[0]) / q
        k12 = ((k1[3] - k1[4]) / (2 * STEP) - second * k11) / q
        return Gains(k[0], k1[0], k11, k2, k12)

    def _of(
        self, rows: Array, columns: Array, second: Array, first: int
    ) -> tuple[Array, Array]:  # fmt: skip
        shape, count = self.round.pairs.shapes, len(rows) // 5
        assert not shape["covariance"]
        own = np.arange(count)
        state = Pairs(Moments(None, rows), Moments(None, columns), second, np.zeros_like(second))
        nothing = (np.zeros((len(rows), 0)), np.zeros((len(columns), 0)))
        found = self.round.of(state, TileInputs(*nothing, (own, first + own))).pairs
        return found["covariance"] - second, found["passed"] - 1
