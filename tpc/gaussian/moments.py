"""Expectations of a monomial times cores and waves, by Stein's lemma.

    E[x G] = E[x] E[G] + sum over the arguments y of G of Cov(x, y) E[dG/dy],

applied to one power of x at a time. The derivative of a step is a delta, which conditions:
E[delta(y) G] = p(0) E[G | y = 0], p the density of y. Once no power is left,
`tpc.gaussian.cores` and `tpc.gaussian.waves` know the expectation.

Beside two steps, a monomial is regressed on their arguments: with x = a y1 + b y2 + r, r
independent of y1, y2, it becomes a sum of powers of y1 and y2, whose moments on the quadrant have
no negative terms, times moments of the r's. Stein's lemma says the same in fewer terms, which
cancel where y1 and y2 are nearly opposite: the quadrant is then a wedge of small angle s, the
moment of degree k of order s^(k + 1), and every term of Stein's of order s.

Reference:
    Tensor Programs III, Lemma K.4 (Stein's lemma).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import factorial
from typing import TypeAlias

from sympy import Add, Expr, Mul, S, Symbol, cos, pi, sin, sqrt

from tpc.gaussian.algebra import computed_as, divide
from tpc.gaussian.cores import expect_centred_pair, expect_one, expect_orthants, expect_pair
from tpc.gaussian.factors import Core, Kind, Wave, WaveKind
from tpc.gaussian.forms import Form, Monomial, coordinate_form
from tpc.gaussian.law import Law
from tpc.gaussian.orthant_functions import relu_moment
from tpc.gaussian.refusal import NoClosedForm
from tpc.gaussian.single_functions import bell
from tpc.gaussian.waves import expect_core_and_waves, expect_waves

Cores: TypeAlias = tuple[Core, ...]
Waves: TypeAlias = tuple[Wave, ...]


@dataclass(frozen=True, slots=True)
class Moments:
    """Expectations under laws that differ in what is given.

    Attributes:
        symbols: The Gaussian symbols of a monomial.
        known: Expectations already computed.
    """

    symbols: tuple[Symbol, ...]
    known: dict[tuple[tuple[Form, ...], Monomial, Cores, Waves], Expr] = field(default_factory=dict)

    def expect(self, law: Law, monomial: Monomial, cores: Cores, waves: Waves) -> Expr:
        """Return the expectation of a product.

        Raises:
            NoClosedForm: The cores have none.
        """
        key = law.given, monomial, cores, waves
        if key not in self.known:
            self.known[key] = self._expect(law, *self._absorbed(monomial, cores), waves)
        return self.known[key]

    def _absorbed(self, monomial: Monomial, cores: Cores) -> tuple[Monomial, Cores]:
        """Move the powers of a symbol into a core of which it is the argument."""
        powers = list(monomial)
        merged = list(cores)
        for i, symbol in enumerate(self.symbols):
            for j, core in enumerate(merged):
                if powers[i] and core.form == coordinate_form(symbol):
                    merged[j] = core.of_power(core.power + powers[i])
                    powers[i] = 0
        return tuple(powers), tuple(merged)

    def _expect(self, law: Law, monomial: Monomial, cores: Cores, waves: Waves) -> Expr:
        if not waves and wants_regression(law, self.symbols, monomial, cores):
            rest = law.conditioned(cores[0].form).conditioned(cores[1].form)
            terms = regressed(law, self.symbols, monomial, cores)
            stable = Add(*(a * self.expect(rest, residuals, (), ()) for a, residuals in terms))
            if sum(monomial) > READABLE_DEGREE:
                return stable
            return computed_as(self._reduced(law, monomial, cores, waves), stable)
        return self._reduced(law, monomial, cores, waves)

    def _reduced(self, law: Law, monomial: Monomial, cores: Cores, waves: Waves) -> Expr:
        for i, power in enumerate(monomial):
            if power:
                x = coordinate_form(self.symbols[i])
                return self._stein(law, x, _lowered(monomial, i), cores, waves)
        product = []
        for group_cores, group_waves in _independent(law, cores, waves):
            product.append(self._expect_group(law, group_cores, group_waves))
        return Mul(*product)

    def _stein(self, law: Law, x: Form, monomial: Monomial, cores: Cores, waves: Waves) -> Expr:
        """Return E[x monomial cores waves]."""
        mean = law.mean(x)
        total = [] if mean == 0 else [mean * self.expect(law, monomial, cores, waves)]
        for i, power in enumerate(monomial):
            slope = law.cov(x, coordinate_form(self.symbols[i])) if power else S.Zero
            if slope != 0:
                lower = _lowered(monomial, i)
                total.append(slope * power * self.expect(law, lower, cores, waves))
        for i, core in enumerate(cores):
            slope = law.cov(x, core.form)
            if slope != 0:
                others = (*cores[:i], *cores[i + 1 :])
                total.append(slope * self._core_derivative(law, monomial, core, others, waves))
        for i, wave in enumerate(waves):
            slope = law.cov(x, wave.form)
            if slope != 0:
                sign, derivative = _wave_derivative(wave)
                changed = (*waves[:i], derivative, *waves[i + 1 :])
                total.append(sign * slope * self.expect(law, monomial, cores, changed))
        return Add(*total)

    def _core_derivative(
        self, law: Law, monomial: Monomial, core: Core, others: Cores, waves: Waves
    ) -> Expr:
        """Return E[monomial core' others waves]."""
        if core.power:
            lower = (*others, core.of_power(core.power - 1))
            return core.power * self.expect(law, monomial, lower, waves)
        v = law.var(core.form)
        jump = 1 if core.kind is Kind.STEP else 2
        density = divide(bell(law.mean(core.form), v), sqrt(2 * pi * v))
        if density == 0:
            return S.Zero
        rest = self.expect(law.conditioned(core.form), monomial, others, waves)
        return jump * density * rest

    def _expect_group(self, law: Law, cores: Cores, waves: Waves) -> Expr:
        """Return the expectation of cores and waves that depend on each other."""
        centred = all(law.mean(core.form) == 0 for core in cores)
        match cores:
            case ():
                return expect_waves(law, waves)
            case (core,) if waves and centred:
                return expect_core_and_waves(law, core, waves)
            case _ if waves:
                raise NoClosedForm(_wave_source(waves[0]), _reason_of_wave(len(cores)))
            case (core,):
                return expect_one(law, core)
            case (first, second) if centred:
                return expect_centred_pair(law, first, second)
            case (_, third, *_) if len(cores) > 2 and not centred:
                third = cores[2]
                raise NoClosedForm(third.source, "a third piecewise or erf factor with a mean")
        for i, core in enumerate(cores):
            if core.power:
                lower = (*cores[:i], core.of_power(core.power - 1), *cores[i + 1 :])
                none = (0,) * len(self.symbols)
                return self._stein(law, core.form, none, lower, waves)
        return expect_pair(law, *cores) if len(cores) == 2 else expect_orthants(law, cores)


def _lowered(monomial: Monomial, i: int) -> Monomial:
    return tuple(power - (i == j) for j, power in enumerate(monomial))


def _wave_derivative(wave: Wave) -> tuple[int, Wave]:
    if wave.kind is WaveKind.SIN:
        return 1, Wave(WaveKind.COS, wave.form)
    return -1, Wave(WaveKind.SIN, wave.form)


def _wave_source(wave: Wave) -> Expr:
    return (sin if wave.kind is WaveKind.SIN else cos)(wave.form.expression())


def _reason_of_wave(cores: int) -> str:
    if cores == 1:
        return "a sine or cosine beside a piecewise or erf factor whose argument has a mean"
    return "a sine or cosine beside two dependent piecewise or erf factors"


def _independent(law: Law, cores: Cores, waves: Waves) -> list[tuple[Cores, Waves]]:
    """Split a product into groups without covariance between them."""
    factors: list[Core | Wave] = [*cores, *waves]
    groups: list[list[Core | Wave]] = []
    for factor in factors:
        bound = [g for g in groups if any(law.cov(factor.form, f.form) != 0 for f in g)]
        groups = [g for g in groups if not any(g is other for other in bound)]
        groups.append([*(f for g in bound for f in g), factor])
    return [
        (
            tuple(f for f in group if isinstance(f, Core)),
            tuple(f for f in group if isinstance(f, Wave)),
        )
        for group in groups
    ]


READABLE_DEGREE = 2
"""Up to so many powers a result prints in the few terms of Stein's lemma."""


def wants_regression(
    law: Law, symbols: tuple[Symbol, ...], monomial: Monomial, cores: tuple[Core, ...]
) -> bool:
    """Whether a monomial stands beside two centred steps that cannot be collinear.

    One at least is blurred by noise; the other vanishes with its argument, so that it does not
    matter if the regression divides by zero where that has no variance.
    """
    if not any(monomial) or len(cores) != 2:
        return False
    if not all(core.kind is Kind.STEP and law.mean(core.form) == 0 for core in cores):
        return False
    blurred = [any(x not in symbols for x, _ in core.form.terms) for core in cores]
    return any(blurred) and all(b or core.power for b, core in zip(blurred, cores, strict=True))


def regressed(
    law: Law, symbols: tuple[Symbol, ...], monomial: Monomial, cores: tuple[Core, ...]
) -> Iterator[tuple[Expr, Monomial]]:
    """Yield coefficients and the monomials of residuals whose moments they multiply."""
    first, second = (core.form for core in cores)
    variances = law.var(first), law.var(second)
    c, det = law.cov(first, second), law.det(first, second)
    slopes = []
    for symbol in symbols:
        x = coordinate_form(symbol)
        a = divide(law.minor((x, second), (first, second)), det)
        b = divide(law.minor((first, x), (first, second)), det)
        slopes.append((a, b))
    for split in product(*(_splits(power) for power in monomial)):
        factors = []
        for (i, j, k), (a, b) in zip(split, slopes, strict=True):
            ways = factorial(i + j + k) // (factorial(i) * factorial(j) * factorial(k))
            factors.append(ways * a**i * b**j)
        powers = [core.power + sum(s[at] for s in split) for at, core in enumerate(cores)]
        moment = relu_moment(*powers, *variances, c, det)
        coefficient = Mul(*factors, moment)
        if coefficient != 0:
            yield coefficient, tuple(k for _, _, k in split)


def _splits(power: int) -> list[tuple[int, int, int]]:
    return [(i, j, power - i - j) for i in range(power + 1) for j in range(power + 1 - i)]
