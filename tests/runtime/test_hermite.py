"""Expectations of functions of one Gaussian, against formulas."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from tpc.runtime.hermite import Line, hermite_blocks, single_moment

VARIANCES = np.array([0.0, 1e-6, 0.3, 1.0, 7.0, 100.0])
MEANS = np.array([0.4, -1.0, 0.0, 2.0, -3.0, 1.5])


def test_hermite_polynomials_are_orthonormal() -> None:
    line = Line(0.05, 45.0)
    blocks = hermite_blocks(line, 100)
    basis = np.vstack([next(blocks) for _ in range(3)])[:400]
    np.testing.assert_allclose(basis @ basis.T, np.eye(400), rtol=0, atol=1e-12)
    cube = (line.z**3 - 3 * line.z) / np.sqrt(6) * line.root_weights
    np.testing.assert_allclose(basis[3], cube, rtol=0, atol=1e-13)


SMOOTH = {
    "exp": (lambda x: np.exp(x / 2), lambda q, m: np.exp(m / 2 + q / 8)),
    "sin": (np.sin, lambda q, m: np.exp(-q / 2) * np.sin(m)),
    "quartic": (lambda x: x**4, lambda q, m: m**4 + 6 * m**2 * q + 3 * q**2),
    "erf": (special.erf, lambda q, m: special.erf(m / np.sqrt(1 + 2 * q))),
    "gelu": (
        lambda x: x * special.ndtr(x),
        lambda q, m: (
            m * special.ndtr(m / np.sqrt(1 + q))
            + q * np.exp(-(m**2) / (2 + 2 * q)) / np.sqrt(2 * np.pi * (1 + q))
        ),
    ),
    "bump": (
        lambda x: np.exp(-(x**2)),
        lambda q, m: np.exp(-(m**2) / (1 + 2 * q)) / np.sqrt(1 + 2 * q),
    ),
    "constant": (lambda x: 2.5, lambda q, m: 2.5 + 0 * q),
    "nothing": (lambda x: 0 * x, lambda q, m: 0 * q),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("means", [None, MEANS])
def test_smooth_functions(name: str, means: np.ndarray | None) -> None:
    f, formula = SMOOTH[name]
    exact = formula(VARIANCES, 0 * MEANS if means is None else means)
    for rows in (slice(None), *(slice(k, k + 1) for k in range(len(VARIANCES)))):
        q, m = VARIANCES[rows], None if means is None else means[rows]
        found, error = single_moment(f, q, m)
        square = single_moment(lambda x: np.broadcast_to(f(x), x.shape) ** 2, q, m)[0]
        size = np.sqrt(square.max())
        assert np.abs(found - exact[rows]).max() <= min(error, 1e-13 * size)
        assert error < 1e-13 * size or size == 0


@pytest.mark.parametrize("power", range(9))
def test_no_frequency_is_mistaken_for_another(power: int) -> None:
    """The first grids alias cos(100 z); a wrong agreement of two grids would show."""
    frequency = np.array([2 * np.pi / 0.3 * 2 ** (power / 2)])
    found, error = single_moment(lambda x: 1 + np.cos(x), frequency**2)
    assert abs(found[0] - 1 - np.exp(-(frequency[0] ** 2) / 2)) <= error < 1e-13


ROUGH: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "relu": (lambda x: np.maximum(x, 0), 1 / np.sqrt(2 * np.pi)),
    "abs": (np.abs, 2 / np.sqrt(2 * np.pi)),
    "step": (lambda x: (x > 0) * 1.0, 0.5),
    "step at 0.3": (lambda x: (x > 0.3) * 1.0, special.ndtr(-0.3)),
    "sign times x": (lambda x: x * np.sign(x - 1), 2 * np.exp(-0.5) / np.sqrt(2 * np.pi)),
}


@pytest.mark.parametrize("name", ROUGH)
def test_kinks_and_jumps_show_in_the_error(name: str) -> None:
    f, exact = ROUGH[name]
    found, error = single_moment(f, np.ones(1))
    assert abs(found[0] - exact) <= error
    assert error > 1e-10


@pytest.mark.parametrize("place", np.linspace(-1.5, 1.5, 25) + 0.0123)
def test_jumps_anywhere_show_in_the_error(place: float) -> None:
    found, error = single_moment(lambda x: (x > place) * 1.0, np.ones(1))
    assert abs(found[0] - special.ndtr(-place)) <= error < 1e-2


@pytest.mark.parametrize("f", [np.log, lambda x: np.exp(x**2), lambda x: np.exp(40 * x)])
def test_what_has_no_finite_mean_square_has_no_finite_error(
    f: Callable[[np.ndarray], np.ndarray],
) -> None:
    assert single_moment(f, np.ones(1))[1] == np.inf


def test_no_gaussians() -> None:
    found, error = single_moment(np.tanh, np.empty(0))
    assert found.shape == (0,) and error == 0
