"""The extrapolation against NumPy's fit, and its errors against the scatter of many fits."""

import numpy as np
import pytest

from tpc.simulation.fit import fit_inverse_width, smooth_errors

WIDTHS = (64, 128, 256, 512)
INVERSE = 1 / np.array(WIDTHS)[:, None]


def test_exact_values_are_recovered() -> None:
    a, b = np.array([2.0, -1.0, 0.0]), np.array([5.0, 0.0, 3.0])
    fit = fit_inverse_width(WIDTHS, a + b * INVERSE, np.zeros((4, 3)))
    np.testing.assert_allclose(fit.intercept, a, atol=1e-13)
    np.testing.assert_allclose(fit.slope, b, atol=1e-10)
    assert not fit.variances.any()
    assert np.isnan(fit.chi2).all()


def test_weighted_fit_against_numpy() -> None:
    rng = np.random.default_rng(3)
    sigma = 0.3 / np.sqrt(WIDTHS)
    values = 1 + 2 * INVERSE[:, 0] + 0.3 * sigma * rng.standard_normal(4)  # chi2 below 1
    fit = fit_inverse_width(WIDTHS, values[:, None], sigma[:, None])
    wanted, cov = np.polyfit(INVERSE[:, 0], values, 1, w=1 / sigma, cov="unscaled")
    assert fit.intercept == pytest.approx(wanted[1], rel=1e-10)
    assert fit.slope == pytest.approx(wanted[0], rel=1e-8)
    assert fit.chi2[0] < 1
    assert fit.variances.sum() == pytest.approx(cov[1, 1], rel=1e-10)


def test_poor_fit_enlarges_the_error_as_is_customary() -> None:
    sigma = 0.01 * np.ones(4)
    values = 1 + 40 * INVERSE[:, 0] ** 2 * np.array([1, 64, 256, 64])
    fit = fit_inverse_width(WIDTHS, values[:, None], sigma[:, None])
    fitted, residual, *_ = np.polyfit(INVERSE[:, 0], values, 1, w=1 / sigma, full=True)
    assert fit.intercept == pytest.approx(fitted[1], rel=1e-10)
    assert fit.chi2 == pytest.approx(residual / 2, rel=1e-8)
    _, cov = np.polyfit(INVERSE[:, 0], values, 1, w=1 / sigma, cov="unscaled")
    assert fit.chi2[0] > 1
    assert fit.variances.sum() == pytest.approx(cov[1, 1] * fit.chi2[0], rel=1e-8)


@pytest.mark.parametrize("power", [-0.5, -1.0, 0.0])
def test_errors_describe_the_scatter(power: float) -> None:
    """With errors estimated from 16 trials the mean of z^2 is that of Student's distribution."""
    rng = np.random.default_rng(0)
    entries, trials = 4000, 16
    sigma = (np.array(WIDTHS) / 64.0)[:, None, None] ** power
    noise = sigma * rng.standard_normal((4, trials, entries))
    stderr = noise.std(axis=1, ddof=1) / np.sqrt(trials)
    fit = fit_inverse_width(WIDTHS, 3 + 5 * INVERSE + noise.mean(axis=1), stderr)
    z2 = (fit.intercept - 3) ** 2 / fit.variances.sum(axis=0)
    # Between the chi2 >= 1 inflation, which lowers it, and the noise of the errors: near 1.
    assert 0.6 < z2.mean() < 1.25
    assert abs((fit.intercept - 3).mean()) < 5 * fit.intercept.std() / np.sqrt(entries)


def test_smooth_errors() -> None:
    law = np.array([[4.0], [2.0], [1.0], [0.5]])
    np.testing.assert_allclose(smooth_errors(WIDTHS, law), law)
    np.testing.assert_allclose(smooth_errors(WIDTHS, np.array([[4.0], [0], [1.0], [0]])), law)
    np.testing.assert_allclose(smooth_errors(WIDTHS, np.array([[0.0], [0], [3.0], [0]])), 3.0)
    np.testing.assert_allclose(smooth_errors(WIDTHS, np.zeros((4, 1))), 1.0)
    unknown = np.array([[4.0], [np.nan], [1.0], [np.inf]])
    np.testing.assert_allclose(smooth_errors(WIDTHS, unknown), law)


def test_one_width_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two"):
        fit_inverse_width((64, 64), np.ones((2, 1)), np.ones((2, 1)))
