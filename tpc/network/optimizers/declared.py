"""Optimizers that a file declares, `optimizer Q(g; m=0, v=0): ...`: one step."""

from collections.abc import Mapping

from tpc.network.network import UserOptimizer
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.reapply import transplant


def advance_declared(
    b: Builder,
    declared: UserOptimizer,
    gradient: Node,
    states: tuple[Node, ...],
    step: Node,
    options: Mapping[str, Node],
) -> tuple[Node, tuple[Node, ...]]:
    """Return the direction and the states after the step."""
    stand_ins: dict[Node, Node] = {declared.gradient: gradient, declared.step: step}
    stand_ins |= {option: options[option.name] for option, _ in declared.options}
    stand_ins |= {
        state: value for (state, _, _), value in zip(declared.states, states, strict=True)
    }
    after = tuple(transplant(b, update, stand_ins) for _, _, update in declared.states)
    return transplant(b, declared.direction, stand_ins), after
