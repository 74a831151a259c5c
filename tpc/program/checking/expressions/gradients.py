"""`grad(c, x)` and `detach(x)`: gradients in programs, by the backward pass that networks have.

    grad(c, x) = m dc/dx for a vector x of dim m, so that c moves by <grad(c, x)|dx>,
    grad(c, s) = dc/ds   for a scalar or a param s,
    detach(x)  = x, on which no gradient depends.

For a c of shape k the result has the shape k + (shape of x).

Reference:
    Tensor Programs IVb, Definition 2.9.14.
"""

from tpc.diagnostics.function_faults import InsideRow
from tpc.diagnostics.sort_faults import WrongSort
from tpc.program.backpropagation import gradient
from tpc.program.checking.context import Context
from tpc.program.checking.sorts import bound_coordinate, describe_fully, plain
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    MatrixArray,
    ScaledMatrix,
    Static,
    Value,
    describe,
)
from tpc.program.nodes import MatMul, Node
from tpc.syntax import tree

OPERATOR = (
    "in a matrix it is the operator |dh><x|, summed over the products `h = W @ x`: write "
    "`grad(c, h)` for dh"
)


def grad(ctx: Context, at: tree.Call, arguments: list[Value]) -> Value:
    """Return `grad(c, x)`."""
    c, x = (_node(ctx, at, arguments, place) for place in (0, 1))
    if isinstance(c, Broken) or isinstance(x, Broken):
        return BROKEN
    if not c.is_scalar:
        advice = "average first: `grad(avg(y), x)`, or `<x|y>`"
        fault = WrongSort("`grad`", "a scalar that is differentiated", describe(c), advice)
        return ctx.report(fault, at.arguments[0].span)
    builder, shop = ctx.building(at.span), ctx.shop
    before = len(builder.nodes)
    found = gradient(builder, c, x, shop.ratios)
    shop.transposed += [
        (node.matrix, ctx.place(at.span))
        for node in builder.nodes[before:]
        if isinstance(node, MatMul) and node.transposed
    ]
    return found


def detach(ctx: Context, at: tree.Call, arguments: list[Value]) -> Value:
    """Return `detach(x)`."""
    value = plain(ctx, arguments[0], at.arguments[0].span, "`detach`")
    return ctx.building(at.span).detached(value) if isinstance(value, Node) else value


def _node(ctx: Context, at: tree.Call, arguments: list[Value], place: int) -> Node | Broken:
    """Return an argument of `grad`, anything that is computed."""
    value, span = arguments[place], at.arguments[place].span
    wanted = ("a scalar of the program", "a vector or scalar of the program")[place]
    match value:
        case Node() if coordinate := bound_coordinate(value):
            return ctx.report(InsideRow("`grad`", coordinate), span)
        case Node() | Broken():
            return value
        case ScaledMatrix() | MatrixArray():
            return ctx.report(WrongSort("`grad`", wanted, describe(value), OPERATOR), span)
        case Static():
            advice = "a static never changes; a `param` can stand here"
            return ctx.report(WrongSort("`grad`", wanted, describe(value), advice), span)
        case _:
            return ctx.report(WrongSort("`grad`", wanted, describe_fully(value), ""), span)
