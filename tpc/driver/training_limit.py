"""`tpc.train`: a network's training at infinite width, over draws of its random output."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from tpc.diagnostics import UsageError
from tpc.driver import compiler
from tpc.driver.deep_training import is_infinite, of_depth, trained_in_depth, usual_samples
from tpc.driver.emitted import WRITTEN_OUT, Effort, Method, Progress, evaluate
from tpc.driver.random_limits import refuse_random_limits
from tpc.driver.shown_results import ShownEvaluation
from tpc.driver.training_program import (
    DRAW,
    dot_of,
    draw_output,
    program_of_rounds,
    scales_of,
)
from tpc.limit.derive import DotChoice
from tpc.network.network import Network
from tpc.program.program import Program

SAMPLES = 65536
"""Nodes of a limit, unless told otherwise."""


def train(
    network: Program | Network,
    samples: int | None = None,
    seed: int = 0,
    draws: int = 1,
    method: Method = "auto",
    params: Mapping[str, object] | None = None,
    dot: DotChoice = "auto",
    progress: Progress | None = None,
    replicates: int = 8,
    rank_tolerance: float | None = None,
    unrolled: bool = False,
    steps: int | None = None,
    depth: float | None = None,
    cells: Sequence[int] | None = None,
    **settings: object,
) -> Any:
    """Train a network at infinite width.

    Args:
        network: With a `train` block.
        samples: How many nodes expectations without a closed form are computed from; by default
            `SAMPLES`, and `CELL_SAMPLES` where depths are extrapolated.
        seed: Of the nodes and of the draws.
        draws: How many draws of an output that is random before training.
        method: As in `run`.
        params: Values that replace the defaults of params.
        dot: As in `derive`.
        progress: Called as the work goes on.
        replicates: As in `run`.
        rank_tolerance: As in `run`.
        unrolled: Whether to write its steps out; `exact`, `quadrature` do if rounds have kets.
        steps: How many, instead of those of the `train` block.
        depth: What its free depth is, perhaps `math.inf`; None for what it has.
        cells: Depths of networks from which the limit of an infinite depth is extrapolated.
        **settings: More values of params.

    Returns:
        A `Result`. Under the readout's name f of shape (steps + 1, M, ...), data rows, then test
        rows; under every tracked name its value at each step, under `loss` that of the batch, under
        `loss_all` that of all data rows. With `draws` above 1 f has an axis of them.

    Raises:
        ProgramError: The network has no `train` block, or its training no limit.
        UsageError: As in `run`; there are no draws.
        MethodRefused: The method does not suit the network.
    """
    if not isinstance(network, Network):
        raise UsageError("a program is not trained; describe a network with a `train` block")
    if draws < 1:
        raise UsageError(f"{draws} draws: at least 1")
    network = _asked(network, depth, steps, cells)
    values = {**(params or {}), **settings}
    effort = Effort(samples or SAMPLES, seed, method, replicates, rank_tolerance)
    one = partial(_trained, draws=draws, values=values, dot=dot, unrolled=unrolled)
    if not is_infinite(network) or network.training is None:
        return one(network, effort, progress=progress)
    effort = replace(effort, samples=samples or usual_samples(network))
    return trained_in_depth(network, cells, values, partial(one, effort=effort, cell=True), effort)


def _trained(
    network: Network,
    effort: Effort,
    draws: int,
    values: Mapping[str, object],
    dot: DotChoice,
    progress: Progress | None = None,
    unrolled: bool = False,
    cell: bool = False,
) -> Any:
    """Return the training of a network without an infinite depth; of a cell always as a loop."""
    seed, method = effort.seed, effort.method
    dot = dot_of(network, dot)
    looped = cell and not unrolled and dot != "derivative" and method not in WRITTEN_OUT
    program = program_of_rounds(network) if looped else None
    if program is None:
        program = compiler.program_of(network, "training", dot, unrolled, method)
    module = compiler.evaluator(program, dot, unrolled, method)
    different = draws if draw_output(program, seed, 0) else 1
    results = []
    for draw in range(different):
        given = {**draw_output(program, seed, draw), **values}
        part = _part_of(progress, draw, different)
        results.append(evaluate(module, program, effort, given, part))
        refuse_random_limits(network, scales_of(network), results[-1])
    found = _of_draws(results * (draws // different), network.drawn_names)
    shown = ShownEvaluation.of(found, network.name, "train", frozenset(), training=draws == 1)
    return shown if network.depth is None else replace(shown, depth=network.depth.number)


def _asked(
    network: Network, depth: float | None, steps: int | None, cells: Sequence[int] | None
) -> Network:
    """Return a network of the depth and the steps that are asked for."""
    if depth is not None:
        if network.depth is None:
            raise UsageError("the network has no depth: declare one, `depth L`")
        network = of_depth(network, depth)
    if cells is not None and not is_infinite(network):
        raise UsageError("cells are of networks of infinite depth")
    if steps is None:
        return network
    if steps < 1:
        raise UsageError(f"{steps} steps: at least 1")
    training = network.training and replace(network.training, steps=steps)
    return replace(network, training=training)


def _part_of(progress: Progress | None, draw: int, draws: int) -> Progress | None:
    """Return the progress of one draw among several."""
    if progress is None:
        return None
    return lambda done, total: progress(draw * total + done, draws * total)


def _of_draws(results: list[Any], names: tuple[str, ...]) -> Any:
    """Return the result of all draws, stacked under names that differ, where there are several."""
    first = results[0]
    kept = MappingProxyType({k: v for k, v in first.params.items() if k != DRAW})
    if len(results) == 1:
        return replace(first, params=kept)
    stacked = {
        part: getattr(first, part)
        | {name: np.stack([getattr(r, part)[name] for r in results]) for name in names}
        for part in ("values", "stderr")
    }
    warnings = tuple(dict.fromkeys(text for result in results for text in result.warnings))
    return replace(first, params=kept, warnings=warnings, **stacked)
