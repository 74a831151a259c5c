"""`tpc.verify`: finite widths held against a limit, of a program or of a network's training."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.driver import compiler
from tpc.driver.depth_verification import verify_depths
from tpc.driver.emitted import Method, Progress
from tpc.driver.shown_results import ShownVerification
from tpc.driver.training_limit import train
from tpc.driver.training_program import draw_output
from tpc.limit.derive import DotChoice
from tpc.network.network import Network
from tpc.network.optimizers.every_step import is_linear
from tpc.program.program import Program
from tpc.simulation.depths import DepthVerification
from tpc.simulation.result import Verification
from tpc.simulation.verify import TRIALS, EngineChoice
from tpc.simulation.verify import verify as hold

SAMPLES = 65536
"""Nodes of a limit, unless told otherwise."""

PAIR_SAMPLES = 4096
"""The same where training takes averages over pairs of nodes."""

DRAWS = 16
"""Draws of an output that is random before training, over which limits are averaged."""

REPLICATES = 8


def verify(
    program: Program | Network,
    widths: tuple[int, ...] | None = None,
    trials: int = TRIALS,
    samples: int | None = None,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    dot: DotChoice = "auto",
    progress: Progress | None = None,
    method: Method = "auto",
    engine: EngineChoice = "auto",
    unrolled: bool = False,
    depths: tuple[int, ...] | None = None,
    inputs: npt.ArrayLike | None = None,
) -> Verification | DepthVerification:
    """Hold finite widths against the limit.

    Each output is fitted as a + b/n over the widths, and a is compared with the limit. Of a network
    with a `train` block every recorded number is compared at every step; where its output is random
    before training, averages over draws are.

    Args:
        program: A checked program, or a network with a `train` block.
        widths: At least two; by default as many and as large as take seconds.
        trials: Independent runs for each width, at least two.
        samples: How many random nodes the limit is computed from; by default `SAMPLES`, or
            `PAIR_SAMPLES` where an optimizer is not linear in the gradients.
        seed: Of the random numbers.
        params: Values that replace the defaults of params.
        dot: As in `derive`.
        progress: Called as the finite runs go on.
        method: How the limit is computed, as in `run`.
        engine: How matrices multiply in finite runs, as in `simulate`; by `auto` dense up to width
            2048 and matrix-free beyond, where all matrices have a law of their products, and
            trained ones updates that are linear in the gradients.
        unrolled: Whether loops of the limit are written out in any case.
        depths: Of kernels of a network with a depth: those that are held, at all widths, against
            infinite width and depth.
        inputs: At which; by default two random ones.

    Raises:
        ProgramError: As in `evaluator`; a network has no `train` block, or its training no limit.
        UsageError: As in `run`.
        MethodRefused: As in `run`.
    """
    if depths is not None:
        return verify_depths(
            program, depths, widths, inputs, trials, seed, params, engine, progress
        )
    if isinstance(program, Network) and program.training is not None:
        limit, replicates = _limit(program, samples, seed, params, dot, method, unrolled)
    else:
        program = compiler.program_of(program, "limit to compare with")
        limit = compiler.run(
            program, samples or SAMPLES, seed, params, dot, method=method, unrolled=unrolled
        )
        replicates = REPLICATES
    found = hold(program, limit, widths, trials, seed, params, progress, replicates, engine)
    return ShownVerification.of(found, program.name)


def _limit(
    network: Network,
    samples: int | None,
    seed: int,
    params: Mapping[str, object] | None,
    dot: DotChoice,
    method: Method,
    unrolled: bool,
) -> tuple[Any, int]:
    """Return the limit of training, averaged over draws, and on how many numbers errors rest."""
    training = network.training
    assert training is not None
    uses = (training.optimizer, *(use for _, use in training.own_optimizers))
    usual = SAMPLES if all(map(is_linear, uses)) else PAIR_SAMPLES
    random = bool(draw_output(compiler.program_of(network, "training"), seed, 0))
    draws = DRAWS if random else 1
    found = train(network, samples or usual, seed, draws, method, params, dot, unrolled=unrolled)
    if draws == 1:
        return found, REPLICATES
    values, stderr = dict(found.values), dict(found.stderr)
    for name in network.drawn_names:
        spread = values[name].var(axis=0, ddof=1) / draws
        stderr[name] = np.sqrt(spread + stderr[name].mean(axis=0) ** 2)
        values[name] = values[name].mean(axis=0)
    return replace(found, values=values, stderr=stderr), min(REPLICATES, draws)
