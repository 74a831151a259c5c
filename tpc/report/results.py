"""Results -> the JSON object of `--json`, and a table for the terminal.

Results of a generated evaluator and of a simulation have the same form and are shown alike; those
of kernels with how far gradient independence is off.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from html import escape
from math import inf, prod
from typing import IO, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.kernels.result import KernelResult
from tpc.program.program import OutputKind, Program
from tpc.report.numbers import Json, format_array, format_parameters, to_lists
from tpc.simulation.result import Evaluated

Array: TypeAlias = npt.NDArray[np.float64]


class Outcome(Evaluated, Protocol):
    """What is shown of results: an array for each output, or the parts of a vector."""

    @property
    def seed(self) -> int:
        """Of the random streams."""

    @property
    def params(self) -> Mapping[str, npt.ArrayLike]:
        """The value of every parameter."""


def readout_names(program: Program) -> frozenset[str]:
    """Return the outputs of a program that are readouts, whose value is a covariance."""
    return frozenset(output.name for output in program.outputs if output.kind is OutputKind.READOUT)


def to_json(
    result: Outcome, program_name: str, command: str, readouts: Collection[str] = ()
) -> dict[str, Json]:
    """Return the one object that `--json` prints.

    Args:
        result: Of an evaluator or a simulation; a `width` of its own is reported too, and so
            are its `methods`, with the outputs.
        program_name: The program, as the user named it.
        command: The sub-command.
        readouts: Outputs whose value is a covariance, see `readout_names`.

    Returns:
        A dictionary without NaN or infinity: null stands for them, also for an unknown error.
    """
    shown: dict[str, Json] = {
        "program": program_name,
        "command": command,
        "method": result.method,
        "samples": int(result.samples),
        "seed": int(result.seed),
        "params": {name: to_lists(value) for name, value in result.params.items()},
    }
    width, depth = getattr(result, "width", None), getattr(result, "depth", None)
    if depth is not None:
        shown["depth"] = int(depth) if depth < inf else "infinite"
    if width is not None:
        shown["width"] = int(width)
    outputs: dict[str, dict[str, Json]] = {}
    for name, value in result.values.items():
        error = result.stderr[name]
        if isinstance(value, Mapping) and isinstance(error, Mapping):
            outputs[name] = {
                **{part: to_lists(array) for part, array in value.items()},
                "stderr": {part: to_lists(array) for part, array in error.items()},
            }
        else:
            part = "cov" if name in readouts else "value"
            outputs[name] = {part: to_lists(value), "stderr": to_lists(error)}
    for name, method in _methods(result).items():
        outputs[name]["method"] = method
    shown["outputs"] = dict(outputs)
    warnings = getattr(result, "warnings", ())
    return shown | {"warnings": list(warnings)} if warnings else shown


def print_results(
    result: Outcome,
    readouts: Collection[str] = (),
    file: IO[str] | None = None,
    *,
    training: bool = False,
    full: bool = False,
    width: int | None = None,
) -> None:
    """Print a table of all outputs with their errors.

    Where outputs were computed by several methods, those by another than asked for say so.

    Args:
        result: Of an evaluator or a simulation.
        readouts: Outputs whose value is a covariance.
        file: Where to; standard output if None.
        training: Whether the first axis of outputs is over steps: these have a row each.
        full: Whether arrays are printed whole, and all steps.
        width: Of the table; that of the terminal if None.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=file, highlight=False, width=width)
    rows = list(_rows(result, readouts))
    if training:
        rows = [row for output in rows for row in _steps(output, full)]
    names = max((len(name) for name, _, _, _ in rows), default=0)
    several = len(set(_methods(result).values())) > 1
    methods = max((len(method) + 2 for *_, method in rows), default=0) if several else 0
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", style="bold")
    table.add_column(overflow="fold")
    if several:
        table.add_column(no_wrap=True, style="dim")
    for name, value, error, method in rows:
        room = max(20, console.width - names - 4 - methods)
        shown = value if isinstance(value, str) else format_array(value, error, room, full)
        cells = [name, shown, *([method] if several else [])]
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print(Text(describe_origin(result), style="dim"))


Row: TypeAlias = tuple[str, "npt.ArrayLike | str", npt.ArrayLike, str]
"""A name, a value with its errors, and the method where it is another than asked for."""

STEPS_SHOWN = 12
"""So many steps of training are printed unless all are asked for: the first ones and the last."""


def _steps(row: Row, full: bool) -> Iterator[Row]:
    """Yield a row for each step of what training records."""
    name, value, error, method = row
    values, errors = np.asarray(value), np.asarray(error)
    if values.ndim == 0:
        yield row
        return
    steps, half = len(values), STEPS_SHOWN // 2
    for t in range(steps):
        if full or steps <= STEPS_SHOWN or t < half or t >= steps - half:
            yield f"{name}[{t}]", values[t], errors[t], method
        elif t == half:
            yield f"... {steps - 2 * half} more", "", "", ""


