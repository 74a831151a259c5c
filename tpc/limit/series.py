"""Integrands -> sums of products whose expectations have closed forms or Hermite series.

    E f(z1) g(z2) h(z3)  ->  (E f(z1) g(z2)) (E h(z3))        where z3 is independent of the others

A product is taken apart into independent groups of Gaussians first, so that functions stay whole:
(1 - tanh(z1)^2) (1 - tanh(z2)^2) is one series, not four. Only what has no series as it stands is
expanded. A group has one where it is of one Gaussian, or of two with a factor for each.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sympy import Add, Dummy, Expr, Integer, Mul, Symbol, expand_mul, expand_multinomial

from tpc.functions import FUNCTIONS
from tpc.gaussian.kinks import records_in
from tpc.gaussian.numpy_text import has_numpy_text

Covariance: TypeAlias = Mapping[tuple[Symbol, Symbol], Symbol]

MOST_TERMS = 24
"""How many terms an integrand may be expanded to."""

UNKNOWN = frozenset(f.name for f in FUNCTIONS.values() if not f.derivatives)
"""The functions that no series has, for they are none of numbers or hold at single points alone."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A part in closed form.

    Attributes:
        integrand: What it is the expectation of.
        form: The form.
    """

    integrand: Expr
    form: Expr


@dataclass(frozen=True, slots=True)
class SeriesFactors:
    """A part that is a series: a function of one Gaussian, or one of each of two."""

    functions: tuple[tuple[Symbol, Expr], ...]


Part: TypeAlias = Closed | SeriesFactors
Plan: TypeAlias = tuple[tuple[Part, ...], ...]
"""A sum of products."""


class NoSeries(Exception):
    """An integrand that mixes Gaussians, or is none of known functions."""


def plan(
    integrand: Expr, covariance: Covariance, closed: Callable[[Expr], Expr | None]
) -> Plan | None:
    """Return how to integrate an expression, or None.

    Args:
        integrand: The expression in Gaussian symbols.
        covariance: Their covariances by pairs; pairs left out are independent.
        closed: Returns the closed form of an integrand, where it has one.
    """
    planner = _Planner(covariance, closed)
    try:
        return tuple(planner.terms(integrand))
    except NoSeries:
        return None


class _Planner:
    def __init__(self, covariance: Covariance, closed: Callable[[Expr], Expr | None]) -> None:
        self._gaussians = {z for pair in covariance for z in pair}
        self._linked = {frozenset(pair) for pair in covariance}
        self._closed = closed

    def terms(self, integrand: Expr) -> Iterator[tuple[Part, ...]]:
        """Yield the products."""
        try:
            yield tuple(self._part(group) for group in self._groups(integrand))
            return
        except NoSeries:
            expanded = self._expand(integrand)
        terms = Add.make_args(expanded)
        if expanded == integrand or len(terms) > MOST_TERMS:
            raise NoSeries
        for term in terms:
            yield tuple(self._part(group) for group in self._groups(term))

    def _expand(self, integrand: Expr) -> Expr:
        """Expand an integrand, but not sums of one Gaussian alone: their digits would cancel."""
        sums: dict[Expr, Expr] = {}

        def hide(expression: Expr) -> Expr:
            if isinstance(expression, Add) and len(self._coordinates(expression)) == 1:
                return sums.setdefault(expression, Dummy("sum"))
            if not expression.args or len(self._coordinates(expression)) < 2:
                return expression
            return expression.func(*map(hide, expression.args))

        hidden = expand_multinomial(expand_mul(hide(integrand)))
        return hidden.xreplace({stand_in: expression for expression, stand_in in sums.items()})

    def _coordinates(self, expression: Expr) -> set[Symbol]:
        return {z for z in expression.free_symbols if z in self._gaussians}

    def _groups(self, product: Expr) -> list[Expr]:
        """Return the factors of a product by independent groups, constants alone."""
        groups: list[tuple[set[Symbol], Expr]] = []
        constant: Expr = Integer(1)
        for factor in Mul.make_args(product):
            own = self._coordinates(factor)
            if not own:
                constant *= factor
                continue
            for known in [g for g in groups if self._depend(g[0], own)]:
                groups.remove(known)
                own, factor = own | known[0], known[1] * factor
            groups.append((own, factor))
        found = [group for _, group in groups]
        return found if constant == 1 else [constant, *found]

    def _depend(self, one: set[Symbol], other: set[Symbol]) -> bool:
        return any(x == y or frozenset((x, y)) in self._linked for x in one for y in other)

    def _part(self, group: Expr) -> Part:
        if not self._coordinates(group):
            if not has_numpy_text(group):
                raise NoSeries
            return Closed(group, group)
        form = self._closed(group)
        if form is not None:
            return Closed(group, form)
        if any(r is None or r.name in UNKNOWN for r in records_in(group).values()):
            raise NoSeries
        functions: dict[Symbol, Expr] = {}
        for factor in Mul.make_args(group):
            own = self._coordinates(factor)
            if len(own) > 1:
                raise NoSeries
            (z,) = own
            functions[z] = functions.get(z, Integer(1)) * factor
        if len(functions) > 2:
            raise NoSeries
        return SeriesFactors(tuple(sorted(functions.items(), key=lambda item: str(item[0]))))
