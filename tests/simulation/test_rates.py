"""Powers of n: on values made to order, on programs whose corrections are known."""

import numpy as np
import pytest

import tpc
from tests.simulation.test_verify import Limit
from tpc.simulation.fit import fit_inverse_width
from tpc.simulation.rates import rate_of
from tpc.simulation.result import Comparison, Rate
from tpc.simulation.simulate import ProgramRuns, rough_outputs
from tpc.simulation.verify import engine_at, verify

WIDTHS = (64, 128, 256, 512, 1024, 2048)
N = np.array(WIDTHS, dtype=np.float64)


def rate(finite: np.ndarray, sigma: np.ndarray, limit: np.ndarray, error: float) -> Rate:
    """Fit rates to values of shape (widths, entries)."""
    nothing = np.zeros_like(limit)
    comparison = Comparison(
        "K", "mean", limit, error + nothing, finite, sigma, nothing, nothing, nothing, nothing,
        nothing, nothing == 0,
    )  # fmt: skip
    return rate_of(comparison, WIDTHS, [], is_readout=False)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("limit_error", [0.0, 0.002])
@pytest.mark.slow
def test_powers_and_their_errors(power: float, limit_error: float) -> None:
    """Over many draws the estimates scatter round the truth as their errors say."""
    rng = np.random.default_rng(0)
    entries, b = 2000, 3.0
    sigma = np.repeat(0.1 * b / np.sqrt(N)[:, None] * 64 ** (0.5 - power), entries, axis=1)
    limit = limit_error * rng.standard_normal(entries)  # the truth is 0
    finite = b * N[:, None] ** -power + sigma * rng.standard_normal((6, entries))
    found = rate(finite, sigma, limit, limit_error)
    assert found.significant.all()
    for estimate, error, truth in (
        (found.exponent, found.exponent_stderr, power),
        (np.log(found.coefficient), found.coefficient_stderr / found.coefficient, np.log(b)),
    ):
        z = (estimate - truth) / error
        assert abs(np.median(z)) < 0.15
        # Errors grow with chi2 where that is above 1, so they are a little too large.
        assert 0.7 < np.percentile(np.abs(z), 68.3) < 1.15


@pytest.mark.slow
def test_noise_has_no_power() -> None:
    rng = np.random.default_rng(1)
    sigma = np.repeat(1 / np.sqrt(N)[:, None], 4000, axis=1)
    found = rate(sigma * rng.standard_normal((6, 4000)), sigma, np.zeros(4000), 0.0)
    assert found.significant.mean() < 2e-3


def test_what_is_certain_has_no_power() -> None:
    found = rate(np.ones((6, 2)), np.zeros((6, 2)), np.ones(2), 0.0)
    assert not found.significant.any() and np.isnan(found.exponent).all()


MARCHENKO_PASTUR = """
dim n
dim m = 2 * n
vector v, w : n
matrix A : n x m
s = A @ (A.T @ v)
output second = <s|s>
readout f = w * s
"""
SECOND = Limit({"second": np.array(1.5), "f": np.array(1.5)})

SQUARES = """
dim n
vector v, w : n
output one = <v|v>
output two = one^2
readout f = w * v
"""


@pytest.mark.slow
def test_the_correction_of_a_square() -> None:
    """E <v|v>^2 = 1 + 2/n, and <v|v> fluctuates as sqrt(2/n)."""
    limit = Limit({"one": np.array(1.0), "two": np.array(1.0), "f": np.array(1.0)})
    found = verify(tpc.parse(SQUARES), limit, (4, 8, 16, 32, 64), trials=1000)
    one, two, f = found.rates
    assert not one.significant and bool(two.significant)
    assert abs(two.exponent - 1) < 5 * two.exponent_stderr < 1
    assert abs(two.coefficient - 2) < 5 * two.coefficient_stderr < 3
    assert abs(one.fluctuation - 0.5) < 5 * one.fluctuation_stderr < 0.1
    # At width 4 the readout is a sum of four products of normal numbers: far from normal.
    assert f.normality.shape == (5,) and f.normality[0] < 1e-6 < f.normality[-1]
    assert not one.normality.size and np.isnan(f.fluctuation)


@pytest.mark.slow
def test_readouts_of_wide_networks_are_normal() -> None:
    found = verify(tpc.parse(MARCHENKO_PASTUR), SECOND, (64, 96, 128, 192, 256), trials=60)
    assert found.rates[1].normality.min() > 1e-4


def test_few_widths_give_no_rates() -> None:
    assert verify(tpc.parse(MARCHENKO_PASTUR), SECOND, (8, 16, 32, 64), trials=4).rates == ()


ROUGH = "dim n\nvector v : n\nx = tanh(v)\noutput c = abs(avg(x))\n"


@pytest.mark.slow
def test_half_order_is_found_where_a_scalar_has_a_kink() -> None:
    """E abs(avg(x)) = c / sqrt(n): no multiple of 1/n, and yet the limit is 0."""
    program = tpc.parse(ROUGH)
    right = verify(program, Limit({"c": np.array(0.0)}), WIDTHS[:5], trials=400, seed=1)
    (found,) = right.comparisons
    plain = fit_inverse_width(WIDTHS[:5], found.finite[:, None], found.finite_stderr[:, None])
    assert plain.intercept[0] > 4 * np.sqrt(plain.variances.sum())  # what 1/n alone would say
    assert right.agrees and found.half_order
    assert abs(right.rates[0].exponent - 0.5) < 4 * right.rates[0].exponent_stderr
    wrong = verify(program, Limit({"c": np.array(0.03)}), WIDTHS[:5], trials=400, seed=1)
    assert not wrong.agrees
    few = verify(program, Limit({"c": np.array(0.0)}), WIDTHS[:3], trials=400, seed=1)
    assert few.comparisons[0].half_order is None


def test_smooth_outputs_are_held_to_whole_orders() -> None:
    text = """
dim n
vector v : n
matrix W : n x n
h = W @ relu(W @ v)
s = avg(h)
output a = avg(relu(h))
output b = tanh(s) * avg(h * h)
output c = relu(s)
output d = max(s, avg(v))
output i = avg(relu(h - s))
output f = avg(W @ (h - s))
output g = <h|v> / s
output k = avg(abs(s) * h)
output l = mean[j](abs(h * h[j]))
output z = inv([[1, 2], [3, 4]])
"""
    rough = rough_outputs(tpc.parse(text))
    assert rough == {"c", "d", "i", "g", "k"}


def test_wide_runs_are_matrix_free_where_the_law_is_known() -> None:
    program = tpc.parse(ROUGH)
    assert [engine_at(ProgramRuns(program), n, "auto") for n in (2048, 2049)] == [
        "dense",
        "matrix-free",
    ]
    assert engine_at(ProgramRuns(program), 64, "matrix-free") == "matrix-free"
    other = tpc.parse(MARCHENKO_PASTUR.replace("n x m", "n x m ~ rademacher"))
    assert engine_at(ProgramRuns(other), 10**6, "auto") == "dense"
    found = verify(program, Limit({"c": np.array(0.0)}), (1000, 4000), trials=2)
    assert found.engines == ("dense", "matrix-free")
