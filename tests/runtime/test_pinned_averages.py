"""Outputs where an estimated scalar stands at a kink or jump have errors that cover it."""

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.driver import compiler
from tpc.runtime.pinned_averages import at_kinks

PROGRAM = """\
dim n
vector u, w : n
c = avg(abs(sin(u)) * tanh(w))
s = avg(exp(sin(u)) * relu(tanh(w)))
output y = {}
"""

AT_ZERO = [
    "abs(c)",
    "sqrt(abs(c))",
    "abs(c)^0.7",
    "abs(sin(c))",
    "abs(c) + abs(2 * c)",
    "max(c, 0)",
    "relu(c)",
    "sqrt(abs(c)) * s",
    "max(c, -c) / s",
    "leaky_relu(c, -0.5)",
    "abs(c + c^2)",
    "max(c, 0) - min(c, 0)",
]


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.parametrize("body", slow_where(lambda body: body != "abs(c)", AT_ZERO))
@pytest.mark.slow
def test_errors_at_kinks(body: str, method: compiler.Method) -> None:
    program = tpc.parse(PROGRAM.format(body))
    found = [compiler.run(program, 4096, seed, method=method, replicates=16) for seed in range(40)]
    z = np.array([one["y"] / one.stderr["y"] for one in found])
    assert 0.4 <= np.sqrt(np.mean(z**2)) <= 1.5
    assert np.abs(z).max() < 6


@pytest.mark.slow
def test_what_jumps_within_the_error_says_so() -> None:
    program = tpc.parse(PROGRAM.format("tanh(1e4 * c)"))
    found = [compiler.run(program, 4096, seed, method="qmc") for seed in range(10)]
    assert all(one.stderr["y"] > 0.2 for one in found)
    assert np.median([one.stderr["y"] for one in found]) > 1


@pytest.mark.parametrize("body", ["s", "s^2", "1 / s", "log(s)", "abs(s)", "c", "exp(c)", "c * s"])
@pytest.mark.slow
def test_smooth_outputs_are_as_they_were(body: str) -> None:
    """So far from kinks the mean over replicates is taken, and the spread."""
    module = tpc.evaluator(tpc.parse(PROGRAM.format(body)))
    with pytest.MonkeyPatch.context() as patch:
        found = module.evaluate(samples=4096, seed=3)
        if hasattr(module, "at_kinks"):
            patch.setattr(module, "at_kinks", lambda limit, averages, found, *known: known[:2])
        plain = module.evaluate(samples=4096, seed=3)
    assert (found["y"], found.stderr["y"]) == (plain["y"], plain.stderr["y"])


def test_a_kink_is_seen_by_what_replicates_have_in_excess() -> None:
    """|P| for the mean of |s_r|, and an error of 5/4 e."""
    key = ("y", "value")
    replicates = [[np.array(x)] for x in (-0.3, 0.2, 0.4, -0.1)]
    values, errors = at_kinks(
        lambda s: {key: np.abs(s[0])},
        replicates,
        [{key: np.abs(one[0])} for one in replicates],
        {key: np.array(0.25)},
        {key: np.array(0.06)},
        True,
    )
    e = np.std([-0.3, 0.2, 0.4, -0.1], ddof=1) / 2
    assert values[key] == pytest.approx(0.05)
    assert errors[key] == pytest.approx(0.55 * 2.5 * e)


@pytest.mark.slow
def test_what_a_square_has_too_much_at_its_least_value_is_taken_off() -> None:
    """Over R replicates the mean of s_r s_q, r and q apart, has no bias; its error is known."""
    key, count = ("y", "value"), 8
    rng = np.random.default_rng(2)
    z = []
    for _ in range(400):
        s = rng.normal(size=count)
        square, error = np.mean(s**2), np.std(s**2, ddof=1) / np.sqrt(count)
        replicates = [[np.array(x)] for x in s]
        found = [{key: one[0] ** 2} for one in replicates]
        values, errors = at_kinks(
            lambda s: {key: s[0] ** 2}, replicates, found, {key: square}, {key: error}, True
        )
        apart = (np.sum(s) ** 2 - np.sum(s**2)) / (count * (count - 1))
        assert values[key] == pytest.approx(apart)
        z.append(float(values[key] / errors[key]))
    assert np.sqrt(np.mean(np.square(z))) < 1.5
    assert np.max(np.abs(z)) < 6
