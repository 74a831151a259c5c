"""Networks of the examples: where the first kernel is exact or a series, the tangent kernel is."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.network.network import Network

EXAMPLES = Path(__file__).parents[2] / "examples"
TIED = ("gpt",)
"""The ones that have no kernels: their readout is tied to their embedding."""

FILES = sorted([*EXAMPLES.glob("networks/*.tp"), *EXAMPLES.glob("models/*.tp")])
FILES = [path for path in FILES if path.stem not in TIED]

SAMPLED = {
    "autoencoder", "batchnorm_mlp", "gru", "lstm", "resnet_batchnorm",
}  # fmt: skip
"""The ones whose first kernel is sampled: of products of several functions of a Gaussian each."""


@pytest.mark.parametrize(
    "path", slow_where(lambda path: path.stem != "mlp", FILES), ids=lambda path: path.stem
)
@pytest.mark.slow
def test_tangent_kernels_are_as_exact_as_kernels(path: Path) -> None:
    network = tpc.load(path)
    assert isinstance(network, Network)
    inputs = np.random.default_rng(0).normal(size=(2, *network.input.shape)).round(2)
    kinds = ("nngp",) if path.stem in SAMPLED else ("nngp", "ntk")
    found = tpc.kernel(network, inputs, kind=kinds, samples=256)
    for kind in kinds:
        assert (found.methods[kind] in ("exact", "series")) == (path.stem not in SAMPLED)
        if path.stem not in SAMPLED:
            assert np.max(found.stderr[kind]) <= 1e-10 * np.max(np.abs(found[kind]))
