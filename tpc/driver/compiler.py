"""The driver: the stages of the compiler by name, each from the product of the one before.

Stages:
    load_source        file             -> Source, the syntax tree
    parse_source       text             -> the same
    build_program      Source           -> Program, the checked dataflow graph
    build_network      Source           -> Network, the checked architecture and its training
    training_program   Network          -> Program, its training at infinite width, step by step
    normalise          Program          -> Program, with what the limit wants to see made plain
    derive_limit       Program          -> Limit, the equations
    emit_module        Limit            -> the evaluator module, as text
    imported           text             -> the module
    evaluate           module, params   -> what it computes
    simulate           Program, Network -> finite or trained networks, averaged over trials
    correct            Program          -> the 1/n corrections of its outputs
    classify           Network          -> the scales of its weights, and which limit they lead to
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, get_args

from tpc.codegen.evaluator import peak_memory
from tpc.codegen.module import emit_module
from tpc.codegen.sampling import find_sampling
from tpc.depth.scales import depth_scales
from tpc.diagnostics import NOWHERE, ProgramError, UsageError
from tpc.diagnostics.depth_faults import NeedsDepth
from tpc.diagnostics.network_faults import NetworkAsProgram
from tpc.diagnostics.program_faults import NoOutput
from tpc.driver.deep_equations import deep_chapter
from tpc.driver.emitted import WRITTEN_OUT, Effort, Method, Progress, evaluate, imported
from tpc.driver.random_limits import refuse_random_limits
from tpc.driver.shown import ShownLimit, ShownNetwork, ShownProgram, speech
from tpc.driver.shown_results import (
    ShownClassification,
    ShownCorrections,
    ShownEvaluation,
    ShownSimulation,
)
from tpc.driver.training_program import (
    FEW_STEPS,
    check_operator_regime,
    dot_of,
    draw_output,
    floats_of_derivatives,
    program_of_rounds,
    scales_of,
    training_program,
)
from tpc.limit.derive import DotChoice, derive_limit
from tpc.limit.equations import Limit
from tpc.network.checking.build import build_network, is_network
from tpc.network.classification import classify as classify_network
from tpc.network.kernel_programs import (
    PRIME,
    named_pair_program,
    sides_of,
    with_named_operands,
)
from tpc.network.named import optimizer_named, parametrization_named
from tpc.network.network import Network, WeightKind
from tpc.program.checking.build import build_program
from tpc.program.passes import normalise
from tpc.program.program import Program
from tpc.program.region import region_of
from tpc.program.roll import roll
from tpc.program.unroll import unroll
from tpc.report.kernel_equations import kernel_chapter
from tpc.report.results import readout_names
from tpc.report.sections import Chapter
from tpc.report.text import memory_line, to_text
from tpc.report.training import TrainingLimit
from tpc.simulation.corrections import correct
from tpc.simulation.engines import Engine, has_sequential_laws
from tpc.simulation.result import Corrections, Result
from tpc.simulation.simulate import simulate as simulate_described
from tpc.syntax.parse import load_source, parse_source
from tpc.syntax.tree import Source

LONG = 100
"""So many equal rounds of a text are a loop by any method."""

MANY, FIRST = 20, 4
"""So many are by random nodes, if no output of so few rounds has a closed form."""


def load(
    path: str | os.PathLike[str], depth: float | None = None, assume_rank: bool = False
) -> ShownProgram | ShownNetwork:
    """Read and check a program, or a network.

    Data files that it loads are looked up beside it.

    Args:
        path: A `.tp` file.
        depth: What its free depth is, perhaps `math.inf`; None for what the file says.
        assume_rank: Whether to assume, where exact optimizers of operators with momentum act in the
            operator regime, that what gradients differ by at finite width alone does not matter.

    Raises:
        ProgramError: The program or its data is wrong.
        OSError: The file cannot be read.
    """
    return build(load_source(path), depth, assume_rank)


def parse(
    text: str,
    name: str = "<string>",
    depth: float | None = None,
    assume_rank: bool = False,
) -> ShownProgram | ShownNetwork:
    """Check a program, or a network, that is given as text.

    Args:
        text: The program.
        name: What diagnostics call it; data files are looked up beside this path.
        depth: What its free depth is, perhaps `math.inf`; None for what the text says.
        assume_rank: As in `load`.

    Raises:
        ProgramError: The program or its data is wrong.
    """
    return build(parse_source(text, name), depth, assume_rank)


def build(
    source: Source, depth: float | None = None, assume_rank: bool = False
) -> ShownProgram | ShownNetwork:
    """Build what a file describes, and check it.

    Raises:
        ProgramError: The program or its data is wrong.
    """
    if is_network(source):
        network = build_network(source, depth)
        if assume_rank and network.training:
            network = replace(network, training=replace(network.training, assumes_rank=True))
        return ShownNetwork.of(network)
    return ShownProgram.of(build_program(source, depth))


def program_of(
    described: Program | Network,
    what: str,
    dot: DotChoice = "auto",
    unrolled: bool = False,
    method: Method = "auto",
) -> Program:
    """Return a program, or what a network is lowered to.

    Args:
        described: What a file describes.
        what: What is going to be done with it, for messages.
        dot: The form of dots, which decides whether training is a loop.
        unrolled: Whether training is unrolled over steps in any case.
        method: How it is going to be computed: loops with kets are unrolled for some.

    Raises:
        ProgramError: TP262, the network has no `train` block; its training has no limit.
    """
    if isinstance(described, Program):
        return described
    refuse_infinite(described, what)
    if described.training:
        found = training_program(described, dot, unrolled)
        region = region_of(found)
        suits = region is None or not region.body.has_kets or method not in WRITTEN_OUT
        return found if suits else training_program(described, dot, unrolled=True)
    name = described.readout.name
    hint = f"use `tpc kernel` for its kernels, or add a `train {name}:` block"
    fault = NetworkAsProgram(what, " without a `train` block", hint)
    raise ProgramError.of(described, (fault, described.readout.span))


def refuse_infinite(described: Program | Network, what: str) -> None:
    """Refuse a network of infinite depth.

    Raises:
        ProgramError: TP509, it has a loop over an infinite depth.
    """
    if isinstance(described, Network) and described.depth and described.depth.loops:
        fault = NeedsDepth(what, described.depth.name)
        raise ProgramError.of(described, (fault, described.depth.loops[0].span))


def derive(
    program: Program | Network,
    dot: DotChoice = "auto",
    unrolled: bool = False,
    method: Method = "auto",
) -> ShownLimit:
    """Derive the limit equations of a program.

    Args:
        program: A checked program.
        dot: How the dots of products with a transpose are computed: by derivatives, by Stein's
            lemma, or by derivatives where these are functions.
        unrolled: Whether steps of training and rounds of long loops are written out, not said once.
        method: That it is to be evaluated by: what others than `mc` and `qmc` may integrate, loops
            of fewer than `LONG` rounds, is written out.

    Raises:
        ProgramError: The derivative form is asked for and does not exist; it is a network.
    """
    chosen = dot_of(program, dot)
    found = program_of(program, "limit", chosen, unrolled)
    if not unrolled and chosen != "derivative":
        found = _with_loops(found, chosen, method)
    return ShownLimit.of(derive_limit(normalise(found), chosen))


def _with_loops(program: Program, dot: DotChoice, method: Method) -> Program:
    """Return a program with its long loops as regions, and shorter ones that lose nothing by it.

    Those that average nodes anyway: no output of a few rounds has a closed form.
    """
    found = roll(program, LONG if method not in ("mc", "qmc") else MANY)
    region = region_of(found)
    if region is None or found is program or region.body.rounds >= LONG:
        return found
    first = derive_limit(normalise(unroll(found, FIRST)), dot)
    sampled = find_sampling(first, lambda node: "").sampled
    return found if len(sampled) == len(first.outputs) else program


def derive_training(network: Network) -> TrainingLimit:
    """Derive what the steps of training have in common, with their products where they are rounds.

    Raises:
        ProgramError: Its training has no limit.
    """
    scales, program = scales_of(network), program_of_rounds(network)
    if program is None:
        return TrainingLimit(network, scales)
    products = derive_limit(program)
    assert network.training is not None
    is_loop = network.training.steps > FEW_STEPS
    memory = memory_line(*peak_memory(products)) if is_loop else ""
    if floats := floats_of_derivatives(network):
        memory += f"; dots are Stein's, derivatives would take up to {floats:,} more"
    return TrainingLimit(network, scales, products, memory)


def derive_kernels(network: Network) -> Chapter:
    """Derive the equations of a network's kernels for a pair of inputs, or say why there are none.

    Without a tangent kernel, where a trained weight is scalar-like, they are those of the NNGP.
    """
    if network.depth and network.depth.loops:
        return deep_chapter(network)
    inputs = (network.input.name, network.input.name + PRIME)
    if network.couples_inputs:
        return Chapter(("no kernels of two inputs: `batchmean` averages over all of them",), ())
    trained = [w for w in network.weights if w.kind is WeightKind.SCALAR and w.trained]
    try:
        check_operator_regime(network, None)
        program = normalise(named_pair_program(network, tangent=not trained))
        limit = derive_limit(with_named_operands(program, inputs), "auto")
    except ProgramError as refusal:
        return Chapter((f"no kernels: {refusal.diagnostics[0].message}",), ())
    sides = sides_of([equation.node for equation in limit.equations], inputs)
    return kernel_chapter(limit, *inputs, sides)


def emit(limit: Limit) -> str:
    """Write the evaluator module of a limit.

    Raises:
        ProgramError: The program has no output.
    """
    _require_outputs(limit.program)
    return emit_module(limit, speech(limit), to_text(limit))


def evaluator(
    program: Program | Network,
    dot: DotChoice = "auto",
    unrolled: bool = False,
    method: Method = "auto",
) -> ModuleType:
    """Return the evaluator module of a program, imported; its arguments are those of `derive`.

    Raises:
        ProgramError: The program has no output, or as in `derive`.
    """
    return imported(emit(derive(program, dot, unrolled, method)))


def run(
    program: Program | Network,
    samples: int = 65536,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    dot: DotChoice = "auto",
    progress: Progress | None = None,
    method: Method = "auto",
    replicates: int = 8,
    rank_tolerance: float | None = None,
    unrolled: bool = False,
) -> Any:
    """Compute a program's limit.

    Args:
        program: A checked program.
        samples: How many random nodes.
        seed: Of the random numbers.
        params: Values that replace the defaults of params.
        dot: As in `derive`.
        progress: Called as the work goes on.
        method: How expectations without a closed form are computed: from random nodes (`mc`),
            Sobol points (`qmc`), grids (`quadrature`) or the more precise of the last two
            (`auto`); or not at all (`exact`).
        replicates: How many independent replicates share the nodes, at least two.
        rank_tolerance: Which part of <x|x> a direction of |x> must have to count as new beside
            the earlier products of a matrix; less of it is left out of the hat of W x. By default
            1e-22, and 1e-12 for loops.
        unrolled: Whether loops are written out in any case.

    Returns:
        The `Result` of the evaluator module.

    Raises:
        ProgramError: As in `evaluator`; numbers overflow.
        UsageError: A param does not exist or is of the wrong shape; too few samples; there is
            no such method.
        MethodRefused: The method does not suit the program.
    """
    network = program if isinstance(program, Network) and program.training else None
    dot, trained = dot_of(program, dot), isinstance(program, Network)
    program = program_of(program, "limit", dot, unrolled, method)
    given = {**draw_output(program, seed, 0), **(params or {})}
    effort = Effort(samples, seed, method, replicates, rank_tolerance)
    module = evaluator(program, dot, unrolled, method)
    result = evaluate(module, program, effort, given, progress)
    if network is not None:
        refuse_random_limits(network, scales_of(network), result)
    return ShownEvaluation.of(result, program.name, "run", readout_names(program), trained)


def simulate(
    program: Program | Network,
    width: int,
    trials: int = 8,
    seed: int = 0,
    engine: Engine = "dense",
    progress: Progress | None = None,
    params: Mapping[str, object] | None = None,
    **settings: object,
) -> Result:
    """Run a program, or train a network, at a finite width, several times.

    Args:
        program: A checked program.
        width: The width n.
        trials: Independent runs.
        seed: Of the random numbers.
        engine: `dense`: matrices are drawn and kept whole; `matrix-free`: their products are drawn
            from the same law, without the matrix. Updates of matrices have to be linear then.
        progress: Called as the work goes on.
        params: Values that replace the defaults of params.
        **settings: The same, by keyword.

    Returns:
        Averages over trials with their standard errors.

    Raises:
        ProgramError: The program has no output, or a run of this width is out of reach; the network
            is not trained.
        UsageError: There is no such engine; a param does not exist or is of the wrong shape.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"there is no engine {engine!r}: use {' or '.join(get_args(Engine))}")
    refuse_infinite(program, "simulation")
    if not (isinstance(program, Network) and program.training is not None):
        program = program_of(program, "simulation")
        _require_outputs(program)
    given = {**(params or {}), **settings}
    found = simulate_described(program, width, trials, seed, given, progress, engine)
    is_trained = isinstance(program, Network)
    readouts = frozenset() if isinstance(program, Network) else readout_names(program)
    return ShownSimulation.shown(found, program.name, readouts, is_trained)


