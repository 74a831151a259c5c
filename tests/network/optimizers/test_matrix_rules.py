"""Optimizers of operators: on cores they are what they are on whole matrices."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.network.optimizers.uses import run, use_of

FIXTURES = json.loads((Path(__file__).parent / "gram_coefficients.json").read_text())
A, B, D = (np.array(FIXTURES[name]) for name in ("A", "B", "D"))

PLAIN = {"momentum": 0.0, "nesterov": False}
CASES = {
    "sgd": ("sgd", {}),
    "muon_exact": ("muon", {"steps": "exact", **PLAIN}),
    "muon_ns5": ("muon", {"eps": 0.0, **PLAIN}),
    "muon_nesterov": ("muon", {"steps": "exact"}),
    "muon_ns5_nesterov_decay": ("muon", {"eps": 0.0}),
    "muon_optax": ("muon", {"steps": "exact", "correct": True}),
    "muon_all": ("muon", {"steps": "exact", **PLAIN}),
    "muon_adam": ("muon", {"eps": 0.0}),
    "shampoo_sum": ("shampoo", {"eps": 1e-3}),
    "shampoo_ema_half": (
        "shampoo", {"eps": 1e-2, "beta2": 0.9, "exponent": 0.5, "trace": True, "correct": False},
    ),
    "shampoo_graft_sgd": ("shampoo", {"eps": 1e-3, "graft": "sgd"}),
    "soap_current": ("soap", {"beta1": 0.9, "eps": 1e-2}),
    "spectral_norm": ("sgd", {"spectral_normalize": True}),
    "sgd_clip_global": ("sgd", {}),  # the factor of all gradients stands before optimizers
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_coefficients_are_those_of_the_gram_matrices(name: str) -> None:
    optimizer, options = CASES[name]
    left, right = (np.linalg.cholesky(gram).T for gram in (A, B))
    cores = [left @ d @ right.T for d in D]
    for found, wanted in zip(
        run(use_of(optimizer, **options), cores), FIXTURES["M"][name], strict=True
    ):
        solved = np.linalg.solve(left, np.linalg.solve(right, found.T).T)
        np.testing.assert_allclose(solved, wanted, atol=1e-9)


ITERATION = (3.4445, -4.7750, 2.0315)


def newton_schulz(g: np.ndarray) -> np.ndarray:
    a, b, c = ITERATION
    x = g / (np.linalg.norm(g) + 1e-7)
    for _ in range(5):
        y = x @ x.T
        x = a * x + (b * y + c * y @ y) @ x
    return x


def polar(g: np.ndarray) -> np.ndarray:
    u, s, v = np.linalg.svd(g, full_matrices=False)
    return u @ np.diag(s > 1e-7 * s[0]) @ v


def power(s: np.ndarray, p: float, eps: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(s)
    return (vectors * (np.maximum(values, 0) + eps) ** p) @ vectors.T


def adam_rotated(gs: list[np.ndarray]) -> np.ndarray:
    """Return the last direction of SOAP in the bases of the present averages."""
    m = v = left = right = 0.0
    for t, g in enumerate(gs, 1):
        m, left, right = (
            0.95 * x + 0.05 * y for x, y in ((m, g), (left, g @ g.T), (right, g.T @ g))
        )
        above, below = (np.linalg.eigh(side)[1][:, ::-1] for side in (left, right))
        v = 0.95 * v + 0.05 * (above.T @ g @ below) ** 2
        moved = above.T @ m @ below / (1 - 0.95**t)
        moved /= np.sqrt(v / (1 - 0.95**t)) + 1e-2
    return above @ moved @ below.T


WHOLE = {
    "muon": ({}, lambda gs: newton_schulz(gs[1] + 0.95 * (gs[1] + 0.95 * gs[0]))),
    "muon exact": ({"steps": "exact", "momentum": 0.0}, lambda gs: polar(gs[1])),
    "muon dual": (
        {"steps": "exact", "momentum": 0.0, "dual": True},
        lambda gs: np.linalg.norm(gs[1], "nuc") * polar(gs[1]),
    ),
    "shampoo": (
        {"eps": 1e-3},
        lambda gs: (
            power(sum(g @ g.T for g in gs), -0.25, 1e-3)
            @ gs[1]
            @ power(sum(g.T @ g for g in gs), -0.25, 1e-3)
        ),
    ),
    "soap": ({"eps": 1e-2}, adam_rotated),
    "schatten": (
        {"p": 0.5},
        lambda gs: (lambda u, s, v: (u * s**0.5) @ v)(*np.linalg.svd(gs[1], full_matrices=False)),
    ),
    "scion": ({}, lambda gs: polar(0.9 * gs[0] + gs[1])),
    "lars": ({}, lambda gs: (0.9 * gs[0] + gs[1]) / np.linalg.norm(0.9 * gs[0] + gs[1])),
}


@pytest.mark.parametrize("shape", [(6, 6), (5, 9), (8, 4)])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_matrices_move_as_textbooks_say(name: str, shape: tuple[int, int]) -> None:
    options, wanted = WHOLE[name]
    gs = list(np.random.default_rng(1).standard_normal((2, *shape)))
    found = run(use_of(name.split()[0], **options), gs)[1]
    np.testing.assert_allclose(found, wanted(gs), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(40, 40), (30, 50), (60, 20)])
@pytest.mark.parametrize("name", WHOLE)
def test_cores_of_low_rank_matrices_move_as_whole_ones(name: str, shape: tuple[int, int]) -> None:
    rng, options = np.random.default_rng(2), WHOLE[name][0]
    optimizer = use_of(name.split()[0], **options)
    sides = [np.linalg.qr(rng.standard_normal((size, 4)))[0] for size in shape]
    cores = [np.zeros((4, 4)), rng.standard_normal((4, 4))]
    cores[0][:2, :2] = rng.standard_normal((2, 2))
    for core, whole in zip(
        run(optimizer, cores),
        run(optimizer, [sides[0] @ core @ sides[1].T for core in cores]),
        strict=True,
    ):
        np.testing.assert_allclose(sides[0] @ core @ sides[1].T, whole, atol=1e-12)


@pytest.mark.parametrize("name", WHOLE)
def test_a_gradient_of_zero_moves_nothing(name: str) -> None:
    optimizer = use_of(name.split()[0], **WHOLE[name][0])
    assert not np.any(run(optimizer, [np.zeros((3, 2))] * 2))


def test_singular_values_are_clipped() -> None:
    g = np.diag([3.0, 1.0, 0.2])
    found = run(use_of("sgd", spectral_clip=0.5), [g])[0]
    np.testing.assert_allclose(found, np.diag([0.5, 0.5, 0.2]), atol=1e-15)
