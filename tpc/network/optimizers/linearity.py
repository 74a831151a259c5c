"""Whether an optimizer is linear in the gradients, read off its graph, and its coefficients.

A linear update is Q_t(g_0, ..., g_t) = sum over s of q_ts g_s with numbers q_ts. In a limit its
nonlinear outer products collapse to inner products, whose cost is linear in the samples.

Reference:
    Tensor Programs IVb, Section 2.1, linear entrywise updates.
"""

from enum import Enum

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.rule import is_zero
from tpc.network.optimizers.update import advance, initial_states
from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Expand, Mean, Node, Permute, Reduce, Take, operands
from tpc.program.traversal import fold


class Degree(Enum):
    """How a value depends on the gradients."""

    ZERO = "zero"
    NUMBER = "number"
    LINEAR = "linear"
    OTHER = "other"


def is_linear(use: OptimizerUse) -> bool:
    """Whether Q_t is linear in the gradients for every t.

    The degrees of the states are the least that one step reproduces, from those before the first
    step: a state that starts at 0 has none until a step gives it one.
    """
    b = Builder()
    like = b.number(0)
    gradient = b.placeholder(like, "g")
    starts = initial_states(b, use)
    states = tuple(b.placeholder(like, f"state {at}") for at, _ in enumerate(starts))
    direction, after = advance(b, use, gradient, states, 1, exact=True)
    degrees = tuple(Degree.ZERO if is_zero(start) else Degree.NUMBER for start in starts)
    while True:
        given = {gradient: Degree.LINEAR, **dict(zip(states, degrees, strict=True))}
        known = fold(b.nodes, _degree, operands, given)
        grown = tuple(_sum(old, known[new]) for old, new in zip(degrees, after, strict=True))
        if grown == degrees:
            return known[direction] in (Degree.ZERO, Degree.LINEAR)
        degrees = grown


def linear_coefficients(b: Builder, use: OptimizerUse, steps: int) -> tuple[tuple[Node, ...], ...]:
    """Return q_ts for s <= t < steps as scalar nodes of shape (), for a linear optimizer."""
    columns: list[list[Node]] = []
    for source in range(steps):
        states, column = initial_states(b, use), []
        for step in range(steps):
            gradient = b.number(1.0 if step == source else 0.0)
            direction, states = advance(b, use, gradient, states, step)
            column.append(direction)
        columns.append(column)
    return tuple(tuple(columns[s][t] for s in range(t + 1)) for t in range(steps))


def _degree(node: Node, known: dict[Node, Degree]) -> Degree:
    of = [known[operand] for operand in operands(node)]
    match node:
        case Elementwise(function="add" | "sub"):
            return _sum(*of)
        case Elementwise(function="mul"):
            return _product(*of)
        case Elementwise(function="div") if of[1] is Degree.NUMBER:
            return of[0]
        case Elementwise(function="neg") | Reduce(reduction="sum") | Mean() | Take():
            return of[0]
        case Permute() | Expand():
            return of[0]
        case _ if is_zero(node):
            return Degree.ZERO
        case _:
            constant = all(degree in (Degree.ZERO, Degree.NUMBER) for degree in of)
            return Degree.NUMBER if constant else Degree.OTHER


def _sum(x: Degree, y: Degree) -> Degree:
    if Degree.ZERO in (x, y):
        return y if x is Degree.ZERO else x
    return x if x is y else Degree.OTHER


def _product(x: Degree, y: Degree) -> Degree:
    if Degree.ZERO in (x, y):
        return Degree.ZERO
    if Degree.NUMBER in (x, y):
        return y if x is Degree.NUMBER else x
    return Degree.OTHER
