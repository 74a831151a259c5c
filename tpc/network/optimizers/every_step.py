"""What holds of every step of an optimizer, read off the graph of one.

A *reading* gives each node of the graph a value, from the values of its operands. Those of the
states are the least that a step reproduces, from those before the first step: a state that starts
at 0 has none until a step gives it one.

A *linear* update is Q_t(g_0, ..., g_t) = sum over s of q_ts g_s with numbers q_ts. In a limit its
nonlinear outer products collapse to inner products, whose cost is linear in the samples.

Q is *homogeneous* of degree p where Q(k g_0, ..., k g_t) = k^p Q(g_0, ..., g_t) for k > 0: linear
updates have degree 1, those without an eps have degree 0. Then the exponent d of a parametrization
says nothing that c does not: n^-c Q(n^d g) = n^-(c + p(d' - d)) Q(n^d' g).

Reference:
    Tensor Programs IVb, Section 2.1, linear entrywise updates; Remark 2.2.6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.rule import TINY, is_zero
from tpc.network.optimizers.update import (
    acts_on_operators,
    advance,
    eps_degree,
    graft_of,
    initial_states,
    numeric_options,
    sees_entries,
)
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Expand, Mean, Node, Permute, Reduce, Take, operands
from tpc.program.traversal import fold, walk

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class OptimizerReading(Generic[Value]):
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


def of_every_step(use: OptimizerUse, reading: OptimizerReading[Value]) -> Value:
    """Return the value of the direction Q_t for every t."""
    b = Builder()
    like = b.number(0)
    whole = b.constant(np.zeros((2, 2))) if acts_on_operators(use) else like
    gradient = b.placeholder(whole, "g")
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


class Degree(Enum):
    """How a value depends on the gradients."""

    ZERO = "zero"
    NUMBER = "number"
    LINEAR = "linear"
    OTHER = "other"


def is_linear(use: OptimizerUse) -> bool:
    """Whether Q_t is linear in the gradients for every t."""
    if acts_on_operators(use):
        return False
    reading = OptimizerReading(Degree.ZERO, Degree.NUMBER, Degree.LINEAR, _sum, _degree)
    return of_every_step(use, reading) in (Degree.ZERO, Degree.LINEAR)


def stays_low_rank(use: OptimizerUse) -> bool:
    """Whether updates of a matrix have columns and rows in the span of those of gradients."""
    return is_linear(use) or (acts_on_operators(use) and not sees_entries(use))


def remembers(use: OptimizerUse) -> bool:
    """Whether the direction of a step depends on gradients of earlier steps."""
    b = Builder()
    gradient = b.placeholder(b.constant(np.zeros((2, 2))), "g")
    starts = initial_states(b, use)
    states = tuple(b.placeholder(b.number(0), f"state {at}") for at, _ in enumerate(starts))
    direction, _ = advance(b, use, gradient, states, 1)
    seen = set(walk((direction,), lambda node: () if _vanishes(node) else operands(node)))
    return not seen.isdisjoint(states)


def _vanishes(node: Node) -> bool:
    product = isinstance(node, Elementwise) and node.function == "mul"
    return product and any(map(is_zero, operands(node)))


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


Scale: TypeAlias = float | None
"""A degree, or None for what has none."""

EPS = "eps that scales"
"""The name of a parameter that scales with the gradients."""

ANY = float("inf")
"""The degree of zero, which has every degree."""


def homogeneity(use: OptimizerUse) -> float | None:
    """Return the degree p of every Q_t, or None where it has none."""
    if graft := graft_of(use):
        return homogeneity(graft)
    reading: OptimizerReading[Scale] = OptimizerReading(ANY, 0.0, 1.0, _same, _scaling)
    return of_every_step(use, reading)


def shape_degree(use: OptimizerUse) -> float:
    """Return q where a declared update is shape_scale^q times one without; 0 if there is none."""
    scale = ("shape_scale", Builder().parameter(EPS, 1.0))
    reading: OptimizerReading[Scale] = OptimizerReading(ANY, 0.0, 0.0, _same, _scaling)
    found = of_every_step(replace(use, options=(*use.options, scale)), reading)
    return 0.0 if found is None or found == ANY else found


def joint_homogeneity(use: OptimizerUse) -> float | None:
    """Return p in Q(k g, k^e eps) = k^p Q(g, eps) with e of `eps_degree`, None if there is none."""
    if graft := graft_of(use):
        return joint_homogeneity(graft)
    b = Builder()
    scaled = [option for option in use.options if option[0] != "eps"]
    if "eps" in numeric_options(b, use):
        eps = b.parameter(EPS, 0.0)
        scaled.append(("eps", b.mul(eps, eps) if eps_degree(use) == 2 else eps))
    return homogeneity(replace(use, options=tuple(scaled)))


def _scaling(node: Node, of: Sequence[Scale]) -> Scale:
    match node:
        case op.Parameter(name=name) if name == EPS:
            return 1.0
        case op.Elementwise(function="max", operands=(_, op.Constant(value=tiny))) if tiny in (
            TINY,
            TINY**0.5,
        ):
            return of[0]
        case op.Elementwise(function="add" | "sub" | "max" | "min"):
            return _same(*of)
        case op.Elementwise(function="mul"):
            return None if None in of else sum(degree for degree in of if degree is not None)
        case op.Elementwise(function="div") if of[0] is not None and of[1] is not None:
            return ANY if of[0] == ANY else of[0] - of[1]
        case op.Elementwise(function="sqrt") if of[0] is not None:
            return of[0] / 2
        case op.Elementwise(function="square") if of[0] is not None:
            return of[0] * 2
        case op.Elementwise(function="sign" | "step") if of[0] is not None:
            return 0.0
        case op.Elementwise(function="pow", operands=(_, op.Constant(value=p))) if (
            of[0] is not None
        ):
            return of[0] * float(p) if of[0] or float(p) >= 0 else 0.0
        case op.Contract():
            return None if None in of else sum(degree for degree in of if degree is not None)
        case op.Spectral(function="eigenvectors") if of[0] is not None:
            return 0.0
        case op.Spectral():
            return of[-1]
        case op.Elementwise(function="neg" | "abs"):
            return of[0]
        case op.Mean() | op.Take() | op.Permute() | op.Expand() | op.Reduce():
            return of[0]
        case _:
            return 0.0 if all(degree == 0 for degree in of) else None


def _same(x: Scale, y: Scale) -> Scale:
    if x is None or y is None:
        return None
    if ANY in (x, y):
        return min(x, y)
    return x if x == y else None
