"""Declared optimizers of operators: their limit against dense networks in NumPy."""

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import TEXT, extrapolated

POLAR = """
optimizer polar(matrix G; m=0; beta=0.9, eps=0.05):
    m = beta * m + G
    X[0] = m / (norm(m) + eps)
    for k in range(4):
        X[k + 1] = 1.5 * X[k] - 0.5 * X[k] @ X[k].T @ X[k]
    return shape_scale * X[4]
"""
WHITE = """
optimizer white(matrix G; L=0, R=0; eps=1e-2):
    L = 0.9 * L + 0.1 * G @ G.T
    R = 0.9 * R + 0.1 * G.T @ G
    return power(L, -1/4, eps) @ svd(G, tanh) @ power(R, -1/4, eps)
"""


def polar(t, states, g):
    m = states["m"] = 0.9 * states.get("m", 0) + g
    x = m / (np.linalg.norm(m, axis=(1, 2), keepdims=True) + 0.05)
    for _ in range(4):
        x = 1.5 * x - 0.5 * x @ np.swapaxes(x, 1, 2) @ x
    return 0.3 * x


def white(t, states, g):
    turned = np.swapaxes(g, 1, 2)
    left = states["L"] = 0.9 * states.get("L", 0) + 0.1 * g @ turned
    right = states["R"] = 0.9 * states.get("R", 0) + 0.1 * turned @ g
    roots = []
    for side in (left, right):
        values, vectors = np.linalg.eigh(side)
        powers = (np.maximum(values, 0) + 1e-2) ** -0.25
        roots.append((vectors * powers[:, None]) @ np.swapaxes(vectors, 1, 2))
    u, s, vt = np.linalg.svd(g)
    return 0.3 * roots[0] @ (u * np.tanh(s)[:, None]) @ vt @ roots[1]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text", "update"), [
    ("polar(lr=0.3)", POLAR, polar), ("white(lr=0.3)", WHITE, white),
])  # fmt: skip
def test_their_limit_is_that_of_whole_matrices(name, text, update) -> None:
    network = tpc.parse(TEXT.format(declared=text, optimizer=name, others="sgd(lr=0.3)", steps=3))
    found = tpc.train(network, samples=16384, method="qmc")
    wanted, errors = extrapolated(update, 3)
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.01).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()
