"""Noise: dropout kernels against their recursion, training against networks written in NumPy."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.numeric.test_convolutions import step

Array = np.ndarray
EXAMPLE = Path(__file__).parents[2] / "examples" / "networks" / "dropout_mlp.tp"


def recursion(x: Array, same: Array, keep: float) -> tuple[Array, Array]:
    """Return NNGP and NTK of two layers of dropout; rows that are the same share their noise."""
    shared = np.where(same, 1 / keep, 1.0)  # E r r' / keep^2
    k = t = x @ x.T
    a = np.diag(k)
    value, slope = step(k, a[:, None], a, t)
    k, t, a = 2 * value * shared, 2 * (value + slope) * shared, a / keep
    value, slope = step(k, a[:, None], a, t)
    # v, g and W contribute value, value and slope
    return value * shared, (2 * value + slope) * shared


@pytest.mark.parametrize("keep", [0.8, 0.35])
@pytest.mark.slow
def test_dropout_kernels(keep: float) -> None:
    x = np.random.default_rng(1).standard_normal((3, 4))
    x = np.vstack([x, x[:1]])  # equal rows have independent draws
    found = tpc.kernel(tpc.load(EXAMPLE), x, params={"keep": keep})
    nngp, ntk = recursion(x, np.eye(4, dtype=bool), keep)
    np.testing.assert_allclose(found["nngp"], nngp, rtol=1e-7)
    np.testing.assert_allclose(found["ntk"], ntk, rtol=1e-7)
    other = tpc.kernel(tpc.load(EXAMPLE), x, x, params={"keep": keep})
    nngp, ntk = recursion(x, np.zeros((4, 4), dtype=bool), keep)
    np.testing.assert_allclose(other["nngp"], nngp, rtol=1e-7)
    np.testing.assert_allclose(other["ntk"], ntk, rtol=1e-7)


TRAINED = """\
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
weight g : n (start=1)
noise r : n ~ bernoulli(0.7)
x = {phi}(U @ xi) * r / 0.7
readout f = v * tanh(g * (W @ x))
train f:
    data [[1, 0.5], [0.3, -1], [0.3, -1]], [1, -1, 0.5]
    test [[1, 0.5]]
    loss mse
    optimizer {optimizer}
    parametrization {parametrization}
    steps 2
    track q = <x|x>
"""


def trained(parametrization: str, n: int, rng: np.random.Generator) -> Array:
    """Return f f.T at all steps, of one network with fresh dropout for every row and step."""
    half = parametrization == "ntp"
    u, w = rng.standard_normal((n, 2)), rng.standard_normal((n, n)) / np.sqrt(n)
    v, g = rng.standard_normal(n), np.ones(n)
    out = n**-0.5 if half else 1 / n
    xs = np.array([[1, 0.5], [0.3, -1], [0.3, -1], [1, 0.5]])
    y = np.array([1, -1, 0.5])
    outputs = []
    for _ in range(3):
        r = (rng.random((n, 4)) < 0.7) / 0.7
        p = np.tanh(u @ xs.T)
        x = p * r
        h = w @ x
        z = np.tanh(g[:, None] * h)
        f = out * (v @ z)
        outputs.append(f)
        chi = np.append(f[:3] - y, 0)
        dz = out * chi * v[:, None] * (1 - z**2)
        dp = (w.T @ (dz * g[:, None])) * r * (1 - p**2)
        # the exponents of both parametrizations, canonical: matrices of variance 1 / n
        vector = 1.0 if half else n
        matrix = 1 / n if half else 1.0
        u, w, v, g = (
            u - 0.2 * vector * dp @ xs,
            w - 0.2 * matrix * (dz * g[:, None]) @ x.T,
            v - 0.2 * vector * out * z @ chi,
            g - 0.2 * vector * (dz * h).sum(axis=1),
        )
    return np.array(outputs)


@pytest.mark.slow
@pytest.mark.parametrize("parametrization", ["mup", "ntp"])
def test_trained_dropout_against_numpy(parametrization: str) -> None:
    text = TRAINED.format(phi="tanh", optimizer="sgd(lr=0.2)", parametrization=parametrization)
    network = tpc.parse(text)
    rng = np.random.default_rng(7)
    width, trials = 60, 400
    mine = np.array([trained(parametrization, width, rng) for _ in range(trials)])
    found = tpc.simulate(network, width=width, trials=trials)
    error = np.hypot(mine.std(axis=0) / np.sqrt(trials), found.stderr["f"])
    assert (abs(mine.mean(axis=0) - found["f"]) < 4.5 * error).all()
    if parametrization == "mup":
        limit = tpc.train(network, samples=2**12)
        few = np.array([trained("mup", 30, rng) for _ in range(4 * trials)])
        value = 2 * mine.mean(axis=0) - few.mean(axis=0)
        spread = np.hypot(2 * mine.std(axis=0), few.std(axis=0) / 2) / np.sqrt(trials)
        error = np.hypot(spread, limit.stderr["f"])
        assert (abs(value - limit["f"]) < 4.5 * error + 1e-9).all()
        assert np.isclose(limit["q"][0, 1, 2], limit["q"][0, 1, 1] * 0.7, rtol=0.05)
