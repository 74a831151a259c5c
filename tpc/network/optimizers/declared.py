"""Optimizers that a file declares, `optimizer Q(g; m=0, v=0): ...`: one step, and its first jump.

Whether the first step is nearly a multiple of sign(g) is found by its values.
"""

from collections.abc import Mapping

import numpy as np

from tpc.network.network import UserOptimizer
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Node, Parameter, operands
from tpc.program.operations import Array, operation
from tpc.program.reapply import transplant
from tpc.program.traversal import fold


def advance_declared(
    b: Builder,
    declared: UserOptimizer,
    gradient: Node,
    states: tuple[Node, ...],
    step: int,
    options: Mapping[str, Node],
) -> tuple[Node, tuple[Node, ...]]:
    """Return the direction and the states after the step."""
    stand_ins: dict[Node, Node] = {declared.gradient: gradient, declared.step: b.number(step)}
    stand_ins |= {option: options[option.name] for option, _ in declared.options}
    stand_ins |= {
        state: value for (state, _, _), value in zip(declared.states, states, strict=True)
    }
    after = tuple(transplant(b, update, stand_ins) for _, _, update in declared.states)
    return transplant(b, declared.direction, stand_ins), after


SMALL_GRADIENT = 1e-3
"""Gradients of size one are rarely smaller."""

FLAT = 0.02
"""A direction that changes by a smaller share between such gradients is a sign."""


def first_jump(declared: UserOptimizer, options: dict[str, Node], step: int) -> float:
    """Return c where Q(g) is c sign(g) but for gradients below `SMALL_GRADIENT`, else 0.

    Args:
        declared: The optimizer, with its states as they are before the first step.
        options: Its options. Nothing is known of one that is made of params.
        step: t, which is 0 unless there are no states.
    """
    with np.errstate(all="ignore"):
        at_one, small, negative = (
            _direction(declared, options, step, g) for g in (1.0, SMALL_GRADIENT, -1.0)
        )
    flat = abs(small - at_one) <= FLAT * abs(at_one)
    odd = abs(negative + at_one) <= FLAT * abs(at_one)
    return at_one if flat and odd else 0.0


def _direction(
    declared: UserOptimizer, options: dict[str, Node], step: int, gradient: float
) -> float:
    b = Builder()
    starts = tuple(b.number(value) for _, value, _ in declared.states)
    direction, _ = advance_declared(b, declared, b.number(gradient), starts, step, options)
    return float(fold((direction,), _value, operands)[direction])


def _value(node: Node, values: dict[Node, Array]) -> Array:
    match node:
        case Constant(value=value):
            return value
        case Parameter():
            return np.array(np.nan)
        case _:
            return operation(node)(*map(values.__getitem__, operands(node)))
