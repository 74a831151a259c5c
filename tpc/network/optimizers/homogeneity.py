"""How an update scales with the gradients, read off its graph.

Q is *homogeneous* of degree p where Q(k g_0, ..., k g_t) = k^p Q(g_0, ..., g_t) for k > 0: linear
updates have degree 1, those without an eps have degree 0. Then the exponent d of a parametrization
says nothing that c does not: n^-c Q(n^d g) = n^-(c + p(d' - d)) Q(n^d' g).

Reference:
    Tensor Programs IVb, Remark 2.2.6.
"""

from dataclasses import replace
from typing import TypeAlias

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.rule import TINY, is_zero
from tpc.network.optimizers.update import advance, initial_states, numeric_options
from tpc.program.builder import Builder
from tpc.program.nodes import (
    Constant,
    Elementwise,
    Expand,
    Mean,
    Node,
    Parameter,
    Permute,
    Reduce,
    Take,
    operands,
)
from tpc.program.traversal import fold

Scale: TypeAlias = float | None
"""A degree, or None for what has none."""

EPS = "eps that scales"
"""The name of a parameter that scales with the gradients."""

ANY = float("inf")
"""The degree of zero, which has every degree."""


def homogeneity(use: OptimizerUse) -> float | None:
    """Return the degree p of every Q_t, or None where it has none."""
    return _degree_of(use)


def joint_homogeneity(use: OptimizerUse) -> float | None:
    """Return the degree p in Q(k g, k eps) = k^p Q(g, eps), or None where it has none."""
    b = Builder()
    scaled = [option for option in use.options if option[0] != "eps"]
    if "eps" in numeric_options(b, use):
        scaled.append(("eps", b.parameter(EPS, 0.0)))
    return _degree_of(replace(use, options=tuple(scaled)))


def _degree_of(use: OptimizerUse) -> float | None:
    """Return the degree of every Q_t; the parameter `EPS` has degree 1."""
    b = Builder()
    like = b.number(0)
    gradient = b.placeholder(like, "g")
    starts = initial_states(b, use)
    states = tuple(b.placeholder(like, f"state {at}") for at, _ in enumerate(starts))
    direction, after = advance(b, use, gradient, states, 1, exact=True)
    degrees: tuple[Scale, ...] = tuple(ANY if is_zero(start) else 0.0 for start in starts)
    while True:
        given: dict[Node, Scale] = {gradient: 1.0, **dict(zip(states, degrees, strict=True))}
        known = fold(b.nodes, _degree, operands, given)
        grown = tuple(_same(old, known[new]) for old, new in zip(degrees, after, strict=True))
        if grown == degrees:
            return known[direction]
        degrees = grown


def _degree(node: Node, known: dict[Node, Scale]) -> Scale:
    of = [known[operand] for operand in operands(node)]
    if is_zero(node):
        return ANY
    if isinstance(node, Parameter) and node.name == EPS:
        return 1.0
    match node:
        case Elementwise(function="max", operands=(x, Constant(value=tiny))) if tiny in (
            TINY,
            TINY**0.5,
        ):
            return known[x]
        case Elementwise(function="add" | "sub" | "max" | "min"):
            return _same(*of)
        case Elementwise(function="mul"):
            return None if None in of else sum(degree for degree in of if degree is not None)
        case Elementwise(function="div") if of[0] is not None and of[1] is not None:
            return ANY if of[0] == ANY else of[0] - of[1]
        case Elementwise(function="sqrt") if of[0] is not None:
            return of[0] / 2
        case Elementwise(function="square") if of[0] is not None:
            return of[0] * 2
        case Elementwise(function="sign") if of[0] is not None:
            return 0.0
        case Elementwise(function="neg" | "abs"):
            return of[0]
        case Mean() | Take() | Permute() | Expand() | Reduce():
            return of[0]
        case _:
            return 0.0 if all(degree == 0 for degree in of) else None


def _same(x: Scale, y: Scale) -> Scale:
    if x is None or y is None:
        return None
    if ANY in (x, y):
        return min(x, y)
    return x if x == y else None
