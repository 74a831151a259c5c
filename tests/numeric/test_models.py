"""Tangent kernels of the models of examples/models against networks of finite width.

`model_kernels.json` has those of the same networks, written again and differentiated in JAX by
`tests/reference/make_model_kernels.py`; that of twenty layers has a recursion.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.stem for path in (ROOT / "examples" / "models").glob("*.tp"))
BRUTE = json.loads((ROOT / "tests" / "reference" / "model_kernels.json").read_text())
SAMPLED = {"autoencoder", "lstm"}  # forward passes of several Gaussians at once


def twenty_layers(x: np.ndarray) -> np.ndarray:
    """Return the tangent kernel of twenty layers of ReLU, sw^2 = 2, by Cho and Saul's angles."""
    k = 0.36 * x @ x.T
    t = k
    for _ in range(21):
        scale = np.sqrt(np.outer(np.diag(k), np.diag(k)))
        cosine = np.clip(k / scale, -1, 1)
        angle = np.arccos(cosine)
        slope = (np.pi - angle) / (2 * np.pi)
        k, t = scale * (np.sin(angle) / (2 * np.pi) + slope * cosine), slope * t
        if _ < 20:
            k, t = 2 * k, 2 * (k + t)
    return k + t


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_tangent_kernel_against_finite_networks(name: str) -> None:
    network = tpc.load(ROOT / "examples" / "models" / f"{name}.tp")
    inputs = np.random.default_rng(0).standard_normal((2, *network.input.shape))
    found = tpc.kernel(network, inputs, samples=2**13)
    methods = {"qmc"} if name in SAMPLED else {"exact", "series"}
    assert set(found.methods.values()) <= methods
    if name == "deep_relu":
        np.testing.assert_allclose(found["ntk"], twenty_layers(inputs), rtol=1e-10)
        return
    kernel = found["ntk"].sum((1, 3)) if found["ntk"].ndim == 4 else found["ntk"]
    ours, theirs = kernel[np.triu_indices(2)], np.array(BRUTE[name]["ntk"])
    stated = found.stderr["ntk"].reshape(kernel.shape[0], -1, kernel.shape[0]).max(1)
    error = np.hypot(BRUTE[name]["stderr"], stated[np.triu_indices(2)])
    assert np.all(np.abs(ours - theirs) < 4 * error), (ours, theirs, error)
    assert np.all(error < 0.05 * np.abs(theirs).max())
