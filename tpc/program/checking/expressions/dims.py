"""Multiples of widths, which stand in `dim m = 2 * n` and in the variance of a matrix only.

A product `coefficient * n^p * m^q` is kept apart from numbers: `* / ^` act on its parts, and
everything else refuses it. Static coefficients are exact fractions, so that m = n / 3 is a third.
"""

from fractions import Fraction

from tpc.diagnostics.data_faults import NoNumber
from tpc.diagnostics.sort_faults import DimAsValue
from tpc.program.checking.context import Context
from tpc.program.checking.values import DimProduct, Static, Value
from tpc.program.nodes import Node
from tpc.syntax import tree

SMALL = Fraction(1, 10**300)
"""Smaller coefficients, and the inverses of these, are refused before they leave the floats."""


def combine(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    """Return `left at.operator right` where at least one side holds a dim."""
    if at.operator in ("*", "/"):
        x, y = _product(left), _product(right)
        if x is not None and y is not None and not (at.operator == "/" and y.coefficient == 0):
            sign = 1 if at.operator == "*" else -1
            powers = dict(x.powers)
            for dim, power in y.powers:
                powers[dim] = powers.get(dim, 0) + sign * power
            kept = tuple((dim, power) for dim, power in powers.items() if power)
            factor = _coefficient(ctx, at, x.coefficient, y.coefficient)
            if isinstance(factor, Fraction) and factor and not SMALL < abs(factor) < 1 / SMALL:
                return ctx.report(NoNumber("overflow"), at.span)
            return _simplest(factor, kept)
    if at.operator == "^" and isinstance(left, DimProduct) and left.coefficient == 1:
        match right:
            case Static(value=int(power)):
                return _simplest(
                    left.coefficient,
                    tuple((dim, power * own) for dim, own in left.powers if power),
                )
    if isinstance(left, DimProduct):
        return ctx.report(DimAsValue(left.powers[0][0]), at.left.span)
    assert isinstance(right, DimProduct)
    return ctx.report(DimAsValue(right.powers[0][0]), at.right.span)


def _simplest(coefficient: Fraction | Node, powers: tuple[tuple[str, int], ...]) -> Value:
    """Return a product of dims, or its coefficient where the dims cancel."""
    if powers:
        return DimProduct(coefficient, powers)
    return coefficient if isinstance(coefficient, Node) else Static(float(coefficient))


def _product(value: Value) -> DimProduct | None:
    """Return a factor as a product of dims, or None where it cannot be one."""
    match value:
        case DimProduct():
            return value
        case Static(value=int() | float() as number) if abs(number) < float("inf"):
            # the shortest decimal is what the text says: 0.1 is a tenth
            exact = Fraction(number) if isinstance(number, int) else Fraction(repr(number))
            return DimProduct(exact, ())
        case Node(shape=()) if value.is_scalar:
            return DimProduct(value, ())
        case _:
            return None


def _coefficient(
    ctx: Context, at: tree.Binary, x: Fraction | Node, y: Fraction | Node
) -> Fraction | Node:
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x * y if at.operator == "*" else x / y
    builder = ctx.building(at.span)
    left, right = (
        builder.number(float(part)) if isinstance(part, Fraction) else part for part in (x, y)
    )
    return builder.mul(left, right) if at.operator == "*" else builder.div(left, right)
