"""Program, width and engine -> the memory and time of a run, before it starts.

What cannot be done is refused at once, with what it would take: matrices that do not fit into
memory, and averages over so many coordinates that a run would take days.
"""

import os
from dataclasses import dataclass
from math import prod
from pathlib import Path

from tpc.diagnostics import ProgramError, Span
from tpc.diagnostics.data_faults import NoSequentialLaw, RunTooLarge, RunTooLong
from tpc.program.ensembles import spell
from tpc.program.nodes import MatMul, Matrix, Mean, Node
from tpc.program.program import Program
from tpc.simulation.engines import Engine, floats_of, has_sequential_law
from tpc.simulation.schedule import Schedule

BODY_SECONDS = 2e-9
"""What one entry of one operation in the body of a `mean` costs, about."""

PATIENCE = 7 * 24 * 3600
"""Seconds that one run may take in such bodies."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The memory of a run at its peak.

    Attributes:
        bytes: All of it.
        matrix: The matrix that takes most, if any multiplies.
    """

    bytes: int
    matrix: Matrix | None


def check_cost(program: Program, schedule: Schedule, width: int, engine: Engine) -> Peak:
    """Return the memory of one run.

    Raises:
        ProgramError: TP410, the engine does not know the law of a matrix; TP411, a run does not
            fit into memory; TP412, it would take too long.
    """
    if engine == "matrix-free":
        for matrix in schedule.matrices:
            if not has_sequential_law(matrix.ensemble):
                fault = NoSequentialLaw(matrix.name, spell(matrix.ensemble))
                raise ProgramError.of(program, (fault, matrix.span))
    peak = memory_of(program, schedule, width, engine)
    room = available_memory()
    if room is not None and peak.bytes > room:
        too_large = _too_large(program, schedule, width, engine, peak)
        raise ProgramError.of(program, (too_large, _place(program, peak)))
    for mean, body in schedule.bodies.items():
        seconds = _seconds_of(program, mean, body, width)
        if seconds > PATIENCE:
            coordinates = len(mean.operand.coords)
            fault_time = RunTooLong(width, coordinates, _days(seconds))
            raise ProgramError.of(program, (fault_time, mean.span))
    return peak


def memory_of(program: Program, schedule: Schedule, width: int, engine: Engine) -> Peak:
    """Return what one run holds at its peak."""
    sizes = {name: dim.size(width) for name, dim in program.dims.items()}

    def floats(node: Node) -> int:
        return prod(sizes[dim] for _, dim in node.coords) * prod(node.shape)

    held = {
        matrix: floats_of(
            engine, matrix.ensemble, sizes[matrix.rows], sizes[matrix.columns], products
        )
        for matrix, products in schedule.matrices.items()
    }
    there: set[Matrix] = set()
    now = most = 0
    for step in schedule.steps:
        if isinstance(step.node, MatMul) and step.node.matrix not in there:
            there.add(step.node.matrix)
            now += held[step.node.matrix]
        now += floats(step.node)
        most = max(most, now + _working(step.node, engine) * floats(step.node))
        now -= sum(map(floats, step.dead)) + sum(held[matrix] for matrix in step.dead_matrices)
    return Peak(8 * most, max(held, key=held.__getitem__, default=None))


def _working(node: Node, engine: Engine) -> int:
    """Return how many arrays of the size of a value it takes to compute it, beside the value."""
    return 4 if engine == "matrix-free" and isinstance(node, MatMul) else 0


def spell_bytes(count: float) -> str:
    """Return a number of bytes for people: `1.6 GB`."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} PB"


def _too_large(
    program: Program, schedule: Schedule, width: int, engine: Engine, peak: Peak
) -> RunTooLarge:
    advice = "take a smaller width"
    if engine == "dense" and all(has_sequential_law(m.ensemble) for m in schedule.matrices):
        less = memory_of(program, schedule, width, "matrix-free").bytes
        if 2 * less < peak.bytes:
            advice = f"`--engine matrix-free` needs {spell_bytes(less)}"
    return RunTooLarge(width, engine, spell_bytes(peak.bytes), advice)


def _place(program: Program, peak: Peak) -> Span:
    return program.outputs[0].span if peak.matrix is None else peak.matrix.span


def _seconds_of(program: Program, mean: Mean, body: tuple[Node, ...], width: int) -> float:
    points = prod(float(program.dims[dim].size(width)) for _, dim in mean.operand.coords)
    return BODY_SECONDS * points * sum(prod(node.shape) for node in body)


def _days(seconds: float) -> str:
    days = seconds / 86400
    return f"{days:,.0f} days" if days < 1000 else f"{days / 365:,.0f} years"


def available_memory() -> int | None:
    """Return how many bytes this process may still take, None where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
