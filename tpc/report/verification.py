"""A verification and its rates -> JSON, and a table for the terminal."""

from typing import IO, TYPE_CHECKING

import numpy as np

from tpc.report.numbers import Json, format_entry, format_parameters, to_lists
from tpc.simulation.result import Array, Comparison, Rate, Verification

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def rate_to_json(rate: Rate, widths: tuple[int, ...]) -> dict[str, Json]:
    """Return the `rate` of an output: value = limit + coefficient n^-exponent.

    A scalar has its `fluctuation` too, a readout the p-values of its `normality` by width.
    """
    shown = ["coefficient", "coefficient_stderr", "exponent", "exponent_stderr", "significant"]
    if rate.part == "value":
        shown += ["fluctuation", "fluctuation_stderr"]
    found = {name: to_lists(getattr(rate, name)) for name in shown}
    if rate.normality.size:
        found["normality"] = {
            str(width): to_lists(p) for width, p in zip(widths, rate.normality, strict=True)
        }
    return found


def rates_table(verification: Verification) -> "Table":
    """Return the table of rates: of each array the entry whose b is farthest from 0."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    last = verification.widths[-1]
    for heading in ("limit + b n^-p", "b", "p", "fluctuates as", f"normal, n = {last}"):
        table.add_column(heading, overflow="fold")
    for rate in verification.rates:
        table.add_row(entry_name(rate, farthest_rate(rate)), *_cells(rate))
    return table


def farthest_rate(rate: Rate) -> tuple[int, ...]:
    """Return the index of the entry with the largest coefficient, in units of its error."""
    with np.errstate(all="ignore"):
        height = np.abs(rate.coefficient) / rate.coefficient_stderr
    return _largest(np.where(rate.significant, np.nan_to_num(height, nan=0.0, posinf=0.0), -1.0))


def farthest_entry(found: Comparison) -> tuple[int, ...]:
    """Return the index of the entry whose intercept is farthest out, for what is allowed."""
    distance = np.abs(found.intercept - found.limit) / found.allowed
    return _largest(np.where(np.isnan(distance), np.inf, distance))


def _largest(array: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(array)), array.shape))


def entry_name(found: Comparison | Rate, at: tuple[int, ...]) -> "Text":
    """Return the name of an entry, `K[0,1]`, `h cov[0,0]`."""
    from rich.text import Text

    part = "" if found.part == "value" else f" {found.part}"
    index = f"[{','.join(map(str, at))}]" if at else ""
    return Text(f"{found.output}{part}{index}", style="bold")


def _cells(rate: Rate) -> list[str]:
    at = farthest_rate(rate)
    if rate.significant[at]:
        b = format_entry(rate.coefficient, rate.coefficient_stderr, at)
        p = format_entry(rate.exponent, rate.exponent_stderr, at)
    else:
        b, p = "0 within 4 errors", ""
    exponent = format_entry(rate.fluctuation, rate.fluctuation_stderr, at)
    fluctuation = "" if np.isnan(rate.fluctuation[at]) else f"n^-{exponent}"
    normal = f"p = {rate.normality[-1]:.2g}" if rate.normality.size else ""
    return [b, p, fluctuation, normal]


def verification_to_json(verification: Verification, program_name: str) -> dict[str, Json]:
    """Return the one object that `tpc verify --json` prints.

    Each output has `agrees` and its `limit`, `limit_stderr`, `values` and `stderr` by width,
    `intercept`, `intercept_stderr`, `slope`, `chi2` and `allowed`; a vector output has these for
    each of `mean` and `cov`, a readout for `cov`. `half_order` is there where entries were judged
    with a term in n^(-1/2), `open` where some cannot be judged, and `rate` from five widths on.
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

    shown = ("intercept", "intercept_stderr", "slope", "chi2", "allowed")
    numbers: dict[str, Json] = {
        "limit": to_lists(found.limit),
        "limit_stderr": to_lists(found.limit_stderr),
        "values": by_width(found.finite),
        "stderr": by_width(found.finite_stderr),
        **{name: to_lists(getattr(found, name)) for name in shown},
    }
    if found.half_order is not None:
        numbers["half_order"] = found.half_order.tolist()
    if found.is_open is not None and found.is_open.any():
        numbers["open"] = found.is_open.tolist()
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
            entry_name(found, at),
            format_entry(found.finite[0], found.finite_stderr[0], at),
            format_entry(found.finite[-1], found.finite_stderr[-1], at),
            format_entry(found.intercept, found.intercept_stderr, at),
            format_entry(found.limit, found.limit_stderr, at),
            _agreement(found),
        )
    console.print(table)
    if verification.rates:
        console.print()
        console.print(rates_table(verification))
    runs = f"{verification.trials} trials at each of {', '.join(map(str, verification.widths))}"
    is_exact = not any(found.limit_stderr.any() for found in verification.comparisons)
    limit = f"{verification.method}, {verification.samples} samples"
    facts = ["limit exact" if is_exact else limit, runs]
    engines = zip(verification.widths, verification.engines, strict=False)
    free = [width for width, engine in engines if engine == "matrix-free"]
    if free:
        facts.append(f"matrix-free at {', '.join(map(str, free))}")
    facts.append(f"seed {verification.seed}")
    facts += format_parameters(verification.params)
    console.print(Text("; ".join(facts), style="dim"))
    if any(found.limit.size > 1 for found in verification.comparisons):
        console.print(Text("of arrays, the entry farthest from its limit", style="dim"))


def _agreement(found: Comparison) -> "Text":
    from rich.text import Text

    if found.agrees.all():
        words = "agrees" if found.half_order is None else "agrees, with a term in n^(-1/2)"
        return Text(words, style="green")
    wrong = int(found.disagrees.sum())
    if not wrong:
        return Text("slower than n^(-1/2): cannot be judged", style="yellow")
    words = "disagrees" if found.limit.size == 1 else f"{wrong} of {found.limit.size} disagree"
    return Text(words, style="bold red")
