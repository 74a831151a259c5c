"""Plan, inputs -> the kernels of a tile of pairs.

    singles_of(plan, first, second, params)    what depends on one input, for all inputs
    tile(plan, singles, part)                  the outputs for a part of the pairs

A tile's arrays die after their last use, and their memory serves the next ones, so that besides the
outputs only a few of them exist at any time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tpc.kernels.arc_cosine import arc_cosine
from tpc.kernels.plan import (
    AXES,
    Array,
    KernelPlan,
    LawSteps,
    Leaf,
    PlanOperation,
    PlanStep,
    Side,
    State,
    Tile,
    dead_after,
)
from tpc.kernels.scratch import Scratch
from tpc.kernels.series_steps import PairSeries
from tpc.kernels.step_functions import VIEWS, function
from tpc.program.operations import UFUNCS


@dataclass(frozen=True, slots=True)
class Work:
    """A step that depends on both inputs, as it is computed.

    Attributes:
        number: Of its value.
        operands: The numbers of the values that it takes.
        dead: Those of values of pairs that nobody takes after it.
        free: Those of them whose memory is from scratch, and that no other value is a view of.
        apply: What computes it; a series takes the last operand alone, and knows the others.
    """

    number: int
    operands: tuple[int, ...]
    dead: tuple[int, ...]
    free: tuple[int, ...]
    apply: Callable[..., Any] | PairSeries


@dataclass(frozen=True, slots=True)
class Singles:
    """What depends on one input or on none, for all inputs, and what is left to do.

    Attributes:
        values: By number; None for those that depend on both, or that nobody takes any more.
        work: The steps of these.
        needed: The numbers of the values that they and the outputs take.
        sizes: How many first and second inputs there are.
    """

    values: tuple[Array | None, ...]
    work: tuple[Work, ...]
    needed: tuple[int, ...]
    sizes: tuple[int, int]

    @property
    def error(self) -> float:
        """The largest error that a series may have."""
        series = (work.apply for work in self.work)
        return max((found.error for found in series if isinstance(found, PairSeries)), default=0.0)

    def at(self, number: int, part: Tile) -> Array:
        """Return a value at the inputs of a tile."""
        value = self.values[number]
        assert value is not None
        if value.shape[0] > 1:
            value = value[part[0]]
        return value[:, part[1]] if value.shape[1] > 1 else value


Given: TypeAlias = Mapping[Side | State, Array]
"""Inputs and states, each with the axes over first and second inputs in front."""


def singles_of(
    plan: KernelPlan, first: Array, second: Array, params: Mapping[str, Array], threads: int = 1
) -> Singles:
    """Compute what depends on one input, or on none, for all inputs.

    Args:
        plan: The steps.
        first: The inputs of the rows, of shape M + input shape.
        second: Those of the columns.
        params: Values of the network's params, by name.
        threads: How many prepare the series of pairs.

    Raises:
        NotSmooth: A function of a series has kinks.
    """
    given: Given = {Side.FIRST: first[:, None], Side.SECOND: second[None]}
    return singles_from(plan, given, (len(first), len(second)), params, threads)


def singles_from(
    plan: KernelPlan,
    given: Given,
    sizes: tuple[int, int],
    params: Mapping[str, Array],
    threads: int = 1,
) -> Singles:
    """Compute the same from arrays of inputs and states, with both axes in front.

    Args:
        plan: The steps.
        given: What stands for inputs and for states, those of both inputs included.
        sizes: How many first and second inputs there are.
        params: Values of the network's params, by name.
        threads: How many prepare the series of pairs.

    Raises:
        NotSmooth: A function of a series has kinks.
    """
    values: list[Array | None] = []
    known: dict[tuple[object, ...], Array] = {}
    of_pairs = (x for x in plan.values if isinstance(x, PlanStep) and x.side is Side.BOTH)
    kept = {x for step in of_pairs for x in step.operands} | set(plan.outputs.values())
    dead = dead_after(plan.values, kept)
    with np.errstate(all="ignore"):
        for place, value in enumerate(plan.values):
            match value:
                case Leaf():
                    values.append(leaf_value(value, given, params))
                case PlanStep(side=Side.BOTH):
                    values.append(None)
                case PlanStep(operation=operation, operands=numbers):
                    operands = [array for x in numbers if (array := values[x]) is not None]
                    values.append(_applied(operation, operands, known))
            for operand in dead.get(place, ()):
                values[operand] = None
    work = tuple(_work(plan, values, sizes, threads))
    taken = {number for step in work for number in step.operands} | set(plan.outputs.values())
    needed = tuple(number for number in sorted(taken) if values[number] is not None)
    return Singles(tuple(values), work, needed, sizes)


def _applied(
    operation: PlanOperation, operands: Sequence[Array], known: dict[tuple[object, ...], Array]
) -> Any:
    """Compute a step; a series only once where first and second inputs are the same."""
    if operation.name != "single_series":
        return function(operation)(*operands)
    key = (repr(operation), *(array.tobytes() for array in operands))
    if key not in known:
        known[key] = function(operation)(*operands)
    return known[key].reshape(np.broadcast_shapes(*(array.shape for array in operands)))


def leaf_value(leaf: Leaf, given: Given, params: Mapping[str, Array]) -> Array:
    """Return a value that is given, with the axes over first and second inputs."""
    match leaf.value:
        case Side() | State() as own:
            return given[own]
        case str() as name:
            return params[name].reshape((1,) * AXES + params[name].shape)
        case float() as number:
            return np.full((1,) * AXES, number)
        case array:
            return array


def _work(
    plan: KernelPlan, values: Sequence[Array | None], sizes: tuple[int, int], threads: int
) -> Iterable[Work]:
    """Yield the steps that depend on both inputs."""
    steps = {
        number: value
        for number, value in enumerate(plan.values)
        if isinstance(value, PlanStep) and value.side is Side.BOTH
    }
    last = {operand: number for number, step in steps.items() for operand in step.operands}
    kept = set(plan.outputs.values())
    seen = {x for step in steps.values() if step.operation.name in VIEWS for x in step.operands}
    own = {x for x, step in steps.items() if step.operation.name in {*UFUNCS, "item"}} - seen

    def prepared(step: PlanStep) -> Callable[..., Any] | PairSeries:
        if step.operation.name != "pair_series":
            return function(step.operation)
        left, right = (x for x in step.operation.arguments if isinstance(x, LawSteps))
        known = [value for x in step.operands[:-1] if (value := values[x]) is not None]
        return PairSeries(left, right, known, sizes)

    if threads == 1:
        applied = [prepared(step) for step in steps.values()]
    else:
        with ThreadPoolExecutor(threads) as pool:
            applied = list(pool.map(prepared, steps.values()))
    for (number, step), apply in zip(steps.items(), applied, strict=True):
        dead = {x for x in step.operands if last[x] == number and x in steps} - kept
        yield Work(number, step.operands, tuple(dead), tuple(dead & own), apply)


def tile(
    plan: KernelPlan, singles: Singles, part: Tile, scratch: Scratch | None = None
) -> dict[str, Array]:
    """Compute the outputs for a part of the pairs.

    Args:
        plan: The steps.
        singles: What they need of single inputs.
        part: Which pairs.
        scratch: Memory for arrays; of its own by default.

    Returns:
        Arrays that broadcast to the shape (rows, columns) + that of the output.
    """
    memory = Scratch() if scratch is None else scratch
    values: dict[int, Any] = {number: singles.at(number, part) for number in singles.needed}
    with np.errstate(all="ignore"):
        for work in singles.work:
            operands = [values[number] for number in work.operands]
            if isinstance(work.apply, np.ufunc):
                shape = np.broadcast(*operands).shape
                places = (values[number] for number in work.free)
                place = next((array for array in places if array.shape == shape), None)
                found = work.apply(*operands, out=memory.take(shape) if place is None else place)
            elif isinstance(work.apply, PairSeries):
                found = work.apply.tile(operands[-1], part)
            elif work.apply is arc_cosine:
                found = work.apply(*operands, memory)
            else:
                found = work.apply(*operands)
            memory.give(*(values[number] for number in work.free if values[number] is not found))
            for number in work.dead:
                del values[number]
            values[work.number] = found
    return {name: values[number] for name, number in plan.outputs.items()}
