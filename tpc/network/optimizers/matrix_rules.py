"""Optimizers that see a gradient as an operator: functions of its singular values.

    muon      u / (||u|| + eps) after Newton-Schulz iterations, or its polar factor
    shampoo   (L + eps)^-p u (R + eps)^-q,  L and R sums or averages of G G.T and G.T G
    soap      adam in the eigenbases of averages of G G.T and G.T G
    lars      ||W|| m / ||m||
    schatten  singular values s^p
    scion     the largest step in a ball of a norm along an average of gradients
    normuon   rows of muon's direction over roots of averages of their squares

The gradient is `Operator`'s array: whole, or the small core of a low-rank one. Where nothing is
left below the line the direction is 0.

Reference:
    Jordan et al., the post that introduces Muon; Bernstein and Newhouse, Section 3 (dual norms).
    Gupta, Koren and Singer, Algorithm 1 (Shampoo).
    Vyas et al., Algorithm 3 (SOAP).
    You, Gitman and Ginsburg, Algorithm 1 (LARS).
    Pethick et al., Algorithm 1 (Scion).
    Li et al., NorMuon, 2025.
"""

from dataclasses import replace
from functools import reduce
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from tpc.network.optimizers.operators import Operator
from tpc.network.optimizers.rule import (
    Moment,
    Rule,
    blend,
    fade,
    is_zero,
    positive,
    trust_ratio,
    unbiased,
)
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Node

Step: TypeAlias = tuple[Node, tuple[Node, ...]]

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""The coefficients a, b, c of an iteration, singular values s -> a s + b s^3 + c s^5."""


def operator(at: Moment, node: Node | None = None) -> Operator:
    """Return the gradient, or a node like it, as an operator."""
    return Operator(at.builder, at.gradient if node is None else node, at.facing.rows)


def muon(at: Moment) -> Step:
    """Q = scale times the polar factor of u, or Newton-Schulz iterations towards it."""
    u, m = _direction(at)
    return at.builder.mul(_scale(at), _orthogonalized(at, operator(at, u)).node), (m,)


def normuon(at: Moment) -> Step:
    """Q = rows of muon's X over roots of averages of their mean squares, of the norm of X."""
    b, (x, states) = at.builder, muon(replace(at, states=at.states[:1]))
    axes = tuple(range(at.facing.rows, len(x.shape)))
    means = b.expand(b.reduce("sum", b.apply("square", x), axes), axes)
    y, v = _by_rows(at, x, means, at.states[1])
    size = [Operator(b, node, at.facing.rows).frobenius for node in (x, y)]
    return b.mul(b.div(size[0], positive(b, size[1])), y), (*states, v)


def normed_rows(at: Moment) -> Step:
    """The second stage of normuon, from the entries of X."""
    b, x = at.builder, at.gradient
    average = at.averages.columns if at.facing.turned else at.averages.rows
    y, v = _by_rows(at, x, average(b.apply("square", x)), at.states[0])
    size = [at.averages.norm(node) for node in (x, y)]
    return b.mul(b.div(size[0], positive(b, size[1])), y), (v,)


def _by_rows(at: Moment, x: Node, means: Node, old: Node) -> tuple[Node, Node]:
    """Return rows over roots of corrected averages of their mean squares, and the average."""
    b, beta = at.builder, at.options["beta2"]
    v = blend(b, beta, old, means)
    return b.div(x, positive(b, b.apply("sqrt", unbiased(b, beta, v, at.count)))), v


def schatten(at: Moment) -> Step:
    """Q = u with singular values s^p, 0 where s is 0."""
    u, m = _direction(at)
    return at.builder.mul(_scale(at), operator(at, u).schatten(at.options["p"]).node), (m,)


def shampoo(at: Moment) -> Step:
    """Q = (L + eps)^-p u (R + eps)^-q, perhaps of another's Frobenius norm."""
    b, g, options = at.builder, operator(at), at.options
    m = blend(b, options["beta1"], at.states[0], g.node)
    left = _statistics(at, at.states[1], g @ g.T)
    right = _statistics(at, at.states[2], g.T @ g)
    seen = [_corrected(at, side) for side in (left, right)]
    powers = _exponents(b, options["exponent"])
    below = [
        side.power(_negative(b, p), options["eps"]) for side, p in zip(seen, powers, strict=True)
    ]
    u = operator(at, g.node if is_zero(options["beta1"]) else m)
    found = below[0] @ u @ below[1]
    if at.flags["trace"]:
        degree = _excess(b, *powers)
        found = found.times(b.pow(positive(b, seen[0].trace), degree))
    if at.words["graft"] != "none":
        size = g.frobenius if at.words["graft"] == "sgd" else at.weight_norm or b.number(1)
        found = found.times(b.div(size, positive(b, found.frobenius)))
    return found.node, (m, left.node, right.node)