def corrections(
    program: Program | Network,
    width: int,
    trials: int = 64,
    seed: int = 0,
    engine: Engine | None = None,
    progress: Progress | None = None,
    params: Mapping[str, object] | None = None,
    **settings: object,
) -> Corrections:
    """Estimate what a finite width adds to the limit: the coefficient of 1/n in every output.

    Args:
        program: A checked program.
        width: The largest width n, a multiple of 4; runs at n/2 and n/4 go with it.
        trials: Families of seven runs that share their randomness.
        seed: Of the random numbers.
        engine: As in `simulate`; by default matrix-free, where the law of products is known: there
            runs share more of their randomness, so the errors are smaller.
        progress: Called as the work goes on.
        params: Values that replace the defaults of params.
        **settings: The same, by keyword.

    Returns:
        Averages at the width, coefficients of 1/n, and the excess kurtosis of readouts.

    Raises:
        ProgramError: As in `simulate`.
        UsageError: As in `simulate`; it is a network; the width is no multiple of 4, or there are
            too few trials.
    """
    if isinstance(program, Network):
        raise UsageError("corrections are those of programs, not of a network")
    _require_outputs(program)
    if width % 4 or trials < 2:
        raise UsageError("corrections take a width that is a multiple of 4, and two trials or more")
    chosen = engine or ("matrix-free" if has_sequential_laws(program) else "dense")
    given = {**(params or {}), **settings}
    found = correct(program, width, trials, seed, given, progress, chosen)
    return ShownCorrections.of(found, program.name, readout_names(program))


def classify(
    network: Program | Network, optimizer: str | None = None, parametrization: str | None = None
) -> ShownClassification:
    """Say which limit training has: feature learning, the operator regime, or none.

    Args:
        network: A checked network.
        optimizer: `adam`, `adam(eps=0)`, ...; that of the `train` block, or else `sgd`.
        parametrization: `mup`, `uniform(0.25)`, ...; that of the `train` block, or else `mup`.

    Raises:
        UsageError: There is no such optimizer or parametrization, or it does not suit the network;
            it is no network.
    """
    if not isinstance(network, Network):
        raise UsageError("only networks are classified, and this program declares no `weight`")
    training = network.training
    chosen = training.optimizer if training else optimizer_named("sgd")
    own = dict(training.own_optimizers) if training else {}
    if optimizer is not None:
        chosen, own = optimizer_named(optimizer), {}
    written = training.parametrization if training else parametrization_named("mup")
    if parametrization is not None:
        written = parametrization_named(parametrization)
    found = classify_network(network, written, chosen, own)
    return ShownClassification.of(found, network.name, depth_scales(network, chosen, own))


def _require_outputs(program: Program) -> None:
    if not program.outputs:
        raise ProgramError.of(program, (NoOutput(), NOWHERE))
