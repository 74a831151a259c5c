"""One round of training, written out over all steps, is what the finite trainer does."""

import numpy as np
import pytest

import tpc
from tests.network.training.test_architectures import NETWORKS, text
from tpc.driver.training_program import scales_of
from tpc.network.training.training_region import has_equal_rounds, round_of_training
from tpc.program.region import region_of
from tpc.program.rounds import region_program
from tpc.program.unroll import unroll

TRAININGS = {
    "sgd": "optimizer sgd(lr=0.4)\n    batch [[0, 1], [2]]",
    "nesterov": "optimizer nesterov(lr=0.2, decay=0.05)\n"
    "    optimizer b: sgd(lr=0.1, clip=0.05)\n    batch 2\n    center true",
}
OTHERS = [name for name in NETWORKS if name != "averages over coordinates"]


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("network", OTHERS)
def test_the_rounds_are_what_the_trainer_does(network: str, training: str) -> None:
    sgd = "optimizer sgd(lr=0.4)\n    batch [[0, 1], [2]]"
    described = tpc.parse(text(network, "sgd").replace(sgd, TRAININGS[training]))
    scales = scales_of(described)
    assert has_equal_rounds(described, scales)
    program = unroll(region_program(round_of_training(described, scales)))
    found = tpc.simulate(program, width=12, trials=1, seed=4)
    wanted = tpc.simulate(described, width=12, trials=1, seed=4)
    assert found.values.keys() == wanted.values.keys()
    for name, value in wanted.values.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-7, atol=1e-9, err_msg=name)


def test_norms_and_bounds_of_stacked_updates_stay_written_out() -> None:
    bounded = text("tied and transposed", "sgd").replace("sgd(lr=0.4)", "sgd(lr=0.4, clip=0.1)")
    for written in (bounded, text("tied and transposed", "mixed")):
        described = tpc.parse(written)
        assert not has_equal_rounds(described, scales_of(described))


def test_averages_over_pairs_stay_written_out() -> None:
    described = tpc.parse(text("averages over coordinates", "sgd"))
    assert not has_equal_rounds(described, scales_of(described))


def test_what_nothing_needs_is_not_carried() -> None:
    described = tpc.parse(text("tied and transposed", "sgd"))
    region = region_of(region_program(round_of_training(described, scales_of(described))))
    assert region is not None
    assert {carry.leaf.name for carry in region.body.carries} == {"U", "v", "c_W"}


def test_an_update_that_is_not_linear_is_carried_with_its_states() -> None:
    described = tpc.parse(text("tied and transposed", "adam"))
    region = region_of(region_program(round_of_training(described, scales_of(described))))
    assert region is not None
    kernels = {c.leaf.name for c in region.body.carries if len(c.leaf.coords) == 2}
    assert kernels == {"U_W", "m_W", "v_W"}
