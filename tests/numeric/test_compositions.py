"""Every function of every other one goes through run, train and kernel: a number or a refusal."""

from contextlib import suppress
from itertools import product

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.diagnostics import ProgramError
from tpc.driver import compiler
from tpc.driver.emitted import MethodRefused
from tpc.functions import BUILT_IN, FUNCTIONS

OTHERS = {
    "leaky_relu": "leaky_relu({0}, 0.1)",
    "elu": "elu({0}, 1)",
    "max": "max({0}, 0.3)",
    "min": "min({0}, 0)",
    "clip": "clip({0}, -1, 1)",
}

TEXTS = {
    name: OTHERS.get(name, f"{name}({{0}})")
    for name in sorted(BUILT_IN)
    if name in OTHERS or FUNCTIONS[name].arity == 1
} | {"max of both": "max(h, {0})", "min of both": "min(h, {0})"}

PROGRAM = """\
dim n
vector h : n
output c = avg({body})
"""

NETWORK = """\
dim n
input xi[2]
weight U[2] : n
weight v : n
h = U @ xi
readout f = v * {body}
train f:
    data [[1, 0.5], [0.2, -0.8]], [1, -1]
    loss mse
    optimizer sgd(lr=0.1)
    parametrization mup
    steps 1
"""

INPUTS = np.array([[1.0, 0.5], [0.2, -0.8]])

FEW = ("exp", "max of both", "min of both", "clip")


def attempt(body: str) -> None:
    """Run, train and take kernels; refusals are answers too, other exceptions are not."""
    program = tpc.parse(PROGRAM.format(body=body))
    network = tpc.parse(NETWORK.format(body=body))
    for work in (
        lambda: compiler.run(program, samples=32),
        lambda: compiler.run(program, samples=32, method="auto"),
        lambda: tpc.train(network, samples=32),
        lambda: tpc.kernel(network, INPUTS, samples=32),
        lambda: tpc.kernel(network, INPUTS, samples=32, method="qmc"),
        lambda: tpc.emit(tpc.derive(network)),
    ):
        with suppress(ProgramError, MethodRefused):
            work()


@pytest.mark.parametrize("inner", slow_where(lambda inner: inner in ("clip", "exp"), FEW))
@pytest.mark.slow
def test_functions_of_functions(inner: str) -> None:
    for outer in ("exp", "min"):
        attempt(TEXTS[outer].format(TEXTS[inner].format("h")))


@pytest.mark.slow
@pytest.mark.parametrize(("outer", "inner"), list(product(TEXTS, TEXTS)))
def test_every_function_of_every_function(outer: str, inner: str) -> None:
    attempt(TEXTS[outer].format(TEXTS[inner].format("h")))
