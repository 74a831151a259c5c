"""Static conditions: comparisons, `and`, `or`, `not`, on static numbers only."""

from operator import eq, ge, gt, le, lt, ne

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import NotStatic
from tpc.diagnostics.sort_faults import WrongSort
from tpc.program.checking.context import Context
from tpc.program.checking.sorts import describe_fully
from tpc.program.checking.values import BROKEN, Broken, Static, Value, describe
from tpc.syntax import tree

COMPARISONS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}

CONNECTIVES = ("and", "or")


def compare(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    """Return the truth of a comparison of static numbers."""
    x = _number(ctx, left, at.left.span)
    y = _number(ctx, right, at.right.span)
    if isinstance(x, Broken) or isinstance(y, Broken):
        return BROKEN
    return Static(bool(COMPARISONS[at.operator](x, y)))


def truth(ctx: Context, value: Value, span: Span) -> bool | Broken:
    """Return the truth of a condition: a truth value, or a number that is not 0."""
    number = _number(ctx, value, span)
    return number if isinstance(number, Broken) else bool(number)


def _number(ctx: Context, value: Value, span: Span) -> int | float | Broken:
    match value:
        case Broken():
            return value
        case Static(value=int() | float() as number):
            return number
        case Static():
            fault = WrongSort("a condition", "numbers", describe(value), "index the array first")
            return ctx.report(fault, span)
        case _:
            advice = "loops and conditions are decided before run time, by statics alone"
            found = describe_fully(value)
            return ctx.report(NotStatic("a condition", "static", found, advice), span)
