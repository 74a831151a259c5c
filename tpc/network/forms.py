"""What exponents mean in practice: a weight as people write it, by shifts and homogeneity.

    W = multiplier * w,  w drawn with standard deviation init,  w <- w - rate * Q(g, eps)

where each of multiplier, init, rate and eps is a power of n times the constant that the program
names. Shifts change which of multiplier and init carries the size of W: either may be 1. A factor
n^x of the gradients inside Q goes into eps and the rate, Q(n^x g, eps) = n^(p x) Q(g, n^-x eps), p
the degree of Q in the two together [Remark 2.2.6]; where there is no p the factor stays. Operators
of e halves of growing axes have Frobenius norms: the rate of a Q of degree p has n^((1 - p) e) as
well, less what a factor of the shape brings; a trust ratio has what ||w|| lacks.

Reference:
    Tensor Programs IVb, Proposition 2.2.3, Remark 2.2.6.
"""

from dataclasses import dataclass
from typing import Literal

from tpc.network.criteria import faithful_d
from tpc.network.facing import scale_power
from tpc.network.optimizers.every_step import joint_homogeneity
from tpc.network.optimizers.rule import is_zero
from tpc.network.optimizers.update import (
    acts_on_operators,
    eps_degree,
    flags_of,
    graft_of,
    numeric_options,
    sees_weight,
    words_of,
)
from tpc.network.roles import Role
from tpc.network.scales import Classification, WeightScale
from tpc.program.builder import Builder

Form = Literal["multiplier 1", "init 1"]

_HALF_AXES = {Role.MATRIX: 1.0, Role.VECTOR: 0.5, Role.OUTPUT: 0.5, Role.SCALAR: 0.0}
"""e: half the number of growing axes."""

FORMS: tuple[Form, ...] = ("multiplier 1", "init 1")
"""Which of the two is 1."""


@dataclass(frozen=True, slots=True)
class Practice:
    """Powers of n, each in front of a constant; None where the optimizer has no such constant.

    Attributes:
        multiplier: Of the multiplier.
        init: Of the standard deviation at initialisation.
        rate: Of the learning rate.
        eps: Of eps.
        gradient: Of a factor of the gradients inside Q; None where rate and eps have taken it.
        threshold: Of the Frobenius norm at which an update is clipped.
        norm: Of the Frobenius norm of the gradient, as of thresholds of a common norm.
        decay: Of a `weight_decay` whose factor 1 - rate * weight_decay has no n.
        normalized: Whether the update is divided by its Frobenius norm before the rate.
    """

    multiplier: float
    init: float
    rate: float
    eps: float | None
    gradient: float | None
    threshold: float | None
    norm: float
    decay: float
    normalized: bool


def practice(weight: WeightScale, of: Classification, form: Form) -> Practice:
    """Return a weight in one of the forms.

    Args:
        weight: Its exponents and optimizer.
        of: The parametrization; the multiplier of an output-like weight takes a_out in.
        form: Which form.
    """
    e, use = weight.written, weight.optimizer
    seen = faithful_d(e, weight.role, of.gradient, of.out)
    a = e.a + of.out if weight.role is Role.OUTPUT else e.a
    shift = -a if form == "multiplier 1" else e.b
    multiplier, init, rate, inside = -(a + shift), -(e.b - shift), -(e.c - shift), e.d + shift
    degree = joint_homogeneity(use)
    options = numeric_options(Builder(), use)
    normalized = flags_of(use)["normalize"]
    has_eps = "eps" in options and not is_zero(options["eps"])
    half = _HALF_AXES[weight.role]
    above = -scale_power(weight.role, use)
    if acts_on_operators(use) and graft_of(use) is None:
        above += (1 - (degree or 0.0)) * half
    if sees_weight(use):
        bounded = words_of(use).get("bound", "none") != "none" and half + init > 0
        above = half if bounded else -init
    inner = half if acts_on_operators(use) else 0.0
    eps = inner - inside
    eps = eps * eps_degree(use) if degree is not None else 0.0
    speed = rate + (degree or 0.0) * inside + above + (weight.lowered if normalized else 0.0)
    return Practice(
        multiplier=multiplier,
        init=init,
        rate=speed,
        eps=eps if has_eps else None,
        gradient=inside - inner if degree is None else None,
        threshold=weight.lowered if "clip" in options else None,
        norm=half - seen - shift,
        decay=-speed,
        normalized=normalized,
    )
