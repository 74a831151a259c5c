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
from dataclasses import dataclass, replace

from sympy import Add, Dummy, Expr, Float, Mul, Pow, Rational, S, Symbol, expand_mul, log, sympify

from tpc.gaussian.algebra import Placeholders
from tpc.gaussian.factors import Core, Factors
from tpc.gaussian.forms import Polynomial
from tpc.gaussian.integrand import Integrands
from tpc.gaussian.law import Law
from tpc.gaussian.moments import Moments
from tpc.gaussian.powers import expect_powers
from tpc.gaussian.read import IntegrandReader
from tpc.gaussian.refusal import NoClosedForm
from tpc.gaussian.tilt import complete_squares, tilt


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
        A closed form in the entries; see `tpc.gaussian.functions` for its functions.

    Raises:
        NoClosedForm: The expectation has none, of which one factor is the reason.
        ValueError: A symbol with a covariance or a mean but no variance.

    >>> from sympy import erf, symbols
    >>> z, w, q, c = symbols("z w q c")
    >>> expect(erf(z) * erf(w), {(z, z): q, (z, w): c, (w, w): q})
    2*asin(c/sqrt((q + 1/2)**2))/pi
    """
    inputs = _Inputs(
        sympify(expression),
        {pair: sympify(entry) for pair, entry in covariance.items()},
        {x: sympify(m) for x, m in (mean or {}).items()},
    )
    if inputs.is_numeric() and inputs.holds_floats():
        return _expect(inputs.exact()).evalf()
    return _expect(inputs)


def _expect(inputs: "_Inputs") -> Expr:
    """Return the expectation, of powers of absolute values where there is no other rule."""
    try:
        return _expect_factors(inputs)
    except NoClosedForm:
        if not inputs.expression.has(
            log, *(p for p in inputs.expression.atoms(Pow) if _is_broken(p))
        ):
            raise

    def alone(expression: Expr) -> Expr:
        return _expect_factors(replace(inputs, expression=expression))

    return expect_powers(inputs.expression, inputs.covariance, inputs.means, alone)


def _is_broken(power: Pow) -> bool:
    """Whether a power is no positive whole one."""
    return not (power.exp.is_Integer and power.exp > 0)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What an expectation is taken of."""

    expression: Expr
    covariance: dict[tuple[Symbol, Symbol], Expr]
    means: dict[Symbol, Expr]

    def symbols(self) -> tuple[Symbol, ...]:
        """Return the Gaussian symbols."""
        return tuple(dict.fromkeys(x for pair in self.covariance for x in pair))

    def is_numeric(self) -> bool:
        """Whether the result will be a number."""
        entries = (*self.covariance.values(), *self.means.values())
        constants = self.expression.free_symbols.difference(self.symbols())
        return not constants and all(entry.is_number for entry in entries)

    def holds_floats(self) -> bool:
        """Whether some number is not exact."""
        numbers = (self.expression, *self.covariance.values(), *self.means.values())
        return any(number.has(Float) for number in numbers)

    def exact(self) -> "_Inputs":
        """Return the same with fractions in place of floats: where digits cancel, all count."""
        return _Inputs(
            _exact(self.expression),
            {pair: _exact(entry) for pair, entry in self.covariance.items()},
            {x: _exact(m) for x, m in self.means.items()},
        )


def _exact(expression: Expr) -> Expr:
    return expression.xreplace({f: Rational(f) for f in expression.atoms(Float)})


def _expect_factors(inputs: _Inputs) -> Expr:
    stand_ins = Placeholders()
    symbols = inputs.symbols()
    law = _law(inputs.covariance, inputs.means, stand_ins)
    integrand = IntegrandReader(Integrands(symbols, law)).read(inputs.expression)
    terms = []
    for factors, polynomial in integrand.items():
        terms.append(_Product(law, symbols, factors).expect(polynomial))
    return stand_ins.resolve(Add(*terms))


def _law(
    covariance: Mapping[tuple[Symbol, Symbol], Expr],
    means: Mapping[Symbol, Expr],
    stand_ins: Placeholders,
) -> Law:
    entries: dict[tuple[Symbol, Symbol], Expr] = {}
    for (x, y), entry in covariance.items():
        if x == y:
            entries[x, x] = stand_ins.variance(entry)
    for (x, y), entry in covariance.items():
        if x != y:
            entries[x, y] = entries[y, x] = stand_ins.covariance(entry)
    for x in [*(x for pair in covariance for x in pair), *means]:
        if (x, x) not in entries:
            raise ValueError(f"{x} has no variance")
    return Law(entries, means)


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
        if not self.cores and not self.exponent.squares:
            result = expand_mul(result, deep=False)
        return Mul(self.factor, result)


def _blurred(core: Core, noises: dict[Symbol, Expr]) -> Core:
    """Put the noise of a core into its form, as a coordinate of its own."""
    if core.noise == 0:
        return core
    noise = Dummy("noise")
    noises[noise] = core.noise
    return replace(core, form=core.form.with_noise(noise), noise=S.Zero)
