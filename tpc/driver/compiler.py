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
    simulate           Program, Network -> finite or trained networks, averaged over trials
    correct            Program          -> the 1/n corrections of its outputs
    classify           Network          -> the scales of its weights, and which limit they lead to
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from traceback import walk_tb
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np

from tpc.codegen.module import emit_module
from tpc.diagnostics import NOWHERE, Fault, ProgramError, Span, UsageError
from tpc.diagnostics.data_faults import NoNumber, NotFinite
from tpc.diagnostics.limit_faults import ExpectationInfinite
from tpc.diagnostics.network_faults import NetworkAsProgram
from tpc.diagnostics.program_faults import NoOutput
from tpc.driver.shown import ShownLimit, ShownNetwork, ShownProgram, speech
from tpc.driver.training_program import (
    DRAW,
    dot_of,
    draw_output,
    program_of_rounds,
    training_program,
)
from tpc.limit.derive import DotChoice, derive_limit
from tpc.limit.equations import Limit
from tpc.network.checking.build import build_network, is_network
from tpc.network.classification import classify as classify_network
from tpc.network.named import optimizer_named, parametrization_named
from tpc.network.network import Network
from tpc.network.scales import Classification
from tpc.program.checking.build import build_program
from tpc.program.passes import normalise
from tpc.program.program import Program
from tpc.program.roll import roll
from tpc.program.unroll import unroll
from tpc.report.text import to_text
from tpc.runtime.arithmetic import InfiniteExpectation
from tpc.simulation.corrections import correct
from tpc.simulation.cost import available_memory
from tpc.simulation.engines import Engine, has_sequential_laws
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Corrections, Result
from tpc.simulation.simulate import simulate as simulate_described
from tpc.syntax.parse import load_source, parse_source
from tpc.syntax.tree import Source

Progress = Callable[[int, int], None]
"""Called with the work done so far, and all the work."""

Method = Literal["mc", "qmc", "quadrature", "exact", "auto"]
"""How expectations without a closed form are computed."""

WRITTEN_OUT: tuple[Method, ...] = ("exact", "quadrature")
"""Methods for which loops are unrolled: only then have their expectations closed forms, grids."""


class MethodRefused(ValueError):
    """A method of evaluation that does not suit the program, with the output that rules it out."""


def load(path: str | os.PathLike[str]) -> ShownProgram | ShownNetwork:
    """Read and check a program, or a network.

    Data files that it loads are looked up beside it.

    Args:
        path: A `.tp` file.

    Raises:
        ProgramError: The program or its data is wrong.
        OSError: The file cannot be read.
    """
    return build(load_source(path))


def parse(text: str, name: str = "<string>") -> ShownProgram | ShownNetwork:
    """Check a program, or a network, that is given as text.

    Args:
        text: The program.
        name: What diagnostics call it; data files are looked up beside this path.

    Raises:
        ProgramError: The program or its data is wrong.
    """
    return build(parse_source(text, name))


def build(source: Source) -> ShownProgram | ShownNetwork:
    """Build what a file describes, and check it.

    Raises:
        ProgramError: The program or its data is wrong.
    """
    if is_network(source):
        return ShownNetwork.of(build_network(source))
    return ShownProgram.of(build_program(source))


def program_of(
    described: Program | Network, what: str, dot: DotChoice = "auto", unrolled: bool = False
) -> Program:
    """Return a program, or what a network is lowered to.

    Args:
        described: What a file describes.
        what: What is going to be done with it, for messages.
        dot: The form of dots, which decides whether training is a loop.
        unrolled: Whether training is unrolled over steps in any case.

    Raises:
        ProgramError: TP262, the network has no `train` block; its training has no limit.
    """
    if isinstance(described, Program):
        return described
    if described.training:
        return training_program(described, dot, unrolled)
    name = described.readout.name
    hint = f"use `tpc kernel` for its kernels, or add a `train {name}:` block"
    fault = NetworkAsProgram(what, " without a `train` block", hint)
    raise ProgramError.of(described, (fault, described.readout.span))


