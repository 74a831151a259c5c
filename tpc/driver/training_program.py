"""A network with a `train` block -> the program of its training at infinite width, with all checks.

Which limit it is follows from the parametrization: where features move it is the maximal update
limit, else the neural tangent limit, for which the readout has to be Gaussian and no scalar-like
weight may be trained.

Reference:
    Tensor Programs IVb, Theorem 2.9.30 (maximal update), Theorem 2.9.23 (neural tangent),
        Remark 2.9.21.
"""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite

import numpy as np

from tpc.diagnostics import Fault, ProgramError, Span
from tpc.diagnostics.limit_faults import (
    OperatorUpdateRefused,
    RandomLimit,
    ScalarWeightInOperatorRegime,
    SteepUpdate,
    UnprovenRank,
)
from tpc.diagnostics.program_faults import ReadoutNotGaussian
from tpc.driver.random_limits import forgetful, row_without_error
from tpc.limit.derive import DotChoice, derive_limit
from tpc.network.classification import classify, no_limit
from tpc.network.network import Network, OptimizerUse, WeightKind
from tpc.network.optimizers.every_step import is_linear, remembers, stays_low_rank
from tpc.network.optimizers.update import (
    acts_on_operators,
    decays,
    forgets_sizes,
    sees_entries,
    sees_weight,
    without_spectral_bounds,
)
from tpc.network.roles import Role
from tpc.network.scales import Classification, Regime
from tpc.network.training.maximal_update import maximal_update
from tpc.network.training.neural_tangent import DRAW, neural_tangent
from tpc.network.training.neural_tangent_region import (
    has_linear_rounds,
    has_tangent_rounds,
    tangent_round,
)
from tpc.network.training.training_region import has_equal_rounds, round_of_training
from tpc.program.checking.readouts import dependence_of, problem_of
from tpc.program.passes import normalise
from tpc.program.program import Program
from tpc.program.rounds import region_program
from tpc.program.unroll import unroll

__all__ = [
    "DRAW",
    "dot_of",
    "draw_output",
    "program_of_rounds",
    "scales_of",
    "training_program",
]


FEW_STEPS = 8
"""So many steps are unrolled: expectations of the first ones often have closed forms."""


def training_program(network: Network, dot: DotChoice = "auto", unrolled: bool = False) -> Program:
    """Return the program whose outputs are the readout and what is tracked, at every step.

    More than `FEW_STEPS` steps are one region where they differ by their batches alone, unless the
    dots are to be derivatives; otherwise the program is unrolled over steps.

    Args:
        network: With a `train` block.
        dot: The form of dots; those of regions are by Stein's lemma.
        unrolled: Whether to unroll it in any case.

    Raises:
        ProgramError: The parametrization does not suit the network, or has no limit; in the
            operator regime, TP243 and TP330.
    """
    scales = scales_of(network)
    assert network.training is not None
    many = network.training.steps > FEW_STEPS and not unrolled
    operators = _check_operators(network, scales)
    if scales.regime is Regime.FEATURE_LEARNING:
        rounds = program_of_rounds(network) if many and dot != "derivative" else None
        if rounds is not None:
            return rounds
        if operators or any(sees_weight(w.optimizer) for w in scales.weights if w.moves):
            return unroll(region_program(round_of_training(network, scales)))
        return maximal_update(network, scales)
    check_operator_regime(network, ScalarWeightInOperatorRegime)
    tracked = any(track.given for track in network.training.tracks)
    shrinking = any(decays(weight.optimizer) for weight in scales.weights)
    if tracked and shrinking:
        return neural_tangent(network, scales)
    if has_linear_rounds(network, scales):
        found = region_program(tangent_round(network, scales))
        return unroll(found) if unrolled else found
    if operators:
        found = region_program(tangent_round(network, scales))
        return found if many else unroll(found)
    if many and has_tangent_rounds(network, scales):
        _check_first_step(network, scales)
        return region_program(tangent_round(network, scales))
    return neural_tangent(network, scales)


def program_of_rounds(network: Network) -> Program | None:
    """Return training as one region, or None where its steps differ by more than their batches.

    Raises:
        ProgramError: As in `training_program`.
    """
    scales = scales_of(network)
    if scales.regime is not Regime.FEATURE_LEARNING or not has_equal_rounds(network, scales):
        return None
    _check_first_step(network, scales)
    return region_program(round_of_training(network, scales))


def _check_first_step(network: Network, scales: Classification) -> None:
    """Refuse nonlinear updates along gradients that vanish in the limit alone.

    In a loop these are noise; the closed forms of the first step know that they are zero.
    """
    training = network.training
    assert training is not None
    if not any(_is_steep(weight.optimizer) for weight in scales.weights if weight.moves):
        return
    first = replace(training, steps=1)
    moving = scales.regime is Regime.FEATURE_LEARNING
    of_step = maximal_update if moving else neural_tangent
    program = of_step(replace(network, training=first), scales)
    derive_limit(normalise(program), "stein" if moving else "auto")


def dot_of(described: Program | Network, dot: DotChoice) -> DotChoice:
    """Return the form of dots: by `auto`, Stein's where features are moved by nonlinear updates.

    Those may be close to jumps, of which a derivative is a spike that hardly any node hits; how
    close depends on the size of the gradients, which only the limit itself finds.

    Raises:
        ProgramError: TP303, derivatives of such updates are asked for; as in `scales_of`.
    """
    if dot == "stein" or not isinstance(described, Network) or described.training is None:
        return dot
    scales = scales_of(described)
    moving = scales.regime is Regime.FEATURE_LEARNING
    uses = (weight.optimizer for weight in scales.weights if weight.moves)
    steep = next(filter(_is_steep, uses), None)
    if not moving or steep is None:
        return dot
    if dot == "derivative":
        fault = SteepUpdate(steep.name)
        raise ProgramError.of(described, (fault, described.training.span))
    return "stein"


