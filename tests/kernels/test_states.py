"""Products of factors of states: by factors, and by the covariances that rules make of them."""

from collections.abc import Callable, Hashable

import numpy as np
import numpy.typing as npt
import pytest

from tpc.kernels.plan import Leaf, PlanOperation, PlanStep, Side, State, Value
from tpc.kernels.states import contract_factors
from tpc.kernels.step_functions import function
from tpc.kernels.steps import PlanSteps, without_dead
from tpc.kernels.tiles import leaf_value

Array = npt.NDArray[np.float64]

SHAPE, RANK = (2, 3), 5
RNG = np.random.default_rng(0)
FACTORS = {side: RNG.standard_normal((RANK, *SHAPE)) for side in (Side.FIRST, Side.SECOND)}
WEIGHTS = RNG.standard_normal((3, 4))

Map = Callable[[PlanSteps, int], int]


def step(name: str, *arguments: Hashable) -> Map:
    return lambda steps, x: steps.step(PlanOperation(name, arguments), x)


def scaled(steps: PlanSteps, x: int) -> int:
    return steps.step(PlanOperation("mul"), x, steps.leaf(Leaf(1.5)))


def weighted(steps: PlanSteps, x: int) -> int:
    return steps.step(PlanOperation("contract", (1,)), x, steps.leaf(Leaf(WEIGHTS[None, None])))


MAPS: dict[str, tuple[Map, ...]] = {
    "none": (),
    "scaled": (scaled,),
    "sum": (step("reduce", "sum", 1),),
    "part": (step("take", None, 1, None),),
    "turned": (step("permute", 0, 2, 1),),
    "weighted": (weighted,),
    "weighted sum": (weighted, scaled, step("reduce", "sum", 1)),
    "part of a turned one": (step("permute", 0, 2, 1), step("take", None, None, 0), scaled),
}


def product(
    rules: bool, maps: tuple[str, str], sides: tuple[Side, Side]
) -> tuple[Array, list[str]]:
    """Return the product over z of two factors behind their maps, and the states that it takes."""
    steps, ends = PlanSteps([contract_factors] if rules else ()), list[int]()
    for name, side in zip(maps, sides, strict=True):
        number = steps.leaf(Leaf(State("factor", side), (RANK, *SHAPE)))
        for one in MAPS[name]:
            number = one(steps, number)
        ends.append(number)
    rank = len(steps.values[ends[0]].shape)
    last = steps.step(PlanOperation("permute", (*range(1, rank), 0)), ends[0])
    result = steps.step(PlanOperation("contract", (1,)), last, ends[1])
    values, outputs = without_dead(steps.values, {"out": result})
    leaves = [x.value for x in values if isinstance(x, Leaf)]
    taken = [str(x.name) for x in leaves if isinstance(x, State)]
    return evaluated(values)[outputs["out"]], taken


def evaluated(values: tuple[Value, ...]) -> list[Array]:
    given: dict[Side | State, Array] = {}
    for one, other in product_of_sides():
        both = np.tensordot(FACTORS[one], FACTORS[other], (0, 0))
        given[State("covariance", one | other)] = both[None, None]
        given[State("factor", one)] = FACTORS[one][None, None]
    found = list[Array]()
    for value in values:
        match value:
            case Leaf():
                found.append(leaf_value(value, given, {}))
            case PlanStep(operation=operation, operands=operands):
                found.append(function(operation)(*(found[x] for x in operands)))
    return found


def product_of_sides() -> list[tuple[Side, Side]]:
    return [(one, other) for one in FACTORS for other in FACTORS if one <= other]


SIDES = [(Side.FIRST, Side.SECOND), (Side.SECOND, Side.FIRST), (Side.FIRST, Side.FIRST)]


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("maps", [(one, other) for one in MAPS for other in MAPS])
def test_products_of_factors(maps: tuple[str, str], sides: tuple[Side, Side]) -> None:
    """They are maps of covariances: no factor is left."""
    wanted, _ = product(False, maps, sides)
    found, taken = product(True, maps, sides)
    assert taken == ["covariance"]
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1e-13


def test_functions_of_factors_are_no_covariances() -> None:
    steps = PlanSteps([contract_factors])
    factor = steps.leaf(Leaf(State("factor", Side.FIRST), (RANK, *SHAPE)))
    bent = steps.step(PlanOperation("tanh"), factor)
    last = steps.step(PlanOperation("permute", (1, 2, 0)), bent)
    result = steps.step(PlanOperation("contract", (1,)), last, factor)
    assert steps.operands(result, "contract") == (last, factor)
