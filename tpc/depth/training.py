"""Whether training has a limit at infinite depth that is known, by powers of L in a round.

A round adds L^-alpha B to its state. Its weights have gradients of L^-alpha, and an update

    L^-alpha (L^-alpha)^p lr,    Q(k g, k^e eps) = k^p Q(g, eps),

moves the state by L^-1 in a round, and by order one over all rounds, if lr is the right power of L:
p = 1 of optimizers that are linear in the gradients, 0 of others. `mup(depth=alpha)` sees to it.

Reference:
    Tensor Programs VI, Section 7.
"""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import inf

import numpy as np

from tpc.depth.parts import Parts, parts_of
from tpc.depth.verdict import flow_of, maps_of
from tpc.diagnostics import Fault, ProgramError, Span
from tpc.diagnostics.depth_faults import (
    DepthExponent,
    DepthGrows,
    LawInDepth,
    NoRoundForm,
    TrainingNotChecked,
    UpdatesInDepth,
)
from tpc.kernels.plan import Array
from tpc.network.network import Network, Weight, WeightKind
from tpc.network.optimizers.every_step import homogeneity, is_linear, joint_homogeneity
from tpc.network.optimizers.update import eps_degree, numeric_options
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands
from tpc.program.traversal import dependents, fold, toposort

NEAR = 1e-9

UNKNOWN = {LawInDepth.code, NoRoundForm.code}
"""What keeps kernels from a limit that cells can do without: they sample."""


@dataclass(frozen=True, slots=True)
class DeepTraining:
    """Training at infinite depth.

    Attributes:
        parts: The network around its loop.
        exponent: alpha.
        warnings: What to know of the limit.
    """

    parts: Parts
    exponent: float
    warnings: tuple[str, ...]


def training_in_depth(network: Network, steps: int, params: dict[str, Array]) -> DeepTraining:
    """Check that training at infinite depth has a limit that is known.

    Args:
        network: With a `train` block and a loop over an infinite depth.
        steps: How many.
        params: Values of params.

    Raises:
        ProgramError: As kernels do (TP504 to TP508); what is not checked (TP530), updates of
            another size than 1/L (TP531), `mup(depth=...)` of another exponent (TP532).
    """
    training = network.training
    assert training is not None
    parts = parts_of(network)
    at, depth = parts.loop.span, parts.loop.length.name
    if parts.tied:
        raise _refusal(network, TrainingNotChecked("weights that rounds share", depth), at)
    _check_forward(network, parts, params)
    weights = {weight.leaf: weight for weight in parts.inside.weights}
    powers = Powers(depth, set(weights))
    exponent = -powers.of_weights(parts.inside.after)
    if exponent < 0.5 - NEAR:
        cause = f"a round adds L^({_shown(-exponent)}) of what its weights are"
        fault = DepthGrows(parts.state, _shown(1 - 2 * exponent), cause, "scale it by L^(-1/2)")
        raise _refusal(network, fault, at)
    written = training.parametrization.depth
    if written is not None and abs(written - exponent) > NEAR:
        found = DepthExponent(f"{written:g}", _shown(-exponent), parts.state)
        raise _refusal(network, found, training.parametrization.span or at)
    for weight in parts.inside.weights:
        if weight.trained:
            _check_update(network, parts, weight, exponent, powers)
    unchecked = _unchecked(parts, exponent, steps)
    if unchecked:
        raise _refusal(network, TrainingNotChecked(unchecked, depth), at)
    return DeepTraining(parts, exponent, tuple(_warnings(parts)))


def _refusal(network: Network, fault: Fault, span: Span) -> ProgramError:
    return ProgramError.of(network, (fault, span))


def _check_forward(network: Network, parts: Parts, params: dict[str, Array]) -> None:
    """Refuse states that grow, and loops without a residual path."""
    given = {**params, parts.loop.length.name: np.array(64.0)}
    try:
        flow_of(network, parts, maps_of(network, parts, given, "auto", True))
    except ProgramError as refused:
        if refused.diagnostics[0].code not in UNKNOWN:
            raise


def _check_update(
    network: Network, parts: Parts, weight: Weight, exponent: float, powers: "Powers"
) -> None:
    training = network.training
    assert training is not None
    use, depth = training.optimizer_of(weight.name), parts.loop.length.name
    b = Builder()
    options = numeric_options(b, use)
    degree = 1.0 if is_linear(use) else homogeneity(use)
    if degree is None and "eps" in options:
        eps = powers.of(options["eps"])
        fits = abs(eps + exponent * eps_degree(use)) < NEAR
        degree = joint_homogeneity(use) if fits else None
        if not fits:
            of = f"{use.name} sees gradients of L^({_shown(-exponent)}), beside an `eps`"
            raise _refusal(network, UpdatesInDepth(of + f" of L^({_shown(eps)})", depth), use.span)
    if degree is None:
        raise _refusal(network, TrainingNotChecked(f"`{use.name}` with bounds", depth), use.span)
    rate = powers.of(options["lr"]) + powers.of(weight.lr)
    size = exponent * (1 + degree) - rate
    if abs(size - 1) > NEAR:
        own = weight.name.partition("[")[0]
        moved = f"those of `{own}` move `{parts.state}` by L^({_shown(-size)}) a round"
        raise _refusal(network, UpdatesInDepth(moved, depth), use.span)


