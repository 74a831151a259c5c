"""Whether an optimizer is linear in the gradients, read off its graph, and its coefficients.

A linear update is Q_t(g_0, ..., g_t) = sum over s of q_ts g_s with numbers q_ts. In a limit its
nonlinear outer products collapse to inner products, whose cost is linear in the samples.

Reference:
    Tensor Programs IVb, Section 2.1, linear entrywise updates.
"""

from collections.abc import Sequence
from enum import Enum

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.every_step import Reading, of_every_step
from tpc.network.optimizers.update import advance, initial_states
from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Expand, Mean, Node, Permute, Reduce, Take


class Degree(Enum):
    """How a value depends on the gradients."""

    ZERO = "zero"
    NUMBER = "number"
    LINEAR = "linear"
    OTHER = "other"


def is_linear(use: OptimizerUse) -> bool:
    """Whether Q_t is linear in the gradients for every t."""
    reading = Reading(Degree.ZERO, Degree.NUMBER, Degree.LINEAR, _sum, _degree)
    return of_every_step(use, reading) in (Degree.ZERO, Degree.LINEAR)


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


def _degree(node: Node, of: Sequence[Degree]) -> Degree:
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
