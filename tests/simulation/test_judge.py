"""Verdicts on values made to order: decays of any power, and limits that are wrong."""

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.simulation.test_verify import Limit
from tpc.simulation.judge import Judge
from tpc.simulation.result import Comparison, Evidence
from tpc.simulation.verify import verify

WIDTHS = (64, 128, 256, 512, 1024, 2048)
N = np.array(WIDTHS, dtype=np.float64)[:, None]
ENTRIES = 400


def judged(mean: np.ndarray, error: np.ndarray, is_rough: bool) -> Comparison:
    """Judge entries with these means and errors at each width, whose limit is said to be 0."""
    noise = np.random.default_rng(0).standard_normal((6, ENTRIES))
    finite, errors = mean + error * noise, np.broadcast_to(error, noise.shape)
    zero = np.zeros(ENTRIES)
    evidence = Evidence("K", "value", zero, zero, finite, errors)
    return Judge(WIDTHS, 63, 7, ENTRIES).compare(evidence, is_rough)


@pytest.mark.parametrize("power", [1 / 16, 0.1, 1 / 8, 1 / 6, 0.2, 1 / 4, 1 / 3])
@pytest.mark.parametrize("size", [0.003, 0.01, 0.03])
def test_slow_decays_are_not_said_to_disagree(power: float, size: float) -> None:
    found = judged(N**-power, size * N**-power, is_rough=True)
    assert found.disagrees.mean() < (0.01 if power >= 0.1 else 0.03)


@pytest.mark.parametrize("wrong", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("slope", [0.0, 0.5, -0.5, 3.0])
def test_wrong_limits_disagree(wrong: float, slope: float) -> None:
    found = judged(wrong + slope / N, 0.02 / np.sqrt(N), is_rough=False)
    assert found.disagrees.mean() > 0.97


@pytest.mark.parametrize("wrong", [0.05, 0.2, 1.0])
def test_wrong_limits_of_kinks_disagree(wrong: float) -> None:
    found = judged(wrong + 0.8 / np.sqrt(N) + 0 * N, 0.02 / np.sqrt(N), is_rough=True)
    assert found.disagrees.mean() > 0.97


SLOW = [
    "sqrt(sqrt(abs(c)))",
    "sqrt(sqrt(abs(c + s)))",
    "abs(c)^0.25",
    "abs(c)^0.2",
    "abs(c)^0.125",
    "1 + 3 * abs(c)^0.25",
    "log(1 + abs(c)^0.25)",
    "sqrt(tanh(sqrt(abs(c))))",
    "relu(c)^0.25",
    "relu(max(c, s))^0.25",
    "exp(-abs(c)^0.25)",
    "sqrt(sqrt(abs(c))) * avg(square(v))",
]


@pytest.mark.parametrize("expression", slow_where(lambda text: text[0] not in "1e", SLOW))
@pytest.mark.slow
def test_scalars_at_a_root_are_left_open(expression: str) -> None:
    program = tpc.parse(f"dim n\nvector v : n\nc = avg(v)\ns = avg(v^3)\noutput o = {expression}\n")
    limit = {"1": 1.0, "e": 1.0}.get(expression[0], 0.0)
    found = verify(program, Limit({"o": np.array(limit)}), WIDTHS, trials=100, seed=1)
    assert not found.disagrees
    wrong = verify(program, Limit({"o": np.array(limit - 40.0)}), WIDTHS, trials=100, seed=1)
    assert wrong.disagrees
