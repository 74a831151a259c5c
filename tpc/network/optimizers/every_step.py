"""What holds of every step of an optimizer, read off the graph of one.

A *reading* gives each node of the graph a value, from the values of its operands. Those of the
states are the least that a step reproduces, from those before the first step: a state that starts
at 0 has none until a step gives it one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.rule import is_zero
from tpc.network.optimizers.update import advance, initial_states
from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands
from tpc.program.traversal import fold

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reading(Generic[Value]):
    """A way to read a graph.

    Attributes:
        zero: The value of the number 0.
        number: That of other numbers.
        gradient: That of a gradient.
        joined: That of a sum, or of a state that is either of two.
        of: That of an operation, from its node and the values of its operands.
    """

    zero: Value
    number: Value
    gradient: Value
    joined: Callable[[Value, Value], Value]
    of: Callable[[Node, Sequence[Value]], Value]


def of_every_step(use: OptimizerUse, reading: Reading[Value]) -> Value:
    """Return the value of the direction Q_t for every t."""
    b = Builder()
    like = b.number(0)
    gradient = b.placeholder(like, "g")
    starts = initial_states(b, use)
    states = tuple(b.placeholder(like, f"state {at}") for at, _ in enumerate(starts))
    direction, after = advance(b, use, gradient, states, 1)

    def rule(node: Node, known: dict[Node, Value]) -> Value:
        if is_zero(node):
            return reading.zero
        return reading.of(node, [known[operand] for operand in operands(node)])

    values = tuple(reading.zero if is_zero(start) else reading.number for start in starts)
    while True:
        given: dict[Node, Value] = {gradient: reading.gradient}
        known = fold(
            (direction, *after), rule, operands, given | dict(zip(states, values, strict=True))
        )
        grown = tuple(reading.joined(x, known[y]) for x, y in zip(values, after, strict=True))
        if grown == values:
            return known[direction]
        values = grown