def soap(at: Moment) -> Step:
    """Q = mhat / (sqrt(vhat) + eps) in the eigenbases of averages of G G.T and G.T G."""
    b, g, options = at.builder, operator(at), at.options
    m = blend(b, options["beta1"], at.states[0], g.node)
    left, right = (
        Operator(b, blend(b, options["beta"], old, new.node), new.rows)
        for old, new in zip(at.states[1:3], (g @ g.T, g.T @ g), strict=True)
    )
    above, below = left.eigenvectors, right.eigenvectors
    fresh = above.T @ g @ below
    v = blend(b, options["beta2"], at.states[3], b.apply("square", fresh.node))
    mhat = above.T @ operator(at, unbiased(b, options["beta1"], m, at.count)) @ below
    root = b.apply("sqrt", unbiased(b, options["beta2"], v, at.count))
    moved = b.div(mhat.node, positive(b, b.add(root, options["eps"])))
    found = above @ Operator(b, moved, mhat.rows) @ below.T
    return found.node, (m, left.node, right.node, v)


def lars(at: Moment) -> Step:
    """Q = trust ||W|| m / ||m||, m = momentum m + g; trust m where a norm is 0."""
    b = at.builder
    m = fade(b, at.options["momentum"], at.states[0], at.gradient)
    ratio = trust_ratio(at, operator(at, m).frobenius)
    return b.mul(b.mul(at.options["trust"], ratio), m), (m,)


def scion(at: Moment) -> Step:
    """Q = radius sqrt(rows / columns) msign(m), m an average of gradients, or by another norm.

    Those act entry by entry: sign(m) / columns, sqrt(rows) m / |m| of each column, and of each row
    m / |m| / sqrt(columns).
    """
    b, norm = at.builder, at.words["norm"]
    m = blend(b, b.sub(b.number(1), at.options["momentum"]), at.states[0], at.gradient)
    if norm != "spectral":
        found = b.apply("sign", m) if norm == "sign" else _normed(at, m, norm == "rows")
        below = 1.0 if norm == "columns" else at.facing.columns
        return b.mul(b.div(at.options["radius"], b.number(below)), found), (m,)
    scale = b.mul(at.options["radius"], b.number(at.facing.shape_scale))
    return b.mul(scale, operator(at, m).schatten(b.number(0)).node), (m,)


def _normed(at: Moment, m: Node, by_rows: bool) -> Node:
    """Return entries over the root of the mean square of their row, or of their column."""
    b, square = at.builder, at.builder.apply("square", m)
    average = at.averages.rows if by_rows is not at.facing.turned else at.averages.columns
    return b.div(m, positive(b, b.apply("sqrt", average(square))))


def _direction(at: Moment) -> tuple[Node, Node]:
    """Return the direction u that momentum makes of gradients, and m."""
    b, g, beta = at.builder, at.gradient, at.options["momentum"]
    if not at.flags.get("correct", False):
        m = fade(b, beta, at.states[0], g)
        return (b.add(g, b.mul(beta, m)) if at.flags["nesterov"] else m), m
    m = blend(b, beta, at.states[0], g)
    if not at.flags["nesterov"]:
        return unbiased(b, beta, m, at.count), m
    fresh = unbiased(b, beta, b.mul(b.sub(b.number(1), beta), g), at.count)
    ahead = unbiased(b, beta, m, b.add(at.count, b.number(1)))
    return b.add(b.mul(beta, ahead), fresh), m


def _orthogonalized(at: Moment, u: Operator) -> Operator:
    """Return what stands for the polar factor of u, perhaps times its nuclear norm."""
    b, s = at.builder, u.singular_values
    if at.words["steps"] == "exact":
        found = u.schatten(b.number(0))
    else:
        size = positive(b, b.add(u.frobenius, at.options["eps"]))
        found = u.svd(reduce(_Iteration(b), _iterations(at), b.div(s, size)))
    if at.flags["dual"]:
        inner = b.reduce("sum", b.mul(u.node, found.node))
        found = found.times(inner)
    return found


class _Iteration:
    """One Newton-Schulz iteration on singular values."""

    def __init__(self, b: Builder) -> None:
        self._b = b

    def __call__(self, s: Node, coefficients: tuple[float, ...]) -> Node:
        """Return a s + b s^3 + c s^5."""
        b, (first, third, fifth) = self._b, map(self._b.number, coefficients)
        square = b.apply("square", s)
        inside = b.add(third, b.mul(fifth, square))
        return b.mul(s, b.add(first, b.mul(square, inside)))


def _iterations(at: Moment) -> list[tuple[float, ...]]:
    """Return the coefficients of each iteration; the last ones stay."""
    steps, given = at.options["steps"], at.options["coefficients"]
    assert isinstance(steps, Constant) and isinstance(given, Constant)
    rows = np.atleast_2d(given.value)
    return [tuple(map(float, rows[min(t, len(rows) - 1)])) for t in range(int(steps.value))]


