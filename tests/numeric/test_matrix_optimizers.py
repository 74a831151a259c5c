"""Training with optimizers of operators against numbers of another implementation.

Those are limits by Sobol nodes and Stein's lemma with their standard errors, each confirmed by
finite networks of widths 128 to 8192.
"""

import numpy as np
import pytest

import tpc

TEXT = """
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n{start}
x1 = tanh(U @ xi)
h2 = W @ x1
x2 = tanh(h2)
readout f = v * x2
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    test [[0.6, -0.8]]
    loss mse
    optimizer sgd(lr=0.3)
    optimizer W: {optimizer}
    parametrization {parametrization}
    steps 3
    track H = <h2|h2>
"""

PLAIN = "momentum=0, nesterov=false, steps=exact"
CASES = {
    f"muon(lr=0.3, {PLAIN})": ((0.6743401, -0.4453395, 0.5194651), (0.9922785, 0.6768352)),
    "muon(lr=0.3, steps=exact)": ((0.6729556, -0.4330615, 0.5118043), (1.0395884, 0.7676694)),
    "shampoo(lr=0.3, eps=1e-3)": ((0.5978731, -0.3721649, 0.4441115), (0.793592, 0.5603423)),
}
"""Outputs and <h2|h2> of the data rows after three steps."""


def trained(optimizer: str, parametrization: str = "mup", start: str = "") -> object:
    text = TEXT.format(optimizer=optimizer, parametrization=parametrization, start=start)
    return tpc.train(tpc.parse(text), samples=32768, method="qmc")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", CASES)
def test_outputs_and_features_move_as_they_should(optimizer: str) -> None:
    outputs, features = CASES[optimizer]
    found = trained(optimizer)
    allowed = 4 * np.hypot(found.stderr["f"][-1], 1e-4) + 5e-4
    assert (np.abs(found["f"][-1] - outputs) <= allowed).all()
    allowed = 4 * np.hypot(np.diag(found.stderr["H"][-1])[:2], 2e-4) + 5e-4
    assert (np.abs(np.diag(found["H"][-1])[:2] - features) <= allowed).all()


@pytest.mark.slow
def test_readouts_may_start_at_zero() -> None:
    found = trained("muon(lr=0.3, momentum=0.95, steps=5, decay=0.1)", start=" (init=0)")
    np.testing.assert_allclose(found["f"][-1], (0.247811, -0.147278, 0.1847377), atol=5e-4)


@pytest.mark.slow
def test_kernels_of_the_operator_regime_are_not_linear_in_errors() -> None:
    found = trained(f"muon(lr=0.3, {PLAIN})", "ntp\n    center true")
    np.testing.assert_allclose(found["f"][-1], (0.7997852, -0.4431416, 0.5562148), atol=5e-4)


@pytest.mark.slow
def test_long_training_is_a_loop_with_the_numbers_of_unrolled_steps() -> None:
    text = TEXT.format(
        optimizer="muon(lr=0.2, momentum=0.5)", parametrization="mup", start=""
    ).replace("steps 3", "steps 9")
    network = tpc.parse(text)
    looped = tpc.train(network, samples=2048, method="qmc", steps=9)
    few = tpc.train(network, samples=2048, method="qmc", steps=4, dot="stein")
    np.testing.assert_allclose(looped["f"][:5], few["f"], atol=2e-2)


def test_targets_where_the_limit_starts_make_it_random() -> None:
    text = TEXT.format(optimizer="muon(lr=0.3, steps=exact)", parametrization="mup", start="")
    with pytest.raises(tpc.ProgramError, match="TP332"):
        tpc.derive(tpc.parse(text.replace("[1.0, -0.5]", "[1.0, 0.0]")))


@pytest.mark.slow
def test_the_rank_of_the_limit_may_be_assumed_in_the_operator_regime() -> None:
    optimizer = "muon(lr=0.3, momentum=0.9, nesterov=false, steps=exact)"
    text = TEXT.format(optimizer=optimizer, parametrization="ntp\n    center true", start="")
    with pytest.raises(tpc.ProgramError, match="TP333"):
        tpc.derive(tpc.parse(text))
    found = tpc.train(tpc.parse(text, assume_rank=True), samples=32768, method="qmc")
    np.testing.assert_allclose(found["f"][-1], (0.798, -0.447, 0.559), atol=1e-3)
