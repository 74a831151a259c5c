"""Closed form -> a tree of plain operations, for whoever prints it; as papers write it.

    (c (pi - acos(c / (sqrt(p) sqrt(q)))) + sqrt(-c^2 + p q)) / (2 pi)
        -> (sqrt(p q - c^2) + c (pi - acos(c / sqrt(p q)))) / (2 pi)

Named functions of `tpc.gaussian` are their formulas. Roots of factors are one root, what is
added stands before what is subtracted, and short terms and factors before long ones.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TypeAlias

from sympy import Add, Expr, Float, Function, Mul, Pow, Rational, Symbol, floor
from sympy.core.numbers import Exp1, Pi


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number >= 0."""

    value: Fraction | float


@dataclass(frozen=True, slots=True)
class Variable:
    """A symbol of the closed form."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        name: `add` and `mul` of two or more parts, `neg`, `div`, `pow`, `sqrt`, `pi` and `e` of
            none, or a function.
    """

    name: str
    parts: "tuple[Written, ...]" = ()


Written: TypeAlias = Numeral | Variable | Operation

_HALF = Fraction(1, 2)

_NAMES = {"Abs": "abs", "Max": "max", "Min": "min"}


@cache
def written(form: Expr) -> Written:
    """Return a closed form as a tree."""
    return _term(form.doit())


def size(tree: Written) -> int:
    """Count the symbols, numbers and functions of a tree."""
    parts = tree.parts if isinstance(tree, Operation) else ()
    own = not isinstance(tree, Operation) or tree.name not in ("add", "neg", "mul", "div")
    return own + sum(map(size, parts))


def variables(tree: Written) -> tuple[str, ...]:
    """Return the name of every variable, as often as it occurs, from left to right."""
    match tree:
        case Variable(name=name):
            return (name,)
        case Operation(parts=parts):
            return tuple(name for part in parts for name in variables(part))
        case _:
            return ()


def _term(form: Expr) -> Written:
    match form:
        case Symbol():
            return Variable(form.name)
        case Pi():
            return Operation("pi")
        case Exp1():
            return Operation("e")
        case Add():
            return _sum(form)
        case Mul() | Pow() | Rational() | Float():
            return _product(form)
        case Function():
            name = type(form).__name__
            return Operation(_NAMES.get(name, name), tuple(map(_term, form.args)))
        case _:
            raise ValueError(f"no way to write {form}")


def _sum(form: Add) -> Written:
    terms = [_term(term) for term in form.as_ordered_terms()]
    return Operation("add", tuple(sorted(terms, key=lambda term: (_is_negative(term), size(term)))))


def _is_negative(tree: Written) -> bool:
    return isinstance(tree, Operation) and tree.name == "neg"


def _product(form: Expr) -> Written:
    coefficient, rest = form.as_coeff_Mul()
    fraction = _Fraction(_number(abs(coefficient)))
    for factor in Mul.make_args(rest):
        if factor != 1:
            fraction.take(*(factor.args if isinstance(factor, Pow) else (factor, Rational(1))))
    tree = fraction.tree()
    return Operation("neg", (tree,)) if coefficient.is_negative else tree


class _Fraction:
    """A product of powers, sorted by where they stand."""

    def __init__(self, number: Fraction | float) -> None:
        self._number = number
        self._whole: tuple[list[Written], list[Written]] = ([], [])
        self._roots: tuple[list[Written], list[Written]] = ([], [])
        self._root_of_number = 1

    def take(self, base: Expr, exponent: Expr) -> None:
        """Multiply by a power; SymPy leaves roots of integers above the stroke only."""
        below = exponent.could_extract_minus_sign()
        exponent = -exponent if below else exponent
        has_root = bool((2 * exponent).is_Integer) and not exponent.is_Integer
        if has_root and (exponent < 1 or base.is_Symbol):
            exponent = floor(exponent)
            if base.is_Integer:
                self._root_of_number *= int(base)
            else:
                self._roots[below].append(_term(base))
        if exponent != 0:
            one = _term(base)
            power = one if exponent == 1 else Operation("pow", (one, _term(exponent)))
            self._whole[below].append(power)

    def tree(self) -> Written:
        """Return the fraction; numbers are put where they take least room."""
        number, root = self._number, self._root_of_number
        above, below = self._whole
        if isinstance(number, float):
            above.append(Numeral(number))
            number = Fraction(1)
        only_roots = not above and not below and number.numerator == 1
        if only_roots and (root > 1 or self._roots[1]):
            inside = number**2 * root
            over = _with_number(inside.numerator, self._roots[0])
            under = _with_number(inside.denominator, self._roots[1])
            if over:
                return _root(_over(over, under))
            return _over([], [_root(_over(under, []))])
        moved = number.denominator % root == 0
        number *= root if moved else 1
        over = _with_number(1 if moved else root, self._roots[0])
        under = _with_number(root if moved else 1, self._roots[1])
        if over:
            above.append(_root(_over(over, under)))
        elif under:
            below.append(_root(_over(under, [])))
        return _over(_with_number(number.numerator, above), _with_number(number.denominator, below))


def _with_number(number: int, factors: list[Written]) -> list[Written]:
    return factors if number == 1 else [Numeral(Fraction(number)), *factors]


def _over(above: list[Written], below: list[Written]) -> Written:
    """Return a quotient of products."""
    numerator, denominator = _times(above), _times(below)
    return Operation("div", (numerator, denominator)) if below else numerator


def _times(factors: list[Written]) -> Written:
    if len(factors) > 1:
        return Operation("mul", tuple(sorted(factors, key=_place)))
    return factors[0] if factors else Numeral(Fraction(1))


def _place(factor: Written) -> tuple[int, int]:
    """Return where a factor stands in a product: numbers, letters, functions, sums."""
    match factor:
        case Numeral():
            place = 0
        case Operation(name="pi" | "e"):
            place = 1
        case Variable() | Operation(name="pow", parts=(Variable(), _)):
            place = 2
        case Operation(name="add"):
            place = 4
        case _:
            place = 3
    return place, size(factor)


def _root(inside: Written) -> Written:
    return Operation("sqrt", (inside,))


def _number(value: Expr) -> Fraction | float:
    return Fraction(int(value.p), int(value.q)) if value.is_Rational else float(value)