def _scale(at: Moment) -> Node:
    """Return the factor that a convention of scales puts in front."""
    b, facing = at.builder, at.facing
    match at.words["scale"]:
        case "spectral":
            return b.number(facing.shape_scale)
        case "original":
            return b.number(facing.unwidened)
        case "match_rms":
            return b.mul(at.options["rms"], b.number(facing.largest))
        case _:
            return b.number(1)


def _statistics(at: Moment, old: Node, new: Operator) -> Operator:
    """Return the sum, or the average, of the squares so far."""
    b, beta = at.builder, at.options["beta2"]
    if isinstance(beta, Constant) and float(beta.value) == 1:
        return Operator(b, fade(b, b.number(1), old, new.node), new.rows)
    return Operator(b, blend(b, beta, old, new.node), new.rows)


def _corrected(at: Moment, side: Operator) -> Operator:
    """Return statistics corrected for their start at 0."""
    beta = at.options["beta2"]
    if not at.flags["correct"] or (isinstance(beta, Constant) and float(beta.value) == 1):
        return side
    return Operator(at.builder, unbiased(at.builder, beta, side.node, at.count), side.rows)


def _exponents(b: Builder, given: Node) -> tuple[Node, Node]:
    """Return p and q of one exponent or of two, numbers where they are known."""
    if isinstance(given, Constant):
        p, q = np.broadcast_to(given.value, 2)
        return b.number(float(p)), b.number(float(q))
    return (b.take(given, (0,)), b.take(given, (1,))) if given.shape else (given, given)


def _excess(b: Builder, p: Node, q: Node) -> Node:
    """Return p + q - 1/2."""
    if isinstance(p, Constant) and isinstance(q, Constant):
        return b.number(float(p.value) + float(q.value) - 0.5)
    return b.sub(b.add(p, q), b.number(0.5))


def _negative(b: Builder, p: Node) -> Node:
    return b.number(-float(p.value)) if isinstance(p, Constant) else b.neg(p)


GRAFTS = ("adagrad", "rmsprop", "adam")
"""Optimizers of entries whose norm a step of shampoo may take."""

_SCALES = ("spectral", "original", "match_rms", "none")
_SCALE_OPTIONS = {"rms": 0.2}

_MUON = Rule(
    "muon", "scale msign(u), u = g + momentum m, m = momentum m + g", muon, ("m",),
    {"momentum": 0.95, "steps": 5.0, "coefficients": NEWTON_SCHULZ, "eps": 1e-7, **_SCALE_OPTIONS},
    {"nesterov": True, "correct": False, "dual": False},
    words={"steps": ("", "exact"), "scale": _SCALES, "layout": ("", "transposed")},
)  # fmt: skip

MATRIX_RULES: MappingProxyType[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            _MUON,
            replace(
                _MUON, name="normuon", formula="muon's X, its rows over roots of averages",
                advance=normuon, states=("m", "v"), options={**_MUON.options, "beta2": 0.95},
                stages=(_MUON, Rule("rows", "", normed_rows, ("v",))),
            ),
            Rule(
                "shampoo", "(L + eps)^-p g (R + eps)^-p, L = sum g g^T, R = sum g^T g", shampoo,
                ("m", "L", "R"), {"beta1": 0.0, "beta2": 1.0, "exponent": 0.25, "eps": 1e-12,
                 "every": 1.0},
                {"trace": False, "correct": True}, eps_degree=2,
                words={"graft": ("none", "sgd", *GRAFTS)},
            ),
            Rule(
                "soap", "E_L (mhat / (sqrt(vhat) + eps)) E_R^T, rotated by E_L^T g E_R", soap,
                ("m", "L", "R", "v"),
                {"beta1": 0.95, "beta2": 0.95, "beta": 0.95, "eps": 1e-8},
                words={"basis": ("current",)},
            ),
            Rule(
                "lars", "trust ||w|| m / ||m||, m = momentum m + g", lars, ("m",),
                {"momentum": 0.9, "trust": 1.0}, sees_weight=True,
            ),
            Rule(
                "schatten", "scale u with singular values s^p", schatten, ("m",),
                {"p": 0.0, "momentum": 0.0, **_SCALE_OPTIONS}, {"nesterov": False},
                words={"scale": ("none", *_SCALES[:3]), "layout": ("", "transposed")},
            ),
            Rule(
                "scion", "radius sqrt(rows / columns) msign(m)", scion, ("m",),
                {"momentum": 0.1, "radius": 1.0}, {"constrained": False},
                words={
                    "norm": ("spectral", "sign", "columns", "rows"), "layout": ("", "transposed"),
                },
            ),
        )
    }
)  # fmt: skip
"""Optimizers of operators by name."""
