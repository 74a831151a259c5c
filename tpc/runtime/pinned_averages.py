"""Outputs as functions of the averages that are estimated, where these stand at a kink or a jump.

With s the averages of a program, s_r those of replicate r, P their mean and e its error, an output
f(s) is estimated by the mean of f(s_r). Where f is smooth, that is f(P) and little more. Where the
mean of f(s_r) - f(P) is as large as the error, a kink, jump or pole is near: then the value is f(P)
and its error the range of f over P - 5/4 e ... P + 5/4 e, or 0.55 of that over twice as much. So f
is computed with averages pinned, on few nodes, which change nothing then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tpc.runtime.arrays import Array, Outputs


class Averages:
    """The averages that a function takes, in their order; pinned ones have given values.

    Where outputs depend on nodes in other ways, by products with a matrix, `values` is None.
    """

    def __init__(self, pinned: Sequence[Array] | None = None) -> None:
        self.values: list[Array] | None = []
        self._pinned = pinned

    def next(self, found: Array) -> Array:
        """Record an average, and return its value."""
        if self.values is None:
            return found
        self.values.append(found)
        return found if self._pinned is None else self._pinned[len(self.values) - 1]


def at_kinks(
    limit: Callable[[Sequence[Array]], Outputs],
    averages: Sequence[Sequence[Array]],
    values: Outputs,
    errors: Outputs,
) -> tuple[Outputs, Outputs]:
    """Return values and errors, those at a kink as functions of the mean averages.

    Args:
        limit: Computes the outputs with averages pinned.
        averages: Those of every replicate.
        values: The means of all outputs over replicates.
        errors: Their errors.
    """
    count = len(averages)
    middle = [np.asarray(np.mean(each, axis=0)) for each in zip(*averages, strict=True)]
    centre = limit(middle)
    whole = excess_of(limit, averages, middle, centre, 1)
    large = {key: np.abs(whole[key]) > EXCESS[0] * errors[key] for key in centre}
    if not any((large[key] & (errors[key] > 0)).any() for key in centre):
        return values, errors
    half = excess_of(limit, averages, middle, centre, 0.5)
    near = {}
    for key, found in whole.items():
        bent = np.abs(half[key] - found / 4) > SMOOTH * np.abs(found)
        very = np.abs(found) > EXCESS[1] * errors[key]
        near[key] = large[key] & (errors[key] > 0) & (bent | very)
    squares = {key: np.zeros(np.shape(value)) for key, value in centre.items()}
    rng = np.random.default_rng(0)
    for _ in range(DIRECTIONS):
        signs = rng.choice([-1.0, 1.0], count)
        moves = [error_along(signs, each) for each in zip(*averages, strict=True)]
        reach = {key: errors[key] for key in centre}
        for part, weight in PARTS:
            for sign in (part, -part):
                pairs = zip(middle, moves, strict=True)
                for key, found in limit([m + sign * move for m, move in pairs]).items():
                    off = np.where(np.isfinite(found), np.abs(found - centre[key]), 0)
                    reach[key] = np.maximum(reach[key], weight * off)
        squares = {key: squares[key] + reach[key] ** 2 / DIRECTIONS for key in centre}
    reach = {key: np.sqrt(found) for key, found in squares.items()}
    taken = {key: np.where(near[key], centre[key], values[key]) for key in centre}
    return taken, {key: np.where(near[key], reach[key], errors[key]) for key in centre}


def excess_of(
    limit: Callable[[Sequence[Array]], Outputs],
    averages: Sequence[Sequence[Array]],
    middle: Sequence[Array],
    centre: Outputs,
    part: float,
) -> Outputs:
    """Return the mean of f(P + part (s_r - P)) - f(P); a smooth f has a quarter for a half."""
    found = []
    for each in averages:
        pairs = zip(each, middle, strict=True)
        found.append(limit([m + part * (s - m) for s, m in pairs]))
    return {
        key: np.mean([outputs[key] for outputs in found], axis=0) - value
        for key, value in centre.items()
    }


def error_along(signs: Array, replicates: Sequence[Array]) -> Array:
    """Return the error of the mean of replicates, with signs that go along with theirs."""
    every = np.asarray(replicates)
    off = np.tensordot(signs, every - every.mean(axis=0), 1)
    error = np.std(every, axis=0, ddof=1) / np.sqrt(len(every))
    return np.asarray(error * np.sign(off))


EXCESS, SMOOTH = (0.15, 0.5), 0.08
"""Which part of an error the mean of f(s_r) - f(P) has where a kink may be near, and where it is in
any case; how far the same for half of s_r - P is from a quarter of it where f is not smooth."""

DIRECTIONS = 4
"""In how many directions averages are moved together."""

PARTS = ((0.3, 1), (0.6, 1), (0.9, 1), (1.25, 1), (1.6, 0.55), (2, 0.55), (2.5, 0.55))
"""By which parts of their errors, and how much of the change counts."""

FEW_NODES = 64
"""On how many nodes outputs are computed with averages pinned."""
