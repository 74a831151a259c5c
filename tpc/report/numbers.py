"""Numbers with standard errors -> short text, and arrays -> JSON values.

`1.2345(12)` is 1.2345 with standard error 0.0012: the digits in brackets belong under the last
digits shown.
"""

from collections.abc import Mapping
from math import floor, isfinite, log10
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

ENTRIES_IN_FULL = 36
"""Arrays of at most so many entries are shown whole, each entry with its error."""


def format_number(value: float, error: float) -> str:
    """Return a number with its standard error, two digits of it.

    Exact values (error 0) show ten digits, values without a known error (NaN) six.
    """
    if not isfinite(value):
        return str(value)
    if error == 0:
        return f"{value:.10g}"
    if not isfinite(error):
        return f"{value:.6g}(?)"
    power = floor(log10(max(abs(value), error)))
    if -4 <= power < 6:
        power = 0
    suffix = f"e{power:+03d}" if power else ""
    scaled, spread = value / 10.0**power, error / 10.0**power
    decimals = 1 - floor(log10(spread))
    if round(spread * 10.0**decimals) >= 100:
        decimals -= 1
    if decimals > 15:  # more than a float has
        return f"{value:.15g}"
    decimals = max(0, decimals)
    shown = f"{scaled:.{decimals}f}"
    if float(shown) == 0:
        shown = shown.removeprefix("-")
    return f"{shown}({round(spread * 10.0**decimals)}){suffix}"


def format_entry(
    value: npt.NDArray[np.float64], error: npt.NDArray[np.float64], at: tuple[int, ...]
) -> str:
    """Return an entry of an array with its standard error."""
    return format_number(float(value[at]), float(error[at]))


def format_array(
    value: npt.ArrayLike, error: npt.ArrayLike, columns: int = 80, full: bool = False
) -> str:
    """Return an array with its standard errors as text.

    Small arrays show an error at each entry, large ones their corners and the largest error.

    Args:
        value: An array, or one number.
        error: Of its shape.
        columns: Longest line.
        full: Whether large arrays are shown like small ones.
    """
    values, errors = np.asarray(value, dtype=np.float64), np.asarray(error, dtype=np.float64)
    if values.ndim == 0:
        return format_number(float(values), float(errors))
    if full or values.size <= ENTRIES_IN_FULL:
        entries = [
            format_number(float(v), float(e)) for v, e in zip(values.flat, errors.flat, strict=True)
        ]
        longest = max(map(len, entries), default=0)
        texts = np.array([entry.rjust(longest) for entry in entries], dtype=object)
        return np.array2string(
            texts.reshape(values.shape),
            formatter={"all": str},
            max_line_width=columns,
            threshold=max(1, values.size),
        )
    shape = " x ".join(map(str, values.shape))
    corners = np.array2string(
        values,
        threshold=ENTRIES_IN_FULL,
        edgeitems=2 if values.ndim <= 2 else 1,
        max_line_width=columns,
        formatter={"float_kind": lambda entry: f"{entry:.4g}"},
    )
    largest = float(np.fmax.reduce(errors, axis=None))
    return f"{corners}\n{shape}, " + (
        "exact" if largest == 0 else f"largest standard error {largest:.2g}"
    )


def format_parameters(params: Mapping[str, npt.ArrayLike]) -> list[str]:
    """Return `name = value` for each parameter, on one line each."""
    return [
        f"{name} = {' '.join(format_array(value, np.zeros(np.shape(value))).split())}"
        for name, value in params.items()
    ]


def to_lists(value: object) -> Json:
    """Return an array as nested lists; what JSON has no number for (NaN, infinity) is null."""
    match value:
        case np.ndarray() | np.generic():
            return to_lists(value.tolist())
        case list() | tuple():
            return [to_lists(item) for item in value]
        case float():
            return value if isfinite(value) else None
        case None | bool() | int() | str():
            return value
    raise TypeError(f"{type(value).__name__} in a result")
