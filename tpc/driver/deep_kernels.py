"""The driver of kernels of networks with a loop over their depth, infinite or not.

Stages:
    parts_of       Network      -> what stands before, inside and behind the loop
    maps_of        its parts    -> what each makes of moments and tangent kernels
    flow_of        a round      -> its rates, where the depth is infinite
    tile by tile   inputs       -> states before the loop, behind it, kernels

A round of a finite depth is iterated, so that depths cost their rounds and no text. Where the
rounds are not alike, which an infinite depth refuses, those of a finite one are written out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from tpc.depth.loops import ReadyLoop
from tpc.depth.parts import parts_of
from tpc.depth.verdict import flow_of, maps_of
from tpc.diagnostics import ProgramError, UsageError
from tpc.diagnostics.depth_faults import NoRoundForm
from tpc.driver.emitted import Progress
from tpc.kernels.plan import Array
from tpc.kernels.series_steps import NotSmooth
from tpc.kernels.tiling import cut, write
from tpc.limit.derive import DotChoice
from tpc.network.checking.build import build_network
from tpc.network.kernel_programs import Kind
from tpc.network.network import Network
from tpc.syntax.parse import parse_source

TILE_FLOATS = 2**16
"""How many entries the covariances of a tile have at most."""


@dataclass(frozen=True, slots=True)
class DeepKernels:
    """Kernels of a deep network.

    Attributes:
        values: `nngp` and `ntk`, of shape M + e + M2 + e.
        errors: Bounds of their errors: of series, of steps in depth, of rounding at kinks.
        method: `ode`, `pde` or `recursion`.
        warnings: What to know of the limit.
    """

    values: Mapping[str, Array]
    errors: Mapping[str, Array]
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
    kinds: Sequence[Kind],
    params: Mapping[str, Array],
    dot: DotChoice,
    progress: Progress | None,
) -> DeepKernels | None:
    """Compute the kernels of a network with a depth.

    Args:
        network: With a loop over its depth.
        depth: How many rounds, perhaps infinitely many.
        inputs: Those of the rows, and of the columns; None for the same ones.
        kinds: Which kernels.
        params: Values of params.
        dot: The form of dots.
        progress: Called with the tiles done so far, and all tiles.

    Returns:
        The kernels, or None where rounds of a finite depth have to be written out, or none is.

    Raises:
        ProgramError: The loop has no limit, or none that is known (TP501 to TP511).
    """
    try:
        looped = network
        if network.depth is None or not network.depth.loops:
            looped = build_network(parse_source(network.source, network.name), inf)
            if not looped.looped:
                return None
        return _of_loop(looped, depth, inputs, kinds, params, dot, progress)
    except ProgramError:
        if depth == inf:
            raise
        return None


def _of_loop(
    network: Network,
    depth: float,
    inputs: tuple[Array, Array | None],
    kinds: Sequence[Kind],
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
    without = frozenset() if "ntk" in kinds else frozenset(("tangent", "passed"))
    rates = None if flow is None else flow.rates.settled(without)
    loop = ReadyLoop(maps.settled(), rates, int(rounds), parts.tied, network.path, parts.read)
    first, second = inputs
    if network.path and parts.loop.backward:  # rounds meet the path from its end, step by step
        first, second = -first[:, ::-1], None if second is None else -second[:, ::-1]
    others = first if second is None else second
    shape = maps.behind.pairs.shapes["covariance"]
    half = len(shape) // 2
    whole = (len(first), *shape[:half], len(others), *shape[half:])
    values, errors = ({name: np.empty(whole) for name in ("nngp", "ntk")} for _ in range(2))
    size = max(1, TILE_FLOATS // loop.weight(first, others))
    tiles = list(cut((len(first), len(others)), size, second is None))
    for done, part in enumerate(tiles):
        try:
            found, own = loop.kernels(first[part[0]], others[part[1]])
        except NotSmooth:
            at = parts.loop.span
            raise ProgramError.of(network, (NoRoundForm(parts.loop.length.name), at)) from None
        for name in values:
            write(values[name], found[name], part, second is None)
            write(errors[name], own[name], part, second is None)
        if progress is not None:
            progress(done + 1, len(tiles))
    values = {name: values[name] for name in kinds}
    return DeepKernels(values, errors, loop.method, () if flow is None else flow.warnings)
