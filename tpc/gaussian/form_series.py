"""Closed form whose arguments are polynomials in powers of L -> the coefficients of its powers.

With c = c0 + c1 / L in the place of a symbol, a form f(c) is f(c0) + c1 f'(c0) / L + ...
"""

from collections.abc import Mapping
from fractions import Fraction
from math import lcm

import sympy
from sympy import Expr, Symbol


def in_powers(
    form: Expr, terms: Mapping[str, Mapping[float, str]], least: float
) -> dict[float, Expr] | None:
    """Return the coefficients of a closed form in powers of L, down to the least that counts.

    Args:
        form: The form.
        terms: For its symbols by name, the symbols that are the coefficients of powers of L.
        least: The smallest power of L.

    Returns:
        What multiplies each power of L, or None where it has no such series.
    """
    powers = [Fraction(power).limit_denominator(64) for own in terms.values() for power in own]
    step = lcm(*(power.denominator for power in powers))
    eps = Symbol("eps", positive=True)  # L^(-1 / step)
    values = {}
    for symbol in form.free_symbols:
        assert isinstance(symbol, Symbol)
        own = terms[symbol.name]
        values[symbol] = sum(
            Symbol(name, real=True) * eps ** round(-power * step) for power, name in own.items()
        )
    expression = form.doit().subs(values)
    found = {}
    for order in range(round(-least * step) + 1):
        coefficient = (expression.diff(eps, order) / sympy.factorial(order)).subs(eps, 0)
        if coefficient.has(sympy.zoo, sympy.nan, sympy.oo):
            return None
        if coefficient := _simple(coefficient):
            found[-order / step] = coefficient
    return found


def _simple(form: Expr) -> Expr:
    exact = form.replace(lambda part: isinstance(part, sympy.Float), _exact)
    if exact.atoms(sympy.Function):
        return sympy.factor_terms(exact)
    return sympy.cancel(exact)


def _exact(value: sympy.Float) -> Expr:
    """Return a simple fraction, or one times or over pi or its root, that is this number."""
    for unit in (sympy.Integer(1), sympy.pi, 1 / sympy.pi, sympy.sqrt(sympy.pi)):
        simple = Fraction(float(value) / float(unit)).limit_denominator(64)
        if abs(float(simple) * float(unit) - float(value)) <= 1e-15 * abs(float(value)):
            return sympy.Rational(simple.numerator, simple.denominator) * unit
    return value
