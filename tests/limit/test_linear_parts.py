"""What is linear in Gaussians of its own is integrated over these, and through constant axes."""

import sys
from types import ModuleType

import numpy as np
import pytest

import tpc
from tpc.driver.shown import ShownLimit
from tpc.limit.derive import derive_limit
from tpc.program.passes import normalise
from tpc.program.program import Program

BEGIN = """dim n
vector u[4], v[3], d[2], b : n
vector s : n ~ normal(0.5, 1)
matrix W, A : n x n
const P = [[1, 2, 0], [0, 1, 0], [-1, 0, 3], [1, 1, 1]]
"""

LINEAR_MAPS = {
    "a matrix": "x = relu(u)\noutput K = <x @ P|x @ P>\n",
    "one side": "x = relu(u)\noutput K = <x @ P|relu(u)>\n",
    "two maps": "x = erf(u)\noutput K = <x @ P|x @ P @ P.T>\n",
    "a sum": "y = sum(relu(u)) / 4\noutput K = <y|y>\n",
    "a sum beside a function": "y = sum(abs(u)) / 4\noutput K = <y|relu(u)>\n",
    "a selection": "x = relu(u) @ P\noutput K = <x[1]|x[2]>\n",
    "differences": "x = abs(u)\noutput K = <x - sum(x) / 4|x - sum(x) / 4>\n",
    "a residual": "x = relu(u) @ P + v\noutput K = <x|x>\n",
    "a bias": "x = relu(u) @ P + 0.3 * v + 1\noutput K = <x|x>\n",
    "two layers": "x = relu(W @ (relu(u) @ P)) @ P.T\noutput K = <x|x>\n",
    "a graph": "x = relu(W @ (gelu(u) @ P)) @ P.T @ P\noutput K = <sum(x)|sum(x)>\n",
    "smooth functions": "x = tanh(u) @ P\noutput K = <x|x>\n",
    "of vectors with means": "x = relu(s + u) @ P\noutput K = <x|x>\n",
}

BACKWARD = {
    "a sum of many": "x = sum(d * [0.5, 2] * step(u[0]) + d * abs(u[1]))\noutput K = <x|x>\n",
    "long": "x = d[0] * relu(b) + d[1] * erf(b) + v[0] * gelu(b) + v[1] * step(b) + v[2] * abs(b)\n"
    "output K = <x * (1 + relu(u[0]))|x * (1 + relu(u[1]))>\n",
    "a layer": "h = W @ relu(b)\ng = A.T @ (d * step(h)) @ [1, 1]\n"
    "output K = <g * step(b)|g * step(b)>\n",
    "with the weight's own transpose": "h = W @ relu(b)\ng = W.T @ (d[0] * step(h))\n"
    "output K = <g * step(b)|g * step(b)>\n",
    "beside a divisor": "x = d[0] / (1 + square(b)) + d[1] * tanh(b)\n"
    "output K = <x|d[1] * tanh(b)>\n",
}

INDEPENDENT = {
    "a readout": "x = v[0] * tanh(b)\noutput K = <x|x>\n",
    "of three Gaussians": "x = v[0] * tanh(b * u[0] + u[1])\noutput K = <x|x>\n",
    "two of them": "x = v[0] * u[1] * tanh(b * u[0])\noutput K = <x|x>\n",
    "many readouts": "x = v * tanh(b * u[0])\noutput K = <x|x>\n",
    "many readouts of a sum": "x = v * tanh(b + u[0])\noutput K = <x|x>\n",
    "a matrix of readouts": "x = (v * tanh(b * u[0])) @ P[0]\noutput K = <x|x>\n",
    "a readout and its square": "x = v[0] * v[1]^2 * tanh(b * u[0])\noutput K = <x|x>\n",
    "two readouts at once": "x = v[0] * v[1] * sin(b * u[1])\noutput K = <x|x>\n",
    "a hat": "h = W @ relu(u[1])\nx = h * tanh(b * u[0])\noutput K = <x|x>\n",
    "a mean": "y = s * tanh(b * u[0]) * sigmoid(u[1])\noutput K = avg(y)\n",
    "a backward pass": "h = W @ u[0]\nk = A @ b\n"
    "g = W.T @ (v[0] * tanh(h * k))\noutput K = <g|g>\n",
}


def evaluated(program: Program, integrate: bool, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the limit's numbers, with closed forms and series or estimated throughout."""
    limit = ShownLimit.of(derive_limit(normalise(program), integrate=integrate))
    module = ModuleType("limit")
    monkeypatch.setitem(sys.modules, "limit", module)
    exec(compile(tpc.emit(limit), "limit", "exec"), module.__dict__)
    return module.evaluate(method="quadrature" if integrate else "mc", samples=2**15)


@pytest.mark.parametrize("text", (LINEAR_MAPS | BACKWARD).values(), ids=LINEAR_MAPS | BACKWARD)
def test_it_is_known_without_samples(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tpc.parse(BEGIN + text)
    found, sampled = (evaluated(program, known, monkeypatch) for known in (True, False))
    assert np.max(found.stderr["K"]) < 1e-11
    assert np.all(np.abs(found["K"] - sampled["K"]) <= 6 * sampled.stderr["K"] + 1e-12)


@pytest.mark.parametrize("text", INDEPENDENT.values(), ids=INDEPENDENT)
@pytest.mark.slow
def test_independent_factors_leave_the_expectation(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tpc.parse(BEGIN + text)
    found = tpc.evaluator(program).evaluate(method="mc", samples=2**15)
    sampled = evaluated(program, False, monkeypatch)
    error = np.hypot(found.stderr["K"], sampled.stderr["K"])
    assert np.all(np.abs(found["K"] - sampled["K"]) <= 6 * error + 1e-12)
    assert np.max(found.stderr["K"]) < 0.8 * np.max(sampled.stderr["K"])


def test_outputs_that_share_nothing_are_uncorrelated() -> None:
    program = tpc.parse(BEGIN + INDEPENDENT["many readouts"])
    covariance = tpc.evaluator(program).evaluate(method="mc", samples=2**12)["K"]
    assert np.all(covariance[~np.eye(3, dtype=bool)] == 0)
