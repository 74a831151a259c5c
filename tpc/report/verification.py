"""A verification and its rates -> JSON, and a table for the terminal."""

from typing import IO, TYPE_CHECKING

import numpy as np

from tpc.report.numbers import Json, format_number, format_parameters, to_lists
from tpc.simulation.result import Array, Comparison, Rate, Verification

if TYPE_CHECKING:
    from rich.table import Table


def rate_to_json(rate: Rate, widths: tuple[int, ...]) -> dict[str, Json]:
    """Return the `rate` of an output: value = limit + coefficient n^-exponent.

    A scalar has its `fluctuation` too, a readout the p-values of its `normality` by width.
    """
    found: dict[str, Json] = {
        "coefficient": to_lists(rate.coefficient),
        "coefficient_stderr": to_lists(rate.coefficient_stderr),
        "exponent": to_lists(rate.exponent),
        "exponent_stderr": to_lists(rate.exponent_stderr),
        "significant": rate.significant.tolist(),
    }
    if rate.part == "value":
        found["fluctuation"] = to_lists(rate.fluctuation)
        found["fluctuation_stderr"] = to_lists(rate.fluctuation_stderr)
    if rate.normality.size:
        found["normality"] = {
            str(width): to_lists(p) for width, p in zip(widths, rate.normality, strict=True)
        }
    return found


def rates_table(verification: Verification) -> "Table":
    """Return the table of rates: of each array the entry whose b is farthest from 0."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    last = verification.widths[-1]
    for heading in ("limit + b n^-p", "b", "p", "fluctuates as", f"normal, n = {last}"):
        table.add_column(heading, overflow="fold")
    for rate in verification.rates:
        table.add_row(Text(rate_name(rate, farthest_rate(rate)), style="bold"), *_cells(rate))
    return table


def farthest_rate(rate: Rate) -> tuple[int, ...]:
    """Return the index of the entry with the largest coefficient, in units of its error."""
    with np.errstate(all="ignore"):
        height = np.abs(rate.coefficient) / rate.coefficient_stderr
    height = np.where(rate.significant, np.nan_to_num(height, nan=0.0, posinf=0.0), -1.0)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(height)), height.shape))


def rate_name(rate: Rate, at: tuple[int, ...]) -> str:
    """Return the name of an entry, `K[0,1]`, `h cov[0,0]`."""
    part = "" if rate.part == "value" else f" {rate.part}"
    index = f"[{','.join(map(str, at))}]" if at else ""
    return f"{rate.output}{part}{index}"


def _cells(rate: Rate) -> list[str]:
    at = farthest_rate(rate)
    if rate.significant[at]:
        b = format_number(float(rate.coefficient[at]), float(rate.coefficient_stderr[at]))
        p = format_number(float(rate.exponent[at]), float(rate.exponent_stderr[at]))
    else:
        b, p = "0 within 4 errors", ""
    q = float(rate.fluctuation[at])
    fluctuation = (
        "" if np.isnan(q) else f"n^-{format_number(q, float(rate.fluctuation_stderr[at]))}"
    )
    normal = f"p = {rate.normality[-1]:.2g}" if rate.normality.size else ""
    return [b, p, fluctuation, normal]


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
