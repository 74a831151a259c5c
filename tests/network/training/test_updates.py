"""The two kinds of updates are one where both exist, and factored ones know their norms."""

import numpy as np
import pytest

import tpc
from tests.network.training.texts import perceptron
from tpc.driver import training_program as training_program_stage
from tpc.driver.training_program import training_program
from tpc.network.network import Network
from tpc.network.training import descent
from tpc.simulation.result import Result
from tpc.simulation.simulate import simulate

OPTIMIZERS = ["momentum(lr=0.3, decay=0.1)", "sgd(lr=0.5, clip=0.1)", "sgd(lr=0.5, normalize=true)"]


def finite(network: Network) -> Result:
    """Run the program of a limit at a finite width, where averages over pairs are whole."""
    return simulate(training_program(network, unrolled=True), width=12, trials=1, seed=1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("parametrization", ["mup", "ntp"])
@pytest.mark.parametrize("tied", [False, True])
def test_kernels_of_linear_updates_are_factored_ones(
    optimizer: str, parametrization: str, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = perceptron("tanh", 2, optimizer, parametrization, steps=2)
    network = tpc.parse(text.replace("v * x2", "v * (W2.T @ x2)") if tied else text)
    assert isinstance(network, Network)
    factored = finite(network)
    monkeypatch.setattr(descent, "is_linear", lambda use: False)
    monkeypatch.setattr(training_program_stage, "has_linear_rounds", lambda *of: False)
    kernels = finite(network)
    assert np.abs(np.asarray(factored["f"])).max() > 1e-3
    np.testing.assert_allclose(factored["f"], kernels["f"], rtol=1e-9, atol=1e-12)
