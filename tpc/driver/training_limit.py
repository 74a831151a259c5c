"""`tpc.train`: a network's training at infinite width, over draws of its random output."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tpc.diagnostics import UsageError
from tpc.driver import compiler
from tpc.driver.emitted import Effort, Method, Progress, evaluate
from tpc.driver.random_limits import refuse_random_limits
from tpc.driver.shown_results import ShownEvaluation
from tpc.driver.training_program import DRAW, dot_of, draw_output, scales_of
from tpc.limit.derive import DotChoice
from tpc.network.network import Network
from tpc.program.program import Program


def train(
    network: Program | Network,
    samples: int = 65536,
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
    **settings: object,
) -> Any:
    """Train a network at infinite width.

    Args:
        network: With a `train` block.
        samples: How many nodes expectations without a closed form are computed from.
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
    network = network if steps is None else _for_steps(network, steps)
    dot = dot_of(network, dot)
    program = compiler.program_of(network, "training", dot, unrolled, method)
    module = compiler.evaluator(program, dot, unrolled, method)
    values = {**(params or {}), **settings}
    effort = Effort(samples, seed, method, replicates, rank_tolerance)
    different = draws if draw_output(program, seed, 0) else 1
    results = []
    for draw in range(different):
        given, part = draw_output(program, seed, draw) | values, _part_of(progress, draw, different)
        results.append(evaluate(module, program, effort, given, part))
        refuse_random_limits(network, scales_of(network), results[-1])
    found = _of_draws(results * (draws // different), network.drawn_names)
    return ShownEvaluation.of(found, network.name, "train", frozenset(), training=draws == 1)


def _for_steps(network: Network, steps: int) -> Network:
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
