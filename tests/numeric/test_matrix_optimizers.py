"""Training with optimizers of operators against numbers of another implementation.

Those are limits by Sobol nodes and Stein's lemma with their standard errors, each confirmed by
finite networks of widths 128 to 8192.
"""

import numpy as np
import pytest

import tpc
from tests.numeric.optimizer_cases import agreement, read_cases

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


def trained(optimizer: str, parametrization: str = "mup", start: str = "") -> object:
    text = TEXT.format(optimizer=optimizer, parametrization=parametrization, start=start)
    return tpc.train(tpc.parse(text), samples=32768, method="qmc")


CASES = read_cases()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_features_move_as_they_should(name: str) -> None:
    assert agreement(CASES[name], 16384).share <= 1


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


@pytest.mark.slow
def test_targets_where_a_later_step_arrives_make_it_random() -> None:
    text = TEXT.format(optimizer=f"muon(lr=0.3, {PLAIN})", parametrization="mup", start="").replace(
        "loss mse", "loss mse\n    batch 1"
    )
    found = tpc.train(tpc.parse(text), samples=2048, method="qmc")
    reached = f"[1.0, {found['f'][1][1]:.3f}]"
    network = tpc.parse(text.replace("[1.0, -0.5]", reached))
    with pytest.raises(tpc.ProgramError, match="gradient of row 2 at step 1"):
        tpc.train(network, samples=2048, method="qmc")
