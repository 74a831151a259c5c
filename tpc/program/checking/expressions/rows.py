"""`mean[j](...)` and the rows `x[j]` in its body.

    y = mean[j, l](e):  y_a = n^-1 n^-1 sum over j, l of e(free entries a, rows j, rows l)

A row is a node at the coordinate j; the elementwise operations unite coordinates, and `Mean`
averages the bound ones away.

Reference:
    Tensor Programs IVb, Definition 2.6.1, OuterNonlin, equation (2.17).
"""

from tpc.diagnostics.function_faults import (
    CoordinateClash,
    CoordinateOutside,
    CoordinateUnused,
    InsideRow,
)
from tpc.diagnostics.sort_faults import WrongSort
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.calls import CONSTANTS, NEW_AXIS
from tpc.program.checking.expressions.definitions import Evaluate
from tpc.program.checking.sorts import bound_coordinate, describe_fully
from tpc.program.checking.values import BROKEN, Broken, Value
from tpc.program.nodes import FREE, Node
from tpc.syntax import tree


def mean_of(ctx: Context, at: tree.Mean, evaluate: Evaluate) -> Value:
    """Return a `mean` over its coordinates."""
    sound = [_may_be_coordinate(ctx, at, index) for index in range(len(at.coordinates))]
    if not all(sound):
        return BROKEN
    coordinates = tuple(name.id for name in at.coordinates)
    body = evaluate(ctx.inside_mean(coordinates), at.body)
    if isinstance(body, Broken):
        return BROKEN
    own = {name for name, _ in body.coords} if isinstance(body, Node) else set()
    unused = [name for name in at.coordinates if name.id not in own]
    for name in unused:
        ctx.report(CoordinateUnused(name.id), name.span)
    if unused or not isinstance(body, Node):
        return BROKEN
    outer = sorted(own - {FREE} - set(coordinates))
    if outer:
        return ctx.report(InsideRow("a nested `mean`", outer[0]), at.span)
    return ctx.building(at.span).mean(body, coordinates)


def coordinate_key(ctx: Context, at: tree.Subscript, base: Value) -> tree.Name | None:
    """Return the key of `base[j]` where that is a coordinate, or should be one."""
    key = at.keys[0]
    if len(at.keys) > 1 or not isinstance(key, tree.Name):
        return None
    if key.id in ctx.coordinates or key.id in ctx.outer:
        return key
    unbound = key.id not in (*ctx.names, *CONSTANTS, NEW_AXIS)
    grows = isinstance(base, Node) and not base.is_scalar
    return key if unbound and (grows or key.id in ctx.shop.survey.coordinates) else None


def row(ctx: Context, at: tree.Subscript, base: Value, key: tree.Name) -> Value:
    """Return `base[j]`, the row of a vector at a coordinate."""
    if key.id not in ctx.coordinates and key.id not in ctx.outer:
        return ctx.report(CoordinateOutside(key.id), key.span)
    if isinstance(base, Node):
        if coordinate := bound_coordinate(base):
            return ctx.report(InsideRow(f"the row `[{key.id}]`", coordinate), at.base.span)
        if base.is_vector:
            if key.id in ctx.outer:
                return ctx.report(InsideRow("a nested `mean`", key.id), at.span)
            return ctx.building(at.span).row(base, key.id)
    fault = WrongSort(f"the coordinate `{key.id}`", "a vector", describe_fully(base), "")
    return ctx.report(fault, at.base.span)


def _may_be_coordinate(ctx: Context, at: tree.Mean, index: int) -> bool:
    name = at.coordinates[index]
    other = ctx.shop.survey.bound.get(name.id)
    if other is None and name.id in (earlier.id for earlier in at.coordinates[:index]):
        other = name.span
    if other is None:
        return True
    ctx.report(CoordinateClash(name.id, other.line), name.span)
    return False