def _rows(
    result: Outcome, readouts: Collection[str]
) -> Iterator[tuple[str, npt.ArrayLike, npt.ArrayLike, str]]:
    methods = _methods(result)
    for name, value in result.values.items():
        error = result.stderr[name]
        method = methods.get(name, result.method)
        method = "" if method == result.method else method
        if isinstance(value, Mapping) and isinstance(error, Mapping):
            for part in value:
                yield f"{name} {part}", value[part], error[part], method
        else:
            shown = f"{name} cov" if name in readouts else name
            yield shown, np.asarray(value), np.asarray(error), method


def _methods(result: Outcome) -> Mapping[str, str]:
    """Return how each output of a limit was computed; a simulation has one method for all."""
    methods: Mapping[str, str] = getattr(result, "methods", {})
    return methods


def table_to_html(text: str) -> str:
    """Return a printed table for a notebook."""
    return f'<pre style="line-height: 1.3">{escape(text)}</pre>'


def describe_origin(result: Outcome) -> str:
    """Return what a table says below its numbers: how they came about."""
    used = set(_methods(result).values())
    if used and used <= {"exact", "flow"}:  # without samples, for any seed
        return ", ".join([*used, *format_parameters(result.params)])
    width = getattr(result, "width", None)
    method = f"auto: {used.pop()}" if result.method == "auto" and len(used) == 1 else result.method
    facts = (
        [f"{method}, {result.samples} samples"]
        if width is None
        else [f"{result.method}, width {width}, {result.samples} trials"]
    )
    facts.append(f"seed {result.seed}")
    return ", ".join([*facts, *format_parameters(result.params)])


def kernels_to_json(result: KernelResult, program_name: str) -> dict[str, Json]:
    """Return the one object that `--json` prints; `gia` holds what the shortcut gives."""
    shown = to_json(result, program_name, "kernel")
    if result.depth is not None:
        shown["depth"] = int(result.depth) if result.depth < inf else "infinite"
    if result.shortcut:
        shown["gia"] = {
            name: {
                "value": to_lists(value),
                "largest_difference": to_lists(np.abs(value - result.values[name]).max()),
            }
            for name, value in result.shortcut.items()
        }
    return shown


def _entries_of_one(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the entries of the first output, of shape M x M2."""
    size = prod(value.shape[1 : value.ndim // 2])
    entries: npt.NDArray[np.float64] = value.reshape(len(value), size, -1, size)[:, 0, :, 0]
    return entries


def _of_one(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Return K where a kernel over several outputs is K ⊗ I, else None."""
    one, size = _entries_of_one(value), prod(value.shape[1 : value.ndim // 2])
    if size == 1:
        return None
    flat = value.reshape(len(value), size, -1, size)
    whole = one[:, None, :, None] * np.eye(size)[:, None]
    return one if np.allclose(flat, whole, rtol=1e-12, atol=0) else None


BLOCKS_SHOWN = 10
"""So many pairs of inputs get a block of their own unless all are asked for."""


def _blocks(result: KernelResult, full: bool) -> KernelResult:
    """Return kernels of outputs that share something as a block e x e for each pair of inputs."""
    values, stderr, methods = dict[str, Array](), dict[str, Array](), dict[str, str]()
    for name, value in result.values.items():
        half = value.ndim // 2
        rows, columns = len(value), value.shape[half]
        if half == 1 or (rows * columns > BLOCKS_SHOWN and not full):
            values[name], stderr[name] = value, result.stderr[name]
            methods[name] = result.methods[name]
            continue
        for i, j in np.ndindex(rows, columns):
            at = (i, *(slice(None),) * (half - 1), j)
            values[f"{name}[{i},{j}]"], stderr[f"{name}[{i},{j}]"] = (
                value[at],
                result.stderr[name][at],
            )
            methods[f"{name}[{i},{j}]"] = result.methods[name]
    return replace(result, values=values, stderr=stderr, methods=methods)


def print_kernels(
    result: KernelResult,
    file: IO[str] | None = None,
    *,
    full: bool = False,
    width: int | None = None,
) -> None:
    """Print both kernels, and how far gradient independence would be off where that was asked.

    Of outputs that share nothing, as those of a readout `V * x` with `V[5]`, K ⊗ I is printed as K;
    of others a block for each pair of inputs.
    """
    from rich.console import Console

    found = ((name, _of_one(value)) for name, value in result.values.items())
    alike = {name: one for name, one in found if one is not None}
    errors = {name: _entries_of_one(result.stderr[name]) for name in alike}
    short = replace(result, values={**result.values, **alike}, stderr={**result.stderr, **errors})
    print_results(_blocks(short, full), file=file, full=full, width=width)
    console = Console(file=file, highlight=False, width=width)
    for name in alike:
        value = result.values[name]
        outputs = prod(value.shape[1 : value.ndim // 2])
        console.print(f"{name} is K ⊗ I with this K: its {outputs} outputs share nothing")
    for name, value in result.shortcut.items():
        true = result.values[name]
        largest = np.abs(value - true).max()
        part = largest / max(float(np.abs(true).max()), np.finfo(float).tiny)
        console.print(
            f"assuming gradient independence, {name} is off by up to {largest:.3g} "
            f"({100 * part:.2g} % of its largest entry)"
        )
