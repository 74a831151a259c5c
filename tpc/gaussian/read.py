"""SymPy expression -> integrand: a sum of products of polynomials, cores, waves, exponentials."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sympy import (
    Abs,
    Add,
    Expr,
    Max,
    Min,
    Mul,
    Pow,
    S,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sign,
    sin,
    sinh,
)

from tpc.gaussian.factors import Core, Factors, Kind, Wave, WaveKind
from tpc.gaussian.forms import Form, coordinate_form, to_form
from tpc.gaussian.functions import Phi, gelu, leaky_relu, relu, step
from tpc.gaussian.integrand import Integrand, Integrands
from tpc.gaussian.refusal import NoClosedForm


@dataclass(frozen=True, slots=True)
class IntegrandReader:
    """Reads expressions in given Gaussian symbols."""

    ring: Integrands

    def read(self, expression: Expr) -> Integrand:
        """Return an expression as an integrand.

        Raises:
            NoClosedForm: A factor that is none of those known, or its argument is not affine.
        """
        ring = self.ring
        if not self._holds_gaussians(expression):
            return ring.constant(expression)
        if expression in ring.symbols:
            return ring.polynomial(coordinate_form(expression))
        kink = _kink_inside(expression)
        if kink is not None and self._holds_gaussians(kink):
            return self.read(split_at(expression, kink))
        match expression:
            case Add(args=terms):
                return ring.sum(self.read(term) for term in terms)
            case Mul(args=factors):
                product = ring.constant(S.One)
                for factor in factors:
                    product = ring.product(product, self.read(factor))
                return product
            case Pow(base=base, exp=exponent):
                return self._power(expression, base, exponent)
            case exp(args=(argument,)):
                return self._exponential(expression, argument)
            case _:
                return self._function(expression)

    def _holds_gaussians(self, expression: Expr) -> bool:
        return not expression.free_symbols.isdisjoint(self.ring.symbols)

    def _power(self, expression: Expr, base: Expr, exponent: Expr) -> Integrand:
        if not self._holds_gaussians(base):
            return self._exponential(expression, exponent * log(base))
        if not (exponent.is_Integer and exponent > 0):
            raise NoClosedForm(expression, "not a positive whole power")
        return self.ring.power(self.read(base), int(exponent))

    def _exponential(self, expression: Expr, argument: Expr) -> Integrand:
        inner = self.read(argument)
        polynomial = inner.get(Factors(), {})
        if set(inner) - {Factors()} or any(sum(monomial) > 2 for monomial in polynomial):
            raise NoClosedForm(expression, "its exponent is no polynomial of degree two")
        constant = polynomial.get((0,) * len(self.ring.symbols), S.Zero)
        items = tuple(sorted((m, a) for m, a in polynomial.items() if any(m)))
        return self.ring.factor(Factors(exponent=items), exp(constant))

    def _function(self, factor: Expr) -> Integrand:
        function, arguments = type(factor), factor.args
        if function in _MADE_OF:
            return self.read(_MADE_OF[function](*arguments))
        if function not in _CORES and function not in _WAVES:
            raise NoClosedForm(factor, "no rule for this function")
        (argument,) = arguments
        form = self._form(factor, argument)
        if function in _WAVES:
            return self.ring.factor(Factors(waves=(Wave(_WAVES[function], form),)))
        kind, power, noise = _CORES[function]
        return self._core(Core(kind, form, power, noise, factor))

    def _form(self, factor: Expr, argument: Expr) -> Form:
        inner = self.read(argument)
        form = to_form(inner.get(Factors(), {}), self.ring.symbols)
        if form is None or set(inner) - {Factors()}:
            raise NoClosedForm(factor, "its argument is not affine in the Gaussians")
        return form

    def _core(self, core: Core) -> Integrand:
        """Take a numeric scale out of a core without noise, and out of a sign its sign."""
        lead = core.form.terms[0][1] if core.form.terms else None
        if core.noise != 0 or lead is None or not lead.is_number:
            return self.ring.factor(Factors(cores=(core,)))
        scale = abs(lead)
        turned = core.kind is Kind.SIGN and lead < 0
        form = core.form.scaled((-1 if turned else 1) / scale)
        coefficient = scale**core.power * (-1 if turned and core.power == 0 else 1)
        return self.ring.factor(Factors(cores=(replace(core, form=form),)), coefficient)


def maximum(*arguments: Expr) -> Expr:
    """Return the largest of some expressions, by steps of their differences."""
    if len(arguments) == 2:
        b, a = sorted(arguments, key=lambda argument: len(argument.free_symbols))
        return b + relu(a - b)
    return Add(*(a * Mul(*(step(a - b) for b in arguments if b is not a)) for a in arguments))


def _kink_inside(expression: Expr) -> Expr | None:
    """Return a function with one kink, in the argument of an exponential, a wave or the like."""
    if isinstance(expression, _SPLIT) or (
        isinstance(expression, Pow) and expression.exp.free_symbols
    ):
        kinks = [part for part in expression.atoms(*_BRANCHES) if len(part.args) <= 2]
        inside = [part for part in kinks if part is not expression]
        return min(inside, key=str, default=None)
    return None


def split_at(expression: Expr, kink: Expr) -> Expr:
    """Return an expression in which one function has a kink by its branches on both sides."""
    place, above, below = _BRANCHES[type(kink)](*kink.args)
    right, left = (expression.xreplace({kink: branch}) for branch in (above, below))
    return step(place) * right + step(-place) * left


_SPLIT = (exp, sin, cos, sinh, cosh, erf, erfc, Phi, gelu)
"""The functions of arguments with kinks that are read on both sides of these."""

_BRANCHES: dict[type[Expr], Callable[..., tuple[Expr, Expr, Expr]]] = {
    relu: lambda x: (x, x, S.Zero),
    Abs: lambda x: (x, x, -x),
    leaky_relu: lambda x, slope: (x, x, slope * x),
    Max: lambda x, y: (x - y, x, y),
    Min: lambda x, y: (x - y, y, x),
}
"""Where a function has its kink, what it is above and below."""

_MADE_OF: dict[type[Expr], Callable[..., Expr]] = {
    Max: maximum,
    Min: lambda *arguments: -maximum(*(-a for a in arguments)),
    sinh: lambda x: (exp(x) - exp(-x)) / 2,
    cosh: lambda x: (exp(x) + exp(-x)) / 2,
    erfc: lambda x: 1 - erf(x),
    gelu: lambda x: x * Phi(x),
    leaky_relu: lambda x, slope: slope * x + (1 - slope) * relu(x),
}
"""Functions that are made of others."""

_CORES: dict[type[Expr], tuple[Kind, int, Expr]] = {
    relu: (Kind.STEP, 1, S.Zero),
    step: (Kind.STEP, 0, S.Zero),
    Abs: (Kind.SIGN, 1, S.Zero),
    sign: (Kind.SIGN, 0, S.Zero),
    Phi: (Kind.STEP, 0, S.One),
    erf: (Kind.SIGN, 0, S.Half),
}
"""Powers of an affine form times its step or its sign, with noise of a variance."""

_WAVES: dict[type[Expr], WaveKind] = {sin: WaveKind.SIN, cos: WaveKind.COS}
