"""Runs without matrices have the law of dense runs, output by output; what is too much is said."""

import numpy as np
import pytest
from scipy import stats

import tpc
from tpc.program.program import Program
from tpc.simulation import cost
from tpc.simulation.result import Value
from tpc.simulation.runs import run_trials
from tpc.simulation.simulate import ProgramRuns

PROGRAMS = {
    "there and back": """
dim n
vector v : n
matrix W : n x n
x = tanh(W @ v)
y = W.T @ x
output a = <v|y>
output b = <y|y>
output c = avg(relu(y))
""",
    "rectangular": """
dim n
dim m = 2 * n
vector v[2], w : n
matrix A : n x m ~ normal(0, 2 / n)
h = A.T @ v
g = A @ relu(h)
readout f = w * tanh(g[1])
output K = <g|g>
output x = h
output B = <v|g>
""",
    "a deep network": """
dim n
const X = [[1, 0.5], [-0.4, 0.9], [1, 0.5]]
vector u[2], v : n
matrix V, W : n x n ~ normal(0, 2 / n)
h[0] = u @ X.T
h[1] = V @ relu(h[0])
h[2] = W @ relu(h[1])
d[2] = v * step(h[2][0])
d[1] = (W.T @ d[2]) * step(h[1][0])
d[0] = V.T @ d[1]
readout f = v * relu(h[2][0])
output K = <h[2]|h[2]>
output T = <d[1]|d[1]> * <h[0][0]|h[0][0]>
output G = <d[0]|relu(h[0][1])>
""",
    "a tied network": """
dim n
vector s : n
matrix W : n x n ~ normal(0, 1.5 / n)
h[0] = s
for t in range(4):
    h[t + 1] = W @ tanh(h[t]) + 0.1 * s
b = W.T @ h[4]
output K = <h[4]|h[2]>
output B = <b|h[3]>
output x = b
""",
    "the semicircle": """
dim n
vector v : n
matrix W : n x n
p[0] = v
for k in range(3):
    p[k + 1] = (W @ p[k] + W.T @ p[k]) / sqrt(2)
    output m[k] = <v|p[k + 1]>
output last = <p[3]|p[3]>
""",
    "an outer nonlinearity": """
dim n
vector v, w : n
matrix W : n x n
x = W @ v
y = mean[j](sign(w * x[j]) * tanh(x[j]))
z = W.T @ y
output K = <z|z>
output B = <z|v>
""",
    "orthogonal": """
dim n
vector v, w : n
matrix O : n x n ~ orthogonal(1.3)
h = O @ v
g = O.T @ tanh(h)
k = O @ tanh(g) + w
output a = <v|g>
output b = <g|g>
output c = avg(k * tanh(h))
readout f = w * tanh(h)
""",
    "low rank": """
dim n
dim m = 3 * n
vector v : m
matrix P : n x m ~ low_rank(4, 2 / m)
h = P @ v
g = P.T @ tanh(h)
k = P @ relu(g)
output a = <v|g>
output b = <k|k>
output c = avg(h * relu(k))
""",
}
WIDTH, TRIALS = 64, 300


def samples(program: Program, engine: str, seed: int) -> dict[str, list[Value]]:
    trials = run_trials(ProgramRuns(program), WIDTH, TRIALS, seed, None, None, engine)  # type: ignore[arg-type]
    return {output.name: [trial[output.name] for trial in trials] for output in program.outputs}


def columns(values: list[Value]) -> np.ndarray:
    """Return a row for each trial, of all entries of an output."""
    rows = [np.concatenate([np.ravel(v[k]) for k in v]) if isinstance(v, dict) else np.ravel(v)
            for v in values]  # fmt: skip
    return np.stack(rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_outputs_have_the_distribution_of_dense_runs(name: str) -> None:
    """Two-sample Kolmogorov-Smirnov tests at finite width, Bonferroni over the entries."""
    program = tpc.parse(PROGRAMS[name])
    dense, free = samples(program, "dense", 1), samples(program, "matrix-free", 2)
    pairs = [
        (output, a, b)
        for output in dense
        for a, b in zip(columns(dense[output]).T, columns(free[output]).T, strict=True)
        if np.ptp(a) > 1e-9 or np.ptp(b) > 1e-9
    ]
    assert pairs
    for output, a, b in pairs:
        p = stats.ks_2samp(a, b).pvalue
        assert p > 1e-3 / (len(pairs) * len(PROGRAMS)), (output, p)


@pytest.mark.slow
def test_the_comparison_can_fail() -> None:
    """An output at another width is told apart: the law is not that of the limit."""
    program = tpc.parse(PROGRAMS["there and back"])
    dense = samples(program, "dense", 1)["b"]
    wide = run_trials(ProgramRuns(program), 16 * WIDTH, TRIALS, 2, None, None, "matrix-free")
    other = [trial["b"] for trial in wide]
    assert stats.ks_2samp(columns(dense)[:, 0], columns(other)[:, 0]).pvalue < 1e-6


def test_results_say_their_engine() -> None:
    program = tpc.parse(PROGRAMS["there and back"])
    assert tpc.simulate(program, 20_000, trials=1, engine="matrix-free").method == "matrix-free"
    with pytest.raises(ValueError, match="no engine 'sparse': use dense or matrix-free"):
        tpc.simulate(program, 20, engine="sparse")  # type: ignore[arg-type]


def test_a_dense_run_that_does_not_fit_names_the_other_engine() -> None:
    program = tpc.parse(PROGRAMS["there and back"])
    with pytest.raises(tpc.ProgramError) as caught:
        tpc.simulate(program, 10**8)
    (found,) = caught.value.diagnostics
    assert (found.code, found.line) == ("TP411", 4)
    assert "80 PB" in found.message and "`--engine matrix-free` needs" in found.hint


def test_a_dense_run_without_a_law_of_products_does_not() -> None:
    program = tpc.parse("dim n\nvector v : n\nmatrix W : n x n ~ sparse(0.1)\noutput h = W @ v\n")
    with pytest.raises(tpc.ProgramError) as caught:
        tpc.simulate(program, 10**8)
    (found,) = caught.value.diagnostics
    assert found.hint == "take a smaller width"


@pytest.mark.slow
def test_memory_counts_what_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred products in a row hold two vectors, and a matrix or its frames."""
    text = "dim n\nvector v : n\nmatrix W : n x n\nx[0] = v\nfor t in range(100):\n"
    program = tpc.parse(
        text
        + "    x[t + 1] = tanh(W @ x[t])\noutput <x[100]|x[100]>\n".replace(
            "output <", "output K = <"
        )
    )
    monkeypatch.setattr(cost, "available_memory", lambda: 9 * 10**6)
    assert tpc.simulate(program, 1000, trials=1).width == 1000
    with pytest.raises(tpc.ProgramError):
        tpc.simulate(program, 1200, trials=1)
    assert tpc.simulate(program, 4000, trials=1, engine="matrix-free").width == 4000
