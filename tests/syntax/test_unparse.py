"""`parse` is the inverse of `unparse`, up to spans."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.syntax.trees import EXPRESSIONS, NETWORKS, PROGRAMS, without_spans
from tests.syntax.unparse import unparse, unparse_expression
from tpc.syntax import tree
from tpc.syntax.parse import parse_source

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.tp"))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(PROGRAMS)
def test_parse_of_unparse(program: tree.Source) -> None:
    again = parse_source(unparse(program))
    assert without_spans(again.statements) == without_spans(program.statements)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(NETWORKS)
def test_parse_of_unparse_of_networks(network: tree.Source) -> None:
    again = parse_source(unparse(network))
    assert without_spans(again.statements) == without_spans(network.statements)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS)
def test_spans_cut_out_the_expression(expression: tree.Expression) -> None:
    """The text under an expression's span, parsed alone, is the expression."""
    text = f"y = ({unparse_expression(expression)}) * (2)\n"
    (statement,) = parse_source(text).statements
    assert isinstance(statement, tree.Assign) and isinstance(statement.value, tree.Binary)
    (alone,) = parse_source(f"y = {statement.value.left.span.text(text)}\n").statements
    assert isinstance(alone, tree.Assign)
    assert without_spans(alone.value) == without_spans(expression)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_unparse_of_parse(path: Path) -> None:
    source = parse_source(path.read_text(encoding="utf-8"))
    again = parse_source(unparse(source))
    assert without_spans(again.statements) == without_spans(source.statements)


@pytest.mark.parametrize(
    "text",
    [
        "(a + b) * c - d",
        "a - (b - c)",
        "a @ (b @ c)",
        "-x ^ 2",
        "(-x) ^ 2",
        "2 ^ 3 ^ -x",
        "(2 ^ 3) ^ x",
        "-(a + b)",
        "--a * -b",
        "(W @ x)[0].T",
        "mean[j, l](f''(x[j], y[:, 0][l]))",
        "<x + y|z> * sum(x, axis=-1)",
    ],
)
def test_parentheses_stand_only_where_needed(text: str) -> None:
    (statement,) = parse_source(f"y = {text}\n").statements
    assert isinstance(statement, tree.Assign)
    assert unparse_expression(statement.value) == text


@pytest.mark.slow
def test_chains_of_any_length() -> None:
    text = "y = x" + " + x @ A" * 20_000 + "\n"
    assert unparse(parse_source(text)) == text
