"""The laws of initial values: limits of scalars, means and covariances of vectors, variances.

All are static or parametric. A covariance C is checked at the defaults of the parameters: C = C.T
and every eigenvalue at least 0, both up to rounding.
"""

from math import prod

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import NotStatic
from tpc.diagnostics.sort_faults import BadVariance, LawShape, NonzeroMean, NotACovariance
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import describe_fully, parametric_order, plain
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    DimProduct,
    Static,
    Value,
    describe,
    show_shape,
)
from tpc.program.nodes import Constant, Node, Shape
from tpc.syntax import tree

STATIC = "made of statics and params"

ROUNDING = 1e-9
"""How far below 0 an eigenvalue may be, relative to the largest."""


def parametric(ctx: Context, at: tree.Expression, what: str) -> Node | Broken:
    """Return a static or parametric expression as a node."""
    value = plain(ctx, evaluate(ctx, at), at.span, what)
    if isinstance(value, Broken):
        return BROKEN
    node = ctx.node(value, at.span)
    if parametric_order(node) is None:
        return ctx.report(NotStatic(what, STATIC, describe(node), ""), at.span)
    return node


def limit_of(ctx: Context, at: tree.Expression | None, name: str, shape: Shape) -> Node | Broken:
    """Return the limit of an initial scalar; a number stands for all its entries."""
    if at is None:
        return ctx.shop.builder.constant(np.zeros(shape))
    node = parametric(ctx, at, "the limit of a scalar")
    return node if isinstance(node, Broken) else _widened(ctx, node, at.span, "limit", name, shape)


def mean_of_vector(
    ctx: Context, at: tree.Expression, name: str, shape: Shape
) -> Node | Broken | None:
    """Return the mean of a vector's rows, None for zero."""
    node = parametric(ctx, at, "a mean")
    if isinstance(node, Broken):
        return BROKEN
    if isinstance(node, Constant) and not node.value.any() and node.shape in ((), shape):
        return None
    return _widened(ctx, node, at.span, "mean", name, shape)


def covariance_of_vector(
    ctx: Context, at: tree.Expression, name: str, shape: Shape
) -> Node | Broken:
    """Return the covariance of a vector's rows: of shape k + k, or a multiple of the identity."""
    node = parametric(ctx, at, "a covariance")
    if isinstance(node, Broken):
        return BROKEN
    if node.shape not in ((), shape + shape):
        wanted = f"() or {show_shape(shape + shape)}" if shape else "()"
        fault = LawShape("the covariance", name, show_shape(node.shape), wanted)
        return ctx.report(fault, at.span)
    problem = _covariance_problem(node, prod(shape))
    return ctx.report(NotACovariance("the covariance", problem), at.span) if problem else node


def matrix_law(ctx: Context, law: tree.Normal, columns: str) -> tuple[Node, str] | Broken:
    """Return the width-free numerator of a matrix variance, and the dim that divides it."""
    mean = evaluate(ctx, law.mean)
    if not isinstance(mean, Broken) and not (
        isinstance(mean, Static) and not mean.shape and mean.value == 0
    ):
        ctx.report(NonzeroMean(), law.mean.span)
    return variance_of_matrix(ctx, law.covariance, columns)


def variance_of_matrix(
    ctx: Context, at: tree.Expression, columns: str
) -> tuple[Node, str] | Broken:
    """Return the width-free numerator of `s^2 / m`, and the dim that divides it."""
    value = evaluate(ctx, at)
    if isinstance(value, Broken):
        return BROKEN
    if not (isinstance(value, DimProduct) and _one_dim_below(value)):
        return ctx.report(_bad_variance(ctx, value, at.span, columns), at.span)
    if isinstance(value.coefficient, Node):
        numerator = value.coefficient
        if parametric_order(numerator) is None:
            fault = NotStatic("the variance of a matrix", STATIC, describe(numerator), "")
            return ctx.report(fault, at.span)
    else:
        numerator = ctx.building(at.span).number(float(value.coefficient))
    if problem := _covariance_problem(numerator, 1):
        return ctx.report(NotACovariance("the variance", problem), at.span)
    return numerator, value.powers[0][0]


def _one_dim_below(value: DimProduct) -> bool:
    return len(value.powers) == 1 and value.powers[0][1] == -1


def _bad_variance(ctx: Context, value: Value, span: Span, columns: str) -> BadVariance:
    text = span.text(ctx.shop.text)
    if isinstance(value, DimProduct):
        powers = " ".join(f"{dim}^{power}" for dim, power in value.powers) or "a width-free number"
        return BadVariance(f"scales as {powers}", "sw^2", columns)
    found = f"{describe_fully(value)} that no dim divides"
    plain_text = text if text.isalnum() else "sw^2"
    return BadVariance(found, plain_text, columns)


def _widened(
    ctx: Context, node: Node, span: Span, what: str, name: str, shape: Shape
) -> Node | Broken:
    """Return a node of shape () or `shape` with the latter."""
    if node.shape == shape:
        return node
    if node.shape:
        fault = LawShape(f"the {what}", name, show_shape(node.shape), show_shape(shape))
        return ctx.report(fault, span)
    builder = ctx.building(span)
    if isinstance(node, Constant):
        return builder.constant(np.full(shape, float(node.value)))
    return builder.apply("add", node, builder.constant(np.zeros(shape)))


def _covariance_problem(node: Node, size: int) -> str:
    """Return what keeps a node from being a covariance at the defaults, or the empty string."""
    value = at_defaults(node)
    if not np.isfinite(value).all():
        return "is not finite"
    if not node.shape:
        return "is negative" if value < 0 else ""
    matrix = value.reshape(size, size)
    scale = np.abs(matrix).max(initial=0.0)
    if np.abs(matrix - matrix.T).max(initial=0.0) > ROUNDING * scale:
        return "is not symmetric"
    smallest = np.linalg.eigvalsh(matrix).min(initial=0.0)
    return "is not positive semidefinite" if smallest < -ROUNDING * scale else ""
