"""Errors of closed forms in modules: the true one is below the one that is stated."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tpc
from tests.kernels.test_rounding import CASES, EVERY, rows, truth


def program(text: str, depth: int, multiplier: float, inputs: np.ndarray) -> str:
    lines = ["dim n", f"const X = {inputs.tolist()}", f"param s = {multiplier!r}"]
    lines += ["vector U[2] : n ~ normal(0, s^2)", "vector v : n", "h0 = U @ X.T"]
    for i in range(depth):
        lines.append(f"matrix W{i} : n x n ~ normal(0, s^2 / n)")
        lines.append(f"h{i + 1} = W{i} @ {text.format(h=f'h{i}')}")
    return "\n".join([*lines, f"readout f = v * {text.format(h=f'h{depth}')}"]) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "multiplier"), EVERY)
@pytest.mark.parametrize("distance", [1e-8, 1e-4])
def test_deep_networks(name: str, multiplier: float, distance: float) -> None:
    inputs = rows(distance)
    text = program(CASES[name].text, 20, multiplier, inputs)
    found = tpc.evaluator(tpc.parse(text)).evaluate()
    assert found.methods["f"] == "exact"
    ratios = []
    with mpmath.workdps(60):
        for i, j in np.ndindex(len(inputs), len(inputs)):
            pair = inputs[i].tolist(), inputs[j].tolist()
            wanted, _ = truth(CASES[name], 20, multiplier, *pair)
            error = float(abs(mpf(float(found["f"][i, j])) - wanted))
            stated = float(found.stderr["f"][i, j])
            assert error <= stated + 2e-13 * abs(float(wanted))
            if not np.array_equal(*pair) and stated > 1e-9 * abs(wanted) and error:
                ratios.append(stated / error)
    assert (found.stderr["f"].diagonal() <= 1e-12 * found["f"].diagonal()).all()
    assert len(ratios) < 4 or np.median(ratios) < 2000  # a few are right by luck


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mc", "auto"])
def test_closed_forms_beside_estimates(method: str) -> None:
    """They are stated alike, whatever stands beside them."""
    text = program("erf({h})", 12, 30.0, rows(1e-8))
    alone = tpc.evaluator(tpc.parse(text)).evaluate()
    text += "output other = avg(tanh(abs(v)) * sigmoid(v))\n"
    beside = tpc.evaluator(tpc.parse(text)).evaluate(method=method, samples=256)
    assert (beside.methods["f"], alone.methods["f"]) == ("exact", "exact")
    np.testing.assert_array_equal(beside["f"], alone["f"])
    assert beside.stderr["f"][0, 1] > 0.1
    assert not beside.stderr["f"].diagonal().any()
    assert beside.stderr["other"] > 0


def test_what_is_known_without_computing_has_no_error() -> None:
    text = "dim n\nparam a = 0.1\nvector v : n\noutput x = a\n"
    result = tpc.evaluator(tpc.parse(text)).evaluate()
    assert result.stderr["x"] == 0


@pytest.mark.slow
def test_scalars_alone_are_rounded_too() -> None:
    """No array stands in the program."""
    lines = ["dim n", "param s = 20", "vector u, w : n", "a0 = s * u", "b0 = s * u + 1e-7 * w"]
    for i in range(12):
        lines.append(f"matrix W{i} : n x n ~ normal(0, 400 / n)")
        lines += [f"{x}{i + 1} = W{i} @ erf({x}{i})" for x in "ab"]
    lines.append("output c = <a12|b12>\n")
    result = tpc.evaluator(tpc.parse("\n".join(lines))).evaluate()
    with mpmath.workdps(60):
        p, q, c = mpf(400), mpf(400) + mpf(1e-7) ** 2, mpf(400)
        for _ in range(12):
            p, q, c = (400 * CASES["erf"].kernel(*x) for x in ((p, p, p), (q, q, q), (p, q, c)))
        assert abs(float(c) - result["c"]) <= result.stderr["c"]
    assert result.stderr["c"] > 1e-6 * result["c"]