def derive(
    program: Program | Network, dot: DotChoice = "auto", unrolled: bool = False
) -> ShownLimit:
    """Derive the limit equations of a program.

    Args:
        program: A checked program.
        dot: How the dots of products with a transpose are computed: by derivatives, by Stein's
            lemma, or by derivatives where these are functions.
        unrolled: Whether the steps of training are written out, not said once as a loop.

    Raises:
        ProgramError: The derivative form is asked for and does not exist; it is a network.
    """
    chosen = dot_of(program, dot)
    found = program_of(program, "limit", chosen, unrolled)
    if not unrolled and chosen != "derivative":
        found = roll(found)
    return ShownLimit.of(derive_limit(normalise(found), chosen))


def derive_round(network: Network) -> ShownLimit | None:
    """Derive what the steps of training have in common, where they are rounds of one region.

    Raises:
        ProgramError: Its training has no limit.
    """
    program = program_of_rounds(network)
    return None if program is None else ShownLimit.of(derive_limit(program))


def emit(limit: Limit) -> str:
    """Write the evaluator module of a limit.

    Raises:
        ProgramError: The program has no output.
    """
    _require_outputs(limit.program)
    return emit_module(limit, speech(limit), to_text(limit))


def evaluator(program: Program | Network, dot: DotChoice = "auto") -> ModuleType:
    """Return the evaluator module of a program, imported.

    Raises:
        ProgramError: The program has no output, or as in `derive`.
    """
    source = emit(derive(program, dot))
    # A name of its own for every text: equal programs share a module, others never collide.
    name = f"tpc_limit_{sha256(source.encode()).hexdigest()[:16]}"
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = spec_from_loader(name, _FromText(source))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _FromText(ExecutionLoader):
    """Imports a module whose source is in memory; tracebacks and `inspect` find its lines."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source

    def get_filename(self, fullname: str) -> str:
        return f"{fullname}.py"


def run(
    program: Program | Network,
    samples: int = 65536,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    dot: DotChoice = "auto",
    progress: Progress | None = None,
    method: Method = "mc",
    replicates: int = 8,
    rank_tolerance: float | None = None,
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

    Returns:
        The `Result` of the evaluator module.

    Raises:
        ProgramError: As in `evaluator`; numbers overflow.
        UsageError: A param does not exist or is of the wrong shape; too few samples; there is
            no such method.
        MethodRefused: The method does not suit the program.
    """
    dot = dot_of(program, dot)
    program = program_of(program, "limit", dot, method in WRITTEN_OUT)
    given = {**draw_output(program, seed, 0), **(params or {})}
    effort = Effort(samples, seed, method, replicates, rank_tolerance)
    return evaluate(evaluator(program, dot), program, effort, given, progress)


@dataclass(frozen=True, slots=True)
class Effort:
    """How a limit is computed: the arguments of `run` of these names."""

    samples: int
    seed: int
    method: Method
    replicates: int = 8
    rank_tolerance: float | None = None


MOST_POINTS = 2**30
"""How many points Sobol's sequence has."""


def evaluate(
    module: ModuleType,
    program: Program,
    effort: Effort,
    params: Mapping[str, object],
    progress: Progress | None,
) -> Any:
    """Compute a program's limit by its evaluator module, as `run` does.

    Raises:
        ProgramError: Numbers overflow.
        UsageError: As in `run`.
        MethodRefused: As in `run`.
    """
    method, samples, least = effort.method, effort.samples, 4 * effort.replicates
    if method not in get_args(Method):
        raise UsageError(f"there is no method {method!r}: use {', '.join(get_args(Method))}")
    if samples < least:
        raise UsageError(f"{samples} samples are too few: at least {least}")
    if method in ("qmc", "auto") and samples // effort.replicates > MOST_POINTS:
        most = f"{effort.replicates} replicates of 2^30, for Sobol points; use 'mc'"
        raise UsageError(f"{samples} samples are too many: at most {most}")
    _check_memory(module, effort)
    resolved = _resolved(program, params)
    tolerance = {}
    if effort.rank_tolerance is not None:
        tolerance["rank_tolerance"] = effort.rank_tolerance
    try:
        with np.errstate(all="ignore"):  # what overflows is seen in the result
            result = module.evaluate(
                samples=samples,
                seed=effort.seed,
                method=method,
                replicates=effort.replicates,
                _progress=progress,
                **tolerance,
                **resolved,
            )
    except np.linalg.LinAlgError:
        overflow = NoNumber("a covariance of its limit overflows")
        raise ProgramError.of(program, (overflow, program.outputs[0].span)) from None
    except module.MethodRefused as refusal:
        raise MethodRefused(str(refusal)) from None
    except ArithmeticError as error:
        fault, span = _fault_of(error, module, program)
        raise ProgramError.of(program, (fault, span)) from None
    _check_finite(program, result)
    return result


