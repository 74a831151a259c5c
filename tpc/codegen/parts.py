"""The preamble's source in parts, so that a module carries only what it uses."""

import re
from functools import cache
from importlib.resources import files

PART_NAMES: tuple[str, ...] = (
    "Nodes", "factor", "Products", "mean_over_copies", "PAIRS_IN_BLOCK", "inner_of_pairs", "erf",
    "ERFC_SERIES", "Phi", "sigmoid", "gelu", "silu", "leaky_relu", "elu", "softmax",
)  # fmt: skip
"""What the parts define that a program's equations, or other parts, may call."""

_NEEDS: dict[str, tuple[str, ...]] = {
    "Phi": ("erf",),
    "gelu": ("Phi", "erf"),
    "silu": ("sigmoid",),
}


@cache
def _parts() -> dict[str, str]:
    text = files("tpc.codegen").joinpath("preamble.py").read_text(encoding="utf-8")
    pieces = re.split(r"^# <part (\w+)>\n", text, flags=re.MULTILINE)
    return {"imports": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def part(name: str) -> str:
    """Return one part's source, stripped of blank lines around it."""
    return _parts()[name].strip("\n")


def imports() -> str:
    """Return the import block and the type aliases, without the docstring."""
    return _parts()["imports"].split('"""', 2)[2].strip("\n")


def library(used: set[str]) -> list[str]:
    """Return the parts that the functions in `used` need, in the preamble's order."""
    wanted = {"Nodes", *used, *(need for name in used for need in _NEEDS.get(name, ()))}
    return [part(name) for name in _parts() if name in wanted]
