"""Loops whose rounds share their weights: kernels over a plane of pairs of rounds.

Products with one matrix at different rounds correlate, so that the state of inputs x, x' is their
covariance at all pairs of rounds l, m. With E(l, m) what a round adds between states of covariance
C(l, m), and a backward pass with P(l, m) = <dx(l)|dx'(m)> in the same way from the other end,

    C(l + 1, m + 1) = C(l + 1, m) + C(l, m + 1) - C(l, m) + E(l, m)
    P(l, m) = P(l + 1, m) + P(l, m + 1) - P(l + 1, m + 1) + (D(l, m) - 1)[P(l + 1, m + 1)]
    NTK = what stands behind + sum over l, m of P(l + 1, m + 1) R(l, m) + P(0, 0)[T_0]

where R is the tangent kernel of the weights of a round and D what it passes on, as in
`tpc.depth.recursion`. The limit of infinite depth is in `tpc.depth.plane_limit`.

Reference:
    Cirone, Lemercier and Salvi, Neural Signature Kernels, 2023.
"""

from math import prod

import numpy as np

from tpc.depth.course import Course
from tpc.depth.rounds import Moments, Pairs, StageMap, TileInputs
from tpc.depth.verdict import DeepMaps
from tpc.kernels.plan import Array


def plane_kernels(maps: DeepMaps, inputs: Course, start: Pairs) -> dict[str, Array]:
    """Return the kernels of a tile behind a loop of tied rounds.

    Args:
        maps: Those of the network, with the number of rounds as its depth.
        inputs: The inputs, a piece for each round.
        start: The states before the loop.

    Shapes:
        nngp, ntk: (rows, columns) + e + e.
    """
    round_, rounds = maps.round, inputs.pieces
    rows = _variances(round_, start.rows.covariance, inputs.rows)
    columns = _variances(round_, start.columns.covariance, inputs.columns)
    own = [start.covariance] * (rounds + 1)  # C(0, m), then one row after the other
    tangents, passed = [], []
    all_columns = inputs.columns.reshape(-1, *inputs.columns.shape[2:])
    for at in range(rounds):
        state = row_of(rows[at], columns[:-1], np.stack(own[:-1], axis=1))
        i, j = inputs.equal[at]  # equal states are those of one round
        given = TileInputs(inputs.rows[at], all_columns, (i, j + at * inputs.columns.shape[1]))
        found = round_.of(state, given, alone=False).pairs
        split = {name: by_round(value, rounds) for name, value in found.items()}
        added = split["covariance"] - np.stack(own[:-1], axis=0)
        own = [start.covariance, *(np.stack(own[1:]) + np.cumsum(added, axis=0))]
        tangents.append(split["tangent"])
        passed.append(split["passed"])
    last = Pairs(Moments(None, rows[-1]), Moments(None, columns[-1]), own[-1], start.tangent)
    behind = maps.behind.of(last, inputs.end).pairs
    ntk = behind["tangent"] + _backward(tangents, passed, behind["passed"], start.tangent)
    return {"nngp": behind["covariance"], "ntk": ntk}


def row_of(row: Array, columns: list[Array], covariance: Array) -> Pairs:
    """Return the states of the rows at one round, and of the columns at all of them.

    Shapes:
        row: (rows,) + state + state; columns the same at each round.
        covariance: (rows, rounds, columns) + state + state.
    """
    rows, rounds, width = covariance.shape[:3]
    flat = covariance.reshape(rows, rounds * width, *covariance.shape[3:])
    return Pairs(Moments(None, row), Moments(None, np.concatenate(columns)), flat, flat)


def by_round(value: Array, rounds: int) -> Array:
    """Move the axis over rounds of columns in front."""
    split = value.reshape(value.shape[0], rounds, -1, *value.shape[2:])
    return np.moveaxis(split, 1, 0)


def _variances(round_: StageMap, start: Array, inputs: Array) -> list[Array]:
    """Return the covariance of each input with itself at every round, (inputs,) + state + state.

    By symmetry the plane of one input needs no states but those of rounds before.
    """
    first = start[:, None]
    row = diagonal = first  # C(l, 0), ..., C(l, l), and C(0, 0), ..., C(l, l)
    for at in range(len(inputs)):
        given = inputs[at], np.moveaxis(inputs[: at + 1], 0, 1)
        found = round_.of_earlier(diagonal[:, -1], diagonal, row, given)["covariance"]
        sums = np.cumsum(found - row, axis=1)
        new = np.concatenate([first, row[:, 1:] + sums[:, :-1]], axis=1)
        row = np.concatenate([new, turned(new[:, -1:]) + sums[:, -1:]], axis=1)
        diagonal = np.concatenate([diagonal, row[:, -1:]], axis=1)
    return list(np.moveaxis(diagonal, 1, 0))


def turned(covariance: Array) -> Array:
    """Return covariances of the second state with the first one, which have two axes in front."""
    rank = (covariance.ndim - 2) // 2
    return covariance.transpose(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))


def _backward(tangents: list[Array], passed: list[Array], end: Array, before: Array) -> Array:
    """Return the sum over l, m of P(l + 1, m + 1) R(l, m), and P(0, 0)[T_0].

    Shapes:
        tangents: At each round (rounds, rows, columns) + state + state.
        passed: (rounds, rows, columns) + state + state + state + state.
        end: P(L, L), of shape (rows, columns) + e + state + e + state.
        before: T_0, of shape (rows, columns) + state + state.
    """
    rank = (before.ndim - 2) // 2
    outputs = (end.ndim - 2) // 2 - rank
    size, e = prod(before.shape[2 : 2 + rank]), end.shape[2 : 2 + outputs]
    head, rounds = before.shape[:2], len(tangents)
    last = end.reshape(*head, prod(e), size, prod(e), size)
    total = np.zeros((*head, prod(e), prod(e)))
    identity = np.einsum("ut,vs->utvs", np.eye(size), np.eye(size))
    row = np.stack([last] * (rounds + 1))  # P(l + 1, m) for all m
    for at in range(rounds - 1, -1, -1):
        weights = tangents[at].reshape(rounds, *head, size, size)
        total += np.einsum("m...ouqv,m...uv->...oq", row[1:], weights, optimize=True)
        more = passed[at].reshape(rounds, *head, size, size, size, size) - identity
        added = np.einsum("m...ouqv,m...utvs->m...otqs", row[1:], more, optimize=True)
        sums = np.cumsum(added[::-1], axis=0)[::-1]
        row = np.concatenate([row[:-1] + sums, row[-1:]])
    total += np.einsum("...ouqv,...uv->...oq", row[0], before.reshape(*head, size, size))
    return total.reshape(*head, *e, *e)
