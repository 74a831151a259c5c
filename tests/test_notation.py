"""Every identifier that docs/notation.md names exists, wherever in the package it stands."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IDENTIFIER = re.compile(r'"\w+"|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?')
"""A string, `file.py`, `name` or `Class.name`, alone or at the beginning of an expression."""


def identifiers() -> Iterator[str]:
    """Yield what the columns `in the code` put in backticks."""
    head: list[str] = []
    for line in (ROOT / "docs" / "notation.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells or not head:
            head = cells
        elif "in the code" in head:
            cell = dict(zip(head, cells, strict=True))["in the code"]
            yield from (IDENTIFIER.match(text)[0] for text in re.findall(r"`([^`]+)`", cell))


def defined() -> set[str]:
    """Return every name that the package defines, and its strings, in quotation marks."""
    found: set[str] = set()
    for path in (ROOT / "tpc").rglob("*.py"):
        found.add(path.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ClassDef(name=owner):
                    found |= {owner, *(f"{owner}.{name}" for at in node.body for name in bound(at))}
                case ast.Constant(value=str(text)):
                    found.add(f'"{text}"')
                case ast.arg(arg=name):
                    found.add(name)
                case _:
                    found |= set(bound(node))
    return found


def bound(statement: ast.AST) -> list[str]:
    """Return the names that a statement binds."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case _:
            return []


@pytest.mark.slow
def test_every_identifier_exists() -> None:
    named, found = set(identifiers()), defined()
    assert len(named) > 50
    assert sorted(named - found) == []
