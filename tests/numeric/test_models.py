"""Tangent kernels of the models of examples/models against networks of finite width.

`model_kernels.json` has those of the same networks but the mixer, written again and differentiated
in JAX by `tests/reference/make_model_kernels.py`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.stem for path in (ROOT / "examples" / "models").glob("*.tp"))
BRUTE = json.loads((ROOT / "tests" / "reference" / "model_kernels.json").read_text())
SAMPLED = {"lstm", "mixer"}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_tangent_kernel_against_finite_networks(name: str) -> None:
    network = tpc.load(ROOT / "examples" / "models" / f"{name}.tp")
    inputs = np.random.default_rng(0).standard_normal((2, *network.input.shape))
    found = tpc.kernel(network, inputs, samples=2**13)
    methods = {"qmc"} if name in SAMPLED else {"exact", "series"}
    assert set(found.methods.values()) <= methods
    if name not in BRUTE:
        assert name == "mixer"
        return
    ours, theirs = found["ntk"][np.triu_indices(2)], np.array(BRUTE[name]["ntk"])
    error = np.hypot(BRUTE[name]["stderr"], found.stderr["ntk"][np.triu_indices(2)])
    assert np.all(np.abs(ours - theirs) < 4 * error), (ours, theirs, error)
    assert np.all(error < 0.05 * np.abs(theirs).max())
