"""Polynomials in the Gaussian symbols: exponents -> coefficient, free of these symbols."""

from collections.abc import Mapping
from typing import TypeAlias

from sympy import Expr, S

from tpc.gaussian.forms import Form

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
