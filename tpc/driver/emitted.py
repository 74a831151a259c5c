"""Emitted modules: their text -> a module; a module, samples, params -> the limit.

What goes wrong in a module is said as faults of the program, at the statement whose equation it was
computing.
"""

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

from tpc.diagnostics import Fault, ProgramError, Span, UsageError
from tpc.diagnostics.data_faults import NotFinite
from tpc.diagnostics.limit_faults import ExpectationInfinite
from tpc.driver.conditioning import with_conditions
from tpc.driver.training_program import DRAW
from tpc.program.program import Program
from tpc.program.unroll import unroll
from tpc.runtime.arithmetic import InfiniteExpectation
from tpc.simulation.cost import available_memory
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.simulate import simulate as simulate_described

Progress = Callable[[int, int], None]
"""Called with the work done so far, and all the work."""

Method = Literal["mc", "qmc", "quadrature", "exact", "auto"]
"""How expectations without a closed form are computed."""

WRITTEN_OUT: tuple[Method, ...] = ("exact", "quadrature")
"""Methods for which training with kets is unrolled: only then there are closed forms, grids."""


class MethodRefused(ValueError):
    """A method of evaluation that does not suit the program, with the output that rules it out."""


def imported(source: str) -> ModuleType:
    """Return the module of this text: a new one, or that which was made of the same text before."""
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


@dataclass(frozen=True, slots=True)
class Effort:
    """How a limit is computed: the arguments of `run` of these names."""

    samples: int
    seed: int
    method: Method
    replicates: int = 8
    rank_tolerance: float | None = None


MOST_COORDINATES = 2**25
"""How many coordinates of Sobol points modules keep at most."""

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
        found = module.evaluate(
            samples=samples,
            seed=effort.seed,
            method=method,
            replicates=effort.replicates,
            _progress=progress,
            **tolerance,
            **resolved,
        )
        return with_conditions(found)
    except module.MethodRefused as refusal:
        raise MethodRefused(str(refusal)) from None
    except ArithmeticError as error:
        fault, span = _fault_of(error, module, program)
        raise ProgramError.of(program, (fault, span)) from None


def _check_memory(module: ModuleType, effort: Effort) -> None:
    """Refuse more samples than there is memory for."""
    room = available_memory()
    needed = memory_of(module, effort)
    if room is not None and needed > room:
        takes = f"{effort.samples} samples in {effort.replicates} replicates take"
        there = f"{needed / 2**30:.1f} GiB, and there are {room / 2**30:.1f}"
        raise UsageError(f"{takes} at least {there}: ask for fewer samples or more replicates")


def memory_of(module: ModuleType, effort: Effort) -> int:
    """Return how many bytes a replicate takes: Sobol points, live kets, pair arrays."""
    gaussians = getattr(module, "BASE_GAUSSIANS", 0)
    if not gaussians or effort.method in ("exact", "quadrature"):
        return 0
    nodes = effort.samples // effort.replicates
    pairs = getattr(module, "PAIR_ARRAYS", 0) * nodes**2
    stored = pairs if pairs <= getattr(module, "PAIR_FLOATS", 0) else 0
    live, points = module.SAMPLE_FLOATS, 0
    if effort.method != "mc":  # quantiles of all points are taken before anything else
        points = min(gaussians, max(1, MOST_COORDINATES // nodes))
        live = max(live, 2 * points + 1)
    return int(8 * ((points + live) * nodes + stored))


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
    infinite = type(error).__name__ == InfiniteExpectation.__name__  # of the module's own
    line = _line_reached(error, module) if infinite else error.line  # type: ignore[attr-defined]
    named = [
        *((binding.name, binding.span) for binding in program.bindings),
        *((output.name, output.span) for output in program.outputs),
    ]
    name, span = next((item for item in named if item[1].line == line), named[-1])
    if infinite:
        return ExpectationInfinite(str(error)), span
    return NotFinite(name, error.equation, error.cause), span  # type: ignore[attr-defined]


def _resolved(program: Program, params: Mapping[str, object]) -> dict[str, Any]:
    """Return the value of every param; refuse those for which a declared law does not exist."""
    resolved = dict(resolve_parameters(program, params))
    if params.keys() - {DRAW}:
        # A network of width 1 draws from every law. The defaults have been checked before.
        simulate_described(unroll(program, rounds=1), width=1, trials=1, params=params)
    return resolved
