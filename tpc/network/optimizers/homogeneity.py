"""How an update scales with the gradients, read off its graph.

Q is *homogeneous* of degree p where Q(k g_0, ..., k g_t) = k^p Q(g_0, ..., g_t) for k > 0: linear
updates have degree 1, those without an eps have degree 0. Then the exponent d of a parametrization
says nothing that c does not: n^-c Q(n^d g) = n^-(c + p(d' - d)) Q(n^d' g).

Reference:
    Tensor Programs IVb, Remark 2.2.6.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.every_step import Reading, of_every_step
from tpc.network.optimizers.rule import TINY
from tpc.network.optimizers.update import numeric_options
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Node

Scale: TypeAlias = float | None
"""A degree, or None for what has none."""

EPS = "eps that scales"
"""The name of a parameter that scales with the gradients."""

ANY = float("inf")
"""The degree of zero, which has every degree."""


def homogeneity(use: OptimizerUse) -> float | None:
    """Return the degree p of every Q_t, or None where it has none."""
    reading: Reading[Scale] = Reading(ANY, 0.0, 1.0, _same, _scaling)
    return of_every_step(use, reading)


def joint_homogeneity(use: OptimizerUse) -> float | None:
    """Return the degree p in Q(k g, k eps) = k^p Q(g, eps), or None where it has none."""
    b = Builder()
    scaled = [option for option in use.options if option[0] != "eps"]
    if "eps" in numeric_options(b, use):
        scaled.append(("eps", b.parameter(EPS, 0.0)))
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
        case op.Elementwise(function="sign") if of[0] is not None:
            return 0.0
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
