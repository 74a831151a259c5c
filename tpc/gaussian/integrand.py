"""Sums of products of factors with polynomial coefficients: the shape of an integrand.

An integrand is a sum over products of factors, each times a polynomial in the Gaussian symbols.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sympy import Expr, S

from tpc.gaussian.factors import Core, Factors, Wave, merge
from tpc.gaussian.forms import Form, Monomial, Polynomial, add, from_form, multiply, power
from tpc.gaussian.law import Law

Integrand = dict[Factors, Polynomial]


@dataclass(frozen=True, slots=True)
class Integrands:
    """The arithmetic of integrands.

    Attributes:
        symbols: The Gaussian symbols, in the order of a monomial's exponents.
        law: Their law, which decides what the square of a step is.
    """

    symbols: tuple[Expr, ...]
    law: Law

    def constant(self, value: Expr) -> Integrand:
        """Return a constant."""
        return {Factors(): {(0,) * len(self.symbols): value}} if value != 0 else {}

    def polynomial(self, form: Form) -> Integrand:
        """Return an affine form."""
        return {Factors(): from_form(form, self.symbols)}

    def factor(self, factors: Factors, coefficient: Expr = S.One) -> Integrand:
        """Return one product of factors."""
        return {factors: {(0,) * len(self.symbols): coefficient}}

    def sum(self, integrands: Iterable[Integrand]) -> Integrand:
        """Return a sum."""
        total: Integrand = {}
        for integrand in integrands:
            for factors, polynomial in integrand.items():
                total[factors] = add(total.get(factors, {}), polynomial)
        return {factors: polynomial for factors, polynomial in total.items() if polynomial}

    def product(self, left: Integrand, right: Integrand) -> Integrand:
        """Return a product, in which cores of one argument are merged."""
        pieces = []
        for f, p in left.items():
            for g, q in right.items():
                exponents = add(dict(f.exponent), dict(g.exponent))
                exponent = tuple(sorted(exponents.items(), key=_first))
                waves = tuple(sorted(f.waves + g.waves, key=_wave_order))
                product = multiply(p, q)
                for cores, factor in self._with_cores(f.cores, g.cores):
                    merged = Factors(exponent, cores, waves)
                    pieces.append({merged: multiply(product, factor)})
        return self.sum(pieces)

    def power(self, base: Integrand, exponent: int) -> Integrand:
        """Return a power with a positive exponent."""
        result = base
        for _ in range(exponent - 1):
            result = self.product(result, base)
        return result

    def _with_cores(
        self, left: tuple[Core, ...], right: tuple[Core, ...]
    ) -> Iterable[tuple[tuple[Core, ...], Polynomial]]:
        """Yield the terms of a product of cores: cores of different arguments, and a polynomial."""
        terms = [(left, self.constant(S.One)[Factors()])]
        for core in right:
            terms = [
                (cores, multiply(factor, extra))
                for known, factor in terms
                for cores, extra in self._with_core(known, core)
            ]
        return terms

    def _with_core(
        self, known: tuple[Core, ...], core: Core
    ) -> list[tuple[tuple[Core, ...], Polynomial]]:
        one = (0,) * len(self.symbols)
        for i, other in enumerate(known):
            alternatives = merge(other, core, self.law)
            if alternatives is None:
                continue
            rest = known[:i] + known[i + 1 :]
            argument = from_form(core.form, self.symbols)
            return [
                (
                    rest if product is None else _ordered((*rest, product)),
                    multiply({one: a}, power(argument, exponent, len(one))),
                )
                for a, exponent, product in alternatives
                if a != 0
            ]
        return [(_ordered((*known, core)), {one: S.One})]


def _ordered(cores: tuple[Core, ...]) -> tuple[Core, ...]:
    return tuple(sorted(cores, key=_core_order))


def _first(item: tuple[Monomial, Expr]) -> Monomial:
    return item[0]


def _core_order(core: Core) -> tuple[str, str, int, str]:
    return str(core.form.expression()), core.kind.value, core.power, str(core.noise)


def _wave_order(wave: Wave) -> tuple[str, str]:
    return wave.kind.value, str(wave.form.expression())
