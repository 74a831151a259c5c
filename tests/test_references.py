"""Docstrings cite the papers that docs/notation.md lists, by the names that it gives them."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^Reference:\n((?: {4}.*\n?)+)", re.MULTILINE)
NEXT = re.compile(r"\.\n|; (?=[A-Z][\w ]*, )|; (?=\w+\.md)")
"""What ends an entry: its line, or a semicolon before another paper or page."""


def papers() -> set[str]:
    """Return the names in the table of papers."""
    text = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8").partition("## Papers")[2]
    return set(re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)) - {"name"}


@cache
def references() -> tuple[tuple[str, str], ...]:
    """Return every entry of a section `Reference:`, behind the module that it stands in."""
    found = []
    for path in sorted((ROOT / "tpc").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for section in SECTION.findall(ast.get_docstring(node) or ""):
                    text = re.sub(r"\n {8}", " ", section)
                    for entry in filter(None, map(str.strip, NEXT.split(text))):
                        found.append((path.relative_to(ROOT).as_posix(), entry))
    return tuple(found)


@pytest.mark.slow
def test_only_listed_papers_are_cited() -> None:
    known = tuple(f"{name}," for name in papers())
    found = references()
    assert len(found) > 50
    assert not [cited for cited in found if not (cited[1].startswith(known) or ".md" in cited[1])]


@pytest.mark.slow
def test_every_listed_paper_is_cited() -> None:
    found = [entry for _, entry in references()]
    assert all(any(entry.startswith(f"{name},") for entry in found) for name in papers())
