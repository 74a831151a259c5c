"""Uses of optimizers for tests, and graphs evaluated on arrays."""

from collections.abc import Mapping

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.network.network import OptimizerUse, UserOptimizer
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.update import advance, initial_states
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Coordinates, Node, Parameter, Placeholder
from tpc.simulation.finite_operations import apply_operation

Array = np.ndarray


def use_of(
    name: str, declared: UserOptimizer | None = None, **options: float | bool | str
) -> OptimizerUse:
    """Return a use with numbers and flags as options."""
    b = Builder()
    return OptimizerUse(
        name,
        tuple(
            (key, value if isinstance(value, bool | str) else b.number(value))
            for key, value in options.items()
        ),
        declared,
        NOWHERE,
    )


def evaluate(b: Builder, given: Mapping[Node, Array]) -> dict[Node, Array]:
    """Return the value of every node of a builder."""
    values = dict(given)
    with np.errstate(all="raise"):
        for node in b.nodes:
            if node in values:
                continue
            match node:
                case Constant(value=value) | Parameter(default=value):
                    values[node] = value
                case _:
                    values[node] = apply_operation(node, values.__getitem__)
    return values


def run(use: OptimizerUse, gradients: list[Array], coords: Coordinates = ()) -> list[Array]:
    """Return the directions of all steps; states go from one step's graph into the next's."""
    states: list[Array] = []
    directions = []
    for step, gradient in enumerate(gradients):
        b = Builder()
        shape = gradient.shape[len(coords) :]
        g = b.make(Placeholder, coords, shape, "g")
        before = initial_states(b, use)
        given = {g: gradient}
        if step:
            before = tuple(
                b.make(Placeholder, *_form(state, coords), f"s{at}")
                for at, state in enumerate(states)
            )
            given |= dict(zip(before, (value for value, _ in states), strict=True))
        averages = GrownAverages(b, held=True)
        direction, after = advance(b, use, g, before, step, averages)
        values = evaluate(b, given)
        directions.append(np.broadcast_to(values[direction], gradient.shape))
        states = [(values[state], state) for state in after]
    return directions


def _form(state: tuple[Array, Node], coords: Coordinates) -> tuple[Coordinates, tuple[int, ...]]:
    return state[1].coords, state[1].shape
