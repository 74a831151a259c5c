"""Expectations of powers of absolute values, and of logarithms of them, of centred Gaussians.

With q the variance of x, for every a > -1,

    E |x|^a = (2 q)^(a/2) gamma((a + 1)/2) / sqrt(pi),   E |x|^a log^k |x| = (d/da)^k E |x|^a.

A product of functions of x that are homogeneous, such as |x|^a, relu(x)^b, sign(x), x^2, is a
multiple of a power of |x| on each side of 0; a logarithm of such a product is a multiple of log |x|
and a number.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import comb

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Mul,
    Poly,
    Pow,
    S,
    Symbol,
    diff,
    expand_mul,
    expand_power_base,
    gamma,
    log,
    pi,
    sign,
    sqrt,
)

from tpc.gaussian.functions import leaky_relu, relu, step
from tpc.gaussian.refusal import NoClosedForm

MOST_TERMS = 64
"""Sums of more terms are left alone."""

_LOG = Dummy("log|x|")
_POWER = Dummy("a", positive=True)


@dataclass(frozen=True, slots=True)
class Homogeneous:
    """The function |x|^power times `above` for x > 0, and times `below` for x < 0.

    Attributes:
        power: A number.
        above: A polynomial in `_LOG`, which stands for log |x|.
        below: The same.
    """

    power: Expr
    above: Expr
    below: Expr

    def times(self, other: "Homogeneous") -> "Homogeneous":
        """Return the product."""
        return Homogeneous(
            self.power + other.power, self.above * other.above, self.below * other.below
        )

    def to(self, exponent: Expr) -> "Homogeneous | None":
        """Return a power, if that is one for numbers as they come."""
        sides = (self.above, self.below)
        if not (exponent.is_Integer and exponent > 0):
            if not exponent.is_number or any(side.has(_LOG) for side in sides):
                return None
            if not all(side.is_nonnegative for side in sides):
                return None
            if exponent.is_negative and not all(side.is_positive for side in sides):
                return None
        above, below = (side**exponent for side in sides)
        return Homogeneous(self.power * exponent, above, below)


def expect_powers(
    expression: Expr,
    covariance: Mapping[tuple[Symbol, Symbol], Expr],
    mean: Mapping[Symbol, Expr],
    otherwise: Callable[[Expr], Expr],
) -> Expr:
    """Return an expectation in which powers and logarithms stand alone.

    Args:
        expression: What it is taken of.
        covariance: Of its Gaussian symbols.
        mean: Those that are not 0.
        otherwise: Returns the expectation of factors that are no such powers.

    Raises:
        NoClosedForm: It has none, and so `otherwise` says.
    """
    apart = expression.replace(Abs, lambda x: Mul(*map(Abs, Mul.make_args(x))))
    split = expand_mul(expand_power_base(apart, force=True).replace(log, _log_of_product))
    terms = Add.make_args(split)
    if len(terms) > MOST_TERMS:
        raise NoClosedForm(expression, "too many terms")
    return Add(*(_expect_product(term, covariance, mean, otherwise) for term in terms))


def _expect_product(
    term: Expr,
    covariance: Mapping[tuple[Symbol, Symbol], Expr],
    mean: Mapping[Symbol, Expr],
    otherwise: Callable[[Expr], Expr],
) -> Expr:
    """Return the expectation of a product of independent groups of factors."""
    value, symbols = S.One, {x for pair in covariance for x in pair}
    groups: list[tuple[set[Symbol], list[Expr]]] = []
    for factor in Mul.make_args(term):
        own = factor.free_symbols & symbols
        if not own:
            value *= factor
            continue
        linked = {y for x in own for y in symbols if _covary(x, y, covariance)} | own
        joined = [group for group in groups if group[0] & linked]
        groups = [group for group in groups if group not in joined]
        groups.append((own.union(*(g[0] for g in joined)), [f for g in joined for f in g[1]]))
        groups[-1][1].append(factor)
    for own, factors in groups:
        moment = None
        if len(own) == 1:
            (x,) = own
            moment = _moment(factors, x, covariance[x, x]) if not mean.get(x, S.Zero) else None
        value *= otherwise(Mul(*factors)) if moment is None else moment
    return value


def _covary(x: Symbol, y: Symbol, covariance: Mapping[tuple[Symbol, Symbol], Expr]) -> bool:
    return bool(covariance.get((x, y), covariance.get((y, x), S.Zero)) != 0)


def _moment(factors: Iterable[Expr], x: Symbol, q: Expr) -> Expr | None:
    """Return the expectation of a product of functions of x, or None where they are others."""
    found = _read_product(factors, x)
    if found is None or not found.power.is_number or not found.power > -1:
        return None
    total = S.Zero
    for (degree,), coefficient in Poly((found.above + found.below) / 2, _LOG).terms():
        for k in range(degree + 1):
            scale = comb(degree, k) * (log(q) / 2) ** (degree - k)
            total += coefficient * scale * _standard_moment(found.power, k)
    return q ** (found.power / 2) * total


def _standard_moment(power: Expr, degree: int) -> Expr:
    """Return E |z|^a log^k |z| of a standard normal z, where a is no whole number in digits."""
    curve = 2 ** (_POWER / 2) * gamma((_POWER + 1) / 2) / sqrt(pi)
    found = diff(curve, _POWER, degree).subs(_POWER, power)
    return found if degree == 0 and power.is_Integer else found.evalf(17)


def _read_product(factors: Iterable[Expr], x: Symbol) -> Homogeneous | None:
    product = Homogeneous(S.Zero, S.One, S.One)
    for factor in factors:
        found = _read(factor, x)
        if found is None:
            return None
        product = product.times(found)
    return product


def _read(factor: Expr, x: Symbol) -> Homogeneous | None:
    """Return a function of x as a power, if it is one."""
    if x not in factor.free_symbols:
        return Homogeneous(S.Zero, factor, factor)
    if factor == x:
        return Homogeneous(S.One, S.One, S.NegativeOne)
    match factor:
        case Mul(args=parts):
            return _read_product(parts, x)
        case Pow(base=base, exp=exponent):
            inner = _read(base, x)
            return None if inner is None else inner.to(exponent)
        case _ if len(factor.args) in (1, 2):
            inner = _read(factor.args[0], x)
            rule = _RULES.get(type(factor))
            plain = inner is not None and not (inner.above.has(_LOG) or inner.below.has(_LOG))
            return rule(inner, *factor.args[1:]) if rule and inner and plain else None
        case _:
            return None


def _log_of_product(product: Expr) -> Expr:
    parts = Mul.make_args(product)
    return Add(*map(log, parts)) if all(part.is_nonnegative for part in parts) else log(product)


def _logarithm(inner: Homogeneous) -> Homogeneous | None:
    if not (inner.above.is_positive and inner.below.is_positive):
        return None
    above, below = (inner.power * _LOG + log(side) for side in (inner.above, inner.below))
    return Homogeneous(S.Zero, above, below)


def _sides(inner: Homogeneous, power: Expr, of: Callable[[Expr], Expr]) -> Homogeneous:
    return Homogeneous(power, of(inner.above), of(inner.below))


_RULES: dict[type[Expr], Callable[..., Homogeneous | None]] = {
    log: _logarithm,
    Abs: lambda inner: _sides(inner, inner.power, Abs),
    relu: lambda inner: _sides(inner, inner.power, relu),
    sign: lambda inner: _sides(inner, S.Zero, sign),
    step: lambda inner: _sides(inner, S.Zero, step),
    leaky_relu: lambda inner, a: _sides(
        inner, inner.power, lambda side: side if side.is_nonnegative else a * side
    ),
}
