"""Spectra that training records, and what is said of them."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import tpc
from tpc.driver.conditioning import with_conditions


@dataclass(frozen=True)
class Result:
    values: dict[str, np.ndarray]
    stderr: dict[str, np.ndarray] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def warnings_of(name: str, rows: list[list[float]]) -> tuple[str, ...]:
    found = with_conditions(Result({"f": np.zeros(2), name: np.array(rows)}))
    assert set(found.values) == {"f"}
    return found.warnings


def test_small_singular_values_are_told_with_the_ratio() -> None:
    rows = [[1.0, 0.5], [2.0, 0.004], [1.0, 1e-5]]
    (told,) = warnings_of("singular_values_of_W", rows)  # those behind the last step do nothing
    assert "at step 1" in told and "`W` is 0.002 of the largest" in told
    assert not warnings_of("singular_values_of_W", [[1.0, 0.5], [2.0, 1e-12], [1, 0]])


def test_close_eigenvalues_are_told_with_the_gap() -> None:
    rows = [[1.0, 0.97, 0.0], [2.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    (told,) = warnings_of("eigenvalues_of_W_left", rows)
    assert "at step 0" in told and "differ by 0.03 of the larger" in told
    assert not warnings_of("eigenvalues_of_W_left", [[1.0, 0.5], [0.0, 0.0], [1.0, 1.0]])


TEXT = """
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
readout f = v * tanh(W @ tanh(U @ xi))
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    loss mse
    optimizer sgd(lr=0.01)
    optimizer W: {optimizer}
    parametrization mup
    steps 2
"""


@pytest.mark.slow
def test_steps_that_are_nearly_parallel_are_warned_of() -> None:
    exact = tpc.parse(TEXT.format(optimizer="muon(lr=0.01, steps=exact)"))
    found = tpc.train(exact, samples=1024, method="qmc")
    assert set(found.values) == {"f", "loss", "loss_all"}
    assert any(text.startswith("ill-conditioned: at step 1") for text in found.warnings)
    iterated = tpc.parse(TEXT.format(optimizer="muon(lr=0.01)"))
    found = tpc.train(iterated, samples=1024, method="qmc")
    assert not any("ill-conditioned" in text for text in found.warnings)


@pytest.mark.slow
def test_bases_are_looked_at() -> None:
    network = tpc.parse(TEXT.format(optimizer="soap(lr=0.1)"))
    found = tpc.train(network, samples=1024)
    assert set(found.values) == {"f", "loss", "loss_all"}
    names = {output.name for output in tpc.derive(network).program.outputs}
    assert {"eigenvalues_of_W_left", "eigenvalues_of_W_right"} <= names
