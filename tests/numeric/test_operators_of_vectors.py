"""Vector-like weights with constant axes as n x d matrices: limits against NumPy."""

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import TEXT, extrapolated


def iterated(x):
    """Return Newton-Schulz iterations from a matrix of norm 1."""
    for _ in range(5):
        y = x @ np.swapaxes(x, -1, -2)
        x = 3.4445 * x + (-4.7750 * y + 2.0315 * y @ y) @ x
    return x


def muon(t, states, g):
    """Return the step of U, n x 2, or of v.T, 1 x n, by their spectral scales."""
    m = states["m"] = 0.9 * states.get("m", 0) + g
    x = iterated(m / np.linalg.norm(m, axis=(-2, -1), keepdims=True))
    rows, columns = x.shape[-2:]
    return 0.3 * x * (np.sqrt(rows / columns) if rows > columns else np.sqrt(columns))


def shampoo(t, states, g):
    """Return that of statistics that see gradients of size 1, with both sides to -1/4."""
    n = max(g.shape[-2:])
    g = g / np.sqrt(n)
    turned = np.swapaxes(g, -1, -2)
    found = g
    for name, square in (("L", g @ turned), ("R", turned @ g)):
        states[name] = states.get(name, 0) + square
        values, vectors = np.linalg.eigh(states[name])
        powers = (np.maximum(values, 0) + 1e-2) ** -0.25
        root = (vectors * powers[..., None, :]) @ np.swapaxes(vectors, -1, -2)
        found = root @ found if name == "L" else found @ root
    return 0.3 * np.sqrt(n) * found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "step"),
    [
        ("muon(lr=0.3, momentum=0.9, nesterov=false, eps=0)", muon),
        ("shampoo(lr=0.3, eps=1e-2)", shampoo),
    ],
)
def test_they_move_as_whole_ones(use, step) -> None:
    text = TEXT.format(declared="", optimizer="sgd(lr=0.3)", others=use, steps=2)
    found = tpc.train(tpc.parse(text), samples=16384, method="qmc")
    wanted, errors = extrapolated(lambda t, states, g: 0.3 * g, 2, of_vectors=step)
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.03).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()
