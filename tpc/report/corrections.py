"""Corrections to a limit -> the JSON object of `tpc simulate --corrections`, and a table."""

from collections.abc import Collection, Iterator, Mapping
from typing import IO

from tpc.report.numbers import Json, format_array, to_lists
from tpc.report.results import describe_origin, to_json
from tpc.simulation.result import Array, Corrections, Value


def corrections_to_json(
    found: Corrections, program_name: str, readouts: Collection[str]
) -> dict[str, Json]:
    """Return the object of `tpc simulate`, with what was corrected in each output.

    Each output has its `correction`, the coefficient of 1/n, and `correction_stderr`, arrays or for
    a vector `mean` and `cov`; a readout has its excess `kurtosis` at the width, the
    `kurtosis_coefficient` of 1/n in it, and `_stderr` of both.
    """
    shown = to_json(found.result, program_name, "simulate", readouts)
    outputs = shown["outputs"]
    assert isinstance(outputs, dict)
    for name, value in found.coefficients.items():
        entry = outputs[name]
        assert isinstance(entry, dict)
        entry["correction"] = _parts(value)
        entry["correction_stderr"] = _parts(found.coefficients_stderr[name])
        kurtosis = found.kurtosis.get(name)
        if kurtosis is not None:
            entry["kurtosis"] = to_lists(kurtosis.value)
            entry["kurtosis_stderr"] = to_lists(kurtosis.stderr)
            entry["kurtosis_coefficient"] = to_lists(kurtosis.coefficient)
            entry["kurtosis_coefficient_stderr"] = to_lists(kurtosis.coefficient_stderr)
    return shown


def print_corrections(
    found: Corrections, readouts: Collection[str], file: IO[str] | None = None
) -> None:
    """Print every output at the width, and the coefficient of 1/n in it.

    Args:
        found: What to show.
        readouts: Outputs whose value is a covariance.
        file: Where to; standard output if None.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=file, highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("output", f"n = {found.result.width}", "coefficient of 1/n"):
        table.add_column(heading, overflow="fold")
    for name, value, coefficient in _rows(found, readouts):
        table.add_row(Text(name, style="bold"), Text(value), Text(coefficient))
    console.print(table)
    console.print(Text(describe_origin(found.result), style="dim"))


def _rows(found: Corrections, readouts: Collection[str]) -> Iterator[tuple[str, str, str]]:
    result = found.result
    for name, coefficient in found.coefficients.items():
        label = f"{name} cov" if name in readouts else name
        tables = (
            _arrays(result.values[name]),
            _arrays(result.stderr[name]),
            _arrays(coefficient),
            _arrays(found.coefficients_stderr[name]),
        )
        for part in tables[0]:
            value, error, c, c_error = (table[part] for table in tables)
            shown = f"{label} {part}" if part else label
            yield shown, format_array(value, error, 36), format_array(c, c_error, 36)
        kurtosis = found.kurtosis.get(name)
        if kurtosis is not None:
            yield (
                f"{name} excess kurtosis",
                format_array(kurtosis.value, kurtosis.stderr, 36),
                format_array(kurtosis.coefficient, kurtosis.coefficient_stderr, 36),
            )


def _arrays(value: Value) -> Mapping[str, Array]:
    return value if isinstance(value, Mapping) else {"": value}


def _parts(value: Value) -> Json:
    if isinstance(value, Mapping):
        return {part: to_lists(array) for part, array in value.items()}
    return to_lists(value)
