"""Limits as JSON: one object for each equation, with its place in the source."""

import json
from collections.abc import Callable

from tpc.limit.equations import Limit
from tpc.report.json import to_json
from tpc.report.text import describe

TEXT = """program "Back and forth"
dim n
param s = 2
matrix W : n x n ~ normal(0, s / n)
vector x[2] : n
h = W @ x
g = W.T @ tanh(h)
k = W @ (g * tanh'(g))
output c = <k|h>
output k
"""


def test_every_equation_has_its_parts(limit_of: Callable[..., Limit]) -> None:
    limit = limit_of(TEXT)
    said = json.loads(json.dumps(to_json(limit)))
    assert (said["program"], said["title"]) == ("<string>", "Back and forth")
    assert said["dialect"] == "netsort"
    equations = said["equations"]
    assert len(equations) == len(limit.equations)
    for shown, equation in zip(equations, limit.equations, strict=True):
        assert shown["name"] == equation.name
        assert shown["shape"] == list(equation.node.shape)
        assert (shown["line"], shown["column"]) == (equation.span.line, equation.span.column)
        assert shown["latex"].startswith("\\begin{align*}\n")
    texts = [shown["text"].split("\n")[0] for shown in equations]
    assert texts == [text.split("\n")[0] for text in describe(limit)]


def test_hats_and_dots_say_what_they_are_made_of(limit_of: Callable[..., Limit]) -> None:
    equations = to_json(limit_of(TEXT))["equations"]
    by_kind = {(shown["kind"], shown["name"]): shown for shown in equations}
    hat = by_kind["hat", "k"]
    assert (hat["matrix"], hat["transposed"], hat["gain"]) == ("W", False, "s")
    assert hat["correlated"] == ["h"]
    dot = by_kind["dot", "g"]
    assert dot["form"] == "derivative"
    assert dot["terms"] == [
        {"product": "h", "ket": "|x⟩", "bra": "E[1 - tanh(|h⟩)^2]"},
    ]
    assert by_kind["initial", "x"]["text"] == "|x⟩ ~ N(0, I) in R^2"
    assert by_kind["scalar", "c"]["text"] == "c = ⟨k|h⟩"
    assert by_kind["ket", "h"]["text"] == "|h⟩ = |h⟩^"


def test_outputs(limit_of: Callable[..., Limit]) -> None:
    scalar, vector = to_json(limit_of(TEXT))["outputs"]
    assert (scalar["name"], scalar["kind"], scalar["parts"]) == ("c", "scalar", ["value"])
    assert scalar["shape"] == [2, 2]
    assert (vector["kind"], vector["parts"]) == ("vector", ["mean", "cov"])
    assert vector["text"] == "mean(|k⟩) = E[|k⟩]\nCov(|k⟩) = ⟨k|k⟩ - E[|k⟩] ⊗ E[|k⟩]"
