"""The optimizers: update functions, names, options with their ranges, defaults, states.

Those like Adam are corrected averages of gradients over a root of averaged squares:

    m = beta1 m + (1 - beta1) g,   mhat = m / (1 - beta1^(t+1)),
    v = beta2 v + (1 - beta2) g^2, vhat = v / (1 - beta2^(t+1)).

The paper's form is mhat / sqrt(vhat + eps^2), which is smooth where vhat is 0.

Reference:
    Tensor Programs IVb, equations (2.2), (SignSGD) and (Adam); Section 2.10.3 (Adafactor).
    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014.
    You et al., Algorithm 2 (LAMB).
    Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tpc.network.optimizers.matrix_rules import MATRIX_RULES
from tpc.network.optimizers.rule import (
    Moment,
    Rule,
    blend,
    fade,
    is_zero,
    positive,
    root,
    trust_ratio,
    unbiased,
)
from tpc.program.nodes import Node


def sgd(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g."""
    return at.gradient, ()


def momentum(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = m, m = beta m + g."""
    m = fade(at.builder, at.options["beta"], at.states[0], at.gradient)
    return m, (m,)


def nesterov(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g + beta m, m = beta m + g."""
    b, beta = at.builder, at.options["beta"]
    m = fade(b, beta, at.states[0], at.gradient)
    return b.add(at.gradient, b.mul(beta, m)), (m,)


def signsgd(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g / sqrt(g^2 + eps^2), the sign of g where eps is 0."""
    b, g, eps = at.builder, at.gradient, at.options["eps"]
    if is_zero(eps):
        return b.apply("sign", g), ()
    return b.div(g, root(b, b.apply("square", g), eps)), ()


def rmsprop(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g / sqrt(v + eps^2), v = a v + (1 - a) g^2."""
    b, g = at.builder, at.gradient
    v = blend(b, at.options["a"], at.states[0], b.apply("square", g))
    return b.div(g, root(b, v, at.options["eps"])), (v,)


def adagrad(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g / sqrt(v + eps^2), v = v + g^2."""
    b, g = at.builder, at.gradient
    v = fade(b, b.number(1), at.states[0], b.apply("square", g))
    return b.div(g, root(b, v, at.options["eps"])), (v,)


def adadelta(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g sqrt(u + eps^2) / sqrt(v + eps^2), v and (afterwards) u averages of g^2 and Q^2."""
    b, g, rho, eps = at.builder, at.gradient, at.options["rho"], at.options["eps"]
    v = blend(b, rho, at.states[0], b.apply("square", g))
    above = b.apply("sqrt", b.add(at.states[1], b.apply("square", eps)))
    direction = b.div(b.mul(g, above), root(b, v, eps))
    return direction, (v, blend(b, rho, at.states[1], b.apply("square", direction)))


def lion(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = sign(beta1 m + (1 - beta1) g), and afterwards m = beta2 m + (1 - beta2) g."""
    b, g, m = at.builder, at.gradient, at.states[0]
    direction = b.apply("sign", blend(b, at.options["beta1"], m, g))
    return direction, (blend(b, at.options["beta2"], m, g),)


def adam(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = mhat / sqrt(vhat + eps^2), or mhat / (sqrt(vhat) + eps) with `eps_outside`."""
    b = at.builder
    m, mhat = _first(at)
    v = blend(b, at.options["beta2"], at.states[1], b.apply("square", at.gradient))
    vhat = unbiased(b, at.options["beta2"], v, at.count)
    return b.div(mhat, _below(at, vhat)), (m, v)


def lamb(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = min(|w|, bound) / |r| r with the direction r of adam; r where a norm is 0."""
    b = at.builder
    r, states = adam(at)
    if at.weight_norm is not None and at.words["bound"] != "none":
        at = replace(at, weight_norm=b.apply("min", at.weight_norm, at.options["bound"]))
    return b.mul(trust_ratio(at, at.averages.norm(r)), r), states


def adamax(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = mhat / max(u, eps), u = max(beta2 u, |g|)."""
    b = at.builder
    m, mhat = _first(at)
    u = b.apply("max", b.mul(at.options["beta2"], at.states[1]), b.apply("abs", at.gradient))
    below = b.apply("max", u, at.options["eps"])
    return b.div(mhat, positive(b, below)), (m, u)


def nadam(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = (beta1 mhat + (1 - beta1) g / (1 - beta1^(t+1))) / sqrt(vhat + eps^2)."""
    b, beta1, beta2 = at.builder, at.options["beta1"], at.options["beta2"]
    m, mhat = _first(at)
    v = blend(b, beta2, at.states[1], b.apply("square", at.gradient))
    vhat = unbiased(b, beta2, v, at.count)
    fresh = unbiased(b, beta1, b.mul(b.sub(b.number(1), beta1), at.gradient), at.count)
    ahead = b.add(b.mul(beta1, mhat), fresh)
    return b.div(ahead, root(b, vhat, at.options["eps"])), (m, v)


def adafactor(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Adam with v = r c / E r, where r and c are averages of g^2 over columns and over rows.

    The states r, c and E r are exponential averages like v [Section 2.10.3]; without columns v = r.
    """
    b, beta2 = at.builder, at.options["beta2"]
    m, mhat = _first(at)
    square = b.apply("square", at.gradient)
    means = (at.averages.rows(square), at.averages.columns(square), at.averages.overall(square))
    second = tuple(blend(b, beta2, old, new) for old, new in zip(at.states[1:], means, strict=True))
    rows, columns, overall = second
    v = b.div(b.mul(rows, columns), b.apply("max", overall, b.number(1e-300)))
    vhat = unbiased(b, beta2, v, at.count)
    return b.div(mhat, _below(at, vhat)), (m, *second)


def _first(at: Moment) -> tuple[Node, Node]:
    """Return m and mhat."""
    b, beta1 = at.builder, at.options["beta1"]
    m = blend(b, beta1, at.states[0], at.gradient)
    return m, unbiased(b, beta1, m, at.count)


def _below(at: Moment, vhat: Node) -> Node:
    """Return sqrt(vhat + eps^2) or sqrt(vhat) + eps."""
    b, eps = at.builder, at.options["eps"]
    if at.flags["eps_outside"]:
        return b.add(root(b, vhat, b.number(0)), eps)
    return root(b, vhat, eps)


_RATES = ("beta", "beta1", "beta2", "a", "alpha", "rho", "momentum")
"""How much of an average stays: at 1 it would never see a gradient."""

_OF_EVERY: MappingProxyType[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("lr", "clip", "spectral_clip"), "positive"),
        "decay": "part",
        "weight_decay": "not negative",
    }
)
_OF_RULES: MappingProxyType[str, str] = MappingProxyType(
    {
        "eps": "not negative",
        "steps": "count",
        **dict.fromkeys(("radius", "trust", "rms", "exponent"), "positive"),
        **dict.fromkeys(_RATES, "part"),
    }
)


def out_of_range(optimizer: str, declared: bool, option: str, value: float) -> str:
    """Return what is wrong with the value of a numeric option, or the empty string.

    Args:
        optimizer: The optimizer's name.
        declared: Whether a file declares it: its own options are its own affair.
        option: The option's name.
        value: At the defaults of params.
    """
    if not np.isfinite(value):
        return f"is finite, not {value}"
    known: Mapping[str, str] = _OF_EVERY if declared else {**_OF_EVERY, **_OF_RULES}
    wanted = known.get(option, "")
    if optimizer == "adadelta" and option == "eps" and not declared:
        wanted = "positive"
    if optimizer == "scion" and option == "momentum":
        wanted = "share"
    match wanted:
        case "positive" if value <= 0:
            return f"is positive, not {value:g}"
        case "not negative" if value < 0:
            return f"is not negative, and this is {value:g}"
        case "part" if not 0 <= value < 1:
            return f"is at least 0 and less than 1, not {value:g}"
        case "count" if value < 1 or value % 1:
            return f"is a whole number from 1 on, not {value:g}"
        case "share" if not 0 < value <= 1:  # of the newest gradient
            return f"is above 0 and at most 1, not {value:g}"
    return ""


def out_of_shape(declared: bool, option: str, shape: tuple[int, ...]) -> str:
    """Return what is wrong with the shape of an option, or the empty string."""
    if option == "coefficients" and not declared and shape[-1:] != (3,):
        return f"is three numbers or a list of such, not of shape {shape}"
    return f"is a number, not an array of shape {shape}" if shape and option not in LISTS else ""


BOTH_BOUNDS = "is given with `normalize`"
"""What is wrong with `clip` beside `normalize=true`: X / |X| has size 1 already."""


LISTS = ("coefficients", "exponent")
"""Options that may be lists of numbers."""


EPS = 1e-8

COMMON_OPTIONS: MappingProxyType[str, float] = MappingProxyType({"lr": 1.0, "decay": 0.0})
"""Numeric options of every optimizer that have defaults; others are `BOUNDS`."""

COMMON_FLAGS: MappingProxyType[str, bool] = MappingProxyType(
    {"normalize": False, "spectral_normalize": False}
)

BOUNDS = ("clip", "spectral_clip", "weight_decay")
"""Numeric options of every optimizer that have no default."""

_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": EPS}
_OUTSIDE = {"eps_outside": False}

RULES: MappingProxyType[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule("sgd", "g", sgd),
            Rule("momentum", "m = beta m + g", momentum, ("m",), {"beta": 0.9}),
            Rule("nesterov", "g + beta m", nesterov, ("m",), {"beta": 0.9}),
            Rule("signsgd", "g / sqrt(g^2 + eps^2)", signsgd, (), {"eps": 0.0}),
            Rule(
                "rmsprop", "g / sqrt(v + eps^2)", rmsprop, ("v",), {"a": 0.99, "eps": EPS},
                aliases={"alpha": "a"},
            ),
            Rule(
                "adagrad", "g / sqrt(sum g^2 + eps^2)", adagrad, ("v",), {"eps": EPS}
            ),
            Rule(
                "adam", "mhat / sqrt(vhat + eps^2)", adam, ("m", "v"), _ADAM, _OUTSIDE
            ),
            Rule(
                "adamw", "mhat / sqrt(vhat + eps^2)", adam, ("m", "v"), _ADAM, _OUTSIDE
            ),
            Rule("adamax", "mhat / max(u, eps)", adamax, ("m", "u"), _ADAM),
            Rule(
                "nadam",
                "(beta1 mhat + (1 - beta1) g / (1 - beta1^(t+1))) / sqrt(vhat + eps^2)",
                nadam, ("m", "v"), _ADAM,
            ),
            Rule(
                "adadelta", "g sqrt(u + eps^2) / sqrt(v + eps^2)", adadelta, ("v", "u"),
                {"rho": 0.95, "eps": EPS}, aliases={"a": "rho"},
            ),
            Rule(
                "lion", "sign(beta1 m + (1 - beta1) g)", lion, ("m",), {"beta1": 0.9, "beta2": 0.99}
            ),
            Rule(
                "lamb", "|w| r / |r|, r = mhat / sqrt(vhat + eps^2)", lamb, ("m", "v"),
                {**_ADAM, "eps": 1e-6, "bound": 10.0}, _OUTSIDE,
                words={"bound": ("none", "")}, sees_weight=True,
            ),
            Rule(
                "adafactor", "mhat / sqrt(vhat + eps^2), v = rows(g^2) columns(g^2) / E g^2",
                adafactor, ("m", "rows", "columns", "overall"), _ADAM, _OUTSIDE,
            ),
        )
    }
)  # fmt: skip
"""Optimizers that act entry by entry, by name."""

ALL_RULES: MappingProxyType[str, Rule] = MappingProxyType({**RULES, **MATRIX_RULES})
"""All optimizers by name."""
