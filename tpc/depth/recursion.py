"""The kernels of a network of finite depth: its round, iterated on the moments of all pairs.

    C <- F(C),    T <- R(C) + D(C)[T]

with F the covariance of a round, R the tangent kernel of its weights, and D what it passes on.
"""

import numpy as np

from tpc.depth.rounds import Found, Moments, Pairs, StageMap, TileInputs
from tpc.kernels.plan import Array


def before_loop(first: StageMap, inputs: TileInputs, mean: bool) -> Pairs:
    """Return the states of pairs of inputs before the loop.

    Args:
        first: The map of the stage before it.
        inputs: The inputs.
        mean: Whether states have means; without, they are known to be zero.
    """
    found = first.of(None, inputs)
    return _pairs(found, found.pairs["tangent"], mean, found.error)


def after_round(round_: StageMap, state: Pairs, inputs: TileInputs) -> Pairs:
    """Return the states behind one more round."""
    found = round_.of(state, inputs)
    tangent = found.pairs["tangent"] + passed_on(found.pairs["passed"], state.tangent)
    return _pairs(found, tangent, state.rows.mean is not None, state.error + found.error)


def behind_loop(last: StageMap, state: Pairs, inputs: TileInputs) -> tuple[dict[str, Array], float]:
    """Return the kernels of the readout, of shape (rows, columns) + e + e, and their error."""
    found = last.of(state, inputs)
    tangent = found.pairs["tangent"] + passed_on(found.pairs["passed"], state.tangent)
    return {"nngp": found.pairs["covariance"], "ntk": tangent}, state.error + found.error


def passed_on(passed: Array, tangent: Array) -> Array:
    """Return sum over t, t' of passed[o, t, o', t'] tangent[t, t'] for all pairs.

    Shapes:
        passed: (rows, columns) + outputs + state + outputs + state.
        tangent: (rows, columns) + state + state.
    """
    rank = (tangent.ndim - 2) // 2
    outputs = (passed.ndim - 2) // 2 - rank
    if rank == 0:
        return passed * tangent.reshape(tangent.shape + (1,) * 2 * outputs)
    a, b = "abcdefgh"[:rank], "ijklmnop"[:rank]
    o, q = "uvwx"[:outputs], "yzst"[:outputs]
    subscripts = f"...{o}{a}{q}{b},...{a}{b}->...{o}{q}"
    return np.asarray(np.einsum(subscripts, passed, tangent, optimize=True))


def _pairs(found: Found, tangent: Array, mean: bool, error: float) -> Pairs:
    rows, columns = (
        Moments(side["mean"] if mean else None, side["covariance"])
        for side in (found.rows, found.columns)
    )
    return Pairs(rows, columns, found.pairs["covariance"], tangent, error)
