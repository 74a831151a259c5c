"""What an installation must hold."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import tpc

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_every_package_is_shipped() -> None:
    """`packages` is a list by hand, since the grammar lives outside of the package's folder."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "tpc").rglob("__init__.py")
    }
    assert set(settings["tool"]["setuptools"]["packages"]) == found | {"tpc.grammar"}


def test_the_grammar_is_found_as_a_resource() -> None:
    text = files("tpc.grammar").joinpath("tensor_program.lark").read_text(encoding="utf-8")
    assert text == (ROOT / "grammar" / "tensor_program.lark").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "version"),
    [("CHANGELOG.md", r"^## (.+)$"), ("CITATION.cff", r"^version: (.+)$")],
)
def test_every_file_says_the_same_version(file: str, version: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    first = re.search(version, text, re.MULTILINE)
    assert first is not None
    assert first[1] == tpc.__version__
