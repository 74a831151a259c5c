"""Formulas with other names."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from tpc.report import formula as expr
from tpc.report.formula import Formula, Name


def rebuilt(part: Any, of: Callable[[Any], Any]) -> Any:
    """Return a part of a formula with its own parts replaced."""
    if isinstance(part, tuple):
        return tuple(map(of, part))
    if not is_dataclass(part) or isinstance(part, type):
        return part
    return replace(part, **{own.name: of(getattr(part, own.name)) for own in fields(part)})


def renamed(x: Formula, rename: Callable[[str], str]) -> Formula:
    """Return a formula with other names."""

    def of(part: Any) -> Any:
        match part:
            case Name(text=text):
                return Name(rename(text))
            case expr.Ket(name=name):
                return replace(part, name=rename(name))
            case expr.BraKet(left=left, right=right):
                return replace(part, left=rename(left), right=rename(right))
            case _:
                return rebuilt(part, of)

    found: Formula = of(x)
    return found


def names_of(x: Formula) -> set[str]:
    """Return the names in a formula, without primes."""
    found: set[str] = set()

    def of(text: str) -> str:
        found.add(text.rstrip("'"))
        return text

    renamed(x, of)
    return found