def _unchecked(parts: Parts, exponent: float, steps: int) -> str:
    """Return what of a loop has not been checked against finite networks."""
    if exponent < 0.5 + NEAR:
        return ""
    if abs(exponent - 1) > NEAR:
        return f"blocks of L^({_shown(-exponent)}), between L^(-1/2) and 1 / L,"
    if _block_depth(parts) > 1:
        return "blocks of two or more matrices at 1 / L"
    if steps > 1 and not is_linear_in_state(parts):
        return "more than one step of blocks at 1 / L that are not linear"
    return ""


def _block_depth(parts: Parts) -> int:
    """Return how many matrices of a round stand one behind the other."""

    def rule(node: Node, known: dict[Node, int]) -> int:
        below = max((known[part] for part in operands(node)), default=0)
        return below + isinstance(node, op.MatMul)

    return fold([parts.inside.after], rule, operands)[parts.inside.after]


def _warnings(parts: Parts) -> list[str]:
    others = [w.name for w in parts.inside.weights if w.trained and w.kind is not WeightKind.MATRIX]
    if not others:
        return []
    name = others[0].partition("[")[0]
    return [f"training of `{name}` at infinite depth, a gain or a bias, is not checked"]


def _shown(power: float) -> str:
    return str(Fraction(power).limit_denominator(64))


class Powers:
    """The power of L in nodes, and in what of them comes from the weights of a round."""

    def __init__(self, depth: str, leaves: Collection[object] = ()) -> None:
        self._depth = depth
        self._leaves = leaves

    def of(self, node: Node) -> float:
        """Return the largest power in a node."""
        powers: dict[Node, float] = fold([node], self._power, operands)
        return powers[node]

    def of_weights(self, node: Node) -> float:
        """Return the largest power in what the weights of the round add to a node."""
        powers: dict[Node, float] = fold([node], self._power, operands)
        added: dict[Node, float] = fold([node], partial(self._added, powers), operands)
        return added[node]

    def _power(self, node: Node, known: dict[Node, float]) -> float:
        parts = [known[part] for part in operands(node)]
        match node:
            case op.Parameter(name=name) if name == self._depth:
                return 1.0
            case op.Elementwise(function="pow", operands=(_, op.Constant(value=to))) if to.size:
                return parts[0] * float(to.flat[0])
            case op.Elementwise(function="div"):
                return parts[0] - parts[1]
            case op.Elementwise(function="sqrt"):
                return parts[0] / 2
            case op.Elementwise(function="square"):
                return parts[0] * 2
            case op.MatMul(matrix=matrix, operand=vector):
                return known[vector] + known[matrix.variance] / 2
        return sum(parts) if _multiplies(node) else max(parts, default=0.0)

    def _added(self, powers: dict[Node, float], node: Node, known: dict[Node, float]) -> float:
        if node in self._leaves:
            return 0.0
        if isinstance(node, op.MatMul) and node.matrix in self._leaves:
            return powers[node]
        parts = operands(node)
        whole, own = [powers[part] for part in parts], [known[part] for part in parts]
        if _multiplies(node) or (isinstance(node, op.Elementwise) and node.function == "div"):
            change = [a - w for a, w in zip(own, whole, strict=True)]
            return powers[node] + max(change, default=-inf)
        return max(own, default=-inf)


def _multiplies(node: Node) -> bool:
    return isinstance(node, op.Inner | op.Contract) or (
        isinstance(node, op.Elementwise) and node.function == "mul"
    )


def is_linear_in_state(parts: Parts) -> bool:
    """Whether a round is linear in the state, as products with matrices are."""
    order = toposort([parts.inside.after], operands)
    found = dependents(order, lambda node: node is parts.inside.state)
    return all(_is_linear_in(node, found) for node in found if node is not parts.inside.state)


def _is_linear_in(node: Node, kets: set[Node]) -> bool:
    match node:
        case op.MatMul() | op.Contract() | op.Take() | op.Permute() | op.Expand():
            return True
        case op.Elementwise(function="add" | "sub" | "neg"):
            return True
        case op.Elementwise(function="mul", operands=(x, y)):
            return not {x, y} <= kets
        case op.Elementwise(function="div", operands=(_, y)):
            return y not in kets
        case op.Reduce(reduction="sum"):
            return True
        case _:
            return False
