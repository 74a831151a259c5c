"""The preamble's source in parts, so that a module carries only what it uses."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

SOURCES = (
    "evaluation",
    "random_nodes",
    "grids",
    "matrix_products",
    "grid_products",
    "copy_means",
    "stored_pairs",
    "elementwise",
    "series_integrals",
)
"""The files of the preamble, in the order in which modules have their parts."""

SERIES = ("hermite", "mehler", "pair_series")
"""The files of Hermite series."""

_NEEDS: dict[str, tuple[str, ...]] = {
    "products_with": ("Products", "GridProducts"),
    "pair_array": ("mean_over_copies",),
    "product_of_pairs": ("pair_array", "mean_over_copies"),
    "Phi": ("erf",),
    "gelu": ("Phi", "erf"),
    "silu": ("sigmoid",),
    "single_integral": ("settled",),
    "pair_integral": ("settled",),
}

_SERIES_NEEDED: dict[str, tuple[str, ...]] = {
    "single_integral": ("hermite", "single_series"),
    "pair_integral": ("hermite", "mehler", "pair_series", "listed_series", "Plane"),
}
"""The parts of series that functions of the preamble need."""

_ALWAYS = ("Estimate", "sampled", "integrated", "Nodes", "SobolNodes", "Ket", "GridNodes")
"""What `evaluate` needs."""


@cache
def _parts() -> dict[str, str]:
    return _read(SOURCES)


@cache
def _series_parts() -> dict[str, str]:
    return _read(SERIES)


def _read(names: Iterable[str]) -> dict[str, str]:
    """Return the parts of some files by name."""
    found: dict[str, str] = {}
    for name in names:
        text = files("tpc.runtime").joinpath(f"{name}.py").read_text(encoding="utf-8")
        pieces = re.split(r"^# <part (\w+)>\n", text, flags=re.MULTILINE)[1:]
        found |= dict(zip(pieces[::2], pieces[1::2], strict=True))
    return found


def imports() -> str:
    """Return what modules import, and their type aliases."""
    return _IMPORTS


_IMPORTS = """from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Outputs = dict[tuple[str, str], Array]"""


def part(name: str) -> str:
    """Return one part's source, stripped of blank lines around it."""
    return _parts()[name].strip("\n")


@cache
def names_defined() -> frozenset[str]:
    """Return what the parts define at module level."""
    text = "\n".join([*_parts().values(), *_series_parts().values()])
    return frozenset(re.findall(r"^(?:(?:def|class) )?(\w+)(?=[(:]| =)", text, re.M))


def library(used: Iterable[str]) -> list[str]:
    """Return the parts that the functions in `used` need, in the preamble's order."""
    wanted = {*_ALWAYS, *used, *(need for name in used for need in _NEEDS.get(name, ()))}
    return [part(name) for name in _parts() if name in wanted]


def series_library(used: Iterable[str]) -> list[str]:
    """Return the parts of Hermite series that the functions in `used` need, in their order."""
    wanted = {need for name in used for need in _SERIES_NEEDED.get(name, ())}
    return [source.strip("\n") for name, source in _series_parts().items() if name in wanted]
