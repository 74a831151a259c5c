"""The conditions for a limit, one by one, with what is found where one does not hold.

Reference:
    Tensor Programs IVb, Lemmas 2.8.10 and 2.8.11, Theorems 2.8.12 and 2.8.15.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import isinf

from tpc.network.network import Exponents
from tpc.network.roles import Role
from tpc.network.scales import NEAR, Regime, Violation, WeightScale, near


def violations_of(
    weights: tuple[WeightScale, ...], gradient: float, out: float, r: float
) -> tuple[Violation, ...]:
    """Return every condition that does not hold.

    Args:
        weights: With canonical exponents and their r.
        gradient: A, the exponent of gradients with respect to hidden vectors.
        out: a_out.
        r: The least r of hidden weights.
    """
    found = [
        *_at_initialisation(weights, gradient),
        *_faithfulness(weights, gradient, out),
        *_in_training(weights, gradient, out, r),
    ]
    if not found and not near(gradient + r, 1):
        outputs = [weight for weight in weights if weight.role is Role.OUTPUT]
        if not any(near(weight.r, 0) for weight in outputs):
            where = f"A + r* = {shown(gradient + r)}"
            where += "".join(f", r of `{w.name}` is {shown(w.r)}" for w in outputs)
            condition = "A + r* = 1, or r = 0 of an output-like weight"
            found.append(Violation(Regime.TRIVIAL, condition, where))
    return tuple(found)


def faithful_d(written: Exponents, role: Role, gradient: float, out: float) -> float:
    """Return the d with which Q sees gradients of size 1 at initialisation."""
    match role:
        case Role.OUTPUT:
            return written.a + out
        case Role.SCALAR:  # known where f is an average over the width
            return written.a if near(gradient, 1) else written.d
        case Role.MATRIX | Role.VECTOR:
            return written.a + gradient


def shown(exponent: float) -> str:
    """Return an exponent as a fraction, 1/2, where it is a simple one."""
    if isinf(exponent):
        return "infinite"
    simple = Fraction(exponent).limit_denominator(64)
    return str(simple) if near(float(simple), exponent) else f"{exponent:g}"


def _at_initialisation(weights: tuple[WeightScale, ...], gradient: float) -> Iterator[Violation]:
    for weight in weights:
        size = weight.canonical.a + weight.canonical.b
        wanted = 0.5 if weight.role is Role.MATRIX else 0.0
        too_small = weight.layer is not None and size > wanted + NEAR
        if weight.role is not Role.OUTPUT and (size < wanted - NEAR or too_small):
            yield Violation(
                Regime.UNSTABLE,
                f"a + b = {shown(wanted)} of `{weight.name}`",
                f"a + b of `{weight.name}` is {shown(size)}, not {shown(wanted)}",
            )
    if gradient < 0.5 - NEAR:
        found = f"the output starts at n^{shown(0.5 - gradient)}: A is {shown(gradient)}, below 1/2"
        yield Violation(Regime.UNSTABLE, "A >= 1/2", found)


def _faithfulness(
    weights: tuple[WeightScale, ...], gradient: float, out: float
) -> Iterator[Violation]:
    for weight in weights:
        e = weight.canonical
        wanted = faithful_d(e, weight.role, gradient, out)
        if not isinf(weight.r) and not near(e.d, wanted):
            size = shown(e.d - wanted)
            yield Violation(
                Regime.UNFAITHFUL,
                f"d = {shown(wanted)} of `{weight.name}`",
                f"`{weight.optimizer.name}` sees gradients of `{weight.name}` of size n^({size})",
            )


def _in_training(
    weights: tuple[WeightScale, ...], gradient: float, out: float, r: float
) -> Iterator[Violation]:
    for weight in weights:
        if weight.r < -NEAR:
            what = "the output" if weight.role is Role.OUTPUT else "features"
            found = f"updates of `{weight.name}` move {what} by n^{shown(-weight.r)}"
            found += f": r is {shown(weight.r)}, below 0"
            yield Violation(Regime.UNSTABLE, f"r >= 0 of `{weight.name}`", found)
    if gradient + r < 1 - NEAR:
        found = f"moving features move the output by n^{shown(1 - gradient - r)}"
        found += f": A + r* is {shown(gradient + r)}, below 1"
        yield Violation(Regime.UNSTABLE, "A + r* >= 1", found)
    for weight in weights:
        e = weight.canonical
        if weight.role is Role.OUTPUT and not isinf(weight.r) and e.b > e.c + NEAR:
            found = f"updates of `{weight.name}` outgrow its draw"
            b, rate = weight.written.b, weight.written.b - (e.b - e.c)
            found += f": b is {shown(b)}, above c, {shown(rate)}"
            if not near(rate, weight.written.c):  # Q sees gradients of size one at another d
                d = faithful_d(weight.written, weight.role, gradient, out)
                found += f" with d = {shown(d)} in place of {shown(weight.written.d)}"
            yield Violation(Regime.UNFAITHFUL, f"b <= c of `{weight.name}`", found)
