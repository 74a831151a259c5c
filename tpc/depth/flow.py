"""The kernels of a network of infinite depth: its round as a flow of the moments of all pairs.

    dC/dtau = G(C),    dT/dtau = D(C)[T] + R(C),    tau from 0 to 1

where one round adds G / L to the covariance and R / L to the tangent kernel T, and passes on
1 + D / L of it. Variances of single inputs flow along with the pairs of a tile, on one sequence of
steps. Equal inputs have equations of their own: at correlation 1 a kernel with kinks is not smooth.

Reference:
    Hayou and Yang, Width and Depth Limits Commute in Residual Networks, 2023.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tpc.depth.course import Course
from tpc.depth.orders import RATE, term
from tpc.depth.recursion import passed_on
from tpc.depth.rounds import Moments, Pairs, StageMap, TileInputs
from tpc.kernels.plan import Array

RTOL = 1e-12
"""The tolerance of steps; errors are what a tenfold one changes."""


@dataclass(slots=True)
class Rates:
    """The right-hand sides for one tile, with the largest error of a series that they met."""

    round: StageMap
    inputs: TileInputs
    error: float = 0.0

    def of(self, state: Pairs) -> Pairs:
        """Return the derivative of a state."""
        found = self.round.of(state, self.inputs)
        self.error = max(self.error, found.error)
        passed = found.pairs.get(term("passed", RATE))
        tangent = _rate(found.pairs, "tangent", state.tangent)
        if passed is not None:
            tangent = tangent + passed_on(passed, state.tangent)
        return Pairs(
            _of_alike(found.rows, state.rows),
            _of_alike(found.columns, state.columns),
            _rate(found.pairs, "covariance", state.covariance),
            tangent,
        )


def _of_alike(found: Mapping[str, Array], state: Moments) -> Moments:
    mean = None if state.mean is None else _rate(found, "mean", state.mean)
    return Moments(mean, _rate(found, "covariance", state.covariance))


def _rate(found: Mapping[str, Array], name: str, like: Array) -> Array:
    rate = found.get(term(name, RATE))
    return np.zeros_like(like) if rate is None else rate


def flowed(round_: StageMap, start: Pairs, inputs: Course, end: float = 1) -> Pairs:
    """Return the states of a tile behind an infinitely deep loop.

    Args:
        round_: The round in powers of L, as `in_powers_of` writes its plans.
        start: The states before the loop.
        inputs: The inputs, which rounds may take, over pieces of the depth.
        end: Where tau ends: how many times the depth there are rounds.
    """
    fine = coarse = start
    error = start.error
    for piece, span in enumerate(np.diff(inputs.times) * end / inputs.times[-1]):
        rates = Rates(round_, inputs.at(piece))
        fine = _integrated(rates.of, fine, RTOL, span)
        coarse = _integrated(rates.of, coarse, 10 * RTOL, span)
        error += rates.error * span
    steps = max(
        np.abs(fine.covariance - coarse.covariance).max(initial=0),
        np.abs(fine.tangent - coarse.tangent).max(initial=0),
    )
    return replace(fine, error=float(steps) + error)


def _integrated(rate: Callable[[Pairs], Pairs], start: Pairs, rtol: float, end: float) -> Pairs:
    from scipy.integrate import solve_ivp

    vector, back = _packing(start)
    scale = max(np.abs(vector).max(initial=0), np.finfo(float).tiny)

    def right(_: float, y: Array) -> Array:
        return _packing(rate(back(y)))[0]

    found = solve_ivp(right, (0, end), vector, "DOP853", rtol=rtol, atol=rtol * scale)
    return back(found.y[:, -1])


def _packing(state: Pairs) -> tuple[Array, Callable[[Array], Pairs]]:
    """Return all numbers of a state as a vector, and the way back."""
    optional = (
        state.rows.mean, state.rows.covariance, state.columns.mean, state.columns.covariance,
        state.covariance, state.tangent,
    )  # fmt: skip
    arrays = [array for array in optional if array is not None]
    cuts = np.cumsum([array.size for array in arrays])[:-1]

    def back(vector: Array) -> Pairs:
        parts = iter(np.split(vector, cuts))
        found = [None if a is None else next(parts).reshape(a.shape) for a in optional]
        row_mean, rows, column_mean, columns, covariance, tangent = found
        assert rows is not None and columns is not None
        assert covariance is not None and tangent is not None
        return Pairs(Moments(row_mean, rows), Moments(column_mean, columns), covariance, tangent)

    return np.concatenate([array.ravel() for array in arrays]), back
