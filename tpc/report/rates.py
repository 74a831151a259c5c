"""The rates of a verification -> JSON, and a table for the terminal."""

from typing import TYPE_CHECKING

import numpy as np

from tpc.report.numbers import Json, format_number, to_lists
from tpc.simulation.result import Rate, Verification

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
