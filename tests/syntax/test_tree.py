"""Parts of a text: what each directly holds, and all of them in the order of the text."""

from pathlib import Path

import pytest

from tpc.syntax import tree
from tpc.syntax.parse import parse_source

WHOLE = Path(__file__).parents[1]


def names_in(*roots: tree.Syntax) -> str:
    """Return the names below some parts, in order."""
    return " ".join(part.id for part in tree.walk(*roots) if isinstance(part, tree.Name))


def test_walk_goes_through_names_of_functions_keywords_and_coordinates_in_order() -> None:
    source = parse_source("y[k] = f'(x[:, i], axis=n) * mean[j](a.T @ b[j])\n")
    assert names_in(*source.statements) == "y k f x i n j a b j"


def test_walk_enters_blocks() -> None:
    lines = ["for t in range(n):", "    if c:", "        x = a", "    else:", "        x = b", ""]
    source = parse_source("\n".join(lines))
    assert names_in(*source.statements) == "t range n c x a x b"


def test_children_are_direct() -> None:
    (statement,) = parse_source("x = f(a, b + c)\n").statements
    assert [type(part) for part in tree.children(statement)] == [tree.Target, tree.Call]
    call = tree.children(statement)[1]
    assert [type(part) for part in tree.children(call)] == [tree.Name, tree.Name, tree.Binary]


@pytest.mark.parametrize("name", ["whole_language.tp", "whole_network.tp"])
def test_parts_come_in_the_order_of_the_text(name: str) -> None:
    source = parse_source((WHOLE / name).read_text())
    for part in tree.walk(*source.statements):
        starts = [child.span.start for child in tree.children(part)]
        assert starts == sorted(starts), part
        assert not isinstance(part, tree.Expression) or all(
            part.span.start <= start for start in starts
        )


@pytest.mark.slow
def test_long_chains_do_not_recurse() -> None:
    source = parse_source("x = " + " + ".join(["a"] * 5000) + "\n")
    assert names_in(*source.statements) == " ".join(["x"] + ["a"] * 5000)
