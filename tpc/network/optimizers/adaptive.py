"""Adam and its kin: corrected averages of gradients over a root of averaged squares.

    m = beta1 m + (1 - beta1) g,   mhat = m / (1 - beta1^(t+1)),
    v = beta2 v + (1 - beta2) g^2, vhat = v / (1 - beta2^(t+1)).

The paper's form is mhat / sqrt(vhat + eps^2), which is smooth where vhat is 0.

Reference:
    Tensor Programs IVb, equations (2.2) and (Adam); Section 2.10.3 (Adafactor).
    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014.
    Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018.
"""

from tpc.network.optimizers.rule import Moment, blend, positive, root, unbiased
from tpc.program.nodes import Node


def adam(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = mhat / sqrt(vhat + eps^2), or mhat / (sqrt(vhat) + eps) with `eps_outside`."""
    b = at.builder
    m, mhat = _first(at)
    v = blend(b, at.options["beta2"], at.states[1], b.apply("square", at.gradient))
    vhat = unbiased(b, at.options["beta2"], v, at.step)
    return b.div(mhat, _below(at, vhat)), (m, v)


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
    vhat = unbiased(b, beta2, v, at.step)
    fresh = unbiased(b, beta1, b.mul(b.sub(b.number(1), beta1), at.gradient), at.step)
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
    vhat = unbiased(b, beta2, v, at.step)
    return b.div(mhat, _below(at, vhat)), (m, *second)


def _first(at: Moment) -> tuple[Node, Node]:
    """Return m and mhat."""
    b, beta1 = at.builder, at.options["beta1"]
    m = blend(b, beta1, at.states[0], at.gradient)
    return m, unbiased(b, beta1, m, at.step)


def _below(at: Moment, vhat: Node) -> Node:
    """Return sqrt(vhat + eps^2) or sqrt(vhat) + eps."""
    b, eps = at.builder, at.options["eps"]
    if at.flags["eps_outside"]:
        return b.add(root(b, vhat, b.number(0)), eps)
    return root(b, vhat, eps)
