"""The moments of a ReLU in floating point against 50 digits, up to correlations +-1."""

import mpmath
import numpy as np
import pytest

from tpc.kernels import arc_cosine
from tpc.kernels.scratch import Scratch

ENDS = np.logspace(-15, -1, 43)


@pytest.fixture(autouse=True)
def digits() -> object:
    with mpmath.workdps(50):
        yield


@pytest.mark.parametrize("least", arc_cosine.POLES)
def test_the_ratio_is_right_to_the_last_digit(least: float) -> None:
    w = np.concatenate([np.linspace(0, 1, 301), ENDS, 1 - ENDS, [least]])
    w = w[w >= least]
    found = arc_cosine.arc_sine_ratio(w, least, Scratch())
    for x, value in zip(w, found, strict=True):
        x = mpmath.mpf(float(x))
        exact = mpmath.acos(x) / mpmath.sqrt(1 - x * x) if x < 1 else 1
        assert abs(float(value) / exact - 1) < 5e-16


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e8])
def test_moments_lose_no_digits(scale: float) -> None:
    rho = np.concatenate([np.linspace(-1, 1, 201)[1:-1], 1 - ENDS, ENDS - 1])
    v1 = scale * np.random.default_rng(0).uniform(0.2, 2, rho.shape)
    v2 = scale * np.random.default_rng(1).uniform(0.2, 2, rho.shape)
    c = rho * np.sqrt(v1 * v2)
    s, moment = arc_cosine.arc_cosine(c, v1, v2, 1 / np.sqrt(v1), 1 / np.sqrt(v2))
    for i in range(len(c)):
        p, q, cov = (mpmath.mpf(float(array[i])) for array in (v1, v2, c))
        if p * q - cov * cov < 4e-15 * p * q:
            continue  # less than the rounding of a covariance, and taken for 0
        angle = mpmath.pi - mpmath.acos(cov / mpmath.sqrt(p * q))
        whole = mpmath.sqrt(p * q - cov * cov) + angle * cov
        assert abs(float(s[i]) / angle - 1) < 1e-14
        assert abs(float(moment[i]) - whole) < 1e-15 * mpmath.sqrt(p * q)
        assert abs(float(moment[i]) / whole - 1) < (1e-12 if rho[i] < -0.9 else 4e-14)


def test_the_ends_are_exact_and_nothing_is_half() -> None:
    v = np.array([2.0, 2.0, 0.0, 3.0])
    c, w = np.array([2.0, -2.0, 0.0, 0.0]), np.array([2.0, 2.0, 1.0, 0.5])
    with np.errstate(all="ignore"):
        s, moment = arc_cosine.arc_cosine(c, v, w, 1 / np.sqrt(v), 1 / np.sqrt(w))
    np.testing.assert_allclose(s, [np.pi, 0, np.pi / 2, np.pi / 2], atol=1e-15)
    np.testing.assert_allclose(moment, [2 * np.pi, 0, 0, np.sqrt(1.5)], atol=1e-15)


def test_determinants_keep_their_digits() -> None:
    p, q, c = np.array([1.0, 1.0, 2.0]), np.array([1.0, 1.0, 3.0]), np.array([0.5, 1 - 1e-9, 1.0])
    exact = [0.75, float(1 - (mpmath.mpf(float(c[1]))) ** 2), 5.0]
    np.testing.assert_allclose(arc_cosine.gram(p, q, c), exact, rtol=1e-15)
