"""Tangent kernels of the models of examples/models against networks of finite width.

`model_kernels.json` has those of the same networks, written again and differentiated in JAX by
`tests/reference/make_model_kernels.py`; that of twenty layers has a recursion. What is trained is
held by `test_trained_models.py`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.stem for path in (ROOT / "examples" / "models").glob("*.tp"))
BRUTE = json.loads((ROOT / "tests" / "reference" / "model_kernels.json").read_text())
TRAINED = {"gpt", "label_smoothing", "global_clipping"}  # `test_trained_models.py` trains these
SAMPLED = {"autoencoder", "lstm", "resnet_batchnorm"}  # forward passes of several Gaussians at once


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
@pytest.mark.parametrize("name", [name for name in MODELS if name not in TRAINED])
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


def padded(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Convolve images (inputs, channels, 8, 8) with filters (out, channels, 3, 3)."""
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = [wide[:, :, i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
    filters = w.reshape(*w.shape[:2], 9)
    return np.einsum("bckhw,ock->bohw", np.stack(windows, 2), filters, optimize=True)


def normed(z: np.ndarray) -> np.ndarray:
    centred = z - z.mean((0, 2, 3), keepdims=True)
    return centred / np.sqrt((centred**2).mean((0, 2, 3), keepdims=True) + 1e-5)


def residual_kernel(x: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return <g|g'> of a residual network with batch norm of n channels."""
    h = padded(x, 0.4 * rng.standard_normal((n, 2, 3, 3)))
    one, two = (0.47 * rng.standard_normal((n, n, 3, 3)) / np.sqrt(n) for _ in range(2))
    h = h + padded(np.maximum(normed(padded(np.maximum(normed(h), 0), one)), 0), two)
    pooled = h.reshape(len(x), n, 4, 2, 4, 2).mean((3, 5))
    g = np.maximum(normed(pooled), 0).mean((2, 3))
    return g @ g.T / n


@pytest.mark.slow
def test_batch_norm_against_finite_networks() -> None:
    """The kernel of a batch of images, with a term in 1 / n taken off."""
    network = tpc.load(ROOT / "examples" / "models" / "resnet_batchnorm.tp")
    inputs = np.random.default_rng(0).standard_normal((3, 2, 8, 8))
    found = tpc.kernel(network, inputs, kind="nngp", samples=2**13)
    rng, runs = np.random.default_rng(1), ((32, 96), (128, 32))
    draws = [np.array([residual_kernel(inputs, n, rng) for _ in range(k)]) for n, k in runs]
    (few, many), (few_error, many_error) = (
        [d.mean(0) for d in draws],
        [d.std(0, ddof=1) / np.sqrt(len(d)) for d in draws],
    )
    limit, error = (4 * many - few) / 3, np.hypot(4 * many_error, few_error) / 3
    off = np.abs(found["nngp"] - limit)
    assert (off < 4 * np.hypot(error, found.stderr["nngp"])).all()
    assert (error < 0.05 * limit).all()
