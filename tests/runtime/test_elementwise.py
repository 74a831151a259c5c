"""The functions that NumPy lacks, against 50 digits of mpmath."""

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest

from tpc.runtime import elementwise

EPS = 2.0**-52

EXACT: dict[str, tuple[Callable[[mp.mpf], mp.mpf], float]] = {
    "erf": (mp.erf, 2),
    "erfc": (mp.erfc, 4),
    "Phi": (mp.ncdf, 4),
    "gelu": (lambda x: x * mp.ncdf(x), 5),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), 2),
    "silu": (lambda x: x / (1 + mp.exp(-x)), 3),
}
"""The values, and how many units in the last place are lost."""

SIZES = (np.logspace(-290, -3, 60), np.linspace(0.002, 6, 400), np.linspace(6, 26, 81))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.slow
def test_all_digits_are_kept_in_both_tails(name: str) -> None:
    exact, lost = EXACT[name]
    size = np.concatenate(SIZES)
    points = np.concatenate([size, -size])
    found = getattr(elementwise, name)(points)
    with mp.workdps(50):
        for x, value in zip(points.tolist(), found.tolist(), strict=True):
            wanted = exact(mp.mpf(x))
            assert abs(mp.mpf(value) - wanted) <= lost * EPS * abs(wanted), x


@pytest.mark.parametrize("name", EXACT)
def test_values_far_out(name: str) -> None:
    far = getattr(elementwise, name)(np.array([-1e300, -800.0, 0.0, 800.0, 1e300]))
    limits = {
        "erf": [-1, -1, 0, 1, 1], "erfc": [2, 2, 1, 0, 0], "Phi": [0, 0, 0.5, 1, 1],
        "gelu": [0, 0, 0, 800, 1e300], "sigmoid": [0, 0, 0.5, 1, 1], "silu": [0, 0, 0, 800, 1e300],
    }  # fmt: skip
    np.testing.assert_allclose(far, limits[name], rtol=0, atol=1e-300)


def test_piecewise_functions() -> None:
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(elementwise.leaky_relu(x, 0.1), [-0.2, 0, 3])
    np.testing.assert_allclose(elementwise.elu(x, 2.0), [2 * np.expm1(-2), 0, 3])
    np.testing.assert_allclose(
        elementwise.softmax(np.array([[1.0, 1.0], [1e4, 0]])), [[0.5, 0.5], [1, 0]]
    )


def test_the_root_of_a_covariance_with_several_axes() -> None:
    half = np.random.default_rng(0).normal(size=(2, 3, 4))
    covariance = np.tensordot(half, half, (2, 2))
    found = elementwise.root(covariance)
    np.testing.assert_allclose(np.tensordot(found, found, 2), covariance, atol=1e-12)
    assert np.isnan(elementwise.root(np.full((2, 2), np.inf))).all()