def _check_operators(network: Network, scales: Classification) -> bool:
    """Return whether optimizers see gradients as operators; refuse those that cannot here.

    Raises:
        ProgramError: TP331, TP332, TP333.
    """
    found: list[tuple[Fault, Span]] = []
    seen = [w for w in scales.weights if isfinite(w.r) and acts_on_operators(w.optimizer)]
    for weight in seen:
        use = weight.optimizer
        reason = advice = ""
        if weight.role is Role.SCALAR:
            reason = f"`{weight.name}` has no growing axis"
            advice = f"give it another optimizer: `optimizer {weight.name}: adam(...)`"
        elif scales.regime is Regime.OPERATOR and sees_entries(use):
            reason = "it sees entries of updates, which are not known in this regime"
            advice = "take `mup`, or an optimizer of operators alone"
        elif (plain := without_spectral_bounds(use)) != use and not stays_low_rank(plain):
            reason = "its updates are no operators of low rank, whose singular values are known"
            advice = "take `clip` or `normalize`, or `muon`"
        elif "clip_value" in dict(use.options):
            reason = "a gradient with clipped entries is no operator of low rank"
            advice = "take `clip_global`"
        elif scales.regime is Regime.OPERATOR and any(decays(w.optimizer) for w in scales.weights):
            reason = "weights that decay have other kets at every step of this regime"
            advice = "leave out the decay, or take `mup`"
        if reason:
            found.append((OperatorUpdateRefused(use.name, reason, advice), use.span))
    moving = [weight.optimizer for weight in seen if weight.moves]
    row = row_without_error(network) if scales.regime is Regime.FEATURE_LEARNING else None
    if row is not None:
        found += [(RandomLimit(row, 0, use.name), use.span) for use in forgetful(scales)]
    training = network.training
    assert training is not None
    if scales.regime is Regime.OPERATOR and training.steps > 1 and not training.assumes_rank:
        unproven = [use for use in moving if forgets_sizes(use) and remembers(use)]
        found += [(UnprovenRank(use.name), use.span) for use in unproven]
    if found:
        raise ProgramError.of(network, *found)
    return bool(moving)


def _is_steep(use: OptimizerUse) -> bool:
    """Whether updates are functions of the entries of gradients that may be close to jumps."""
    return not (is_linear(use) or acts_on_operators(use))


def floats_of_derivatives(network: Network) -> int:
    """Return how many floats a node derivatives of many steps would take at most, else 0.

    Each step differentiates its kets in all hats of the steps before: of a matrix with k columns in
    all, k^2 floats.
    """
    training = network.training
    matrices = any(weight.kind is WeightKind.MATRIX for weight in network.weights)
    if training is None or training.steps <= FEW_STEPS or not matrices:
        return 0
    if dot_of(network, "auto") == "stein":
        return 0  # nonlinear updates have none
    return int((training.steps * len(training.rows)) ** 2)


def cost_of_derivatives(network: Network) -> str | None:
    """Return what to expect of `--dot derivative`, where it keeps training from being a loop.

    The time to derive them grows faster than their memory.
    """
    floats = floats_of_derivatives(network)
    if not floats or program_of_rounds(network) is None:
        return None
    assert network.training is not None
    steps = network.training.steps
    return (
        f"--dot derivative writes {steps} steps out: up to {floats:,} floats a node for each use "
        f"of a matrix, {8 * floats * 8192 / 1e9:.1f} GB on 8,192 nodes, and a time to derive "
        "them that grows faster still; --dot stein is a loop"
    )


def scales_of(network: Network) -> Classification:
    """Return what the parametrization of a network's training comes to.

    Raises:
        ProgramError: It does not suit the network, or has no limit.
    """
    training = network.training
    assert training is not None
    own = dict(training.own_optimizers)
    scales = classify(network, training.parametrization, training.optimizer, own)
    problem = no_limit(scales)
    if problem is not None:
        raise ProgramError([problem], network.name, network.source)
    return scales


def check_operator_regime(network: Network, of_scalar: Callable[[str], Fault] | None) -> None:
    """Refuse a readout without a Gaussian limit and, by a fault of theirs, trained scalars."""
    readout, used = network.readout, set(network.nodes)
    found: list[tuple[Fault, Span]] = []
    problem = problem_of(readout.node, dependence_of(network.nodes), network.source)
    if problem is not None:
        found.append((ReadoutNotGaussian(readout.name, *problem), readout.span))
    for weight in network.weights:
        is_trained = weight.kind is WeightKind.SCALAR and weight.trained and weight.leaf in used
        if is_trained and of_scalar is not None:
            found.append((of_scalar(weight.name), weight.span))
    if found:
        raise ProgramError.of(network, *found)


def draw_output(program: Program, seed: int, draw: int) -> dict[str, object]:
    """Return the param that draws a random output before training, where there is one."""
    for parameter in program.parameters:
        if parameter.name == DRAW:
            stream = np.random.SeedSequence(seed, spawn_key=(draw,))
            return {DRAW: np.random.default_rng(stream).standard_normal(parameter.shape)}
    return {}
