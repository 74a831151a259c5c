"""The source of the closed forms' arithmetic in parts, so that a module carries what it uses."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

SOURCES = ("arithmetic.py", "orthant_arithmetic.py")
"""Their parts begin at lines `# <part NAME>`."""


def arithmetic_parts(used: Iterable[str]) -> dict[str, str]:
    """Return the source of functions and of all that they call, each behind what it calls.

    Args:
        used: Names of functions, such as `functions_used` returns.
    """
    parts = _parts()
    owners = {name: part for part, source in parts.items() for name in _defined(source)}
    wanted: set[str] = set()
    missing = {owners[name] for name in used if name in owners}
    while missing:
        part = missing.pop()
        wanted.add(part)
        words = set(re.findall(r"\b\w+(?=\()", parts[part]))
        missing |= {owners[word] for word in words & owners.keys()} - wanted
    return {name: source for name, source in parts.items() if name in wanted}


def arithmetic_names() -> frozenset[str]:
    """Return the names of all functions of the arithmetic."""
    return frozenset(name for source in _parts().values() for name in _defined(source))


@cache
def _parts() -> dict[str, str]:
    parts: dict[str, str] = {}
    for name in SOURCES:
        text = files("tpc.runtime").joinpath(name).read_text(encoding="utf-8")
        pieces = re.split(r"^# <part (\w+)>\n", text, flags=re.MULTILINE)[1:]
        parts |= {n: p.strip("\n") for n, p in zip(pieces[::2], pieces[1::2], strict=True)}
    return parts


def _defined(source: str) -> list[str]:
    return re.findall(r"^def (\w+)", source, flags=re.MULTILINE)
