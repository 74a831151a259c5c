"""Outputs as functions of the averages that are estimated, where these are bent.

With s the averages of a program, s_r those of replicate r, P their mean and e its error, an output
f(s) is estimated by the mean of f(s_r). Where f is smooth, that is f(P) and little more. Where the
excess of the mean of f(s_r) over f(P) is as large as the error, f may be a square at its least
value, as a covariance is of averages that are sure of it. Then the excess for half of s_r - P is a
quarter of it, and it is taken off: f(P) has 1 / (R - 1) of it too much. Else a kink, jump or pole
is near: the value is f(P) and its error the range of f over P - 5/4 e ... P + 5/4 e, or part of
that over more. So f is computed with averages pinned, on few nodes: they change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tpc.runtime.arrays import Array, Outputs
from tpc.runtime.standard_errors import standard_error


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
    found: Sequence[Outputs],
    values: Outputs,
    errors: Outputs,
    plain: bool,
) -> tuple[Outputs, Outputs]:
    """Return values and errors, those that are bent as functions of the mean averages.

    Args:
        limit: Computes the outputs with averages pinned.
        averages: Those of every replicate.
        found: The outputs of every replicate.
        values: The means of all outputs over replicates.
        errors: Their errors.
        plain: Whether the values have the excess: no bias has been taken off them.
    """
    middle = [np.asarray(np.mean(each, axis=0)) for each in zip(*averages, strict=True)]
    centre = limit(middle)
    whole = steps_from(centre, found)
    excess = {key: steps.mean(axis=0) for key, steps in whole.items()}
    large = {
        key: (np.abs(mean) > EXCESS[0] * errors[key]) & (errors[key] > 0)
        for key, mean in excess.items()
    }
    if not any(of_key.any() for of_key in large.values()):
        return values, errors
    halfway = []
    for each in averages:
        halfway.append(limit([(m + s) / 2 for m, s in zip(middle, each, strict=True)]))
    half = steps_from(centre, halfway)
    bent = {}
    for key, mean in excess.items():
        is_large = np.abs(mean) > EXCESS[1] * errors[key]
        allowed = np.where(is_large, SMOOTH[1], SMOOTH[0])
        bent[key] = np.abs(half[key].mean(axis=0) - mean / 4) > allowed * np.abs(mean)
    taken, stated = dict(values), dict(errors)
    if any((large[key] & bent[key]).any() for key in centre):
        reach = reach_of(limit, averages, middle, centre, errors)
        for key in centre:
            near = large[key] & bent[key]
            taken[key] = np.where(near, centre[key], values[key])
            stated[key] = np.where(near, reach[key], errors[key])
    for key in centre if plain else ():
        smooth, too_much = large[key] & ~bent[key], excess[key] / (len(averages) - 1)
        linear = standard_error(4 * half[key] - whole[key], np.empty(0))
        taken[key] = np.where(smooth, centre[key] - too_much, taken[key])
        error = np.hypot(linear, np.sqrt(2) * too_much)
        stated[key] = np.where(smooth, error, stated[key])
    return taken, stated


def reach_of(
    limit: Callable[[Sequence[Array]], Outputs],
    averages: Sequence[Sequence[Array]],
    middle: Sequence[Array],
    centre: Outputs,
    errors: Outputs,
) -> Outputs:
    """Return how far outputs are from f(P) within the errors of the averages."""
    squares = {key: np.zeros(np.shape(value)) for key, value in centre.items()}
    rng = np.random.default_rng(0)
    for _ in range(DIRECTIONS):
        signs = rng.choice([-1.0, 1.0], len(averages))
        moves = [error_along(signs, each) for each in zip(*averages, strict=True)]
        reach = {key: errors[key] for key in centre}
        for part, weight in PARTS:
            for sign in (part, -part):
                pairs = zip(middle, moves, strict=True)
                for key, found in limit([m + sign * move for m, move in pairs]).items():
                    off = np.where(np.isfinite(found), np.abs(found - centre[key]), 0)
                    reach[key] = np.maximum(reach[key], weight * off)
        squares = {key: squares[key] + reach[key] ** 2 / DIRECTIONS for key in centre}
    return {key: np.sqrt(found) for key, found in squares.items()}


def steps_from(centre: Outputs, found: Sequence[Outputs]) -> Outputs:
    """Return how far the outputs of every replicate are from f(P)."""
    steps: Outputs = {}
    for key, value in centre.items():
        steps[key] = np.array([outputs[key] for outputs in found]) - value
    return steps


def error_along(signs: Array, replicates: Sequence[Array]) -> Array:
    """Return the error of the mean of replicates, with signs that go along with theirs."""
    every = np.asarray(replicates)
    off = np.tensordot(signs, every - every.mean(axis=0), 1)
    error = np.std(every, axis=0, ddof=1) / np.sqrt(len(every))
    return np.asarray(error * np.sign(off))


EXCESS, SMOOTH = (0.15, 0.5), (0.08, 0.01)
"""Which part of an error the excess is where something has to be done, and where it is large; how
far the excess for half of s_r - P may be from a quarter of it, where it is not large and where it
is."""

DIRECTIONS = 4
"""In how many directions averages are moved together."""

PARTS = (
    (0.2, 1), (0.4, 1), (0.6, 1), (0.8, 1), (1, 1), (1.25, 1),
    (1.6, 0.7), (2, 0.6), (2.5, 0.55),
)  # fmt: skip
"""By which parts of their errors, and how much of the change counts."""

FEW_NODES = 64
"""On how many nodes outputs are computed with averages pinned."""
