"""Demands on the sort of a value: each returns the value as wanted, or reports what it is."""

from collections.abc import Callable
from math import prod

from tpc.diagnostics import Fault, Span
from tpc.diagnostics.depth_faults import DepthInfinite
from tpc.diagnostics.function_faults import InsideRow
from tpc.diagnostics.name_faults import NotAnInteger, NotStatic, TooLong
from tpc.diagnostics.sort_faults import DimAsValue, WrongSort
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    DimProduct,
    MatrixArray,
    ScaledMatrix,
    Static,
    Value,
    describe,
)
from tpc.program.nodes import FREE, InitialScalar, Node, Placeholder, Shape, operands
from tpc.program.traversal import toposort, walk

LARGEST = 10**7
"""The most entries that a constant shape may have."""


def plain(ctx: Context, value: Value, span: Span, what: str) -> Static | Node | Broken:
    """Demand a static, scalar, vector or row: anything with entries."""
    match value:
        case ScaledMatrix(text=text) | MatrixArray(text=text):
            wanted = "a vector, scalar or static"
            advice = f"a matrix stands only to the left of `@`: `{text} @ x`"
            return ctx.report(WrongSort(what, wanted, describe(value), advice), span)
        case DimProduct(powers=powers):
            return ctx.report(DimAsValue(powers[0][0]), span)
        case _:
            return value


def vector(ctx: Context, value: Value, span: Span, what: str, advice: str) -> Node | Broken:
    """Demand a vector at the free coordinate."""
    if isinstance(value, Broken):
        return BROKEN
    if isinstance(value, Node):
        if coordinate := bound_coordinate(value):
            return ctx.report(InsideRow(what, coordinate), span)
        if value.is_vector:
            return value
    return ctx.report(WrongSort(what, "a vector", describe_fully(value), advice), span)


def static(ctx: Context, value: Value, span: Span, what: str, advice: str = "") -> Static | Broken:
    """Demand a static."""
    if isinstance(value, Static | Broken):
        return value
    if isinstance(value, Node) and (depth := ctx.shop.depths.within(value)):
        return ctx.report(DepthInfinite(depth, what), span)
    return ctx.report(NotStatic(what, "static", describe_fully(value), advice), span)


def integer(
    ctx: Context, value: Value, span: Span, what: str, wanted: str, least: int | None = None
) -> int | Broken:
    """Demand a static integer, at least `least`."""
    known = static(ctx, value, span, what)
    if isinstance(known, Broken):
        return BROKEN
    number = statics.integer(known.value)
    if number is None or (least is not None and number < least):
        found = "an array" if known.shape else f"{known.value}".lower()
        return ctx.report(NotAnInteger(what, wanted, found), span)
    return number


def flag(ctx: Context, value: Value, span: Span, fault: Callable[[str], Fault]) -> bool | Broken:
    """Demand `true` or `false`; `fault` takes what is found instead."""
    match value:
        case Static(value=bool(known)):
            return known
        case Broken():
            return BROKEN
        case _:
            return ctx.report(fault(describe_fully(value)), span)


def number(
    ctx: Context, value: Value, span: Span, what: str, fault: Callable[[str], Fault]
) -> float | Broken:
    """Demand a static number that is no flag; `fault` takes what is found instead."""
    known = static(ctx, value, span, what)
    if isinstance(known, Broken):
        return BROKEN
    if known.shape or isinstance(known.value, bool):
        return ctx.report(fault(describe(known)), span)
    assert isinstance(known.value, int | float)
    return float(known.value)


def small(ctx: Context, shape: Shape, span: Span, what: str) -> bool:
    """Whether a constant shape has no more entries than it may; otherwise report it."""
    if prod(shape) <= LARGEST:
        return True
    ctx.report(TooLong(what, LARGEST), span)
    return False


def bound_coordinate(node: Node) -> str:
    """Return a bound coordinate of a node, or the empty string."""
    return next((name for name, _ in node.coords if name != FREE), "")


def parametric_order(node: Node) -> list[Node] | None:
    """Return what a node is made of in topological order, or None where that is not parametric.

    Parametric is what constants and parameters make: it may stand in variances, means, covariances
    and initial limits.
    """
    if any(
        part.coords or isinstance(part, InitialScalar | Placeholder)
        for part in walk((node,), operands)
    ):
        return None
    return toposort((node,), operands)


def describe_fully(value: Value) -> str:
    """Name the sort of a value, parameters told apart from scalars."""
    if isinstance(value, Node) and value.is_scalar and parametric_order(value) is not None:
        return "a param"
    return describe(value)
