"""SymPy expression -> a tree of plain operations, for whoever computes, writes or prints it.

    -c*sqrt(p)/(2*q)  ->  neg(div(mul(c, sqrt(p)), mul(2, q)))

Here alone SymPy's trees are walked: what has a negative power stands below a stroke, half powers
are roots, functions of the language have their names there.
"""

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from sympy import Add, Expr, Integer, Mul, Pow, Symbol
from sympy.core.function import Application
from sympy.core.numbers import Exp1, Float, Pi, Rational

from tpc.functions import FUNCTIONS
from tpc.gaussian.algebra import computed_as


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number >= 0, an integer where it is exact."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Variable:
    """A symbol."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        name: `add` and `mul` of two or more parts, `neg`, `div`, `pow`, `sqrt`, `pi` and `e` of
            none, or a function.
        parts: What it is applied to.
    """

    name: str
    parts: "tuple[Tree, ...]" = ()


Tree: TypeAlias = Numeral | Variable | Operation

_NAMES = {known.sympy: known.name for known in FUNCTIONS.values() if known.sympy}


@cache
def read_tree(expression: Expr) -> Tree:
    """Return an expression as a tree, as it is computed.

    Raises:
        ValueError: It is no sum, product, power, function, symbol or number.
    """
    match expression:
        case Symbol():
            return Variable(expression.name)
        case Pi():
            return Operation("pi")
        case Exp1():
            return Operation("e")
        case Add():
            return Operation("add", tuple(map(read_tree, expression.as_ordered_terms())))
        case Mul() | Pow() | Rational() | Float():
            return _product(expression)
        case computed_as(args=(_, value)):
            return read_tree(value)
        case Application():
            name = type(expression).__name__
            return Operation(_NAMES.get(name, name), tuple(map(read_tree, expression.args)))
        case _:
            raise ValueError(f"no operation is {expression}")


def _product(expression: Expr) -> Tree:
    coefficient, rest = expression.as_coeff_Mul()
    number = abs(coefficient)
    above: list[Tree] = []
    below: list[Tree] = []
    for factor in Mul.make_args(rest):
        if factor != 1:
            base, power = factor.args if isinstance(factor, Pow) else (factor, Integer(1))
            negative = power.could_extract_minus_sign()
            (below if negative else above).append(_power(base, -power if negative else power))
    top, bottom = (int(number.p), int(number.q)) if number.is_Rational else (float(number), 1)
    if top != 1 or not above:
        above.insert(0, Numeral(top))
    if bottom != 1:
        below.insert(0, Numeral(bottom))
    tree = over(above, below)
    return Operation("neg", (tree,)) if coefficient.is_negative else tree


def _power(base: Expr, power: Expr) -> Tree:
    if power.is_Rational and power.q == 2:
        base_tree: Tree = Operation("sqrt", (read_tree(base),))
        power = Integer(power.p)
    else:
        base_tree = read_tree(base)
    return base_tree if power == 1 else Operation("pow", (base_tree, read_tree(power)))


def over(above: list[Tree], below: list[Tree]) -> Tree:
    """Return a quotient of products, a product where nothing is below."""
    numerator, denominator = _times(above), _times(below)
    return Operation("div", (numerator, denominator)) if below else numerator


def factors(tree: Tree) -> tuple[tuple[Tree, ...], tuple[Tree, ...]]:
    """Return what stands above and below the stroke."""
    match tree:
        case Operation(name="div", parts=(numerator, denominator)):
            return factors(numerator)[0], factors(denominator)[0]
        case Operation(name="mul", parts=parts):
            return parts, ()
        case _:
            return (tree,), ()


def _times(parts: list[Tree]) -> Tree:
    if len(parts) > 1:
        return Operation("mul", tuple(parts))
    return parts[0] if parts else Numeral(1)
