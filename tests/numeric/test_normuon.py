"""NorMuon: the limit against dense networks in NumPy."""

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import TEXT, extrapolated


def normuon(rate):
    """Return the step of a matrix (..., rows, columns) with X = `rate(X)` times a polar factor."""

    def update(t, states, g):
        m = states["m"] = 0.9 * states.get("m", 0) + g
        e, s, f = np.linalg.svd(m, full_matrices=False)
        kept = s > 1e-9 * s.max(-1, keepdims=True)
        x = (e * kept[..., None, :]) @ f
        v = states["v"] = 0.8 * states.get("v", 0) + 0.2 * (x**2).mean(-1, keepdims=True)
        y = x / np.sqrt(v / (1 - 0.8 ** (t + 1)))
        norms = [np.linalg.norm(z, axis=(-2, -1), keepdims=True) for z in (x, y)]
        return 0.3 * rate(x) * norms[0] / norms[1] * y

    return update


def rate_of_vectors(x):
    """Return sqrt(rows / columns) of an n x d matrix, sqrt(n) of a 1 x n one."""
    rows, columns = x.shape[-2:]
    return np.sqrt(rows / columns) if rows > columns else np.sqrt(columns)


@pytest.mark.slow
def test_matrices_and_vectors_move_as_whole_ones() -> None:
    use = "normuon(lr=0.3, momentum=0.9, nesterov=false, steps=exact, beta2=0.8)"
    network = tpc.parse(TEXT.format(declared="", optimizer=use, others=use, steps=2))
    found = tpc.train(network, samples=4096, method="qmc")
    wanted, errors = extrapolated(normuon(lambda x: 1), 2, of_vectors=normuon(rate_of_vectors))
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.03).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()
