"""The driver of kernels of networks with a loop over their depth, infinite or not.

Stages:
    parts_of       Network      -> what stands before, inside and behind the loop
    maps_of        its parts    -> what each makes of moments and tangent kernels
    flow_of        a round      -> its rates, where the depth is infinite
    tile by tile   inputs       -> states before the loop, behind it, kernels

A round of a finite depth is iterated, so that depths cost their rounds and no text. Where the
rounds are not alike, which an infinite depth refuses, those of a finite one are written out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, lcm, prod

import numpy as np

from tpc.depth.course import Course, course, vertex_times
from tpc.depth.flow import flowed
from tpc.depth.parts import parts_of
from tpc.depth.plane_limit import MOST, midpoint_kernels, plane_limits
from tpc.depth.planes import plane_kernels
from tpc.depth.recursion import after_round, before_loop, behind_loop
from tpc.depth.rounds import StageMap
from tpc.depth.verdict import DeepMaps, flow_of, maps_of
from tpc.diagnostics import ProgramError, UsageError
from tpc.diagnostics.depth_faults import NoRoundForm
from tpc.driver.emitted import Progress
from tpc.kernels.plan import Array
from tpc.kernels.series_steps import NotSmooth
from tpc.kernels.tiling import cut, write
from tpc.limit.derive import DotChoice
from tpc.network.checking.build import build_network
from tpc.network.network import Network
from tpc.syntax.parse import parse_source

TILE_FLOATS = 2**16
"""How many entries the covariances of a tile have at most."""


@dataclass(frozen=True, slots=True)
class DeepKernels:
    """Kernels of a deep network.

    Attributes:
        values: `nngp` and `ntk`, of shape M + e + M2 + e.
        error: A bound of the errors of series, and of steps in depth.
        method: `ode`, `pde` or `recursion`.
        warnings: What to know of the limit.
    """

    values: Mapping[str, Array]
    error: float
    method: str
    warnings: tuple[str, ...]


def asked_depth(network: Network, depth: float | None) -> float | None:
    """Return the depth that is meant, None for a network without one.

    Raises:
        UsageError: A depth is asked for where none is declared.
    """
    if network.depth is None:
        if depth is not None:
            raise UsageError("the network has no depth: declare one, `depth L`")
        return None
    if depth is not None and depth != inf and (depth < 1 or depth != int(depth)):
        raise UsageError(f"a depth is a positive integer or infinite, not {depth}")
    return depth or (inf if network.depth.number is None else network.depth.number)


def deep_kernels(
    network: Network,
    depth: float,
    inputs: tuple[Array, Array | None],
    params: Mapping[str, Array],
    dot: DotChoice,
    progress: Progress | None,
) -> DeepKernels | None:
    """Compute the kernels of a network with a depth.

    Args:
        network: With a loop over its depth.
        depth: How many rounds, perhaps infinitely many.
        inputs: Those of the rows, and of the columns; None for the same ones.
        params: Values of params.
        dot: The form of dots.
        progress: Called with the tiles done so far, and all tiles.

    Returns:
        The kernels, or None where rounds of a finite depth have to be written out.

    Raises:
        ProgramError: The loop has no limit, or none that is known (TP501 to TP511).
    """
    try:
        looped = network
        if network.depth is None or not network.depth.loops:
            looped = build_network(parse_source(network.source, network.name), inf)
        return _of_loop(looped, depth, inputs, params, dot, progress)
    except ProgramError:
        if depth == inf:
            raise
        return None


def _of_loop(
    network: Network,
    depth: float,
    inputs: tuple[Array, Array | None],
    params: Mapping[str, Array],
    dot: DotChoice,
    progress: Progress | None,
) -> DeepKernels:
    parts = parts_of(network)
    rounds = 64.0 if depth == inf else depth
    maps = maps_of(
        network, parts, {**params, parts.loop.length.name: np.array(rounds)}, dot, depth == inf
    )
    flow = flow_of(network, parts, maps) if depth == inf else None
    first, second = inputs
    others = first if second is None else second
    shape = maps.behind.pairs.shapes["covariance"]
    half = len(shape) // 2
    whole = (len(first), *shape[:half], len(others), *shape[half:])
    values = {name: np.empty(whole) for name in ("nngp", "ntk")}
    error = 0.0
    entries = prod(maps.before.pairs.shapes["covariance"])
    if parts.tied:
        entries = max(1, entries**2 * _rounds_at_once(first, others, network.path, depth) // 2**9)
    tiles = list(cut((len(first), len(others)), max(1, TILE_FLOATS // entries), second is None))
    for done, part in enumerate(tiles):
        asked = first[part[0]], others[part[1]]
        try:
            rates = None if flow is None else flow.rates
            if parts.tied:
                found, own = _of_planes(maps, rates, depth, asked, network.path)
            else:
                found, own = _kernels(maps, rates, rounds, asked, network.path)
        except NotSmooth:
            at = parts.loop.span
            raise ProgramError.of(network, (NoRoundForm(parts.loop.length.name), at)) from None
        error = max(error, own)
        for name, value in found.items():
            write(values[name], value, part, second is None)
        if progress is not None:
            progress(done + 1, len(tiles))
    if flow is None:
        return DeepKernels(values, error, "recursion", ())
    return DeepKernels(values, error, "pde" if parts.tied else "ode", flow.warnings)


def _rounds_at_once(rows: Array, columns: Array, path: bool, depth: float) -> int:
    """Return how many pairs of rounds a plane has at most."""
    return int(max(MOST, 4 * _segments(rows, columns, path)) if depth == inf else depth) ** 2


def _segments(rows: Array, columns: Array, path: bool) -> int:
    """Return of what the cells of a plane are a multiple, so that vertices are met."""
    return lcm(*(side.shape[1] - 1 for side in (rows, columns))) if path else 1


def _of_planes(
    maps: DeepMaps, rates: StageMap | None, depth: float, inputs: tuple[Array, Array], path: bool
) -> tuple[dict[str, Array], float]:
    """Return the kernels of a tile where weights are tied, and their error."""

    def over(rounds: int) -> Course:
        return course(*inputs, path, np.linspace(0, 1, rounds + 1))

    start = before_loop(maps.before, over(1).start, False)
    if rates is None:
        return plane_kernels(maps, over(round(depth * maps.ratio)), start), start.error

    def at(cells: int) -> dict[str, Array]:
        return midpoint_kernels(rates, maps.behind, over(cells), start, maps.ratio)

    found, error = plane_limits(at, _segments(*inputs, path))
    return found, start.error + error


def _kernels(
    maps: DeepMaps,
    rates: StageMap | None,
    rounds: float,
    inputs: tuple[Array, Array],
    path: bool,
) -> tuple[dict[str, Array], float]:
    """Return the kernels of a tile, and a bound of their errors."""
    count = round(rounds * maps.ratio)
    times = np.linspace(0, 1, count + 1) if rates is None else vertex_times(*inputs, path)
    given = course(*inputs, path, times)
    state = before_loop(maps.before, given.start, maps.mean)
    if rates is not None:
        state = flowed(rates, state, given, maps.ratio)
    else:
        for at in range(count):
            state = after_round(maps.round, state, given.at(at))
    return behind_loop(maps.behind, state, given.end)
