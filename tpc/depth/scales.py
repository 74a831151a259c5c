"""How a network goes with its depth L: the verdict on its loop, its branch, its blocks.

A round x + L^-alpha B(x) that draws its weights anew passes on 1 + D L^(-2 alpha), so that alpha is
read off the plan of a round. A limit of training is not trivial where updates of the weights of the
loop add 1 / L each: the learning rate of W is L^(2 alpha - 1) where updates are linear in
gradients, which are of size L^-alpha, and L^(alpha - 1) where they are of size 1.

Reference:
    Tensor Programs VI, section 7.
    Dey et al., Don't be lazy: CompleteP enables compute-efficient deep transformers, 2025.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np

from tpc.depth.orders import RATE, NoPowers, in_powers_of, powers_in
from tpc.depth.parts import Parts, parts_of
from tpc.depth.phases import Phase, phase_of
from tpc.depth.stages import Stage
from tpc.depth.training import Powers
from tpc.depth.verdict import DeepMaps, flow_of, maps_of
from tpc.diagnostics import ProgramError
from tpc.network.checking.build import build_network
from tpc.network.network import Network, OptimizerUse, WeightKind
from tpc.network.optimizers.every_step import is_linear
from tpc.program import nodes as op
from tpc.program.nodes import Node, operands
from tpc.program.traversal import toposort
from tpc.syntax.parse import parse_source


@dataclass(frozen=True, slots=True)
class WeightInDepth:
    """One weight, or those of all rounds.

    Attributes:
        name: The family.
        place: `inside`, `tied` or `outside`.
        kind: What it is.
        linear: Whether its updates are linear in gradients.
        rate: The power of L of its learning rate for which updates add up to 1.
        eps: That of its eps; None for linear updates.
        written: The power of L that its `lr` has.
    """

    name: str
    place: str
    kind: WeightKind
    linear: bool
    rate: Fraction
    eps: Fraction | None
    written: Fraction

    @property
    def off(self) -> Fraction:
        """By which power of L its updates are too large as they are written."""
        return self.written - self.rate


@dataclass(frozen=True, slots=True)
class DepthScales:
    """How a network goes with its depth.

    Attributes:
        depth: The name of L.
        verdict: `flow`, `plane`, `frozen`, `blow-up`, `plain` or `unknown`.
        words: What there is to say of it.
        alpha: The power of the branch, None for plain loops.
        block: How many matrices follow each other in a round.
        tied: Whether rounds share their weights.
        weights: What they need.
        phase: The fixed point of a plain loop.
    """

    depth: str
    verdict: str
    words: tuple[str, ...]
    alpha: Fraction | None
    block: int
    tied: bool
    weights: tuple[WeightInDepth, ...]
    phase: Phase | None


def depth_scales(
    network: Network, optimizer: OptimizerUse, own: Mapping[str, OptimizerUse]
) -> DepthScales | None:
    """Return how a network goes with its depth, or None where it has none.

    Args:
        network: The network.
        optimizer: Of all weights but those in `own`.
        own: Optimizers of single weights, by name.
    """
    if network.depth is None:
        return None
    if not network.depth.loops:
        network = build_network(parse_source(network.source, network.name), inf)
        if own and network.training is not None:
            own = dict(network.training.own_optimizers)
    assert network.depth is not None
    name = network.depth.name
    try:
        parts = parts_of(network)
        params = {p.name: np.asarray(p.default) for p in network.parameters}
        maps = maps_of(network, parts, {**params, name: np.array(64.0)}, "auto", True)
    except ProgramError as refusal:
        why = refusal.diagnostics[0].message
        return DepthScales(name, "unknown", (why,), None, 0, False, (), None)
    verdict, words = _verdict(network, parts, maps)
    alpha = None if verdict == "plain" else _alpha(parts, maps)
    weights: tuple[WeightInDepth, ...] = ()
    if alpha is not None and Fraction(1, 2) <= alpha <= 1:
        weights = tuple(_weights(network, parts, alpha, optimizer, own))
    phase = phase_of(maps, network.input.shape) if verdict == "plain" else None
    block = _block(parts.inside)
    return DepthScales(name, verdict, words, alpha, block, parts.tied, weights, phase)


def _verdict(network: Network, parts: Parts, maps: DeepMaps) -> tuple[str, tuple[str, ...]]:
    try:
        flow = flow_of(network, parts, maps)
    except ProgramError as refusal:
        (found,) = refusal.diagnostics
        names = {"TP504": "blow-up", "TP505": "plain"}
        return names.get(found.code, "unknown"), (found.message,)
    if len(flow.still) == 4:
        return "frozen", flow.warnings
    return "plane" if parts.tied else "flow", flow.warnings


def _alpha(parts: Parts, maps: DeepMaps) -> Fraction | None:
    """Return the power of the branch: half of that of the first term that a round passes on."""
    try:
        plan = in_powers_of(maps.round.pairs, parts.loop.length.name, 2 * RATE)
    except NoPowers:
        plan = in_powers_of(maps.round.pairs, parts.loop.length.name, RATE)
    powers = [power for power in powers_in(plan, "passed") if power != 0]
    if not powers:
        return None
    return Fraction(-powers[0] / 2).limit_denominator(64)


def _block(inside: Stage) -> int:
    """Return how many products with matrices follow each other at most."""
    length: dict[Node, int] = {}
    for node in toposort([inside.after], operands):
        below = max((length[part] for part in operands(node)), default=0)
        length[node] = below + isinstance(node, op.MatMul)
    return length[inside.after]


def _weights(
    network: Network,
    parts: Parts,
    alpha: Fraction,
    optimizer: OptimizerUse,
    own: Mapping[str, OptimizerUse],
) -> list[WeightInDepth]:
    inside = {w.name.split("[")[0] for w in parts.inside.weights}
    powers, found = Powers(parts.loop.length.name), dict[str, WeightInDepth]()
    for weight in network.weights:
        name = weight.name.split("[")[0]
        if not weight.trained or name in found:
            continue
        use = own.get(weight.name, optimizer)
        linear = is_linear(use)
        place = ("tied" if parts.tied else "inside") if name in inside else "outside"
        rate, eps = Fraction(0), Fraction(0)
        if place == "inside":
            rate, eps = (2 * alpha - 1 if linear else alpha - 1), -alpha
        given = dict(use.options).get("lr")
        of = [weight.lr, *([given] if isinstance(given, Node) else [])]
        written = Fraction(sum(map(powers.of, of))).limit_denominator(64)
        found[name] = WeightInDepth(
            name, place, weight.kind, linear, rate, None if linear else eps, written
        )
    return list(found.values())
