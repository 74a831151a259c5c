"""Hermite series of two functions, against known coefficients and their own bounds."""

import numpy as np
import pytest
from scipy import special

from tpc.runtime.hermite import TOLERANCE, Family, Function, settle
from tpc.runtime.mehler import Series, expand


def series_of(f: Function, q: np.ndarray, rho: float) -> Series:
    (samples,), _ = settle([Family.of(f, q, None)])
    return expand(samples, samples, rho)


def test_coefficients_of_an_exponential() -> None:
    q = np.array([0.2, 1.0, 9.0])
    series = series_of(np.exp, q, 1.0)
    n = np.arange(len(series.left))[:, None]
    exact = np.exp(q / 2 + n * np.log(q) / 2 - special.gammaln(n + 1) / 2)
    np.testing.assert_allclose(series.left / np.exp(q), exact / np.exp(q), rtol=0, atol=1e-14)


def test_orders_of_an_odd_function_are_odd() -> None:
    series = series_of(np.tanh, np.array([0.5, 2.0]), 1.0)
    assert (series.orders % 2 == 1).all() and len(series.orders) > 10


@pytest.mark.parametrize("q", [0.1, 2.0, 20.0])
@pytest.mark.parametrize("rho", [0.1, 0.7, 0.97])
def test_bounds_hold(q: float, rho: float) -> None:
    """What k terms leave out is below its bound, for every k."""
    variances = np.array([q / 3, q])
    series = series_of(np.tanh, variances, 1.0)
    square = np.sqrt((series.left**2).sum(axis=0))
    terms = series.left[:, :, None] * series.left[:, None, :] / np.outer(square, square)
    powers = rho ** np.arange(len(terms))[:, None, None]
    left_out = np.cumsum((np.abs(terms) * powers)[::-1], axis=0)[::-1].max(axis=(1, 2))
    bounds = np.exp(series.log_bounds(rho))
    # Below TOLERANCE the tails are rounding of Parseval's sums.
    assert (left_out <= np.maximum(bounds[:-1], TOLERANCE) * (1 + 1e-9)).all()
    count = series.terms(rho)
    assert bounds[count] <= TOLERANCE < bounds[count - 1]
    assert series.reach(count - 1) < rho <= series.reach(count)


def test_smaller_correlations_need_fewer_terms() -> None:
    series = series_of(np.tanh, np.array([5.0]), 1.0)
    counts = [series.terms(rho) for rho in (0.0, 0.01, 0.3, 0.8, 0.99, 1.0)]
    assert counts == sorted(counts) and counts[0] <= 1 < counts[1] < counts[2] < counts[3]
    assert len(series_of(np.tanh, np.array([5.0]), 0.1).left) < len(series.left)


def test_horner_skips_absent_orders() -> None:
    orders = np.array([0, 1, 4, 9])
    coefficients = np.zeros((12, 1))
    coefficients[orders, 0] = [3.0, -2.0, 0.5, 7.0]
    series = Series(coefficients, coefficients, orders, np.zeros(13))
    rho = np.linspace(-1, 1, 7)
    for terms in (0, 1, 2, 9, 10, 12):
        powers = rho ** np.arange(terms)[:, None]
        expected = (coefficients[:terms] * powers).sum(axis=0)
        found = series.sum(terms, rho, lambda n: np.full(7, coefficients[n, 0]))
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
