"""Matrices without entries under optimizers of operators: they move as whole ones do."""

import numpy as np
import pytest

from tests.network.networks import perceptron
from tests.network.optimizers.uses import use_of
from tpc.network.network import Exponents
from tpc.network.roles import Role
from tpc.simulation.training.low_rank import LowRankTensor
from tpc.simulation.training.tensors import FiniteGradient, Tensor, TensorPlan, Widths

N = 48
MUP = Exponents(0, 0.5, 1, 1)
OPTIMIZERS = {
    "muon": {"steps": "exact"},
    "muon of five iterations": {"decay": 0.1},
    "shampoo": {"eps": 1e-3, "beta2": 0.9},
    "soap": {"eps": 1e-2},
    "schatten": {"p": 0.5, "momentum": 0.5},
    "sgd": {"spectral_normalize": True},
}


def plan(use, axes: tuple[int, int]) -> TensorPlan:
    weight = next(w for w in perceptron(2).weights if w.kind.value == "matrix")
    return TensorPlan(weight, MUP, Role.MATRIX, use, Widths(N, axes, axes[1], N), {})


@pytest.mark.parametrize("axes", [(N, N), (30, 75), (96, 32)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_of_low_rank_are_those_of_the_whole_matrix(
    name: str, axes: tuple[int, int]
) -> None:
    use = use_of(name.split()[0], lr=0.3, **OPTIMIZERS[name])
    whole = Tensor(plan(use, axes), 0, 0)
    factored = LowRankTensor(plan(use, axes), 0, 0, (8, 8))
    start, kept = whole.value.copy(), 1.0
    rng = np.random.default_rng(3)
    for _ in range(3):
        left, right = (rng.standard_normal((size, 2)) / size for size in axes)
        gradient = FiniteGradient(left, right)
        whole.descend(gradient)
        factored.descend(gradient)
        kept *= 1 - OPTIMIZERS[name].get("decay", 0.0)
        moved = factored.moved(False, np.eye(axes[1]))
        np.testing.assert_allclose(kept * start - moved, whole.value, atol=1e-12)
        np.testing.assert_allclose(factored.moved(True, np.eye(axes[0])), moved.T, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("role", [Role.VECTOR, Role.OUTPUT])
def test_vectors_move_between_columns_as_whole_ones(name: str, role: Role) -> None:
    use = use_of(name.split()[0], lr=0.3, **OPTIMIZERS[name])
    weight = next(w for w in perceptron(2).weights if w.kind.value == "vector")
    widths = Widths(N, (N,), N, N)
    plans = [TensorPlan(weight, MUP, role, use, widths, {}, False, k) for k in (3, N)]
    assert plans[0].columns and not plans[1].columns
    short, whole = (Tensor(made, 0, 0) for made in plans)
    rng = np.random.default_rng(3)
    for _ in range(3):
        gradient = FiniteGradient(rng.standard_normal(whole.value.shape) / N)
        whole.descend(gradient)
        short.descend(gradient)
        np.testing.assert_allclose(short.value, whole.value, atol=1e-12)


@pytest.mark.parametrize("axes", [(N, N), (30, 75), (96, 32)])
def test_steps_of_trust_ratios_are_parts_of_the_weight(axes: tuple[int, int]) -> None:
    tensor = Tensor(plan(use_of("lamb", lr=0.3, eps=0.2), axes), 0, 0)
    start, rng = tensor.value.copy(), np.random.default_rng(3)
    tensor.descend(FiniteGradient(*(rng.standard_normal((size, 2)) for size in axes)))
    moved, size = np.linalg.norm(tensor.value - start), np.linalg.norm(start)
    np.testing.assert_allclose(moved / size, 0.3 / np.sqrt(axes[1]), rtol=1e-12)
