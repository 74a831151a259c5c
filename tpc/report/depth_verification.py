"""Kernels at finite widths and depths -> JSON, a table for the terminal, a figure."""

from os import PathLike
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tpc.report.numbers import Json, format_entry, to_lists
from tpc.simulation.depths import DepthComparison, DepthVerification
from tpc.simulation.result import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")


def depth_verification_to_json(found: DepthVerification, program: str) -> dict[str, Json]:
    """Return the one object that `tpc verify --depths --json` prints."""
    return {
        "program": program,
        "command": "verify",
        "depth": "infinite",
        "method": found.method,
        "widths": list(found.widths),
        "depths": list(found.depths),
        "trials": found.trials,
        "seed": found.seed,
        "agrees": found.agrees,
        "outputs": {part.output: _comparison_to_json(part) for part in found.comparisons},
    }


def _comparison_to_json(found: DepthComparison) -> dict[str, Json]:
    return {
        "agrees": bool(found.agrees.all()),
        "limit": to_lists(found.limit),
        "limit_stderr": to_lists(found.limit_stderr),
        "infinite_width": to_lists(found.infinite),
        "values": to_lists(found.finite),
        "stderr": to_lists(found.finite_stderr),
        "intercept": to_lists(found.intercept),
        "intercept_stderr": to_lists(found.intercept_stderr),
        "extrapolated": to_lists(found.extrapolated),
        "extrapolated_stderr": to_lists(found.extrapolated_stderr),
        "coefficients": {name: to_lists(x) for name, x in found.coefficients.items()},
        "coefficients_stderr": {name: to_lists(x) for name, x in found.coefficients_stderr.items()},
        "allowed": to_lists(found.allowed),
    }


def print_depth_verification(found: DepthVerification, file: IO[str] | None = None) -> None:
    """Print, of each kernel, the entry that is farthest from its limit."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=file, highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("output", "n first", "L first", "limit", "b", "c", "d", ""):
        table.add_column(heading, overflow="fold")
    for part in found.comparisons:
        at = _farthest(part)
        fitted = [_short(part.coefficients[x], part.coefficients_stderr[x], at) for x in "bcd"]
        words = Text("agrees", style="green")
        if not part.agrees.all():
            words = Text(f"{(~part.agrees).sum()} of {part.limit.size} disagree", style="bold red")
        table.add_row(
            Text(f"{part.output}[{','.join(map(str, at))}]", style="bold"),
            format_entry(part.intercept, part.intercept_stderr, at),
            _short(part.extrapolated, part.extrapolated_stderr, at),
            _short(part.limit, part.limit_stderr, at),
            *fitted,
            words,
        )
    console.print(table)
    widths, depths = (", ".join(map(str, x)) for x in (found.widths, found.depths))
    facts = f"v + b/n + c/L + d/(n L); n = {widths}; L = {depths}; {found.trials} trials at each"
    console.print(Text(f"{facts}; seed {found.seed}; limit by {found.method}", style="dim"))
    console.print(Text("of arrays, the entry farthest from its limit", style="dim"))


def _short(value: Array, error: Array, at: tuple[int, ...]) -> str:
    """Return an entry with its error, but no more than seven digits of it."""
    return format_entry(value, np.maximum(error, 1e-7 * np.abs(value).max(initial=1e-7)), at)


def _farthest(found: DepthComparison) -> tuple[int, ...]:
    distance = np.abs(found.intercept - found.limit) / np.where(found.allowed, found.allowed, 1)
    place = np.unravel_index(int(np.argmax(distance)), distance.shape)
    return tuple(int(x) for x in place)


def save_depths(found: DepthVerification, path: str | PathLike[str]) -> None:
    """Draw the first entry of each kernel against 1/L, one line a width, and its limit.

    Raises:
        ValueError: There is no such format.
        OSError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 4.4), layout="constrained")
    for place, part in enumerate(found.comparisons):
        _draw(figure.add_subplot(1, len(found.comparisons), place + 1), part, found)
    figure.savefig(path, dpi=160)


def _draw(axes: "Axes", part: DepthComparison, found: DepthVerification) -> None:
    at: tuple[Any, ...] = (0,) * part.limit.ndim
    x = 1 / np.array(found.depths, dtype=float)
    for index, width in enumerate(found.widths):
        at_width: tuple[Any, ...] = (index, slice(None), *at)
        values, errors = part.finite[at_width], part.finite_stderr[at_width]
        colour = COLOURS[index % len(COLOURS)]
        axes.errorbar(x, values, errors, marker="o", color=colour, capsize=3, label=f"n = {width}")
    at_depths: tuple[Any, ...] = (slice(None), *at)
    infinite = np.append(part.infinite[at_depths], part.limit[at])
    axes.plot(np.append(x, 0), infinite, color="black", linewidth=1.2, label="infinite width")
    axes.plot(0, part.limit[at], "*", color="black", markersize=12, label="infinite depth")
    axes.set_xticks([0, *x], ["∞", *map(str, found.depths)])
    axes.set_xlabel("depth L (on the scale of 1/L)")
    axes.set_ylabel(f"{part.output}[{','.join(map(str, at))}]")
    axes.grid(True, alpha=0.25)
    axes.legend(frameon=False, fontsize="small")
