"""What an installation must hold."""

import tomllib
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
