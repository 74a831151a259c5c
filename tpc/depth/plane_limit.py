"""Loops of infinitely many rounds that share their weights: equations in a plane of two times.

With E / L^2 what a round adds at times t, s, R / L^2 the tangent kernel of its weights there, and
D / L^2 what it passes on besides the cotangents themselves,

    d2 C / dt ds = E(C),   C(0, s) = C(t, 0) = C_0
    d2 P / dt ds = D[P],   P(1, s) = P(t, 1) = that of what stands behind
    NTK = what stands behind + the integral of P[R] + P(0, 0)[T_0]

by the midpoint rule: in a cell of the plane with sides h, the value in the middle is the mean of
those at the corners (l + 1, m) and (l, m + 1). A row of cells knows itself in this way, so that it
is found by iteration, from the rows before it. Errors are a series in h^2, by which depths that
double are extrapolated; kinks at equal states leave a term of h^3.

Reference:
    Cirone, Lemercier and Salvi, Neural Signature Kernels, 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

import numpy as np

from tpc.depth.course import Course
from tpc.depth.orders import RATE, term
from tpc.depth.planes import by_round, row_of, turned
from tpc.depth.rounds import Moments, Pairs, StageMap, TileInputs
from tpc.kernels.plan import Array

LEAST, MOST, FEWEST = 8, 128, 3
"""The least cells a side, the most, and how many depths there are at least."""

TOLERANCE, OF_PATHS = 1e-8, 1e-7
"""Depths double until the error is that small beside the kernels; of paths, where it is harder."""

SETTLED, ITERATIONS = 1e-12, 6
"""A row of cells is computed until it changes by less, at most so often."""

SAFETY = 4
"""By how much more depths are nearer to the limit at least when they double; by 8 with kinks."""


def plane_limits(
    kernels_at: Callable[[int], dict[str, Array]], pieces: int, tolerance: float
) -> tuple[dict[str, Array], float]:
    """Return the kernels at infinite depth, and their error.

    Args:
        kernels_at: The kernels by the midpoint rule with so many cells a side.
        pieces: What the cells a side are a multiple of.
        tolerance: What is small beside the kernels.
    """
    cells = pieces * -(-LEAST // pieces)
    limits = kernels_at(cells)
    found = [limits]
    while True:
        cells *= 2
        found.append(kernels_at(cells))
        before = limits
        limits = {name: _extrapolated([values[name] for values in found]) for name in found[0]}
        scale = max(np.abs(value).max(initial=0) for value in limits.values())
        moved = [np.abs(value - before[name]).max(initial=0) for name, value in limits.items()]
        error = float(max(moved)) / SAFETY
        if len(found) >= FEWEST and (error <= tolerance * scale or 2 * cells > MOST):
            return limits, error


def _extrapolated(values: list[Array]) -> Array:
    """Return the limit of values at depths that double, by a series in h^2."""
    factor = 4.0
    while len(values) > 1:
        values = [(factor * y - x) / (factor - 1) for x, y in pairwise(values)]
        factor *= 4
    return values[0]


def _settled(new: Array, before: Array) -> bool:
    return bool(np.abs(new - before).max() <= SETTLED * np.abs(new).max())


def midpoint_kernels(
    rates: StageMap, behind: StageMap, inputs: Course, start: Pairs, end: float
) -> dict[str, Array]:
    """Return the kernels of a tile by the midpoint rule.

    Args:
        rates: A round in powers of L.
        behind: The map of what follows the loop.
        inputs: Those of the tile, a piece for each side of a cell.
        start: The states before the loop.
        end: Where both times end.

    Shapes:
        nngp, ntk: (rows, columns) + e + e.
    """
    area = (end / inputs.pieces) ** 2
    rows, last_rows = _own_planes(rates, start.rows.covariance, inputs.rows, area)
    columns, last_columns = rows, last_rows
    if not np.array_equal(inputs.rows, inputs.columns):
        columns, last_columns = _own_planes(rates, start.columns.covariance, inputs.columns, area)
    plane = _Plane(rates, inputs, rows, columns, area)
    corner = plane.filled(start.covariance)
    last = Pairs(Moments(None, last_rows), Moments(None, last_columns), corner, start.tangent)
    found = behind.of(last, inputs.end).pairs
    kernels = {"nngp": found["covariance"], "ntk": found["tangent"]}
    if any(name in rates.pairs.outputs for name in map(_at_rate, ("tangent", "passed"))):
        kernels["ntk"] = kernels["ntk"] + plane.backward(found["passed"], start.tangent)
    return kernels


def _at_rate(name: str) -> str:
    return term(name, 2 * RATE)


def _rate(found: dict[str, Array], name: str, like: tuple[int, ...]) -> Array:
    rate = found.get(_at_rate(name))
    return np.zeros(like) if rate is None else rate


@dataclass(slots=True)
class _Plane:
    """The plane of a tile, filled row by row.

    Attributes:
        rates: A round.
        inputs: A piece for each side of a cell.
        rows: The covariance of each first input with itself in the middle of each piece.
        columns: The same of the second inputs.
        area: Of a cell.
        tangents: R of each row of cells, of shape (cells, rows, columns) + state + state.
        passed: D of each row of cells.
    """

    rates: StageMap
    inputs: Course
    rows: list[Array]
    columns: list[Array]
    area: float
    tangents: list[Array] = field(default_factory=list)
    passed: list[Array] = field(default_factory=list)

    def filled(self, start: Array) -> Array:
        """Fill the plane from C_0, and return the covariance at its far corner."""
        before = row = np.stack([start] * (self.inputs.pieces + 1))
        for at in range(self.inputs.pieces):
            new, found = 2 * row - before, dict[str, Array]()
            for _ in range(ITERATIONS):
                found = self._cells(at, (new[:-1] + row[1:]) / 2)
                added = self.area * _rate(found, "covariance", new[1:].shape)
                last, new = new, np.concatenate([start[None], row[1:] + np.cumsum(added, axis=0)])
                if _settled(new, last):
                    break
            shape = new[1:].shape
            self.tangents.append(_rate(found, "tangent", shape))
            self.passed.append(_rate(found, "passed", shape + shape[3:]))
            before, row = row, new
        return np.asarray(row[-1])

    def _cells(self, at: int, middle: Array) -> dict[str, Array]:
        """Return the rates in the cells of a row, (cells, rows, columns) + state + state."""
        cells, inputs = self.inputs.pieces, self.inputs
        state = row_of(self.rows[at], self.columns, np.moveaxis(middle, 0, 1))
        i, j = inputs.equal[at]
        width = inputs.columns.shape[1]
        columns = inputs.columns.reshape(-1, *inputs.columns.shape[2:])
        given = TileInputs(inputs.rows[at], columns, (i, j + at * width))
        found = self.rates.of(state, given, alone=False).pairs
        return {name: by_round(value, cells) for name, value in found.items()}

    def backward(self, end: Array, before: Array) -> Array:
        """Return the integral of P[R] and P(0, 0)[T_0].

        Shapes:
            end: P(1, 1), of shape (rows, columns) + e + state + e + state.
            before: T_0, of shape (rows, columns) + state + state.
        """
        rank = (before.ndim - 2) // 2
        outputs = (end.ndim - 2) // 2 - rank
        size, e = prod(before.shape[2 : 2 + rank]), end.shape[2 : 2 + outputs]
        head, cells = before.shape[:2], self.inputs.pieces
        last = end.reshape(*head, prod(e), size, prod(e), size)
        total = np.zeros((*head, prod(e), prod(e)))
        older = row = np.stack([last] * (cells + 1))
        for at in range(cells - 1, -1, -1):
            new, middle = 2 * row - older, row[:-1]
            more = self.passed[at].reshape(cells, *head, size, size, size, size)
            for _ in range(ITERATIONS):
                middle = (row[:-1] + new[1:]) / 2
                added = np.einsum("m...ouqv,m...utvs->m...otqs", middle, more, optimize=True)
                sums = self.area * np.cumsum(added[::-1], axis=0)[::-1]
                guess, new = new, np.concatenate([row[:-1] + sums, last[None]])
                if _settled(new, guess):
                    break
            weights = self.tangents[at].reshape(cells, *head, size, size)
            total += self.area * np.einsum("m...ouqv,m...uv->...oq", middle, weights, optimize=True)
            older, row = row, new
        total += np.einsum("...ouqv,...uv->...oq", row[0], before.reshape(*head, size, size))
        return total.reshape(*head, *e, *e)


def _own_planes(
    rates: StageMap, start: Array, inputs: Array, area: float
) -> tuple[list[Array], Array]:
    """Return the covariance of each input with itself in the middle of pieces, and at the end.

    The planes are symmetric: rows know themselves up to the diagonal.

    Shapes:
        start: (inputs,) + state + state, and so are the results.
        inputs: (pieces, inputs) + that of an input.
    """
    middles: list[Array] = []
    first = start[:, None]
    before = row = first  # C(l, 0), ..., C(l, l), the second axis over these
    for at in range(len(inputs)):
        new = row if at == 0 else 2 * row - np.concatenate([before, turned(row[:, -2:-1])], axis=1)
        corner = first
        for _ in range(ITERATIONS):
            across = np.concatenate([row[:, 1:], turned(new[:, -1:])], axis=1)
            middle = (new + across) / 2
            earlier = np.stack([*middles, middle[:, -1]], axis=1)
            given = inputs[at], np.moveaxis(inputs[: at + 1], 0, 1)
            found = rates.of_earlier(middle[:, -1], earlier, middle, given)
            sums = area * np.cumsum(_rate(found, "covariance", middle.shape), axis=1)
            guess, new = new, np.concatenate([first, across[:, :-1] + sums[:, :-1]], axis=1)
            corner = turned(new[:, -1:]) + sums[:, -1:]
            if _settled(new, guess):
                break
        middles.append(middle[:, -1])
        before, row = row, np.concatenate([new, corner], axis=1)
    return middles, np.asarray(row[:, -1])
