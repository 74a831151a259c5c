"""A verification -> JSON, and a table for the terminal."""

from typing import IO, TYPE_CHECKING

import numpy as np

from tpc.report.numbers import Json, format_number, format_parameters, to_lists
from tpc.report.rates import rate_to_json, rates_table
from tpc.simulation.result import Array, Comparison, Verification

if TYPE_CHECKING:
    from rich.text import Text


def verification_to_json(verification: Verification, program_name: str) -> dict[str, Json]:
    """Return the one object that `tpc verify --json` prints.

    Each output has `agrees` and its `limit`, `limit_stderr`, `values` and `stderr` by width,
    `intercept`, `intercept_stderr`, `slope`, `chi2` and `allowed`; a vector output has these for
    each of `mean` and `cov`, a readout for `cov`. `half_order` is there where entries were judged
    with a term in n^(-1/2), and `rate` from five widths on.
    """
    outputs: dict[str, dict[str, Json]] = {}
    for index, found in enumerate(verification.comparisons):
        entry = outputs.setdefault(found.output, {"agrees": True})
        entry["agrees"] = bool(entry["agrees"]) and bool(found.agrees.all())
        numbers = _comparison_to_json(found, verification.widths)
        if verification.rates:
            numbers["rate"] = rate_to_json(verification.rates[index], verification.widths)
        if found.part == "value":
            entry.update(numbers)
        else:
            entry[found.part] = numbers
    return {
        "program": program_name,
        "command": "verify",
        "method": verification.method,
        "samples": int(verification.samples),
        "seed": int(verification.seed),
        "params": {name: to_lists(value) for name, value in verification.params.items()},
        "widths": list(verification.widths),
        "trials": int(verification.trials),
        "engines": list(verification.engines),
        "agrees": verification.agrees,
        "outputs": dict(outputs),
    }


def _comparison_to_json(found: Comparison, widths: tuple[int, ...]) -> dict[str, Json]:
    def by_width(rows: Array) -> Json:
        return {str(width): to_lists(row) for width, row in zip(widths, rows, strict=True)}

    numbers: dict[str, Json] = {
        "limit": to_lists(found.limit),
        "limit_stderr": to_lists(found.limit_stderr),
        "values": by_width(found.finite),
        "stderr": by_width(found.finite_stderr),
        "intercept": to_lists(found.intercept),
        "intercept_stderr": to_lists(found.intercept_stderr),
        "slope": to_lists(found.slope),
        "chi2": to_lists(found.chi2),
        "allowed": to_lists(found.allowed),
    }
    if found.half_order is not None:
        numbers["half_order"] = found.half_order.tolist()
    return numbers


def print_verification(verification: Verification, file: IO[str] | None = None) -> None:
    """Print, for each output, the entry that is farthest from its limit.

    Args:
        verification: What to show.
        file: Where to; standard output if None.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=file, highlight=False)
    narrowest, widest = verification.widths[0], verification.widths[-1]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("output", f"n = {narrowest}", f"n = {widest}", "intercept", "limit", ""):
        table.add_column(heading, overflow="fold")
    for found in verification.comparisons:
        at = farthest_entry(found)
        table.add_row(
            Text(_entry_name(found, at), style="bold"),
            format_number(float(found.finite[0][at]), float(found.finite_stderr[0][at])),
            format_number(float(found.finite[-1][at]), float(found.finite_stderr[-1][at])),
            format_number(float(found.intercept[at]), float(found.intercept_stderr[at])),
            format_number(float(found.limit[at]), float(found.limit_stderr[at])),
            _agreement(found) if found.agrees.all() else _disagreement(found),
        )
    console.print(table)
    if verification.rates:
        console.print()
        console.print(rates_table(verification))
    runs = f"{verification.trials} trials at each of {', '.join(map(str, verification.widths))}"
    is_exact = not any(found.limit_stderr.any() for found in verification.comparisons)
    limit = f"{verification.method}, {verification.samples} samples"
    facts = ["limit exact" if is_exact else limit, runs]
    free = [
        w
        for w, e in zip(verification.widths, verification.engines, strict=False)
        if e == "matrix-free"
    ]
    if free:
        facts.append(f"matrix-free at {', '.join(map(str, free))}")
    facts.append(f"seed {verification.seed}")
    facts += format_parameters(verification.params)
    console.print(Text("; ".join(facts), style="dim"))
    if any(found.limit.size > 1 for found in verification.comparisons):
        console.print(Text("of arrays, the entry farthest from its limit", style="dim"))


def farthest_entry(found: Comparison) -> tuple[int, ...]:
    """Return the index of the entry whose intercept is farthest out, for what is allowed."""
    distance = np.abs(found.intercept - found.limit) / found.allowed
    distance = np.where(np.isnan(distance), np.inf, distance)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(distance)), distance.shape))


def _entry_name(found: Comparison, at: tuple[int, ...]) -> str:
    part = "" if found.part == "value" else f" {found.part}"
    index = f"[{','.join(map(str, at))}]" if at else ""
    return f"{found.output}{part}{index}"


def _agreement(found: Comparison) -> "Text":
    from rich.text import Text

    words = "agrees" if found.half_order is None else "agrees, with a term in n^(-1/2)"
    return Text(words, style="green")


def _disagreement(found: Comparison) -> "Text":
    from rich.text import Text

    wrong = int((~found.agrees).sum())
    words = "disagrees" if found.limit.size == 1 else f"{wrong} of {found.limit.size} disagree"
    return Text(words, style="bold red")
