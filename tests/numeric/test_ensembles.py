"""Matrices that are not normal: their entries, and finite widths against the limit."""

import numpy as np
import pytest

import tpc
from tpc.program.ensembles import (
    Ensemble,
    Gaussian,
    LowRank,
    Orthogonal,
    Rademacher,
    Sparse,
    StudentT,
    Uniform,
)
from tpc.simulation.dense import draw_entries
from tpc.simulation.streams import Stream

FOURTH: dict[Ensemble, float] = {
    Gaussian(): 3.0,
    Rademacher(): 1.0,
    Uniform(): 9 / 5,
    StudentT(12.0): 3.0 + 6 / 8,
    Sparse(0.25): 12.0,
}
"""Fourth moments of iid entries of variance 1."""


@pytest.mark.parametrize("ensemble", FOURTH, ids=str)
def test_moments_of_entries(ensemble: Ensemble) -> None:
    w = draw_entries(ensemble, 500, 400, Stream(np.random.default_rng(0)))
    assert w.shape == (500, 400)
    for power, truth in ((1, 0.0), (2, 1.0), (3, 0.0), (4, FOURTH[ensemble])):
        sample = w.ravel() ** power
        error = sample.std() / np.sqrt(sample.size)
        assert abs(sample.mean() - truth) <= 5 * error, power


@pytest.mark.parametrize("ensemble", [Orthogonal(), LowRank(5)], ids=str)
def test_variance_of_rotation_invariant_matrices(ensemble: Ensemble) -> None:
    rng = np.random.default_rng(1)
    w = np.stack([draw_entries(ensemble, 20, 20, Stream(rng)) for _ in range(300)])
    sums = (w**2).mean(axis=(1, 2))
    assert abs(sums.mean() - 1) <= 5 * sums.std() / np.sqrt(300) + 1e-12
    corner = w[:, 0, 0]
    assert abs(corner.mean()) <= 5 * corner.std() / np.sqrt(300)
    assert abs((corner**2).mean() - 1) <= 5 * (corner**2).std() / np.sqrt(300)


ONE_SIDE = """
dim n
vector s : n
matrix W : n x n ~ {law}
h[0] = s
for t in range(2):
    h[t + 1] = W{turn} @ tanh(h[t]) + s / 2
output K = <h[2]|h[2]>
output C = <h[2]|h[1]>
output x = relu(h[2])
"""

BOTH_SIDES = """
dim n
vector v : n
matrix W : n x n ~ {law}
h = W @ v
y = W.T @ tanh(h)
z = W @ (y * v)
output a = <v|y>
output b = <y|y>
output c = <z|tanh(h)>
"""


@pytest.mark.parametrize(
    "law",
    [pytest.param("orthogonal(1.2)", marks=pytest.mark.slow), "low_rank(3)", "sparse(0.5, 2 / n)"],
)
@pytest.mark.parametrize("turn", ["", ".T"])
def test_products_from_one_side_have_the_gaussian_limit(law: str, turn: str) -> None:
    program = tpc.parse(ONE_SIDE.format(law=law, turn=turn))
    assert tpc.verify(program, (32, 64, 128, 256), trials=48, samples=16384).agrees


@pytest.mark.parametrize("law", ["rademacher", "uniform(2 / n)", "student_t(8)", "sparse(0.4)"])
@pytest.mark.slow
def test_independent_entries_have_the_gaussian_limit_from_both_sides(law: str) -> None:
    program = tpc.parse(BOTH_SIDES.format(law=law))
    assert tpc.verify(program, (32, 64, 128, 256), trials=48, samples=16384).agrees


@pytest.mark.parametrize("law", ["orthogonal", "low_rank(2)"])
@pytest.mark.slow
def test_the_gaussian_limit_is_wrong_from_both_sides(law: str) -> None:
    """What is refused would disagree: |W.T W v|^2 is not that of a normal matrix."""
    text = "dim n\nvector v : n\nmatrix W : n x n{law}\ny = W.T @ (W @ v)\noutput b = <y|y>\n"
    with pytest.raises(tpc.ProgramError, match="TP365"):
        tpc.derive(tpc.parse(text.format(law=f" ~ {law}")))
    finite = tpc.simulate(tpc.parse(text.format(law=f" ~ {law}")), width=256, trials=64)
    limit = tpc.evaluator(tpc.parse(text.format(law=""))).evaluate(samples=4096)
    assert limit["b"] == pytest.approx(2.0)
    assert abs(finite["b"] - 2.0) > 10 * float(np.asarray(finite.stderr["b"]))


def test_limits_say_which_law_they_are_for() -> None:
    limit = tpc.derive(tpc.parse(BOTH_SIDES.format(law="student_t(8)")))
    said = "student_t(8): the limit of a normal matrix, empirical: the theorem asks for all moments"
    assert f"W ~ {said}" in limit.to_text().splitlines()
    assert limit.to_json()["laws"] == {"W": said}
    assert tpc.derive(tpc.parse(BOTH_SIDES.format(law="normal(0, 1 / n)"))).to_json()["laws"] == {}


@pytest.mark.slow
def test_scales_are_those_of_the_variance() -> None:
    """The scale of an orthogonal matrix and the variance of the others, params included."""
    for law, gain in (
        ("orthogonal(s)", 1.44),
        ("uniform(s^2 / n)", 1.44),
        ("low_rank(2, s / n)", 1.2),
        ("rademacher", 1.0),
    ):
        text = f"dim n\nparam s = 1.2\nvector v : n\nmatrix W : n x n ~ {law}\nh = W @ v\n"
        program = tpc.parse(text + "output K = <h|h>\n")
        assert tpc.evaluator(program).evaluate(samples=1024)["K"] == pytest.approx(gain)
        result = tpc.simulate(program, width=100, trials=50)
        error = float(np.asarray(result.stderr["K"]))
        assert abs(float(np.asarray(result["K"])) - gain) <= 5 * error


@pytest.mark.parametrize("matrix", ["", "    matrix O : n x n ~ orthogonal(1)\n"])
def test_both_sides_of_a_loop_are_seen(matrix: str) -> None:
    """In rounds alone, or drawn in each: said once for all of them."""
    outside = "" if matrix else "matrix O : n x n ~ orthogonal(1)\n"
    text = f"dim n\nvector v : n\n{outside}h[0] = v\nfor k in range(120):\n{matrix}"
    text += "    if k == 0:\n        h[k+1] = O @ h[k]\n    else:\n        h[k+1] = O.T @ tanh("
    text += "h[k])\n" if not matrix else "O @ h[k])\n"
    with pytest.raises(tpc.ProgramError) as refused:
        tpc.derive(tpc.parse(text + "output c = <h[120]|h[120]>\n"))
    assert [found.code for found in refused.value.diagnostics] == ["TP365"]
