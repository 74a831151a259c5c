"""What becomes of a loop over an infinite depth L, by the powers of L in what one round adds.

| a round makes of the covariance C of its state | verdict |
|---|---|
| C + G(C) / L | a flow, dC/dtau = G(C) |
| C + o(1 / L) | frozen: the limit is the state before the loop |
| C + L^p ..., p > -1 | it grows, by L^(p + 1) over all rounds |
| something else | a plain network, at a fixed point |
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np

from tpc.depth.orders import RATE, NoPowers, in_powers_of, powers_in, term
from tpc.depth.parts import Parts
from tpc.depth.programs import stage_plan
from tpc.depth.recursion import before_loop
from tpc.depth.rounds import Pairs, StageMap, TileInputs
from tpc.depth.stages import Stage, adds_independently, is_gaussian, uses_law
from tpc.diagnostics import Fault, ProgramError
from tpc.diagnostics.depth_faults import (
    DepthGrows,
    LawInDepth,
    NoResidualPath,
    NoRoundForm,
    TiedInDepth,
)
from tpc.kernels.plan import Array
from tpc.kernels.schedule import NoPairwiseForm
from tpc.limit.derive import DotChoice
from tpc.network.network import Network

SMALL = 1e-9
"""What is smaller beside its scale is zero but for rounding."""


@dataclass(frozen=True, slots=True)
class DeepMaps:
    """The maps of a network with a loop over its depth.

    Attributes:
        before: That of what stands before the loop.
        round: Of a round, in which L is a param.
        behind: Of what follows.
        mean: Whether states have means.
        depth: The name of L.
        ratio: How many times L the rounds are up to what follows.
    """

    before: StageMap
    round: StageMap
    behind: StageMap
    mean: bool
    depth: str
    ratio: float

    def settled(self) -> "DeepMaps":
        """Return the same maps with what depends on no input computed."""
        before, round_, behind = (x.settled() for x in (self.before, self.round, self.behind))
        return replace(self, before=before, round=round_, behind=behind)


def maps_of(
    network: Network, parts: Parts, params: dict[str, Array], dot: DotChoice, infinite: bool
) -> DeepMaps:
    """Derive the maps of all stages, for a depth that is infinite or not.

    Raises:
        ProgramError: An expectation has no form (TP511), a function acts on a state whose law is
            not known (TP510).
    """
    depth = parts.loop.length.name
    refuse = partial(_refusal, network, parts)
    if (uses_law(parts.inside) or uses_law(parts.behind)) and not _stays_gaussian(parts, infinite):
        raise refuse(LawInDepth(parts.state))

    def mapped(stage: Stage, mean: bool) -> StageMap:
        try:
            plans = [stage_plan(stage, alike, mean, dot) for alike in (False, True)]
        except NoPairwiseForm:
            raise refuse(NoRoundForm(depth)) from None
        return StageMap(plans[0], plans[1], params)

    before, inside = mapped(parts.before, False), mapped(parts.inside, False)
    start, inputs = _start(network, before, False)
    means = [before.of(None, inputs).rows["mean"], inside.of(start, inputs).rows["mean"]]
    scale = np.sqrt(np.abs(start.covariance).max())
    mean = any(np.abs(found).max(initial=0) > SMALL * scale for found in means)
    if mean and parts.tied:
        raise refuse(TiedInDepth(f"`{parts.inside.weights[0].name}` is tied"))
    if mean:
        inside = mapped(parts.inside, True)
    return DeepMaps(
        before, inside, mapped(parts.behind, mean), mean, depth, parts.loop.ratio * parts.read
    )


def _stays_gaussian(parts: Parts, infinite: bool) -> bool:
    """Whether the state is Gaussian at all rounds."""
    many = infinite and not parts.tied and adds_independently(parts.inside)
    return is_gaussian(parts.before.after) and (many or is_gaussian(parts.inside.after))


@dataclass(frozen=True, slots=True)
class Flow:
    """The rates of an infinitely deep loop, and what is to be said of it.

    Attributes:
        rates: The powers of L in what a round adds.
        warnings: What to know of the limit.
        still: The outputs of a round whose rates vanish.
    """

    rates: StageMap
    warnings: tuple[str, ...]
    still: frozenset[str]


def flow_of(network: Network, parts: Parts, maps: DeepMaps) -> Flow:
    """Return the rates of a loop.

    Raises:
        ProgramError: It grows (TP504), is plain (TP505), or L stands in a function (TP511).
    """
    depth = parts.loop.length.name
    refuse = partial(_refusal, network, parts)
    rate = 2 * RATE if parts.tied else RATE  # a sum over rounds, or over pairs of them
    both = maps.round.pairs, maps.round.alike
    try:
        plans = [in_powers_of(plan, depth, rate) for plan in both]
    except NoPowers:
        raise refuse(NoRoundForm(depth)) from None
    rates = StageMap(plans[0], plans[1], maps.round.params)
    start, inputs = _start(network, maps.before, maps.mean)
    found = rates.of(start, inputs)
    scale = np.abs(start.covariance).max()

    def size(name: str, power: float, unit: float = 1.0) -> float:
        value = found.pairs.get(term(name, power))
        value = found.rows.get(term(name, power)) if value is None else value
        return 0.0 if value is None else float(np.abs(value).max(initial=0)) / unit

    kept = found.pairs.get(term("covariance", 0.0))
    if kept is None or np.abs(kept - start.covariance).max() > SMALL * scale:
        raise refuse(NoResidualPath(parts.state))
    for name, unit in (("mean", np.sqrt(scale)), ("covariance", scale), ("tangent", scale)):
        for power in powers_in(plans[0], name):
            if power > rate and power != 0 and size(name, power, unit) > SMALL:
                raise refuse(_growth(parts.state, name, power - rate))
    if size("tangent", 0.0, scale) > SMALL:
        raise refuse(_growth(parts.state, "tangent", -rate))
    names = ("mean", "covariance", "tangent", "passed")
    still = frozenset(name for name in names if size(name, rate) <= SMALL)
    return Flow(rates, tuple(_warnings(parts, depth, still)), still)


def _warnings(parts: Parts, depth: str, still: frozenset[str]) -> list[str]:
    if len(still) == 4:
        return [
            f"the loop over `{depth}` changes nothing in the limit: its branch is scaled too small;"
            f" `{depth}^(-1/2)` for weights drawn anew, `1 / {depth}` for others"
        ]
    if "tangent" in still and parts.inside.weights:
        return [f"the weights of the loop over `{depth}` drop out of the tangent kernel"]
    return []


def _growth(state: str, name: str, power: float) -> Fault:
    shown = str(Fraction(power).limit_denominator(64))
    if name == "mean":
        cause = "the branch of a round has a mean, and these add up"
        return DepthGrows(state, shown, cause, "subtract it, `B - avg(B)`, or scale by `1 / L`")
    cause = "what a round adds is too large"
    advice = "scale branches by L^(-1/2) where weights are drawn anew, by 1 / L where they are tied"
    return DepthGrows(state, shown, cause, advice)


def _refusal(network: Network, parts: Parts, fault: Fault) -> ProgramError:
    return ProgramError.of(network, (fault, parts.loop.span))


def _start(network: Network, before: StageMap, mean: bool) -> tuple[Pairs, TileInputs]:
    """Return states before the loop at inputs that are nowhere special."""
    rng = np.random.default_rng(1)
    given = rng.standard_normal((3, *network.input.shape))
    nothing = np.zeros(0, dtype=int)
    inputs = TileInputs(given, given, (nothing, nothing))
    return before_loop(before, inputs, mean), inputs
