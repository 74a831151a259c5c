"""What is printed: formulas of the bra-ket notation as trees, free of any alphabet.

A node graph is read into formulas once (`tpc.report.reading`); one walker (`tpc.report.spelling`)
then writes them in Unicode or in LaTeX. The constructors below keep formulas in the shape that
people write: signs in front of products, numbers in front of factors, sums and products flat.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """A number >= 0, written so that it reads back exactly."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A scalar, a parameter, an array or a matrix by its name."""

    text: str


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """An array too large to print: its shape. Where `value` is given, every entry is that."""

    shape: tuple[int, ...]
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """R^shape."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A small array, entry by entry, or a tuple of formulas."""

    items: "tuple[Formula, ...]"


Accent: TypeAlias = Literal["", "hat", "dot"]


@dataclass(frozen=True, slots=True)
class Ket:
    """|x>, its hat or its dot; `copy` > 0 numbers an iid copy.

    Attributes:
        name: A name, or that of a product such as `W.T x`.
    """

    name: str
    accent: Accent = ""
    copy: int = 0


@dataclass(frozen=True, slots=True)
class BraKet:
    """<x|y>, or the generalised bra <nabla_x|y> where `nabla`."""

    left: str
    right: str
    nabla: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """E[x], or the expectation over some iid copies alone."""

    operand: "Formula"
    copies: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """f(x, y), or with options that qualify f: `sum(x, axis=0)`."""

    function: str
    arguments: "tuple[Formula, ...]"
    option: str = ""
    axes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """1 where two values are equal, else 0."""

    left: "Formula"
    right: "Formula"


@dataclass(frozen=True, slots=True)
class Indexed:
    """x[0, :] or x[i, i]; `new` is an axis of length 1."""

    operand: "Formula"
    keys: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Raised:
    """An operand with a mark: transposed, inverse or pseudo-inverse."""

    operand: "Formula"
    mark: Literal["T", "-1", "+"]


@dataclass(frozen=True, slots=True)
class Power:
    """x^y."""

    base: "Formula"
    exponent: "Formula"


@dataclass(frozen=True, slots=True)
class Quotient:
    """x / y."""

    numerator: "Formula"
    denominator: "Formula"


ProductKind: TypeAlias = Literal["times", "entrywise", "contract", "dot", "outer", "braket"]
"""Multiplication by numbers, of arrays entry by entry, over one shared axis, over all axes, over
none, and a ket with a bra behind it."""


@dataclass(frozen=True, slots=True)
class Product:
    """Several factors, all with the same kind of product between them."""

    kind: ProductKind
    factors: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class Contraction:
    """The tensordot of x and y over several axes, but not all."""

    left: "Formula"
    right: "Formula"
    axes: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms with their signs, True for minus; a single term is a negated one."""

    terms: "tuple[tuple[bool, Formula], ...]"


@dataclass(frozen=True, slots=True)
class SumOver:
    """The sum of a formula over rounds s: those before t, or up to t where `inclusive`."""

    operand: "Formula"
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """The derivative of x in tau, or in tau and sigma: dx/dtau."""

    operand: "Formula"
    over: tuple[str, ...]


Formula: TypeAlias = (
    Number
    | Name
    | ArrayOf
    | Space
    | Listing
    | Ket
    | BraKet
    | Expectation
    | Call
    | Indicator
    | Indexed
    | Raised
    | Power
    | Quotient
    | Product
    | Contraction
    | Sum
    | SumOver
    | Rate
)


def add(x: Formula, y: Formula) -> Formula:
    """Return x + y."""
    return Sum(_terms(x) + _terms(y))


def subtract(x: Formula, y: Formula) -> Formula:
    """Return x - y; a sum behind the minus stays one."""
    sign, rest = _signed(y)
    return Sum((*_terms(x), (not sign, rest)))


def negate(x: Formula) -> Formula:
    """Return -x."""
    sign, rest = _signed(x)
    return rest if sign else Sum(((True, rest),))


def multiply(kind: ProductKind, x: Formula, y: Formula) -> Formula:
    """Return a product: signs in front, numbers first, ones left out, flat where it may be."""
    x_sign, x = _signed(x)
    y_sign, y = _signed(y)
    if kind == "times":
        if x == Number(1) or y == Number(1):
            product = y if x == Number(1) else x
        else:
            factors = _factors("times", x) + _factors("times", y)
            numbers = tuple(factor for factor in factors if _is_number(factor))
            rest = tuple(factor for factor in factors if not _is_number(factor))
            product = Product("times", numbers + rest)
    else:
        multiples, y = _multiples(y)
        for multiple in reversed(multiples):
            x = scale(multiple, x)
        before = (x,) if kind == "dot" else _factors(kind, x)
        after = _factors(kind, y) if kind in ("entrywise", "outer") else (y,)
        product = Product(kind, before + after)
    return product if x_sign == y_sign else Sum(((True, product),))


def scale(c: Formula, x: Formula) -> Formula:
    """Return c x for one number c, put in front of the first factor of x."""
    c_sign, c = _signed(c)
    x_sign, x = _signed(x)
    match c, x:
        case _, Product(kind=kind, factors=(first, *rest)) if kind != "times":
            product: Formula = Product(kind, (multiply("times", c, first), *rest))
        case Quotient(numerator=Number() as above, denominator=below), Name() | Ket() | BraKet():
            product = Quotient(multiply("times", above, x), below)
        case _:
            product = multiply("times", c, x)
    return product if c_sign == x_sign else negate(product)


def divide(x: Formula, y: Formula) -> Formula:
    """Return x / y."""
    x_sign, x = _signed(x)
    y_sign, y = _signed(y)
    quotient = x if y == Number(1) else Quotient(x, y)
    return quotient if x_sign == y_sign else Sum(((True, quotient),))


def _signed(x: Formula) -> tuple[bool, Formula]:
    match x:
        case Sum(terms=((True, rest),)):
            return True, rest
        case _:
            return False, x


def _terms(x: Formula) -> tuple[tuple[bool, Formula], ...]:
    return x.terms if isinstance(x, Sum) else ((False, x),)


def _is_number(x: Formula) -> bool:
    """Whether this is a number or a fraction of numbers."""
    match x:
        case Number() | Quotient(numerator=Number(), denominator=Number()):
            return True
        case _:
            return False


def _multiples(x: Formula) -> tuple[tuple[Formula, ...], Formula]:
    """Return the numbers in front of a formula, and the rest of it."""
    if not isinstance(x, Product):
        return (), x
    first, *rest = x.factors
    factors = x.factors if x.kind == "times" else _factors("times", first)
    numbers = tuple(factor for factor in factors if _is_number(factor))
    others = tuple(factor for factor in factors if not _is_number(factor))
    if not numbers or not others:
        return (), x
    bare = others[0] if len(others) == 1 else Product("times", others)
    return numbers, bare if x.kind == "times" else Product(x.kind, (bare, *rest))


def _factors(kind: ProductKind, x: Formula) -> tuple[Formula, ...]:
    return x.factors if isinstance(x, Product) and x.kind == kind else (x,)
