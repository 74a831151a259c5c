"""Affine forms of Gaussian coordinates, and polynomials in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sympy import Add, Dummy, Expr, Mul, S, Symbol


@dataclass(frozen=True, slots=True)
class Form:
    """The affine form constant + sum of coefficient * coordinate.

    Attributes:
        terms: Coordinates with their coefficients, none zero, in the order of the coordinates.
        constant: The rest.
    """

    terms: tuple[tuple[Symbol, Expr], ...]
    constant: Expr = S.Zero

    def of(self, coordinate: Symbol) -> Expr:
        """Return the coefficient of a coordinate."""
        return dict(self.terms).get(coordinate, S.Zero)

    def scaled(self, factor: Expr) -> "Form":
        """Return a multiple of the form."""
        terms = tuple((x, factor * a) for x, a in self.terms)
        return Form(terms, factor * self.constant)

    def plus(self, other: "Form") -> "Form":
        """Return the sum of two forms."""
        sums = dict(self.terms)
        for x, a in other.terms:
            sums[x] = sums.get(x, S.Zero) + a
        terms = tuple((x, a) for x, a in sums.items() if a != 0)
        return Form(terms, self.constant + other.constant)

    def with_noise(self, noise: Dummy) -> "Form":
        """Return the form plus an independent coordinate."""
        return Form((*self.terms, (noise, S.One)), self.constant)

    def expression(self) -> Expr:
        """Return the form as an expression."""
        return Add(self.constant, *(a * x for x, a in self.terms))


def coordinate_form(coordinate: Symbol) -> Form:
    """Return a coordinate as a form."""
    return Form(((coordinate, S.One),))


def coefficient_determinant(forms: Sequence[Form], coordinates: Sequence[Symbol]) -> Expr:
    """Return the determinant of the coefficients of k forms at k coordinates."""
    if len(forms) == 1:
        return forms[0].of(coordinates[0])
    first, rest = forms[0], forms[1:]
    total = []
    for j, x in enumerate(coordinates):
        a = first.of(x)
        if a != 0:
            others = [*coordinates[:j], *coordinates[j + 1 :]]
            total.append((-1) ** j * Mul(a, coefficient_determinant(rest, others)))
    return Add(*total)


Monomial: TypeAlias = tuple[int, ...]
"""The exponent of every Gaussian symbol, in their order."""

Polynomial: TypeAlias = dict[Monomial, Expr]
"""Coefficients by monomial, none zero."""


def add(p: Mapping[Monomial, Expr], q: Mapping[Monomial, Expr]) -> Polynomial:
    """Return p + q."""
    total = dict(p)
    for monomial, coefficient in q.items():
        total[monomial] = total.get(monomial, S.Zero) + coefficient
    return {monomial: c for monomial, c in total.items() if c != 0}


def multiply(p: Mapping[Monomial, Expr], q: Mapping[Monomial, Expr]) -> Polynomial:
    """Return p q."""
    total: Polynomial = {}
    for left, a in p.items():
        for right, b in q.items():
            monomial = tuple(i + j for i, j in zip(left, right, strict=True))
            total[monomial] = total.get(monomial, S.Zero) + a * b
    return {monomial: c for monomial, c in total.items() if c != 0}


def power(p: Mapping[Monomial, Expr], exponent: int, count: int) -> Polynomial:
    """Return p to a power, of a polynomial in `count` symbols."""
    result: Polynomial = {(0,) * count: S.One}
    for _ in range(exponent):
        result = multiply(result, p)
    return result


def from_form(form: Form, symbols: tuple[Expr, ...]) -> Polynomial:
    """Return an affine form as a polynomial."""
    polynomial = {tuple(int(x == y) for y in symbols): a for x, a in form.terms}
    if form.constant != 0:
        polynomial[(0,) * len(symbols)] = form.constant
    return polynomial


def to_form(p: Mapping[Monomial, Expr], symbols: tuple[Expr, ...]) -> Form | None:
    """Return a polynomial of degree one as an affine form, any other as nothing."""
    terms, constant = [], S.Zero
    for monomial, coefficient in sorted(p.items(), reverse=True):
        match sum(monomial):
            case 0:
                constant = coefficient
            case 1:
                terms.append((symbols[monomial.index(1)], coefficient))
            case _:
                return None
    return Form(tuple(terms), constant)
