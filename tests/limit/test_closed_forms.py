"""Expectations that have a closed form are computed by it, all others are estimated."""

import sys

import numpy as np
import pytest

import tpc
from tpc.limit.limit_nodes import ClosedForm
from tpc.program.nodes import Constant


@pytest.mark.parametrize("function", ["silu", "sigmoid", "softplus", "tanh", "gelu"])
def test_functions_of_what_is_constant(function: str) -> None:
    """The sign is 1 whatever |v> is, so the integrand is a number: of a function without form."""
    program = tpc.parse(
        "dim n\nvector v : n\n"
        f"output c = <{function}(sign(1 / sqrt(1 + square(v))))|1 + v>\n"
        f"output d = <{function}(abs(v) / abs(v))|square(v)>\n"
    )
    found = tpc.evaluator(program).evaluate(samples=2**14)
    at_one = {
        "silu": 1 / (1 + np.exp(-1)),
        "sigmoid": 1 / (1 + np.exp(-1)),
        "softplus": np.log1p(np.e),
        "tanh": np.tanh(1),
        "gelu": 0.8413447460685429,
    }[function]
    for name in "cd":
        assert abs(found[name] - at_one) <= 6 * found.stderr[name] + 1e-12


@pytest.mark.slow
def test_forms_that_need_long_chains_of_others_do_not_recurse() -> None:
    """With one matrix for all layers <a|b> of the last ones needs those of all before."""
    layers = 150
    lines = ["dim n", "matrix W : n x n ~ normal(0, 2 / n)", "vector a0 : n", "vector b0 : n"]
    for t in range(layers):
        lines += [f"{x}{t + 1} = relu(W @ {x}{t} + a0)" for x in "ab"]
    lines += [f"output K = <a{layers}|b{layers}>", ""]
    before = sys.getrecursionlimit()
    limit = tpc.derive(tpc.parse("\n".join(lines)))
    assert sys.getrecursionlimit() == before
    ((_, kernel),) = limit.outputs[0].parts
    assert isinstance(kernel, Constant | ClosedForm)
