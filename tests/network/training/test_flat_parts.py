"""Weights on which the output does not depend, or through a jump alone: nothing moves them."""

import numpy as np
import pytest

import tpc
from tpc.network.network import Network

TEXT = """
dim n
input xi[2]
weight U[2] : n
weight A, B : n x n
weight W : n x n
weight a, b : n
weight v : n
h = tanh(U @ xi)
readout f = v * tanh(W @ h + step(A @ h + b))
train f:
    data [[1, 0.5], [-0.3, 1]], [1, -1]
    loss mse
    optimizer OPTIMIZER
    parametrization NAME
    steps 2
    center true
"""


@pytest.mark.parametrize("name", ["mup", "ntp"])
@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd(lr=0.3)",
        pytest.param("adam(lr=0.1, eps=0.1)", marks=pytest.mark.slow),
        pytest.param("lion(lr=0.05)", marks=pytest.mark.slow),
    ],
)
def test_what_has_no_gradient_stays(optimizer: str, name: str) -> None:
    """As if it were not trained, in the limit and at finite width."""
    text = TEXT.replace("OPTIMIZER", optimizer).replace("NAME", name)
    frozen = text.replace("A, B : n x n", "A, B : n x n (train=false)")
    frozen = frozen.replace("a, b : n", "a, b : n (train=false)")
    networks = tpc.parse(text), tpc.parse(frozen)
    assert all(isinstance(network, Network) for network in networks)
    limits = [tpc.train(network, samples=2**9, method="mc")["f"] for network in networks]
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-12)
    assert np.abs(limits[0][-1]).max() > 0.05
    runs = [tpc.simulate(network, width=16, trials=1)["f"] for network in networks]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-12)
