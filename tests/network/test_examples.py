"""Every example that is a network: its readout and gradients, by hand and in a batch."""

import re
from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.network.cases import case_of
from tests.network.differences import INPUTS, check_gradients
from tests.network.sketch import evaluate
from tests.network.test_batching import check_batch
from tpc.network.network import Network

ROOT = Path(__file__).parents[2]
NETWORKS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "examples").rglob("*.tp")
    if re.search(r"^weight\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    and not re.search(r"^dim \w+ =", path.read_text(encoding="utf-8"), re.MULTILINE)
)
"""Those of one dim; others are trained in `tests/numeric/test_several_dims.py`."""


def test_there_are_networks_among_the_examples() -> None:
    assert len(NETWORKS) >= 8


@pytest.mark.parametrize("path", NETWORKS)
def test_gradients_are_finite_differences(path: str) -> None:
    network = tpc.load(ROOT / path)
    assert isinstance(network, Network)
    case = case_of(network)
    check_gradients(case, (), case.b.weights)
    check_batch(case, ())


def test_a_readout_is_what_numpy_makes_of_it() -> None:
    """The tied autoencoder, written out."""
    network = tpc.load(ROOT / "examples/networks/tied_autoencoder.tp")
    assert isinstance(network, Network)
    case = case_of(network)
    xi = np.random.default_rng(1).normal(size=(INPUTS, 3))
    found = evaluate([case.output], case.b.weights, [{case.input: row} for row in xi])
    arrays = {weight.name: case.b.weights[weight.leaf] for weight in network.weights}
    for row, (value,) in zip(xi, found, strict=True):
        x = arrays["U"] @ row
        code = np.maximum(1.2 * arrays["W"] @ x + 0.1 * arrays["b"], 0)
        decoded = np.tanh(1.2 * arrays["W"].T @ code + 0.1 * arrays["c"])
        np.testing.assert_allclose(value, arrays["V"] * decoded[:, None], rtol=1e-13)