def _check_memory(module: ModuleType, effort: Effort) -> None:
    """Refuse more samples than there is memory for: their Gaussians and a basis of operands."""
    gaussians = getattr(module, "BASE_GAUSSIANS", 0)
    room = available_memory()
    if not gaussians or room is None or effort.method in ("exact", "quadrature"):
        return
    needed = 8 * (2 * gaussians + 2) * (effort.samples // effort.replicates)
    if needed > room:
        takes = f"{effort.samples} samples in {effort.replicates} replicates take"
        there = f"{needed / 2**30:.1f} GiB, and there are {room / 2**30:.1f}"
        raise UsageError(f"{takes} at least {there}: ask for fewer samples or more replicates")


def _line_reached(error: Exception, module: ModuleType) -> int:
    """Return the line of the program whose equation a module was computing, or 0."""
    lines = (module.__loader__.get_source(module.__name__) or "").splitlines()  # type: ignore
    for frame, number in walk_tb(error.__traceback__):
        if frame.f_code.co_filename == module.__file__ and frame.f_code.co_name.startswith("limit"):
            above = "\n".join(lines[:number])
            banners = re.findall(r"^ *# ---- line (\d+):", above, re.MULTILINE)
            return int(banners[-1]) if banners else 0
    return 0


def _fault_of(error: Exception, module: ModuleType, program: Program) -> tuple[Fault, Span]:
    """Return what stopped a module, and the statement whose equation it was computing."""
    line = _line_reached(error, module)
    named = [
        *((binding.name, binding.span) for binding in program.bindings),
        *((output.name, output.span) for output in program.outputs),
    ]
    name, span = next((item for item in named if item[1].line == line), named[-1])
    if type(error).__name__ == InfiniteExpectation.__name__:  # of the module's own
        return ExpectationInfinite(str(error)), span
    return NotFinite(name), span


def _check_finite(program: Program, result: Any) -> None:
    """Refuse results with an output that is no number."""
    for output in program.outputs:
        value = result.values.get(output.name, 0.0)
        parts = value.values() if isinstance(value, dict) else (value,)
        if not all(np.isfinite(part).all() for part in parts):
            raise ProgramError.of(program, (NotFinite(output.name), output.span))


def simulate(
    program: Program | Network,
    width: int,
    trials: int = 8,
    seed: int = 0,
    engine: Engine = "dense",
    progress: Progress | None = None,
    **params: object,
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
        **params: Values that replace the defaults of params.

    Returns:
        Averages over trials with their standard errors.

    Raises:
        ProgramError: The program has no output, or a run of this width is out of reach; the network
            is not trained.
        UsageError: There is no such engine; a param does not exist or is of the wrong shape.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"there is no engine {engine!r}: use {' or '.join(get_args(Engine))}")
    if not (isinstance(program, Network) and program.training is not None):
        program = program_of(program, "simulation")
        _require_outputs(program)
    return simulate_described(program, width, trials, seed, params, progress, engine)


def corrections(
    program: Program | Network,
    width: int,
    trials: int = 64,
    seed: int = 0,
    engine: Engine | None = None,
    progress: Progress | None = None,
    **params: object,
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
        **params: Values that replace the defaults of params.

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
    return correct(program, width, trials, seed, params, progress, chosen)


def classify(
    network: Program | Network, optimizer: str | None = None, parametrization: str | None = None
) -> Classification:
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
    return classify_network(network, written, chosen, own)


def _require_outputs(program: Program) -> None:
    if not program.outputs:
        raise ProgramError.of(program, (NoOutput(), NOWHERE))


def _resolved(program: Program, params: Mapping[str, object]) -> dict[str, Any]:
    """Return the value of every param; refuse those for which a declared law does not exist."""
    resolved = dict(resolve_parameters(program, params))
    if params.keys() - {DRAW}:
        # A network of width 1 draws from every law. The defaults have been checked before.
        simulate_described(unroll(program, rounds=1), width=1, trials=1, params=params)
    return resolved
