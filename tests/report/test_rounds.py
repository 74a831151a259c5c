"""A loop of a limit, in every format: its equations once, under the numbers of its rounds."""

import pytest

import tpc
from tpc.limit.equations import Limit
from tpc.report.json import to_json
from tpc.report.text import to_text

LOOP = """\
dim n
vector v : n
matrix W : n x n
h[0] = v
for k in range(120):
    h[k+1] = tanh(W @ h[k])
z = W.T @ h[120]
output c = <z|z>
"""


def limit() -> Limit:
    return tpc.derive(tpc.parse(LOOP))


def test_text_says_the_rounds_once() -> None:
    text = to_text(limit())
    assert text.count("for t = 1, ..., 119\n\nline 6: h[k+1]") == 1
    assert text.count("|h[t+1]⟩ = tanh(") == 1
    before, after = text.index("for t = "), text.index("line 7")
    assert "Cov(|W h[t]⟩^, |W h[s]⟩^) = ⟨h[t]|h[s]⟩ for s<t" in text[before:after]


@pytest.mark.slow
def test_latex_and_pages_have_a_heading() -> None:
    latex, page = tpc.derive(tpc.parse(LOOP)).to_latex(), tpc.derive(tpc.parse(LOOP)).to_html()
    head, loop, rest = latex.split(r"\noindent ")
    assert loop.startswith("For $t = 1, \\dots, 119$:\n\\begin{align*}")
    assert rest.startswith("Then\n\\begin{align*}")
    assert "h_{t" not in head + rest
    assert page.count("<h2>For <i>t = 1, ..., 119</i></h2>") == 1


def test_json_has_the_rounds_of_each_equation() -> None:
    equations = to_json(limit())["equations"]
    assert isinstance(equations, list)
    found = {each["name"]: each.get("rounds") for each in equations if isinstance(each, dict)}
    assert found["h[t+1]"] == [1, 119]
    assert found["v"] is None
    assert found["c"] is None
