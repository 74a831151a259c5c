"""Steps over constant axes: joined, they give what they gave one by one, in fewer steps."""

import pickle

import numpy as np
import pytest

import tpc
from tpc.driver.kernel_matrices import _plans
from tpc.kernels.axis_rules import AXIS_RULES
from tpc.kernels.linear_maps import join_linear
from tpc.kernels.plan import Leaf, PlanOperation, PlanStep, Side
from tpc.kernels.shapes import shape_of
from tpc.kernels.step_functions import function
from tpc.kernels.steps import PlanSteps, rewritten

CONVOLUTION = """
dim n
input xi[2, 4, 4]
weight U[2, 3, 3] : n (mult=0.3)
weight W[3, 3] : n x n (mult=0.4)
weight v : n
x = avgpool(relu(conv(xi, U, padding=1)), [2, 2])
y = relu(conv(x, W, padding=1))
readout f = v * amean(y)
"""


def value(values, number, given):  # type: ignore[no-untyped-def]
    """Compute a value of a list of steps."""
    known = []
    for item in values:
        if isinstance(item, Leaf):
            leaf = given[item.value] if isinstance(item.value, Side) else item.value
            known.append(np.full((1, 1), leaf) if isinstance(leaf, float) else leaf)
        else:
            known.append(function(item.operation)(*(known[x] for x in item.operands)))
    return known[number]


def shifts(steps: PlanSteps) -> int:
    """Write a sum of shifts of a pooled product of two inputs, with factors and orders."""
    x, y = (steps.leaf(Leaf(side, (4,))) for side in (Side.FIRST, Side.SECOND))
    expand, permute = PlanOperation("expand", (1,)), PlanOperation("permute", (1, 0))
    wide = steps.step(PlanOperation("expand", (0,)), y)
    product = steps.step(PlanOperation("mul"), steps.step(expand, x), wide)
    nonlinear = steps.step(PlanOperation("exp"), steps.step(permute, product))
    table = steps.leaf(Leaf(np.kron(np.eye(2), np.full((2, 1), 0.5))[None, None]))
    pooled = steps.step(PlanOperation("contract", (1,)), nonlinear, table)
    total = pooled
    for shift in (-1, 1):
        moved = steps.leaf(Leaf(np.eye(2, k=shift)[None, None]))
        part = steps.step(PlanOperation("contract", (1,)), pooled, moved)
        total = steps.step(PlanOperation("add"), total, part)
    scaled = steps.step(PlanOperation("mul"), total, steps.leaf(Leaf(3.0)))
    ones = steps.leaf(Leaf(np.ones((1, 1, 4, 2))))
    rows = steps.step(PlanOperation("contract", (1,)), steps.step(permute, scaled), ones)
    return steps.step(PlanOperation("reduce", ("sum", 0)), rows)


def test_joined_steps_give_the_same() -> None:
    steps = PlanSteps()
    number = shifts(steps)
    values, outputs = rewritten(steps.values, {"z": number}, AXIS_RULES)
    joined, places = join_linear(values, outputs)
    pickle.loads(pickle.dumps(joined))
    rng = np.random.default_rng(0)
    given = {
        Side.FIRST: rng.standard_normal((3, 1, 4)),
        Side.SECOND: rng.standard_normal((1, 2, 4)),
    }
    before, after = value(steps.values, number, given), value(joined, places["z"], given)
    np.testing.assert_allclose(after, before, rtol=1e-13)
    of_pairs = [x for x in joined if isinstance(x, PlanStep) and x.side is Side.BOTH]
    names = [step.operation.name for step in of_pairs]
    assert names.count("linear") == 2 and "contract" not in names and "add" not in names


@pytest.mark.slow
def test_a_convolution_takes_one_angle_a_layer_and_few_steps() -> None:
    plans = _plans(tpc.parse(CONVOLUTION), ("nngp", "ntk"), False, "auto", True)
    assert plans is not None
    pairs = [x for x in plans[0].values if isinstance(x, PlanStep) and x.side is Side.BOTH]
    names = [step.operation.name for step in pairs]
    assert names.count("arc_cosine") == 2 and len(names) < 30
    assert plans[0].widest == 4**4


@pytest.mark.parametrize(
    ("operation", "shapes", "shape"),
    [
        (PlanOperation("contract", (1,)), ((2, 3), (3, 4)), (2, 4)),
        (PlanOperation("diagonal", ("...abab->...ab",)), ((2, 3, 2, 3),), (2, 3)),
        (PlanOperation("take", (None, 1)), ((2, 3),), (2,)),
        (PlanOperation("expand", (0, 2)), ((2, 3),), (1, 2, 1, 3)),
        (PlanOperation("reduce", ("sum", 0)), ((2, 3),), (3,)),
        (PlanOperation("add"), ((2, 1), (3,)), (2, 3)),
    ],
)
def test_shapes_are_those_of_arrays(operation, shapes, shape):  # type: ignore[no-untyped-def]
    assert shape_of(operation, shapes) == shape
    arrays = [np.ones((1, 1, *own)) for own in shapes]
    if operation.name == "add":
        arrays[1] = arrays[1][:, :, None]
    assert function(operation)(*arrays).shape == (1, 1, *shape)
