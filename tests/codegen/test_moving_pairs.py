"""Updates of matrices that go from round to round as functions of two samples."""

import numpy as np
import pytest

import tpc
from tests.network.training.texts import perceptron
from tpc.diagnostics import UsageError
from tpc.driver.emitted import imported


def source_of(optimizer: str, steps: int = 12) -> str:
    return tpc.emit(tpc.derive(tpc.parse(perceptron("tanh", 2, optimizer, steps=steps))))


@pytest.mark.slow
def test_modules_have_equal_lines_for_any_number_of_steps() -> None:
    few, many = (source_of("adam(lr=0.1, eps=0.1)", steps).count("\n") for steps in (20, 80))
    assert few == many


@pytest.mark.slow
def test_functions_that_are_read_once_change_in_their_place() -> None:
    adam, lion = source_of("adam(lr=0.1, eps=0.1)"), source_of("lion(lr=0.1)")
    assert "        m_W2 *= 0.9\n" in adam
    assert "        U_W2 += " in adam
    assert "m_W2 *=" not in lion, "the update reads m as it was"


@pytest.mark.slow
def test_their_number_is_planned() -> None:
    limit = tpc.derive(tpc.parse(perceptron("tanh", 3, "adam(lr=0.1, eps=0.1)", steps=12)))
    assert "PAIR_ARRAYS = 6" in tpc.emit(limit)
    assert "6 for every pair of samples" in limit.to_text()


@pytest.mark.parametrize("optimizer", ["adam(lr=0.1, eps=0.1)", "lion(lr=0.1)"])
@pytest.mark.slow
def test_what_is_not_stored_is_computed_anew(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = imported(source_of(optimizer, steps=9))
    options = {"samples": 64, "replicates": 2, "seed": 3, "method": "mc"}
    stored = module.evaluate(**options)
    monkeypatch.setattr(module, "PAIR_FLOATS", 0)
    anew = module.evaluate(**options)
    np.testing.assert_allclose(anew["f"], stored["f"], rtol=1e-10)


@pytest.mark.slow
def test_pairs_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tpc.driver.emitted.available_memory", lambda: 2**28)
    network = tpc.parse(perceptron("tanh", 2, "adam(lr=0.1, eps=0.1)", steps=12))
    with pytest.raises(UsageError, match=r"at least 0\.4 GiB"):
        tpc.train(network, samples=8192, replicates=2)
