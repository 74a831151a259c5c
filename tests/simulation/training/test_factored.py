"""Training without matrices: the same updates as with entries, and the same law."""

import numpy as np
import pytest

import tpc
from tpc.network.network import Network
from tpc.network.optimizers.every_step import linear_coefficients
from tpc.network.parametrizations import scaling_of
from tpc.network.roles import Role
from tpc.program.builder import Builder
from tpc.simulation.training import costs
from tpc.simulation.training.batch_evaluation import number
from tpc.simulation.training.factored import FactoredTensor
from tpc.simulation.training.tensors import FiniteGradient, TensorPlan, Widths

TIED = """\
dim n
input xi[2]
weight U[2] : n
weight W : n x n (mult=1.2, lr=0.7)
weight v : n (lr=0.5)
x1 = tanh(U @ xi)
x2 = tanh(W @ x1)
x3 = tanh(W.T @ x2 + x1)
readout f = v * x3
train f:
    data [[1, 0], [0, 1], [1, 1], [-1, 0.4]], [1, -1, 0.5, 0.2]
    test [[2, 1]]
    loss mse
    optimizer {optimizer}
    parametrization {parametrization}
    steps 4
    batch {batch}
    track K = <x3|x3>
    track B = <x1|x3>
"""


def network(optimizer: str, parametrization: str = "mup", batch: str = "full") -> Network:
    made = tpc.parse(TIED.format(optimizer=optimizer, parametrization=parametrization, batch=batch))
    assert isinstance(made, Network)
    return made


@pytest.mark.parametrize("optimizer", ["sgd(lr=0.3)", "momentum(lr=0.3, beta=0.8, decay=0.05)"])
def test_a_matrix_without_entries_follows_the_update(optimizer: str) -> None:
    """W <- (1 - decay) W - n^-a lr factor n^-c m, m = beta m + n^d g."""
    n, made = 15, network(optimizer)
    assert made.training is not None
    weight, use = made.weights[1], made.training.optimizer
    e = scaling_of(made, made.training.parametrization).exponents["W"]
    plan = TensorPlan(weight, e, Role.MATRIX, use, Widths(n, (n, n), n, n), {})
    table = linear_coefficients(Builder(), use, 4)
    rows = [[number(q, {}) for q in row] for row in table]
    tensor = FactoredTensor(plan, 0, 0, (100, 100), rows)
    w = tensor.multiply(False, np.eye(n))
    np.testing.assert_allclose(w.std(), n**-0.5, rtol=0.2)
    rng = np.random.default_rng(0)
    beta, kept = (0.0, 1.0) if optimizer.startswith("sgd") else (0.8, 0.95)
    m = np.zeros((n, n))
    for _ in range(4):
        left, right = rng.standard_normal((2, n, 3))
        tensor.descend(FiniteGradient(left, right))
        m = beta * m + n**e.d * n**-e.a * left @ right.T
        w = kept * w - n**-e.a * 0.3 * 0.7 * n**-e.c * m
        x = rng.standard_normal((n, 2))
        np.testing.assert_allclose(tensor.multiply(False, x), w @ x, atol=1e-12 * n**2)
        np.testing.assert_allclose(tensor.multiply(True, x), w.T @ x, atol=1e-12 * n**2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "parametrization", "batch"),
    [
        ("sgd(lr=0.3)", "mup", "full"),
        ("momentum(lr=0.2, decay=0.1)", "ntp", "2"),
        ("nesterov(lr=0.1)", "mup", "[[0, 1, 2], [3]]"),
    ],
)
def test_trained_networks_have_the_law_of_dense_ones(
    optimizer: str, parametrization: str, batch: str
) -> None:
    made = network(optimizer, parametrization, batch)
    dense = tpc.simulate(made, 48, trials=120, seed=1)
    free = tpc.simulate(made, 48, trials=120, seed=2, engine="matrix-free")
    assert (dense.method, free.method) == ("dense", "matrix-free")
    for name in ("f", "K", "B"):
        value, error = np.asarray(free[name]), np.asarray(free.stderr[name])
        gap = (value - np.asarray(dense[name])) / np.hypot(error, dense.stderr[name])
        assert np.abs(gap).max() < 5 and np.sqrt(np.mean(gap**2)) < 2.5, name
        # Training moves what is compared, by far more than its errors.
        if name != "B":
            moved = np.abs(value[-1] - value[0]) / np.hypot(error[-1], error[0])
            assert moved.max() > 8, name


@pytest.mark.slow
def test_training_at_large_width() -> None:
    """The loss goes down at a width where the matrix would take a terabyte."""
    made = network("sgd(lr=0.3)")
    f = np.asarray(tpc.simulate(made, 20_000, trials=1, engine="matrix-free")["f"])
    assert made.training is not None
    loss = ((f[:, :4] - made.training.targets) ** 2).sum(axis=1)
    assert loss[-1] < 0.7 * loss[0]


@pytest.mark.slow
def test_memory_is_told_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network("momentum(lr=0.3)")
    monkeypatch.setattr(costs, "available_memory", lambda: 2 * 8 * 1000**2 + 10)
    assert tpc.simulate(made, 1000, trials=1).width == 1000
    with pytest.raises(tpc.ProgramError) as caught:
        tpc.simulate(made, 2000, trials=1)
    (found,) = caught.value.diagnostics
    assert found.code == "TP411" and "`--engine matrix-free` needs" in found.hint
    assert (found.line, "64 MB" in found.message) == (4, True)
    assert tpc.simulate(made, 2000, trials=1, engine="matrix-free").width == 2000


@pytest.mark.slow
def test_a_nonlinear_update_of_vectors_alone_is_no_obstacle() -> None:
    text = TIED.format(optimizer="adam(lr=0.1)", parametrization="mup", batch="full")
    frozen = tpc.parse(text.replace("lr=0.7", "train=false"))
    assert tpc.simulate(frozen, 64, trials=1, engine="matrix-free").method == "matrix-free"
    with pytest.raises(tpc.ProgramError, match="TP413"):
        tpc.simulate(tpc.parse(text), 64, trials=1, engine="matrix-free")
