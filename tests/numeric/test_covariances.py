"""Covariances of vector outputs beside large means: no digit is lost to E[x x'] - E[x] E[x]'."""

import numpy as np
import pytest
from scipy import special

import tpc

Z, STEP = np.linspace(-10, 10, 1001, retstep=True)
WEIGHTS = STEP * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)
PLANE = WEIGHTS[:, None] * WEIGHTS
V, W = Z[:, None], Z


def variance(values: np.ndarray) -> float:
    """Return the variance of a function of v and w on the plane."""
    mean = (PLANE * values).sum()
    return float((PLANE * (values - mean) ** 2).sum())


CASES = {
    "z": 1.0,
    "far": 2.0,
    "z + tanh(v) * 0": 1.0,
    "2 * z - 3 * far / 3e192": 4.0,
    "relu(v) + 1e4": 0.5 - 0.5 / np.pi,
    "relu(v) + 1e200": 0.5 - 0.5 / np.pi,
    "1e7 - abs(v)": 1 - 2 / np.pi,
    "3 * (sin(v + w) - 1e7) / 2": 2.25 * (1 - np.exp(-4)) / 2,
    "square(tanh(v * w)) + 1e6": variance(np.tanh(V * W) ** 2),
    "5e5 - sigmoid(v)": variance(special.expit(V) + 0 * W),
    "exp(sin(v) * cos(w)) + w * tanh(v) + 1e9": variance(
        np.exp(np.sin(V) * np.cos(W)) + W * np.tanh(V)
    ),
    "1e8 - (tanh(v) - 1e8) * 0.5": variance(0.5 * np.tanh(V) + 0 * W),
    "v * w + c": 1.0,
    "max(v, w * tanh(v)) - 1e7": variance(np.maximum(V, W * np.tanh(V))),
}


@pytest.mark.parametrize("method", ["auto", "mc", "qmc"])
@pytest.mark.parametrize("body", CASES)
def test_constants_leave_no_covariance(body: str, method: str) -> None:
    text = f"""dim n
param c = 1e9
vector z : n ~ normal(1e8, 1)
vector far : n ~ normal(1e200, 2)
vector v, w : n
x = {body}
output x
"""
    result = tpc.evaluator(tpc.parse(text)).evaluate(method=method, samples=2**13)
    exact, found, error = CASES[body], result["x"]["cov"], result.stderr["x"]["cov"]
    rough = 2e-5 if result.methods["x"] != "qmc" and "max" in body else 0.0
    assert abs(found - exact) <= 6 * error + (2e-8 + rough) * exact


@pytest.mark.parametrize("shift", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("f", ["tanh", "relu", "gelu", "sin"])
def test_columns_with_means(f: str, shift: float) -> None:
    """A shift changes no covariance of several columns."""
    text = f"""dim n
const A = [[1.0, 0.5, -0.3], [0.2, -1.0, 2.0]]
vector v[2] : n
x = {f}(v @ A) + [{shift}, {2 * shift}, {-shift}]
output x
"""
    found = tpc.evaluator(tpc.parse(text)).evaluate(method="auto")["x"]["cov"]
    text = text.replace(f"[{shift}, {2 * shift}, {-shift}]", "[0.0, 0.0, 0.0]")
    plain = tpc.evaluator(tpc.parse(text)).evaluate(method="auto")["x"]["cov"]
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-12)


CONSTANT = [
    "sigmoid(0.5 * h * w[j] + 0.2 * w[j])",
    "Phi(h * w[j])",
    "step(h + 0.3) * tanh(w[j] + h * w[j])",
    "3 * sin(w[j] * h) + 1",
    "(1 + erf(w[j] * tanh(h))) ^ 3 - 3 * erf(w[j] * tanh(h)) ^ 2",
    "w[j] / sqrt(1 + square(w[j] * h)) - 2",
    "silu(w[j] * h) - silu(-w[j] * h)",
    "softplus(w[j] * h) - softplus(-w[j] * h)",
    "cos(h) * tanh(w[j] * (1 + relu(h)))",
    "exp(-square(h)) * sin(w[j] + h * w[j]) + 0.7",
]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.parametrize("body", CONSTANT)
def test_covariances_of_what_is_constant(body: str, method: str) -> None:
    """A mean over copies that is constant has the covariance 0: noise squared is no part of it."""
    text = f"""dim n
vector w, u : n
matrix W : n x n
h = W @ u
output y = tanh(mean[j]({body}))
"""
    module = tpc.evaluator(tpc.parse(text), method=method)
    runs = [
        module.evaluate(method=method, samples=2**10, replicates=16, seed=seed)
        for seed in range(25)
    ]
    z = np.array([run["y"]["cov"] / run.stderr["y"]["cov"] for run in runs])
    assert 0.6 <= np.sqrt(np.mean(z**2)) <= 1.5
    assert np.abs(z).max() < 5
