"""Standard errors from few replicates, and what an evaluation may be asked for."""

import numpy as np
import pytest
from scipy import stats

import tpc
from tpc.runtime.standard_errors import standard_error, student

PROGRAM = "dim n\nvector x : n\nmatrix W : n x n\nh = W @ exp(x / 2)\noutput c = <tanh(h)|h>\n"


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 7, 10, 15, 31, 100])
def test_students_t(freedom: int) -> None:
    inside = stats.norm.cdf(1) - stats.norm.cdf(-1)
    expected = stats.t.ppf((1 + inside) / 2, freedom)
    np.testing.assert_allclose(student(freedom), expected, atol=1e-3)


def test_replicates_have_their_spread() -> None:
    every = np.random.default_rng(0).normal(size=(8, 3))
    expected = student(7) * every.std(axis=0, ddof=1) / np.sqrt(8)
    np.testing.assert_allclose(standard_error(every, np.empty(0)), expected)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_halves_help_few_replicates(count: int) -> None:
    """The error is right on average, and rarely far too small."""
    rng = np.random.default_rng(1)
    halves = rng.normal(size=(count, 2, 4000)) * np.sqrt(2)
    every = halves.mean(axis=1)
    errors = standard_error(every, halves)
    assert np.sqrt(np.mean(errors**2)) > 1 / np.sqrt(count)
    assert np.mean(np.abs(every.mean(axis=0)) < errors) == pytest.approx(0.683, abs=0.03)
    alone = standard_error(every, np.empty(0))
    assert np.mean(errors < 0.2 / np.sqrt(count)) < np.mean(alone < 0.2 / np.sqrt(count)) + 1e-3


def test_what_cannot_be_asked_for() -> None:
    module = tpc.evaluator(tpc.parse(PROGRAM))
    with pytest.raises(ValueError, match="replicates must be at least 2, not 1"):
        module.evaluate(replicates=1)
    with pytest.raises(ValueError, match="samples must be at least 64, not 63"):
        module.evaluate(samples=63, replicates=16)
    with pytest.raises(ValueError, match="rank_tolerance must be between 0 and 1, not 0"):
        module.evaluate(rank_tolerance=0)


def test_replicates_share_the_samples() -> None:
    module = tpc.evaluator(tpc.parse(PROGRAM))
    done: list[tuple[int, int]] = []
    module.evaluate(samples=512, replicates=3, _progress=lambda *step: done.append(step))
    assert done == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.slow
def test_replicates_that_agree_may_have_missed_a_jump(method: str) -> None:
    """gelu' changes its sign at -0.7518, where these samples do not come."""
    program = "dim n\nvector x : n\noutput v = relu'(gelu'(0.12 * x))\n"
    result = tpc.evaluator(tpc.parse(program)).evaluate(samples=256, method=method)
    assert result.values["v"]["cov"] == pytest.approx(0, abs=1e-15)
    assert result.stderr["v"]["mean"] == result.stderr["v"]["cov"] == 4 / 256


@pytest.mark.slow
def test_replicates_that_agree_but_for_weights_may_have_missed_a_jump() -> None:
    """Sixteen sets of 256 points may all have as many above 0, and their weights differ little."""
    program = "dim n\nvector v : n ~ normal(0.07, 0.616)\noutput o = avg(step(v ^ 3))\n"
    module = tpc.evaluator(tpc.parse(program))
    runs = [
        module.evaluate(samples=4096, seed=seed, method="qmc", replicates=16) for seed in range(40)
    ]
    exact = stats.norm.cdf(0.07 / np.sqrt(0.616))
    z = np.array([(run["o"] - exact) / run.stderr["o"] for run in runs])
    assert np.sqrt(np.mean(z**2)) < 1.5
    assert np.max(np.abs(z)) < 6
