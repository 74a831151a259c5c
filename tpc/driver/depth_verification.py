"""Kernels at finite widths and depths, held against those of an infinitely deep network."""

from collections.abc import Mapping, Sequence
from math import inf, prod

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError
from tpc.driver.emitted import Progress
from tpc.driver.kernel_matrices import kernel
from tpc.driver.shown_results import ShownDepthVerification
from tpc.kernels.plan import Array
from tpc.network.checking.build import build_network
from tpc.network.kernel_programs import Kind, batch_program
from tpc.network.network import Network
from tpc.program.program import Program
from tpc.simulation.depths import DepthVerification, compare
from tpc.simulation.engines import Engine
from tpc.simulation.result import Result
from tpc.simulation.simulate import runs_of, simulate
from tpc.simulation.verify import EngineChoice
from tpc.syntax.parse import parse_source

WIDTHS = (64, 256, 1024)

KINDS: tuple[Kind, ...] = ("nngp", "ntk")

LARGEST_DENSE = 256
"""Wider networks are matrix-free by `auto`: few inputs take less than matrices do."""


def verify_depths(
    network: Network | Program,
    depths: Sequence[int],
    widths: Sequence[int] | None = None,
    inputs: npt.ArrayLike | None = None,
    trials: int = 64,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    engine: EngineChoice = "auto",
    progress: Progress | None = None,
) -> DepthVerification:
    """Hold kernels of finite networks against those of infinite width and depth.

    Args:
        network: A network with a depth.
        depths: At least two.
        widths: At least two; by default 64, 256, 1024.
        inputs: At which kernels are compared; by default two random ones.
        trials: Networks at each width and depth.
        seed: Of them.
        params: Values that replace the defaults of params.
        engine: How matrices multiply.
        progress: Called as the work goes on.

    Raises:
        ProgramError: It has no limit at infinite depth (TP501 to TP512).
        UsageError: It is no network with a depth, or is trained; too few widths or depths.
    """
    if not isinstance(network, Network) or network.depth is None or network.training is not None:
        raise UsageError("--depths is of kernels: of a network with a depth and no `train` block")
    by_width, by_depth = (tuple(sorted(set(given))) for given in (widths or WIDTHS, depths))
    if min(len(by_width), len(by_depth)) < 2 or by_depth[0] < 1 or trials < 2:
        raise UsageError("--depths takes at least two depths, two widths and two trials")
    shape = network.input.shape
    given = np.random.default_rng(seed).standard_normal((2, *shape)) / prod(shape) ** 0.25
    given = given if inputs is None else np.asarray(inputs, dtype=np.float64)
    limit = kernel(network, given, params=params, depth=inf)
    exact = [kernel(network, given, params=params, depth=depth) for depth in by_depth]
    runs = _runs(network, given, (by_width, by_depth), trials, seed, params, engine, progress)
    freedom = trials - 1, len(KINDS) * limit.values["nngp"].size

    def gathered(name: str, stderr: bool) -> Array:
        rows = [[runs[n, depth] for depth in by_depth] for n in by_width]
        return np.array([[(r.stderr if stderr else r.values)[name] for r in row] for row in rows])

    comparisons = tuple(
        compare(
            name,
            (limit.values[name], limit.stderr[name]),
            np.stack([found.values[name] for found in exact]),
            (gathered(name, stderr=False), gathered(name, stderr=True)),
            (by_width, by_depth),
            freedom,
        )
        for name in KINDS
    )
    method = limit.methods["ntk"]
    held = DepthVerification(comparisons, by_width, by_depth, trials, seed, method)
    return ShownDepthVerification.shown(held, network.name)


def _runs(
    network: Network,
    inputs: Array,
    grid: tuple[tuple[int, ...], tuple[int, ...]],
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    engine: EngineChoice,
    progress: Progress | None,
) -> dict[tuple[int, int], Result]:
    """Return the averages at each width and depth."""
    widths, depths = grid
    found: dict[tuple[int, int], Result] = {}
    for depth in depths:
        program = _program(network, depth, inputs)
        laws = runs_of(program).has_laws
        for width in widths:
            auto: Engine = "matrix-free" if laws and width > LARGEST_DENSE else "dense"
            chosen: Engine = auto if engine == "auto" else engine
            own = seed + 7919 * depth
            found[width, depth] = simulate(program, width, trials, own, params, None, chosen)
            if progress is not None:
                progress(len(found), len(depths) * len(widths))
    return found


def _program(network: Network, depth: int, inputs: Array) -> Program:
    """Return the program of both kernels of a network of some depth at some inputs."""
    built = build_network(parse_source(network.source, network.name), depth)
    return batch_program(built, KINDS, inputs, None, apart=False)
