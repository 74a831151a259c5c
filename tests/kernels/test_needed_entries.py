"""Kernels by lists of the entries that are read are those of all entries."""

import numpy as np
import pytest

import tpc
from tests.kernels.test_linear_maps import CONVOLUTION
from tpc.driver.kernel_matrices import _plans
from tpc.kernels import schedule
from tpc.kernels.plan import KernelPlan, PlanStep, Side

FLAT = CONVOLUTION.replace("v : n", "v[2, 2] : n").replace("v * amean(y)", "sum(v * y)")

CASES = {
    "alike pixels": FLAT,
    "a step between": FLAT.replace("y = relu", "y = erf"),
    "a residual path": FLAT.replace("y = relu(conv", "y = x + relu(conv"),
    "one pixel": CONVOLUTION.replace("amean(y)", "y[1, 0]"),
    "a row of them": CONVOLUTION.replace("amean(y)", "amean(y[1])"),
    "all pixels": CONVOLUTION,
}

WHOLE = {"all pixels", "a residual path"}
"""Where every pair of pixels is read, or seems to be."""


def picked(plan: KernelPlan) -> list[tuple[int, int]]:
    """Return how many entries lists have, and those of the values that they are taken from."""
    found = []
    for step in plan.values:
        if isinstance(step, PlanStep) and step.operation.name == "pick" and step.side is Side.BOTH:
            whole = plan.values[step.operands[0]].shape
            found.append((step.shape[0], int(np.prod(whole, dtype=int))))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_kernels_are_those_of_all_entries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = np.random.default_rng(0).standard_normal((5, 2, 4, 4))
    network = tpc.parse(CASES[name])
    found = tpc.kernel(network, inputs)
    plans = _plans(network, ("nngp", "ntk"), False, "auto", True)
    assert plans is not None
    assert bool(picked(plans[0])) == (name not in WHOLE)
    assert all(4 * part <= 3 * whole for part, whole in picked(plans[0]))
    monkeypatch.setattr(schedule, "keep_needed", lambda *whole: whole)
    whole = tpc.kernel(tpc.parse(CASES[name], "whole.tp"), inputs)
    for kind in ("nngp", "ntk"):
        np.testing.assert_allclose(found[kind], whole[kind], rtol=1e-13, atol=1e-15)
