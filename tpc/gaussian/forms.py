"""Affine forms of Gaussian coordinates, and determinants of their coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

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
