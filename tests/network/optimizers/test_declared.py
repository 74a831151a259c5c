"""Declared optimizers of operators: those that are built in, written out, and their limits."""

import numpy as np
import pytest

import tpc
from tests.network.optimizers.uses import run, use_of
from tpc.network.network import UserOptimizer
from tpc.network.optimizers.update import forgets_sizes

NETWORK = """
dim n
input xi
weight U, v : n
weight W : n x n
readout f = v * tanh(W @ tanh(U * xi))
{declared}
train f:
    data [1.0], [1.0]
    loss mse
    optimizer sgd(lr=0.3)
    optimizer W: own(lr=0.3)
    parametrization mup
    steps 1
"""

OWN = {
    "muon": """
optimizer own(matrix G; m=0; momentum=0.95):
    m = momentum * m + G
    u = G + momentum * m
    X[0] = u / (norm(u) + 1e-7)
    for k in range(5):
        Y[k] = X[k] @ X[k].T
        X[k + 1] = 3.4445 * X[k] + (2.0315 * Y[k] @ Y[k] - 4.775 * Y[k]) @ X[k]
    return X[5]
""",
    "muon dual": """
optimizer own(matrix G; m=0; beta=0.95):
    m = beta * m + G
    u = G + beta * m
    return <u|msign(u)> * msign(u)
""",
    "shampoo": """
optimizer own(matrix G; L=0, R=0; eps=1e-3):
    L = L + G @ G.T
    R = R + G.T @ G
    return power(L, -1/4, eps) @ G @ power(R, -1/4, eps)
""",
    "shampoo trace": """
optimizer own(matrix G; L=0, R=0; eps=1e-2):
    L = 0.9 * L + 0.1 * G @ G.T
    R = 0.9 * R + 0.1 * G.T @ G
    return sqrt(trace(L)) * power(L, -1/2, eps) @ G @ power(R, -1/2, eps)
""",
    "schatten": "def root(s) = sqrt(s)\noptimizer own(matrix G): return svd(G, root)",
    "schatten half": "optimizer own(matrix G): return schatten(G, 1/2)",
    "lars": """
optimizer own(matrix G; m=0):
    m = 0.9 * m + G
    return m / norm(m)
""",
    "sgd": "optimizer own(matrix G): return G / spectral(G)",
}
SAME = {
    "muon": {},
    "muon dual": {"steps": "exact", "dual": True},
    "shampoo": {"eps": 1e-3},
    "shampoo trace": {
        "eps": 1e-2, "beta2": 0.9, "exponent": 0.5, "trace": True, "correct": False,
    },
    "schatten": {"p": 0.5},
    "schatten half": {"p": 0.5},
    "lars": {},
    "sgd": {"spectral_normalize": True},
}  # fmt: skip


def declared(text: str) -> UserOptimizer:
    network = tpc.parse(NETWORK.format(declared=text))
    found = network.training.optimizer_of("W").declared
    assert found is not None
    return found


@pytest.mark.parametrize("name", OWN)
def test_what_is_written_out_moves_as_what_is_built_in(name: str) -> None:
    gs = list(np.random.default_rng(1).standard_normal((3, 6, 4)))
    mine = run(use_of("own", declared(OWN[name])), gs)
    theirs = run(use_of(name.split()[0], **SAME[name]), gs)
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OWN)
def test_a_gradient_of_zero_moves_nothing(name: str) -> None:
    assert not np.any(run(use_of("own", declared(OWN[name])), [np.zeros((3, 2))] * 2))


def test_numbers_of_operators_and_of_the_step_enter() -> None:
    text = """
optimizer own(matrix G; s=0; c=2):
    s = max(s, nuclear(G))
    return c * (t + 1) * shape_scale * lr * G / s - 0.5 * G.T.T
"""
    gs = list(np.random.default_rng(2).standard_normal((2, 3, 5)))
    sizes = np.maximum.accumulate([np.linalg.norm(g, "nuc") for g in gs])
    found = run(use_of("own", declared(text), c=3, lr=0.1), gs)
    wanted = [
        3 * (t + 1) * 0.1 * g / s - 0.5 * g for t, (g, s) in enumerate(zip(gs, sizes, strict=True))
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("returned", "forgets"),
    [
        ("msign(G)", True),
        ("svd(G, tanh)", False),
        ("svd(G, cos)", True),
        ("schatten(G, 1/2)", False),
        ("power(G @ G.T, -1/4, 0) @ G", True),
        ("power(G @ G.T, -1/4, 1e-3) @ G", False),
    ],
)
def test_functions_that_jump_where_singular_values_vanish_are_known(
    returned: str, forgets: bool
) -> None:
    own = declared(f"optimizer own(matrix G): return {returned}")
    assert forgets_sizes(use_of("own", own)) is forgets
