"""The factors into which an integrand is taken apart: cores, waves, exponentials.

All the piecewise functions are a power times a step or a sign: relu(y) = y step(y) and
|y| = y sign(y). So are those of the erf family, once the argument is blurred by independent noise
e ~ N(0, s^2):

    Phi(l) = E step(l + e),  s^2 = 1;      erf(l) = E sign(l + e),  s^2 = 1/2.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

from sympy import Expr, S, sign

from tpc.gaussian.forms import Form, Monomial
from tpc.gaussian.law import Law


class Kind(Enum):
    """The discontinuous part of a core."""

    STEP = "step"
    SIGN = "sign"


class WaveKind(Enum):
    """Sine or cosine."""

    SIN = "sin"
    COS = "cos"


@dataclass(frozen=True, slots=True)
class Core:
    """The factor form^power step(form + noise), or with a sign.

    Attributes:
        kind: Step or sign.
        form: The affine form in the Gaussian symbols.
        power: Zero where there is noise.
        noise: The variance of the noise.
        source: The factor as it was written.
    """

    kind: Kind
    form: Form
    power: int
    noise: Expr = S.Zero
    source: Expr = field(default=S.One, compare=False)

    def of_power(self, power: int) -> "Core":
        """Return the core with another power."""
        return replace(self, power=power)

    def signed(self) -> "Core":
        """Return the core with a sign in place of its step."""
        return replace(self, kind=Kind.SIGN)


@dataclass(frozen=True, slots=True)
class Wave:
    """The factor sin(form) or cos(form)."""

    kind: WaveKind
    form: Form


@dataclass(frozen=True, slots=True)
class Factors:
    """A product exp(exponent) * cores * waves.

    Attributes:
        exponent: A polynomial of degree at most two, as sorted items.
        cores: Steps and signs with their powers.
        waves: Sines and cosines.
    """

    exponent: tuple[tuple[Monomial, Expr], ...] = ()
    cores: tuple[Core, ...] = ()
    waves: tuple[Wave, ...] = ()


Alternatives = list[tuple[Expr, int, Core | None]]
"""A sum over (coefficient, power, core): coefficient * form^power * core."""


def merge(first: Core, second: Core, law: Law) -> Alternatives | None:
    """Return the product of two cores of one argument as a sum, of other cores nothing.

    Where the argument y vanishes for certain, step(y)^2 = 1/4 and sign(y)^2 = 0; so without a
    power of y, with u = 1 or 0 as y may or may not be non-zero,
    sign^2 = u, step^2 = step - (1 - u)/4, step sign = (sign + u)/2.
    """
    if first.noise != 0 or second.noise != 0:
        return None
    if first.form == second.form:
        return _same(first, second, law)
    if first.kind is second.kind is Kind.STEP and first.power == second.power == 0:
        between = _between(first, second)
        if between is not None:
            return between
    if first.form != second.form.scaled(S.NegativeOne):
        return None
    if first.kind is Kind.SIGN:
        return merge(second, first, law)
    # y^m step(y) with y = -z is (-z)^m (1 - step(z)).
    sign_of_power = S.NegativeOne**first.power
    plain = second.of_power(first.power + second.power)
    turned_step = replace(second, kind=Kind.STEP, power=first.power)
    rest = _same(turned_step, second, law)
    return [
        (sign_of_power, 0, plain),
        *((-sign_of_power * a, power, core) for a, power, core in rest),
    ]


def _between(first: Core, second: Core) -> Alternatives | None:
    """Return the product of two steps whose arguments differ by a number, or sum to one.

    step(l + a) step(l + b) = step(l + min(a, b)); for a + b > 0, where the product is not nothing,
    step(l + a) step(b - l) = step(l + a) - step(l - b).
    """
    turned = second.form.scaled(S.NegativeOne)
    a, b = first.form.constant, second.form.constant
    if not (a.is_number and b.is_number) or a + b == 0:
        return None
    if first.form.terms == second.form.terms:
        return [(S.One, 0, first if a < b else second)]
    if first.form.terms != turned.terms:
        return None
    if a + b < 0:
        return []
    return [(S.One, 0, first), (S.NegativeOne, 0, replace(second, form=turned))]


def _same(first: Core, second: Core, law: Law) -> Alternatives:
    power = first.power + second.power
    step = first if first.kind is Kind.STEP else second
    kinds = {first.kind, second.kind}
    if power > 0:
        if kinds == {Kind.SIGN}:
            return [(S.One, power, None)]
        return [(S.One, 0, step.of_power(power))]
    size = law.var(first.form) + law.mean(first.form) ** 2
    known = sign(size, evaluate=bool(size.is_number))  # variances count as positive for now
    if kinds == {Kind.SIGN}:
        return [(known, 0, None)]
    if kinds == {Kind.STEP}:
        return [(S.One, 0, step), ((known - 1) / 4, 0, None)]
    other = second if step is first else first
    return [(S.One / 2, 0, other), (known / 2, 0, None)]
