"""The two forms of a dot agree: derivatives against Stein's lemma, on every program with both."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.numeric.agreement import assert_agree, pooled
from tpc.limit.equations import DotEquation
from tpc.program.program import Program

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.tp"))
SLOW = ("gradient_dependence", "marchenko_pastur", "mup_sgd_deep", "semicircle")

PROGRAMS = {
    "rectangular, a mean, a variance": """
        dim n
        dim m = 2 * n
        const A = [[1.0, 0.5, -0.3], [0.2, -1.0, 0.4]]
        vector u[2] : m
        vector z : n ~ normal(0.3, 0.7)
        matrix W : n x m ~ normal(0, 1.7 / m)
        y = u @ A + 0.1
        h = W @ y
        g = tanh(h * z) + 2 * softmax(h)
        k = W.T @ g
        output c = <k|y>
        l = W @ tanh(k)
        output d = <l|g>
        output l
        """,
    "slots, sums and maxima": """
        dim n
        const B = [[0.5, 1], [1, -0.5], [0.3, 0.2]]
        vector u[3] : n
        matrix W : n x n ~ normal(0, 1.5 / n)
        h = W @ u
        p = sin(h) @ B
        a = W.T @ (sum(h, axis=0) * p)
        b = W.T @ amax(h * u)
        c = W.T @ (h[1] * p[0] * u)
        output K = <a|u>
        output L = <b|u>
        output M = <c|u>
        w = W @ (tanh(a[0]) * b * c[2])
        output N = avg(w * h[0])
        """,
    "through an outer nonlinearity": """
        dim n
        vector x, g : n
        matrix W : n x n
        h = W @ x
        y = mean[j](tanh(h * g[j]))
        k = W.T @ (y + h)
        output c = <k|x>
        output v = avg(square(k))
        """,
    "weights shared by two layers": """
        dim n
        vector x : n
        matrix W : n x n ~ normal(0, 2 / n)
        h1 = W @ x
        h2 = W @ relu(h1)
        d2 = gelu'(h2) + h1
        d1 = (W.T @ d2) * sigmoid(h1)
        k = W.T @ d1
        h3 = W @ silu(k)
        output a = <k|x>
        output b = <h3|d1>
        output k
        """,
    "a covariance and a layer norm": """
        dim n
        vector x[2] : n ~ normal([0.1, -0.2], [[1, 0.5], [0.5, 1]])
        matrix W : n x n
        h = W @ x
        s = h - avg(h)
        z = s / sqrt(avg(square(s)) + 1e-5)
        k = W.T @ (z * exp(z[0] - z))
        output K = <k|x>
        """,
}


def forms(program: Program) -> list[str]:
    equations = tpc.derive(program, dot="derivative").equations
    return [equation.form for equation in equations if isinstance(equation, DotEquation)]


@pytest.mark.slow
@pytest.mark.parametrize("title", PROGRAMS)
def test_programs(title: str) -> None:
    text = "\n".join(line.strip() for line in PROGRAMS[title].strip().split("\n"))
    program = tpc.parse(text)
    assert "derivative" in forms(program)
    samples = 2**12 if program.dialect == "nexort" else 2**15  # a mean over pairs costs N^2
    derivative = pooled(tpc.evaluator(program, dot="derivative"), samples)
    stein = pooled(tpc.evaluator(program, dot="stein"), samples, first_seed=100)
    assert_agree(derivative, stein)


@pytest.mark.parametrize(
    "path",
    slow_where(lambda path: path.stem in SLOW, EXAMPLES),
    ids=lambda path: path.stem,
)
def test_examples(path: Path) -> None:
    program = tpc.load(path)
    try:
        found = forms(program)
    except tpc.ProgramError:
        pytest.skip("a derivative holds a delta")
    if not found:
        pytest.skip("no dots")
    derivative = pooled(tpc.evaluator(program, dot="derivative"), 2**14)
    stein = pooled(tpc.evaluator(program, dot="stein"), 2**14, first_seed=100)
    assert_agree(derivative, stein)


@pytest.mark.slow
def test_a_wrong_dot_is_noticed() -> None:
    """The comparison can fail: without its dot, a product disagrees."""
    text = (
        "dim n\nvector x : n\nmatrix {} : n x n\nh = W @ x\nk = {}.T @ tanh(h)\noutput c = <k|x>\n"
    )
    tied = pooled(tpc.evaluator(tpc.parse(text.format("W", "W"))), 2**12)
    untied = pooled(tpc.evaluator(tpc.parse(text.format("W, V", "V"))), 2**12)
    with pytest.raises(AssertionError):
        assert_agree(tied, untied)
    assert np.isfinite(tied["c"][0])
