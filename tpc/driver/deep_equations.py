"""The driver of the equations of infinitely deep networks.

Stages:
    parts_of       Network      -> what stands before, inside and behind the loop
    maps_of        its parts    -> what each makes of moments and tangent kernels
    flow_of        a round      -> its rates, and whether it has some
    stage_plan     its parts    -> the same maps with whole expectations, to be read
    flow_chapter   these        -> equations
"""

import numpy as np

from tpc.depth.orders import RATE, NoPowers, in_powers_of, term
from tpc.depth.parts import parts_of
from tpc.depth.programs import stage_plan
from tpc.depth.scales import depth_scales
from tpc.depth.verdict import flow_of, maps_of
from tpc.diagnostics import ProgramError
from tpc.diagnostics.depth_faults import NoResidualPath
from tpc.kernels.plan import KernelPlan
from tpc.network.named import optimizer_named
from tpc.network.network import Network
from tpc.report.depth_scales import depth_to_text
from tpc.report.flow_equations import WrittenFlow, flow_chapter, flow_to_json
from tpc.report.numbers import Json
from tpc.report.sections import Chapter
from tpc.report.terms import Unreadable


def deep_chapter(network: Network) -> Chapter:
    """Return the equations of an infinitely deep network, as `written_flow` has them."""
    assert network.depth is not None
    depth = network.depth.name
    try:
        return flow_chapter(written_flow(network))
    except ProgramError as refusal:
        if refusal.diagnostics[0].code != NoResidualPath.code:
            raise
        scales = depth_scales(network, optimizer_named("sgd"), {})
        return Chapter(tuple(depth_to_text(scales).splitlines()) if scales else (), ())
    except (Unreadable, NoPowers):
        words = "its rates have no formula that could be printed; `tpc kernel` computes them"
        return Chapter((f"depth {depth} → ∞: a flow", words), ())


def deep_json(network: Network) -> dict[str, Json]:
    """Return the same as what `json.dumps` takes."""
    try:
        return {"depth": "infinite", "flow": flow_to_json(written_flow(network))}
    except (Unreadable, NoPowers, ProgramError):
        return {"depth": "infinite"}


def written_flow(network: Network) -> WrittenFlow:
    """Return the flow of a network with a loop over an infinite depth, to be read.

    Raises:
        ProgramError: There is none (TP504 to TP512).
    """
    parts = parts_of(network)
    depth = parts.loop.length.name
    params = {p.name: np.asarray(p.default) for p in network.parameters}
    maps = maps_of(network, parts, {**params, depth: np.array(64.0)}, "auto", True)
    flow = flow_of(network, parts, maps)
    rate = 2 * RATE if parts.tied else RATE

    def rates(alike: bool) -> KernelPlan:
        plan = stage_plan(parts.inside, alike, maps.mean, whole=True)
        return _of_power(in_powers_of(plan, depth, rate), rate)

    return WrittenFlow(
        depth,
        parts.state,
        network.input.name,
        tuple(params),
        tuple(dict.fromkeys(w.name.split("[")[0] for w in parts.inside.weights)),
        maps.ratio,
        parts.tied,
        maps.mean,
        stage_plan(parts.before, whole=True),
        rates(False),
        rates(True),
        stage_plan(parts.behind, mean=maps.mean, whole=True),
        flow.still,
        flow.warnings,
    )


def _of_power(plan: KernelPlan, power: float) -> KernelPlan:
    """Return a plan with the coefficients of one power of L alone, under the names of outputs."""
    names = {term(name.split()[0], power): name.split()[0] for name in plan.outputs}
    outputs = {own: plan.outputs[name] for name, own in names.items() if name in plan.outputs}
    shapes = {name.split()[0]: shape for name, shape in plan.shapes.items()}
    return KernelPlan(plan.values, outputs, shapes, frozenset(), plan.widest)
