"""Trained models of examples/models, and algorithms of examples/algorithms, against NumPy alone.

`trained_models.json` has what `tests/reference/make_trained_models.py` trains in JAX.
"""

import json
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import tpc

Array = npt.NDArray[np.float64]
EXAMPLES = Path(__file__).parents[2] / "examples"


def tangent_kernel(x: Array) -> Array:
    """Return that of two layers of ReLU, the second of variance 1.96, by Cho and Saul's angles."""
    k = t = x @ x.T
    for factor in (1.96, 1.0):
        scale = np.sqrt(np.outer(np.diag(k), np.diag(k)))
        angle = np.arccos(np.clip(k / scale, -1, 1))
        slope = (np.pi - angle) / (2 * np.pi)
        k, t = scale * np.sin(angle) / (2 * np.pi) + slope * k, slope * t
        k, t = factor * k, factor * (k + t)
    return t


def trained(name: str, kind: str = "f") -> Array:
    network = tpc.load(EXAMPLES / "models" / f"{name}.tp")
    return np.asarray(tpc.train(network).values[kind])


@pytest.mark.slow
def test_labels_are_smoothed_and_the_rate_warms_up() -> None:
    x = np.array([[1, 0.2, -0.5], [0.3, 1, 0.4], [-0.6, 0.5, 1], [0.8, -0.7, 0.3], [0.5] * 3])
    y = 0.9 * np.eye(3)[[0, 1, 2, 0]] + 0.1 / 3
    kernel, f = tangent_kernel(x)[:, :4], np.zeros((17, 5, 3))
    for t in range(16):
        fall = 0.05 + 0.95 * (1 + np.cos(np.pi * min(max(t - 4, 0) / 12, 1))) / 2
        rate = 0.5 * min(1, (t + 1) / 4) * fall
        p = np.exp(f[t, :4])
        p /= p.sum(1, keepdims=True)
        f[t + 1] = f[t] - rate * kernel @ (p - y) / 4
    np.testing.assert_allclose(trained("label_smoothing"), f, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_gradients_are_clipped_together() -> None:
    x = np.array([[1, 0.2, -0.5], [0.3, 1, 0.4], [-0.6, 0.5, 1]])
    y, kernel, f = np.array([2, -3, 1]), tangent_kernel(x), np.zeros((13, 3))
    clipped = []
    for t in range(12):
        off = f[t] - y
        norm = np.sqrt(off @ kernel @ off)
        clipped.append(norm > 2)
        f[t + 1] = f[t] - 0.15 * min(1, 2 / norm) * kernel @ off
    assert any(clipped) and not all(clipped)
    np.testing.assert_allclose(trained("global_clipping"), f, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_gpt_with_a_tied_readout_trains_as_finite_ones_do() -> None:
    known = json.loads((EXAMPLES.parent / "tests/reference/trained_models.json").read_text())["gpt"]
    network = tpc.load(EXAMPLES / "models" / "gpt.tp")
    found = tpc.train(network, samples=2**14)
    error = np.hypot(known["stderr"], np.asarray(found.stderr["f"])[:, 0])
    assert np.all(np.abs(np.asarray(found.values["f"])[:, 0] - known["f"]) < 4 * error)
    assert error.max() < 0.02
    with pytest.raises(tpc.ProgramError, match="trains in `mup`, and has no kernels"):
        tpc.kernel(network, np.eye(4)[[[0, 1, 3]]])


def test_power_iteration_has_ratios_of_catalan_numbers() -> None:
    catalan = [comb(2 * k, k) // (k + 1) for k in range(6)]
    found = tpc.run(tpc.load(EXAMPLES / "algorithms" / "power_iteration.tp"), method="exact")
    for t in range(4):
        expected = catalan[t + 1] / catalan[t]
        assert float(found.values[f"rayleigh[{t}]"]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_hopfield_networks_retrieve_as_finite_ones_do() -> None:
    found = tpc.run(tpc.load(EXAMPLES / "algorithms" / "hopfield.tp"), samples=2**14)
    n, runs, rng = 1000, 40, np.random.default_rng(0)
    overlaps = np.zeros((runs, 3))
    for run in range(runs):
        pattern, noise = rng.standard_normal((2, n))
        others = rng.standard_normal((n, n // 10)) / np.sqrt(n // 10)
        p = np.sign(pattern)
        x = np.sign(p + noise)
        for t in range(3):
            x = np.tanh(4 * (p * (p @ x) / n + 0.1 * (others @ (others.T @ x) - x)))
            overlaps[run, t] = p @ x / n
    error = overlaps.std(0, ddof=1) / np.sqrt(runs)
    for t in range(3):
        ours, stated = (float(x[f"overlap[{t}]"]) for x in (found.values, found.stderr))
        assert abs(ours - overlaps[:, t].mean()) < 4 * np.hypot(error[t], stated) + 2 / n
