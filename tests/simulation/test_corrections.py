"""Corrections of order 1/n and kurtoses, against closed forms that hold at every width."""

import io
import json

import numpy as np
import pytest
from scipy import stats

import tpc
from tpc.program.program import Program
from tpc.program.readout_covariances import with_readout_covariances
from tpc.report.corrections import corrections_to_json, print_corrections
from tpc.simulation.corrections import correct
from tpc.simulation.result import Corrections
from tpc.simulation.simulate import simulate
from tpc.simulation.streams import Stream, draws_of, joined


def assert_close(value: object, error: object, truth: object, most: float) -> None:
    """Assert that an estimate is within 5 of its errors of the truth, and they are small."""
    errors = np.asarray(error)
    assert np.all(errors <= most), errors
    assert np.all(np.abs(np.asarray(value) - truth) <= 5 * errors + 1e-9), (value, error, truth)


MOMENTS = """
dim n
dim m = 2 * n
vector v : n
vector z[2] : n ~ normal([1, 0], [[1, 0.5], [0.5, 2]])
matrix A : n x m
matrix W : n x n
s = A @ (A.T @ v)
h = W @ tanh(W @ v)
output fourth = <v|v>^2
output second = <s|s> / <v|v>
output z
output back = <v|W.T @ (W @ v)>^2
output one = 1
"""


@pytest.mark.slow
def test_corrections_that_are_known() -> None:
    """E <v|v>^2 = 1 + 2/n; Marchenko-Pastur has 1.5 + 0.5/n; a covariance has (1 - 1/n) C."""
    found = correct(tpc.parse(MOMENTS), 64, trials=200)
    c, e = found.coefficients, found.coefficients_stderr
    assert_close(c["fourth"], e["fourth"], 2.0, 0.6)
    assert_close(c["second"], e["second"], 0.5, 0.5)
    assert_close(c["z"]["mean"], e["z"]["mean"], 0.0, 1e-9)
    assert_close(c["z"]["cov"], e["z"]["cov"], -np.array([[1, 0.5], [0.5, 2]]), 0.6)
    # |W v|^2 / n = chi^2_n / n * chi^2_n / n: its square has (1 + 2/n)^2.
    assert_close(c["back"], e["back"], 4.0, 1.7)
    assert c["one"] == e["one"] == 0
    assert found.result.width == 64 and found.result.method == "matrix-free"


@pytest.mark.slow
def test_families_share_their_noise() -> None:
    """The error of a coefficient is that of order 1/n, not n times that of the averages."""
    found = correct(tpc.parse(MOMENTS), 1024, trials=60)
    for name in ("fourth", "second", "back"):
        unpaired = 1024 * float(np.asarray(found.result.stderr[name]))
        assert float(np.asarray(found.coefficients_stderr[name])) < unpaired / 4


@pytest.mark.slow
def test_dense_runs_give_the_same_with_larger_errors() -> None:
    found = correct(tpc.parse(MOMENTS), 32, trials=100, engine="dense")
    c, e = found.coefficients, found.coefficients_stderr
    assert_close(c["fourth"], e["fourth"], 2.0, 1.0)
    assert_close(c["back"], e["back"], 4.0, 20.0)


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "act", "gain"), [(2, "", 2), (2, "relu", 5)])
def test_kurtosis_of_networks_at_criticality(layers: int, act: str, gain: int) -> None:
    """3 ((1 + 2/n)^L - 1) for linear networks, 3 ((1 + 5/n)^L - 1) with relu."""
    width, variance = 32, 2 if act else 1
    text = f"dim n\nvector u, v : n\nmatrix W : n x n ~ normal(0, {variance} / n)\n"
    program = tpc.parse(text + f"readout f = v * {act}(W @ {act}(u))\n")
    kurtosis = correct(program, width, trials=300).kurtosis["f"]
    truth = 3 * ((1 + gain / width) ** layers - 1)
    assert_close(kurtosis.value, kurtosis.stderr, truth, 0.2 * truth)
    first = 3 * gain * layers
    assert_close(kurtosis.coefficient, kurtosis.coefficient_stderr, first, 0.25 * first)


READOUTS = """
dim n
vector v, w, x : n
vector u[2] : n ~ normal(0, [[1, 0.5], [0.5, 2]])
y = tanh(x)
readout f = v * y - 2 * w * abs(x)
readout g = u * y + [1, 0] * v
readout h = v
output a = <y|y>
output b = <x|x>
output c = <x|abs(x)> * avg(sign(x))
"""


