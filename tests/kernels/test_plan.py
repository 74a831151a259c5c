"""Plans are data: they survive pickling, and what is made of a tile depends on nothing else."""

import pickle

import numpy as np
import pytest

import tpc
from tpc.kernels.plan import KernelPlan, Leaf, PlanOperation, PlanStep, Side
from tpc.kernels.rules import RULES
from tpc.kernels.schedule import plan_pairs
from tpc.kernels.steps import PlanSteps, rewritten
from tpc.kernels.tiles import singles_of, tile
from tpc.kernels.tiling import evaluate
from tpc.limit.derive import derive_limit
from tpc.network.kernel_programs import FIRST, SECOND, pair_program
from tpc.network.network import Network
from tpc.program.passes import normalise

TEXT = """
dim n
param s = 0.3
input xi[2, 3]
weight U[3] : n (mult=0.6)
weight W : n x n (mult=1.2)
weight b : n (mult=s)
weight v[2] : n
h = ACT(U @ xi.T)
readout f = v * ACT(W @ (h @ [[1, 0.5], [0.2, 1]]) + b)
"""
MLP = """
dim n
input xi[3]
weight U[3] : n (mult=0.6)
weight W : n x n (mult=1.2)
weight v : n
readout f = v * relu(W @ relu(U @ xi))
"""
PARAMS = {"s": np.array(0.3)}


def plan_of(text: str) -> KernelPlan:
    network = tpc.parse(text)
    assert isinstance(network, Network)
    program = normalise(pair_program(network, ("nngp", "ntk")))
    return plan_pairs(derive_limit(program), {FIRST: Side.FIRST, SECOND: Side.SECOND})


@pytest.mark.parametrize("act", ["relu", "tanh"])
@pytest.mark.slow
def test_a_pickled_plan_computes_the_same_bits(act: str) -> None:
    plan = plan_of(TEXT.replace("ACT", act))
    again = pickle.loads(pickle.dumps(plan))
    x = np.random.default_rng(0).standard_normal((7, 2, 3))
    found, error = evaluate(plan, x, None, PARAMS, threads=1)
    other, same_error = evaluate(again, x, None, PARAMS, threads=2)
    assert error == same_error
    assert found.keys() == other.keys() == {"nngp", "ntk"}
    for name in found:
        assert found[name].tobytes() == other[name].tobytes()


@pytest.mark.parametrize("act", ["relu", "tanh"])
@pytest.mark.slow
def test_tiles_depend_on_nothing_else(act: str) -> None:
    plan = plan_of(TEXT.replace("ACT", act))
    x = np.random.default_rng(1).standard_normal((9, 2, 3))
    first, second = slice(0, 4), slice(5, 8)
    before = tile(plan, singles_of(plan, x, x, PARAMS), (first, second))
    singles = pickle.loads(pickle.dumps(singles_of(plan, x, x, PARAMS)))
    tile(plan, singles, (slice(0, 9), slice(0, 9)))
    after = tile(plan, singles, (first, second))
    for name in before:
        assert before[name].tobytes() == after[name].tobytes()


def test_both_moments_of_a_relu_share_an_angle() -> None:
    plan = plan_of(MLP)
    of_pairs = [v for v in plan.values if isinstance(v, PlanStep) and v.side is Side.BOTH]
    names = [step.operation.name for step in of_pairs]
    assert names.count("arc_cosine") == 2  # one a layer
    assert names.count("item") == 4
    assert "relu_moment" not in names


def test_rules_gather_factors_and_leave_identities_out() -> None:
    steps = PlanSteps()
    x = steps.leaf(Leaf(Side.FIRST, (2,)))
    identity = steps.leaf(Leaf(3.0 * np.eye(2)[None, None]))
    half, four = steps.leaf(Leaf(0.5)), steps.leaf(Leaf(4.0))
    scaled = steps.step(PlanOperation("mul"), half, x)
    product = steps.step(PlanOperation("contract", (1,)), identity, scaled)
    result = steps.step(PlanOperation("mul"), product, four)
    unused = steps.step(PlanOperation("add"), result, result)
    values, outputs = rewritten(steps.values[:unused], {"y": result}, RULES)
    multiply = values[outputs["y"]]
    assert isinstance(multiply, PlanStep)
    assert multiply.operation == PlanOperation("mul")
    assert [values[x] for x in multiply.operands] == [Leaf(Side.FIRST, (2,)), Leaf(6.0)]
    assert len(values) == 3
