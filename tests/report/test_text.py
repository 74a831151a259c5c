"""Limits as text: what a reader of the paper expects to see, and a whole program as it is shown."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tpc.limit.equations import HatEquation, Limit
from tpc.report.text import WIDTH, TextPrinter, describe, to_text

LimitOf = Callable[..., Limit]

BACKPROP = """program "Two layers, back and forth"
dim n
param sw = 1.5
matrix W : n x n ~ normal(0, sw^2 / n)
vector x0, v, w : n
h1 = W @ x0                # forward
x1 = tanh(h1)
dx = W.T @ (v * tanh'(h1)) # backward
h2 = W @ tanh(dx)
output h2
output c = <dx|x0>
readout f = w * tanh(h2)
"""

EXPECTED = """\
Two layers, back and forth
dialect netsort
dim n
param sw = 1.5
memory: 7 floats a sample at the peak

line 5: vector x0, v, w : n
    |x0⟩ ~ N(0, 1)
    |v⟩ ~ N(0, 1)
    |w⟩ ~ N(0, 1)

line 6: h1 = W @ x0
    |h1⟩^ = |W x0⟩^ ~ N(0, sw^2 ⟨x0|x0⟩)
    |h1⟩ = |h1⟩^

line 7: x1 = tanh(h1)
    |x1⟩ = tanh(|h1⟩)

line 8: dx = W.T @ (v * tanh'(h1))
    |dx⟩^ = |W.T t1⟩^ ~ N(0, sw^2 ⟨t1|t1⟩)
    where |t1⟩ = |v⟩ (1 - |x1⟩^2)
    |dx⟩˙ = |W.T t1⟩˙ = sw^2 |x0⟩⟨∇ W x0|t1⟩
        = sw^2 |x0⟩ E[-2 |v⟩ |x1⟩ (1 - |x1⟩^2)]
    |dx⟩ = |dx⟩^ + |dx⟩˙

line 9: h2 = W @ tanh(dx)
    |h2⟩^ ~ N(0, sw^2 E[tanh(|dx⟩)^2])
    Cov(|h2⟩^, |h1⟩^) = sw^2 E[tanh(|dx⟩) |x0⟩]
    |h2⟩˙ = sw^2 |t1⟩ E[1 - tanh(|dx⟩)^2]
    |h2⟩ = |h2⟩^ + |h2⟩˙

line 11: output c = <dx|x0>
    c = ⟨dx|x0⟩

line 12: readout f = w * tanh(h2)
    |f⟩ = |w⟩ tanh(|h2⟩)

outputs
    c
    mean(|h2⟩) = E[|h2⟩]
    Cov(|h2⟩) = E[(|h2⟩ - E[|h2⟩])^2]
    f ~ N(0, ⟨f|f⟩)
"""


def test_a_whole_limit(limit_of: LimitOf) -> None:
    assert to_text(limit_of(BACKPROP, integrate=False), 7) == EXPECTED


@pytest.mark.slow
def test_descriptions_are_aligned_with_equations(limit_of: LimitOf) -> None:
    limit = limit_of(BACKPROP)
    said = describe(limit)
    assert len(said) == len(limit.equations)
    for text, equation in zip(said, limit.equations, strict=True):
        assert text.startswith(f"{equation.name} =") or text.startswith(f"|{equation.name}⟩")
    whole = to_text(limit)
    assert all(line in whole for text in said for line in text.split("\n"))


def test_the_stein_form_names_the_hats(limit_of: LimitOf) -> None:
    said = "\n".join(describe(limit_of(BACKPROP, "stein")))
    assert "|dx⟩˙ = |W.T t1⟩˙ = sw^2 |x0⟩⟨∇ W x0|t1⟩" in said
    assert "⟨∇ q|t1⟩ = Cov(|q⟩)^+ @ E[|q⟩ ⊗ |t1⟩], |q⟩ = |h1⟩^" in said


def test_many_covariances_are_one_statement(limit_of: LimitOf) -> None:
    text = """dim n
matrix W : n x n
vector y : n
x[0] = tanh(y)
for t in range(12):
    x[t + 1] = tanh(W @ x[t])
output c = <x[12]|x[0]>
"""
    said = describe(limit_of(text))
    family = "Cov(|W x[11]⟩^, |W yy⟩^) = ⟨x[11]|yy⟩ for each of the 11 earlier |W yy⟩"
    assert any(family in line for line in said)
    assert max(text.count("\n") for text in said) <= 3
    assert "Cov(|W x[2]⟩^, |W x[1]⟩^) = ⟨x[2]|x[1]⟩" in "\n".join(said)


def test_initial_kets(limit_of: LimitOf) -> None:
    text = """dim n
param m = 2
vector a : n ~ normal(m, 4)
vector u[3] : n
vector z[2] : n ~ normal(0, [[1, 0.5], [0.5, 1]])
vector w[2, 2] : n ~ normal(0, m / 2)
output s = avg(a) + sum(<u|u>) + sum(<z|z>) + sum(<w|w>)
"""
    said = describe(limit_of(text))
    assert said[:4] == (
        "|a⟩ ~ N(m, 4)",
        "|u⟩ ~ N(0, I) in R^3",
        "|z⟩ ~ N(0, [[1, 0.5], [0.5, 1]]) in R^2",
        "|w⟩ ~ N(0, (m / 2) I) in R^(2×2)",
    )


def test_copies_are_numbered(limit_of: LimitOf) -> None:
    text = """dim n
vector x, y : n
z = mean[j, l](sign(x * y[j] - x[l]))
output c = avg(z)
"""
    assert "|z⟩ = E¹E²[sign(|x⟩ |y⟩¹ - |x⟩²)]" in describe(limit_of(text))


def test_rectangular_matrices_show_their_gain(limit_of: LimitOf) -> None:
    text = "dim n\ndim m = 2 * n\nmatrix A : n x m\nvector v : n\ny = A @ (A.T @ v)\n"
    said = "\n".join(describe(limit_of(text + "output c = <v|y>\n")))
    assert "|A.T v⟩ = |A.T v⟩^ ~ N(0, 0.5 ⟨v|v⟩)" in said
    assert "|y⟩˙ = |A A.T v⟩˙ = |v⟩⟨∇ A.T v|A.T v⟩\n    = |v⟩" in said


@pytest.mark.parametrize("path", sorted(Path("examples").glob("*.tp")), ids=lambda path: path.stem)
def test_examples_read_well(limit_of: LimitOf, path: Path) -> None:
    limit = limit_of(path.read_text(encoding="utf-8"))
    text = to_text(limit)
    assert text.isprintable() or set(text) - set("\n") <= {c for c in text if c.isprintable()}
    statement = re.compile(r"line \d+: ")
    for line in text.split("\n"):
        assert len(line) <= WIDTH + 4 or statement.match(line)
    for name in re.findall(r"\bt\d+\b(?!\[)", text):
        assert f"where |{name}⟩ = " in text or f"where {name} = " in text


def test_an_expression_is_shown_by_its_local_name(limit_of: LimitOf) -> None:
    limit = limit_of(BACKPROP)
    printer = TextPrinter(limit)
    hat = next(e for e in limit.equations if isinstance(e, HatEquation) and e.name == "dx")
    assert printer.expression(hat.node.operand) == "|t1⟩ = |v⟩ (1 - |x1⟩^2)"
    assert printer.equation(hat) == "|dx⟩^ = |W.T t1⟩^ ~ N(0, sw^2 ⟨t1|t1⟩)"
