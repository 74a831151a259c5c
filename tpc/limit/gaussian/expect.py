"""Expectations of SymPy expressions in Gaussian variables, in closed form.

Input: an expression, the covariance and the mean of its Gaussian symbols. Output: an expression in
the entries of both. The steps:

    expression -> sum of polynomial * cores * waves * exponential     (read)
    each product -> independent groups of symbols                     (here)
    exponentials -> a tilted law                                      (tilt)
    polynomials -> Stein's lemma                                      (moments)
    what is left -> angles, normal probabilities, exponentials        (cores, waves)
"""

from collections.abc import Mapping
from dataclasses import replace

from sympy import Add, Dummy, Expr, Mul, S, Symbol, expand_mul, sympify

from tpc.limit.gaussian.factors import Core, Factors
from tpc.limit.gaussian.guards import Placeholders
from tpc.limit.gaussian.integrand import Integrands
from tpc.limit.gaussian.law import Law
from tpc.limit.gaussian.moments import Moments
from tpc.limit.gaussian.polynomials import Polynomial
from tpc.limit.gaussian.read import Reader
from tpc.limit.gaussian.tilt import complete_squares, tilt


def expect(
    expression: Expr,
    covariance: Mapping[tuple[Symbol, Symbol], Expr],
    mean: Mapping[Symbol, Expr] | None = None,
) -> Expr:
    """Return the expectation of an expression in jointly Gaussian symbols.

    Args:
        expression: Sums and products of polynomials and of relu, leaky_relu, step, Phi, gelu
            (`tpc.gaussian`), Abs, sign, erf, erfc, exp, sin, cos, sinh, cosh, Max, Min of affine
            forms of the symbols; exp also of quadratic ones. Everything else is a constant.
        covariance: Entries by pairs of symbols, one order of a pair being enough. Every Gaussian
            symbol needs its variance; pairs left out are uncorrelated.
        mean: Means by symbol; symbols left out are centred.

    Returns:
        A closed form in the entries; see `tpc.limit.gaussian.closed_function` for its functions.

    Raises:
        NoClosedForm: The expectation has none, of which one factor is the reason.
        ValueError: A symbol with a covariance or a mean but no variance.

    >>> from sympy import erf, symbols
    >>> z, w, q, c = symbols("z w q c")
    >>> expect(erf(z) * erf(w), {(z, z): q, (z, w): c, (w, w): q})
    2*asin(c/sqrt((q + 1/2)**2))/pi
    """
    stand_ins = Placeholders()
    law = _law(covariance, mean or {}, stand_ins)
    symbols = tuple(dict.fromkeys(x for pair in covariance for x in pair))
    integrand = Reader(Integrands(symbols, law)).read(sympify(expression))
    terms = []
    for factors, polynomial in integrand.items():
        terms.append(_Product(law, symbols, factors).expect(polynomial))
    return stand_ins.resolve(Add(*terms))


def _law(
    covariance: Mapping[tuple[Symbol, Symbol], Expr],
    mean: Mapping[Symbol, Expr],
    stand_ins: Placeholders,
) -> Law:
    entries: dict[tuple[Symbol, Symbol], Expr] = {}
    for (x, y), entry in covariance.items():
        if x == y:
            entries[x, x] = stand_ins.variance(sympify(entry))
    for (x, y), entry in covariance.items():
        if x != y:
            entries[x, y] = entries[y, x] = stand_ins.covariance(sympify(entry))
    for x in {x for pair in covariance for x in pair} | set(mean):
        if (x, x) not in entries:
            raise ValueError(f"{x} has no variance")
    return Law(entries, {x: sympify(m) for x, m in mean.items()})


class _Product:
    """The expectation of polynomial * factors, for all monomials of the polynomial."""

    def __init__(self, law: Law, symbols: tuple[Symbol, ...], factors: Factors) -> None:
        noises: dict[Symbol, Expr] = {}
        self.cores = tuple(_blurred(core, noises) for core in factors.cores)
        self.exponent = complete_squares(factors.exponent, symbols)
        self.factor, self.law = tilt(
            law.with_coordinates(noises | self.exponent.noises()), self.exponent
        )
        self.waves = factors.waves
        self.moments = Moments(symbols)

    def expect(self, polynomial: Polynomial) -> Expr:
        """Return the expectation."""
        total = []
        for monomial, coefficient in polynomial.items():
            value = self.moments.expect(self.law, monomial, self.cores, self.waves)
            total.append(coefficient * value)
        result = Add(*total)
        if not self.cores:
            result = expand_mul(result, deep=False)
        return Mul(self.factor, result)


def _blurred(core: Core, noises: dict[Symbol, Expr]) -> Core:
    """Put the noise of a core into its form, as a coordinate of its own."""
    if core.noise == 0:
        return core
    noise = Dummy("noise")
    noises[noise] = core.noise
    return replace(core, form=core.form.with_noise(noise), noise=S.Zero)
