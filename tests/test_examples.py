"""Every example: its limit against the known value, and against finite width."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import t as student

import tpc
from tests.marks import slow_where

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.tp"))
REPLICATES = 8
SLOW = ("backprop", "gan", "maml", "mup_sgd_deep", "signsgd", "transformer")

Array = npt.NDArray[np.float64]


def arc_cosine(correlation: Array) -> Array:
    """Return E relu(a) relu(b) for standard normals a and b [Cho and Saul, 2009]."""
    angle = np.arccos(np.clip(correlation, -1, 1))
    kernel: Array = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return kernel


def normalised(covariance: Array) -> Array:
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def layernorm_kernels() -> dict[str, Array]:
    inputs = np.array([[1.0, -0.5, 2.0, 0.3], [0.2, 1.1, -0.7, 1.4], [-1.3, 0.4, 0.9, 0.8]])
    first = arc_cosine(normalised(inputs @ inputs.T))
    return {"K1": first, "K2": arc_cosine(normalised(first))}


def batchnorm_kernels() -> dict[str, Array]:
    """Return the fixed point for a batch of four [arXiv:1902.08129]: both layers have it."""
    correlation = np.full((4, 4), -1 / 3)
    np.fill_diagonal(correlation, 1)
    return {"K1": arc_cosine(correlation), "K2": arc_cosine(correlation)}


def gradient_kernel() -> dict[str, Array]:
    """Return the gradients of two inputs by the recursion that assumes independence.

    <dh1|dh1> = E[step step] (h1) * E[tanh' tanh'] (h2), by Gauss-Hermite quadrature for tanh.
    """
    inputs = np.array([[1.0, 0.5], [-0.4, 0.9]])
    cov_h1 = inputs @ inputs.T
    scale = np.sqrt(np.diag(cov_h1))
    correlation = normalised(cov_h1)
    cov_h2 = np.outer(scale, scale) * arc_cosine(correlation)
    steps = (np.pi - np.arccos(np.clip(correlation, -1, 1))) / (2 * np.pi)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    root = np.linalg.cholesky(cov_h2)
    z = np.array([np.repeat(nodes, 100), np.tile(nodes, 100)])
    slopes = 1 - np.tanh(root @ z) ** 2
    slopes_kernel = (slopes * np.outer(weights, weights).ravel()) @ slopes.T
    kernel = steps * slopes_kernel
    zero = np.zeros((2, 2))
    return {
        "true_gradient": kernel,
        "independent_gradient": kernel,
        "true_alignment": zero,
        "independent_alignment": zero,
    }


def known(name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the known outputs of an example and their own standard errors, or None."""
    match name:
        case "semicircle":
            catalan = {k: math.comb(2 * k, k) // (k + 1) for k in range(1, 5)}
            values = {f"catalan[{k}]": c for k, c in catalan.items()}
            return values | {f"norm[{k}]": c for k, c in catalan.items()}, {}
        case "marchenko_pastur":
            return {"moment[1]": 1.0, "moment[2]": 1.5, "moment[3]": 2.75}, {}
        case "gradient_dependence":
            values = {"true_alignment": 1, "independent_alignment": 0, "f": 0.5}
            return values | {"true_gradient": 3, "independent_gradient": 1}, {}
        case "finite_width":
            return {"f": 0.5, "K": 1, "D": 0.5}, {}
        case "backprop":
            return gradient_kernel(), {}
        case "layernorm_mlp":
            return layernorm_kernels(), {}
        case "batchnorm_mlp":
            return batchnorm_kernels(), {}
        case "signsgd" | "gan" | "maml":
            return None  # only held against finite width
        case _:
            text = (ROOT / "tests" / "reference" / f"{name}.json").read_text(encoding="utf-8")
            reference = json.loads(text)
            return reference["outputs"], reference.get("stderr", {})


def differences(
    result: Any, values: Mapping[str, Any], errors: Mapping[str, Any]
) -> Iterator[tuple[str, Array, Array]]:
    """Yield, for each known output, the distances and their standard errors."""
    for name, value in values.items():
        distance = np.abs(result.values[name] - np.asarray(value, dtype=np.float64))
        error = np.hypot(result.stderr[name], np.asarray(errors.get(name, 0.0)))
        yield name, distance, error


@pytest.mark.parametrize(
    "name",
    slow_where(lambda name: name in ("mup_sgd_deep", "semicircle"), filter(known, EXAMPLES)),
)
@pytest.mark.parametrize("dot", ["auto", "stein"])
def test_limit_has_the_known_value(name: str, dot: Any) -> None:
    reference = known(name)
    assert reference is not None
    program = tpc.load(ROOT / "examples" / f"{name}.tp")
    result = tpc.evaluator(program, dot).evaluate(samples=200_000, seed=1)
    found = list(differences(result, *reference))
    entries = sum(distance.size for _, distance, _ in found)
    # One false alarm in a thousand runs of an example, errors coming from eight replicates.
    allowed = student.isf(0.5e-3 / entries, REPLICATES - 1)
    for output, distance, error in found:
        scale = max(1.0, float(np.abs(result.values[output]).max()))
        rounding = 1e-14 if result.methods[output] == "exact" else 1e-6
        assert (distance <= allowed * error + rounding * scale).all(), (output, distance, error)
        # Were the errors large, agreement would mean nothing.
        assert (error <= 0.02 * scale).all(), (output, error)


@pytest.mark.parametrize(
    "name",
    slow_where(lambda name: name in SLOW, EXAMPLES),
)
@pytest.mark.slow
def test_finite_widths_converge_to_the_limit(name: str) -> None:
    program = tpc.load(ROOT / "examples" / f"{name}.tp")
    found = tpc.verify(program, widths=(32, 64, 128, 256), trials=64, samples=32_768, seed=2)
    wrong = [comparison for comparison in found.comparisons if not comparison.agrees.all()]
    assert not wrong


def test_independence_fails_where_the_example_says_so() -> None:
    """The two programs differ in what they are about, by far more than their errors."""
    fails = tpc.evaluator(tpc.load(ROOT / "examples" / "gradient_dependence.tp")).evaluate(seed=3)
    gap = fails["true_gradient"] - fails["independent_gradient"]
    assert gap > 1.5 > 20 * fails.stderr["true_gradient"]


def test_every_example_cites_what_it_computes() -> None:
    for name in EXAMPLES:
        head = (ROOT / "examples" / f"{name}.tp").read_text(encoding="utf-8").split("program")[0]
        assert head.startswith("#"), name
        assert "arXiv:" in head, name
