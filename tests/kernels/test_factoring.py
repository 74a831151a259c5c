"""Sums of products are nested where they share factors, and are the same sums."""

import numpy as np

from tpc.kernels.factoring import nest_sums
from tpc.kernels.plan import KernelPlan, Leaf, PlanOperation, PlanStep, Side, Value
from tpc.kernels.rules import RULES
from tpc.kernels.steps import PlanSteps
from tpc.kernels.tiling import evaluate

ADD, MULTIPLY = PlanOperation("add"), PlanOperation("mul")


def sum_over_layers(depth: int) -> tuple[list[Value], int]:
    """Return the sum over layers k of 3 K_k d_(k+1) ... d_depth, each product by itself."""
    steps = PlanSteps()
    x, y = steps.leaf(Leaf(Side.FIRST)), steps.leaf(Leaf(Side.SECOND))
    kernel = steps.step(PlanOperation("dot", (1,)), x, y)
    slopes, terms, three = [], [], steps.leaf(Leaf(3.0))
    for _ in range(depth):
        slopes.append(steps.step(PlanOperation("tanh"), kernel))
        kernel = steps.step(PlanOperation("exp"), slopes[-1])
        terms.append(steps.step(MULTIPLY, kernel, three))
    total = terms[-1]
    for layer in range(depth - 1):
        product = terms[layer]
        for slope in slopes[layer + 1 :]:
            product = steps.step(MULTIPLY, product, slope)
        total = steps.step(ADD, total, product)
    return steps.values, total


def test_a_tangent_kernel_takes_a_few_steps_a_layer() -> None:
    depth = 6
    values, total = sum_over_layers(depth)
    nested, outputs = nest_sums(values, {"ntk": total}, RULES)
    counted = [
        sum(isinstance(v, PlanStep) for v in plan) - 2 * depth - 1 for plan in (values, nested)
    ]
    assert counted[0] == depth * (depth - 1) // 2 + 2 * depth - 1
    assert counted[1] == 3 * depth - 2
    x = np.random.default_rng(0).standard_normal((5, 3))
    found = [
        evaluate(KernelPlan(tuple(v), {"ntk": n}, {"ntk": ()}, frozenset(), 1), x, 0.5 * x, {})[0][
            "ntk"
        ]
        for v, n in ((values, total), (nested, outputs["ntk"]))
    ]
    np.testing.assert_allclose(*found, rtol=1e-14)


def test_what_others_need_is_no_part_of_a_sum() -> None:
    values, total = sum_over_layers(4)
    last = max(
        x for x, v in enumerate(values) if isinstance(v, PlanStep) and v.operation == MULTIPLY
    )
    nested, outputs = nest_sums(values, {"ntk": total, "term": last}, RULES)
    assert isinstance(nested[outputs["term"]], PlanStep)
    again, _ = nest_sums(nested, outputs, RULES)
    assert len(again) <= len(nested)
