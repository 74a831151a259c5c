"""The laws of vectors: normal ones by mean and covariance, others by iid entries.

~ normal(mean, covariance)
~ bernoulli(p)              1 with probability p, else 0
~ rademacher                1 or -1
~ uniform(low, high)        in an interval; `uniform` alone has mean 0 and variance 1
~ student_t(df)             of variance 1
~ sparse(p)                 normal with probability p, else 0; of variance 1
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tpc.diagnostics.limit_faults import LawArguments, LawParameter, UnknownLaw, VectorLaw
from tpc.program.builder import Builder
from tpc.program.checking.ensembles import IID_LAWS, law_ensemble
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.laws import covariance_of_vector, mean_of_vector, parametric
from tpc.program.checking.names import Draft
from tpc.program.checking.values import BROKEN, Broken
from tpc.program.ensembles import GAUSSIAN, Bernoulli, Ensemble, Uniform
from tpc.program.nodes import Node, Shape
from tpc.syntax import tree


@dataclass(frozen=True, slots=True)
class VectorLawOf:
    """Mean, covariance and law of an initial vector."""

    mean: Node | None
    covariance: Node
    ensemble: Ensemble = GAUSSIAN


def law_of_vector(
    draft: Draft, law: tree.Law | None, name: str, shape: Shape
) -> VectorLawOf | Broken:
    """Return the law that a vector is declared with."""
    ctx = draft.ctx
    match law:
        case None:
            return VectorLawOf(None, ctx.shop.builder.number(1))
        case tree.Normal():
            mean = mean_of_vector(ctx, law.mean, name, shape)
            covariance = covariance_of_vector(ctx, law.covariance, name, shape)
            if isinstance(mean, Broken) or isinstance(covariance, Broken):
                return BROKEN
            return VectorLawOf(mean, covariance)
        case tree.Ensemble(name=tree.Name(id="bernoulli")):
            return _bernoulli(draft, law, shape)
        case tree.Ensemble(name=tree.Name(id="uniform"), arguments=(_, *_)):
            return _uniform(draft, law, shape)
    ensemble = law_ensemble(draft, law, integer=True)
    if ensemble is None:
        of_matrices = law.name.id in ("orthogonal", "low_rank", "goe")
        advice = f"there are normal, bernoulli, {', '.join(IID_LAWS)}"
        fault = VectorLaw(law.name.id) if of_matrices else UnknownLaw(law.name.id, advice)
        return ctx.report(fault, law.name.span)
    if isinstance(ensemble, Broken):
        return BROKEN
    return VectorLawOf(None, ctx.building(law.span).number(1), ensemble)


def _bernoulli(draft: Draft, law: tree.Ensemble, shape: Shape) -> VectorLawOf | Broken:
    """Return the law of mean p and variance p (1 - p)."""
    numbers = _numbers(draft, law, ("the probability of 1",), "0.9", _is_probability)
    if isinstance(numbers, Broken):
        return BROKEN
    b, (p,) = draft.ctx.building(law.span), numbers
    return VectorLawOf(_filled(b, p, shape), b.mul(p, b.sub(b.number(1), p)), Bernoulli())


def _uniform(draft: Draft, law: tree.Ensemble, shape: Shape) -> VectorLawOf | Broken:
    """Return the law of mean (low + high) / 2 and variance (high - low)^2 / 12."""
    numbers = _numbers(draft, law, ("its ends", "the upper one"), "-1, 1", np.isfinite)
    if isinstance(numbers, Broken):
        return BROKEN
    b, (low, high) = draft.ctx.building(law.span), numbers
    if at_defaults(low) > at_defaults(high):
        ends = f"{float(at_defaults(low)):g} and {float(at_defaults(high)):g}"
        fault = LawParameter("the ends of `uniform`", "the lower, then the upper one", ends, "")
        return draft.ctx.report(fault, law.span)
    mean = b.mul(b.number(0.5), b.add(low, high))
    variance = b.div(b.apply("square", b.sub(high, low)), b.number(12))
    return VectorLawOf(_filled(b, mean, shape), variance, Uniform())


def _numbers(
    draft: Draft,
    law: tree.Ensemble,
    wanted: tuple[str, ...],
    example: str,
    fits: Callable[[float], bool],
) -> list[Node] | Broken:
    """Return the arguments of a law as numbers made of statics and params."""
    ctx, name = draft.ctx, law.name.id
    if len(law.arguments) != len(wanted):
        count = len(law.arguments)
        found = f"{count} argument{'s' * (count > 1)}" if count else "no argument"
        fault = LawArguments(name, " and ".join(wanted), found, f"{name}({example})")
        return ctx.report(fault, law.span)
    numbers = []
    for at in law.arguments:
        node = parametric(ctx, at, f"an argument of `{name}`")
        if isinstance(node, Broken):
            return BROKEN
        if node.shape or not fits(float(at_defaults(node))):
            found = "an array" if node.shape else f"{float(at_defaults(node)):g}"
            kind = "a number from 0 to 1" if name == "bernoulli" else "a number"
            return ctx.report(LawParameter(f"an argument of `{name}`", kind, found, ""), at.span)
        numbers.append(node)
    return numbers


def _is_probability(value: float) -> bool:
    return 0 <= value <= 1


def _filled(b: Builder, number: Node, shape: Shape) -> Node:
    return b.mul(number, b.constant(np.ones(shape))) if shape else number
