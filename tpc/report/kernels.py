"""Kernels -> the JSON object of `--json`, and a table for the terminal."""

from typing import IO

import numpy as np

from tpc.kernels.result import KernelResult
from tpc.report.numbers import Json, to_lists
from tpc.report.results import print_results, to_json


def kernels_to_json(result: KernelResult, program_name: str) -> dict[str, Json]:
    """Return the one object that `--json` prints; `gia` holds what the shortcut gives."""
    shown = to_json(result, program_name, "kernel")
    if result.shortcut:
        shown["gia"] = {
            name: {
                "value": to_lists(value),
                "largest_difference": to_lists(np.abs(value - result.values[name]).max()),
            }
            for name, value in result.shortcut.items()
        }
    return shown


def print_kernels(result: KernelResult, file: IO[str] | None = None) -> None:
    """Print both kernels, and how far gradient independence would be off where that was asked."""
    from rich.console import Console

    print_results(result, file=file)
    console = Console(file=file, highlight=False)
    for name, value in result.shortcut.items():
        true = result.values[name]
        largest = np.abs(value - true).max()
        part = largest / max(float(np.abs(true).max()), np.finfo(float).tiny)
        console.print(
            f"assuming gradient independence, {name} is off by up to {largest:.3g} "
            f"({100 * part:.2g} % of its largest entry)"
        )
