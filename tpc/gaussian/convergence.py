"""Expression -> the conditions under which its Gaussian expectation is finite.

Only exponentials of polynomials outgrow the density. Each term of an expression that grows like
exp(quadratic) has a finite expectation where the determinants of `tpc.gaussian.tilt` are positive,
whatever bounded or slower functions stand beside it. What decays as fast as the density itself,
such as 1 - erf(x)^2, may make up for that: nothing is said of it.
"""

from collections.abc import Mapping
from functools import reduce

from sympy import (
    Abs,
    Add,
    Expr,
    Max,
    Min,
    Mul,
    Poly,
    Pow,
    S,
    Symbol,
    cancel,
    cosh,
    erf,
    erfc,
    exp,
    sinh,
)

from tpc.gaussian.algebra import Placeholders, finite
from tpc.gaussian.functions import Phi, gelu, leaky_relu, relu, step
from tpc.gaussian.law import Law
from tpc.gaussian.refusal import InfiniteExpectation
from tpc.gaussian.tilt import complete_squares, determinant

MOST_TERMS = 32
"""With more terms than that nothing is said."""

_PASSING = (Abs, Max, Min, relu, leaky_relu)
"""Functions that grow as their arguments do."""

_DECAYING = (erf, erfc, Phi, gelu)


def is_guarded(form: Expr) -> bool:
    """Whether a closed form refuses to be computed where the expectation is infinite."""
    return bool(form.has(finite))


def guard_of(expression: Expr, covariance: Mapping[tuple[Symbol, Symbol], Expr]) -> Expr:
    """Return 1, or a form that is 1 where the expectation is finite and refuses elsewhere.

    Args:
        expression: Of Gaussian symbols and constants.
        covariance: As for `expect`.

    Raises:
        InfiniteExpectation: The expectation is infinite whatever the values of symbols.
    """
    found = conditions(expression, covariance)
    return Mul(*(finite(*guard.args, S.Zero, S.One) for guard in found))


def conditions(
    expression: Expr, covariance: Mapping[tuple[Symbol, Symbol], Expr]
) -> tuple[Expr, ...]:
    """Return the determinants that have to be positive, guarded; none where all certainly are."""
    symbols = tuple(dict.fromkeys(x for pair in covariance for x in pair))
    if not any(x.exp.has(*symbols) for x in expression.atoms(exp, Pow)):
        return ()
    stand_ins = Placeholders()
    entries: dict[tuple[Symbol, Symbol], Expr] = {}
    for (x, y), entry in covariance.items():
        of = stand_ins.variance if x == y else stand_ins.covariance
        entries[x, y] = entries[y, x] = of(entry)
    law = Law(entries, {})
    found: dict[Expr, None] = {}
    for exponent in _exponents(expression, set(symbols)) or ():
        guarded = _condition(exponent, symbols, law)
        if isinstance(guarded, finite):
            found[stand_ins.resolve(guarded)] = None
    return tuple(found)


def _condition(exponent: Expr, symbols: tuple[Symbol, ...], law: Law) -> Expr | None:
    polynomial = Poly(exponent, *symbols)
    degree = polynomial.total_degree()
    if degree > 2:
        leading = polynomial.LC()
        if len(exponent.free_symbols) == 1 and (degree % 2 or leading.is_positive):
            raise InfiniteExpectation(
                exp(exponent), f"infinite, for the power {degree} in an exponent"
            )
        return None
    terms = [(monomial, a) for monomial, a in polynomial.terms() if any(monomial)]
    squares = complete_squares(terms, symbols).squares
    return determinant(law, squares) if squares else None


def _exponents(expression: Expr, symbols: set[Symbol]) -> set[Expr] | None:
    """Return the polynomials by whose exponentials the terms grow, or None where that is unclear.

    What grows by no exponential has the exponent 0.
    """
    if expression.free_symbols.isdisjoint(symbols):
        return {S.Zero}
    match expression:
        case exp(args=(argument,)):
            return {_grown(argument)} if _grown(argument).is_polynomial(*symbols) else None
        case Add(args=terms) | Max(args=terms) | Min(args=terms):
            return _all([_exponents(term, symbols) for term in terms])
        case Mul(args=factors):
            found = reduce(_products, [_exponents(factor, symbols) for factor in factors])
            return None if found is None else {_bounded(one, factors) for one in found}
        case Pow(base=base, exp=power) if power.is_number and power > 0:
            own = _exponents(base, symbols)
            return None if own is None else {(power * exponent).expand() for exponent in own}
        case Pow(base=base, exp=power) if base.free_symbols.isdisjoint(symbols):
            return None
        case cosh(args=(argument,)) | sinh(args=(argument,)):
            return _exponents(exp(argument) + exp(-argument), symbols)
        case _ if isinstance(expression, _PASSING):
            return _exponents(expression.args[0], symbols)
        case _ if isinstance(expression, _DECAYING):
            return None
        case _:
            return {S.Zero}


def _grown(argument: Expr) -> Expr:
    """Return an exponent with even powers of a ReLU as those of its argument: half a line counts.

    Of one Gaussian alone: in several, half a space may be where the others do not grow.
    """
    if len(argument.free_symbols) == 1:
        return argument.replace(_is_rectified_square, _without_rectifier).expand()
    return argument.expand()


def _bounded(exponent: Expr, factors: tuple[Expr, ...]) -> Expr:
    """Return 0 for an exponent that is negative where a step among the factors is not 0."""
    bases = (factor.as_base_exp()[0] for factor in factors)
    opened = [base.args[0] for base in bases if isinstance(base, step)]
    return S.Zero if any(cancel(-exponent / x).is_nonnegative for x in opened) else exponent


def _is_rectified_square(x: Expr) -> bool:
    return isinstance(x, Pow) and isinstance(x.base, relu | Max | Min) and bool(x.exp.is_even)


def _without_rectifier(x: Expr) -> Expr:
    varying = [argument for argument in x.base.args if argument.free_symbols]
    return varying[0] ** x.exp if len(varying) == 1 else x


def _all(parts: list[set[Expr] | None]) -> set[Expr] | None:
    if any(part is None for part in parts):
        return None
    found = set().union(*(part for part in parts if part is not None))
    return found if len(found) <= MOST_TERMS else None


def _products(left: set[Expr] | None, right: set[Expr] | None) -> set[Expr] | None:
    if left is None or right is None or len(left) * len(right) > MOST_TERMS:
        return None
    return {one + other for one in left for other in right}