def test_the_covariance_of_a_readout_given_the_rest() -> None:
    program = tpc.parse(READOUTS)
    assert [set(o.fresh) for o in program.outputs[:3]] == [{"v", "w"}, {"u", "v"}, {"v"}]
    made, known = with_readout_covariances(program)
    assert known == {"f", "g", "h"}
    result = simulate(made, 50, trials=1)
    a, b = float(np.asarray(result["a"])), float(np.asarray(result["b"]))
    assert result["f"] == pytest.approx(a + 4 * b, rel=1e-12)
    np.testing.assert_allclose(
        result["g"], a * np.array([[1, 0.5], [0.5, 2]]) + np.diag([1.0, 0.0]), rtol=1e-12
    )
    assert result["h"] == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_array_equal(simulate(program, 50, trials=1)["a"], result["a"])


def test_a_joined_run_has_the_law_of_any_run() -> None:
    """Its stream is that of its halves, and independent where the halves are."""
    first, second = draws_of(0, 8, 0), draws_of(0, 8, 1)
    whole = joined(first, second, (0, 16, 0))("x")
    drawn = whole.normal(17, 3)
    assert drawn.shape == (17, 3)
    np.testing.assert_array_equal(drawn[:8], first("x").normal(8, 3))
    np.testing.assert_array_equal(drawn[8:16], second("x").normal(8, 3))
    assert isinstance(first("x"), Stream)
    again = whole.normal(40, 1)
    assert stats.kstest(np.concatenate([drawn.ravel(), again.ravel()]), "norm").pvalue > 1e-4


@pytest.fixture(scope="module")
def reported() -> tuple[Program, Corrections]:
    program = tpc.parse(READOUTS + "output x\n")
    return program, tpc.corrections(program, width=16, trials=8)


@pytest.mark.slow
def test_json(reported: tuple[Program, Corrections]) -> None:
    found = corrections_to_json(reported[1], "a.tp", {"f", "g", "h"})
    json.dumps(found, allow_nan=False)
    assert (found["command"], found["width"], found["samples"]) == ("simulate", 16, 8)
    outputs = found["outputs"]
    assert isinstance(outputs, dict)
    assert set(outputs["f"]) == {
        "cov", "stderr", "correction", "correction_stderr", "kurtosis", "kurtosis_stderr",
        "kurtosis_coefficient", "kurtosis_coefficient_stderr",
    }  # fmt: skip
    assert set(outputs["x"]["correction"]) == set(outputs["x"]["correction_stderr"])
    assert np.shape(outputs["g"]["kurtosis"]) == (2,)
    assert set(outputs["a"]) == {"value", "stderr", "correction", "correction_stderr"}


def test_table(reported: tuple[Program, Corrections]) -> None:
    file = io.StringIO()
    print_corrections(reported[1], {"f", "g", "h"}, file)
    text = file.getvalue()
    assert "coefficient of 1/n" in text and "n = 16" in text
    for name in ("f cov", "f excess kurtosis", "x mean", "x cov", "matrix-free, width 16"):
        assert name in text


@pytest.mark.filterwarnings("error")
def test_two_families_have_no_error_of_a_kurtosis() -> None:
    kurtosis = tpc.corrections(tpc.parse(READOUTS), width=16, trials=2).kurtosis["f"]
    assert np.isnan(kurtosis.coefficient) and np.isnan(kurtosis.coefficient_stderr)
    overflowing = READOUTS.replace("readout h = v", "readout h = v * exp(800 * x)")
    found = tpc.corrections(tpc.parse(overflowing), width=16, trials=4).kurtosis["h"]
    assert np.isnan(found.coefficient) and np.isnan(found.coefficient_stderr)


def test_what_corrections_need() -> None:
    program = tpc.parse(READOUTS)
    with pytest.raises(ValueError, match="multiple of 4"):
        tpc.corrections(program, width=30)
    with pytest.raises(ValueError, match="two trials"):
        tpc.corrections(program, width=32, trials=1)
    with pytest.raises(ValueError, match="no parameter"):
        tpc.corrections(program, width=32, trials=2, s=1.0)
    network = "dim n\ninput xi[2]\nweight U[2], v : n\nreadout f = v * tanh(U @ xi)\n"
    with pytest.raises(ValueError, match="not of a network"):
        tpc.corrections(tpc.parse(network), width=32)
    sparse = tpc.parse("dim n\nvector v : n\nmatrix W : n x n ~ sparse(0.5)\noutput h = W @ v\n")
    assert tpc.corrections(sparse, width=8, trials=2).result.method == "dense"
