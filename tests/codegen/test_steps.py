"""Modules of training that take the number of steps."""

from typing import TypeAlias

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.network.training.texts import perceptron
from tpc.diagnostics import UsageError

Case: TypeAlias = tuple[str, str, list[str]]

OF_ANY: tuple[Case, ...] = (
    ("sgd(lr=0.2)", "mup", ["batch 1", "center true"]),
    ("momentum(lr=0.2)", "mup", []),
    ("adam(lr=0.1, eps=0.1)", "mup", ["batch [[0, 1], [1]]"]),
    ("sgd(lr=0.2)", "ntp", ["center true"]),
)
OF_THEIR_OWN: tuple[Case, ...] = (
    ("sgd(lr=0.2)", "mup", [f"batch {[[0], [1]] * 5 + [[1], [0]]}"]),
    ("sgd(lr=0.2, decay=0.1)", "ntp", []),
    ("sgd(lr=0.2)", "ntp", [f"batch {[[step % 2] for step in range(11)]}"]),
)


def text(optimizer: str, parametrization: str, more: list[str], steps: int) -> str:
    return perceptron("erf", 2, optimizer, parametrization, steps, more=more)


@pytest.mark.parametrize("case", slow_where(lambda case: case[1] == "mup", OF_ANY))
@pytest.mark.slow
def test_steps_are_an_argument(case: Case) -> None:
    short, long = (tpc.evaluator(tpc.parse(text(*case, steps))) for steps in (10, 13))
    assert short.PARAMS["steps"] == 10
    for method in ("mc", "qmc"):
        found = short.evaluate(steps=13, samples=64, method=method)
        wanted = long.evaluate(samples=64, method=method)
        np.testing.assert_array_equal(found["f"], wanted["f"])
        np.testing.assert_array_equal(found.stderr["f"], wanted.stderr["f"])


@pytest.mark.parametrize("case", OF_THEIR_OWN)
@pytest.mark.slow
def test_but_not_where_something_else_fixes_them(case: Case) -> None:
    module = tpc.evaluator(tpc.parse(text(*case, 10)))
    assert "steps" not in module.PARAMS


def test_batches_that_look_like_unit_vectors_are_none() -> None:
    rows, targets = [[0.1 * k, 1.0] for k in range(11)], [1.0] * 11
    written = perceptron("erf", 2, "sgd(lr=0.2)", "mup", 10, rows, targets, ["batch 1"])
    assert "steps" not in tpc.evaluator(tpc.parse(written)).PARAMS


def test_steps_are_counted() -> None:
    module = tpc.evaluator(tpc.parse(text(*OF_ANY[0], 10)))
    with pytest.raises(ValueError, match="whole number"):
        module.evaluate(steps=2.5, samples=64)


@pytest.mark.slow
def test_training_may_be_longer_than_its_block_says() -> None:
    network, longer = (tpc.parse(text(*OF_ANY[0], steps)) for steps in (2, 10))
    found = tpc.train(network, 64, method="mc", steps=10)
    wanted = tpc.train(longer, 64, method="mc")
    np.testing.assert_array_equal(found["f"], wanted["f"])
    with pytest.raises(UsageError, match="0 steps"):
        tpc.train(network, steps=0)
