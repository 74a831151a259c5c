"""Scion by norms other than the spectral one: the limit against dense networks in NumPy."""

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import TEXT, extrapolated


def scion(norm, columns):
    """Return the step of a matrix (..., rows, columns), its growing axes taken as averages."""

    def update(t, states, g):
        m = states["m"] = 0.9 * states.get("m", 0) + 0.1 * g
        if norm == "sign":
            return 0.3 * np.sign(m) / columns(m)
        axis = -2 if norm == "columns" else -1
        found = m / np.sqrt((m**2).mean(axis, keepdims=True))
        return 0.3 * found / (1 if norm == "columns" else columns(m))

    return update


def of_hidden(norm):
    """Return the step of W, whose entries move by 1 / n."""
    inner = scion(norm, lambda m: 1)
    return lambda t, states, g: inner(t, states, g) / g.shape[-1]


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["sign", "columns", "rows"])
def test_matrices_and_vectors_move_as_whole_ones(norm: str) -> None:
    use = f"scion(lr=0.3, norm={norm})"
    network = tpc.parse(TEXT.format(declared="", optimizer=use, others=use, steps=2))
    found = tpc.train(network, samples=2048, method="qmc")
    of_vectors = scion(norm, lambda m: m.shape[-1] if m.shape[-1] == 2 else 1)
    wanted, errors = extrapolated(of_hidden(norm), 2, of_vectors=of_vectors)
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.03).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()
