"""Values at several widths -> their extrapolation to infinite width.

The model is value_i = a + b / n_i + noise_i, entry by entry, fitted by weighted least squares with
x_i = 1 / n_i and weights w_i = 1 / sigma_i^2. Its intercept is linear in the values,

    a = sum over i of c_i value_i,   c_i = w_i (Sxx - Sx x_i) / (S Sxx - Sx^2),

with S = sum w, Sx = sum w x, Sxx = sum w x^2, and so has variance sum of c_i^2 s_i^2 with the
measured standard errors s_i. The sigma_i are these errors smoothed by a power law in n, because
weights that follow the noise of s_i would follow that of value_i too.
"""

from dataclasses import dataclass

import numpy as np

from tpc.simulation.result import Array


@dataclass(frozen=True, slots=True)
class Fit:
    """The fit of every entry.

    Attributes:
        intercept: The extrapolated value a.
        variances: One row for each width: what it adds to the variance of the intercept, enlarged
            by chi2 where that is above 1.
        slope: The coefficient b.
        chi2: Sum of ((value_i - a - b / n_i) / sigma_i)^2 per degree of freedom; NaN with two
            widths, and where nothing is random.
    """

    intercept: Array
    variances: Array
    slope: Array
    chi2: Array


def fit_inverse_width(widths: tuple[int, ...], values: Array, stderr: Array) -> Fit:
    """Fit value = a + b / n.

    Args:
        widths: At least two different ones.
        values: Shape (widths, entries).
        stderr: Standard errors of the values, of the same shape.

    Raises:
        ValueError: There are fewer than two widths.
    """
    if len(set(widths)) < 2:
        raise ValueError("an extrapolation needs at least two different widths")
    x = 1 / np.array(widths, dtype=np.float64)[:, None]
    sigma = smooth_errors(widths, stderr)
    weights = 1 / sigma**2
    total = weights.sum(axis=0)
    centre = (weights * x).sum(axis=0) / total
    steepness = weights * (x - centre) / (weights * (x - centre) ** 2).sum(axis=0)
    coefficients = weights / total - centre * steepness
    intercept = (coefficients * values).sum(axis=0)
    slope = (steepness * values).sum(axis=0)
    freedom = len(widths) - 2
    random = (stderr > 0).any(axis=0)
    if freedom:
        residuals = (values - intercept - slope * x) / sigma
        chi2 = np.where(random, (residuals**2).sum(axis=0) / freedom, np.nan)
    else:
        chi2 = np.full(intercept.shape, np.nan)
    variances = (coefficients * stderr) ** 2 * np.fmax(chi2, 1.0)
    return Fit(intercept, variances, slope, chi2)


def smooth_errors(widths: tuple[int, ...], stderr: Array) -> Array:
    """Return the power law c n^p nearest to the standard errors, entry by entry.

    Entries with fewer than two positive errors, to which no law can be fitted, get one error at all
    widths (1 where all are zero), which means equal weights.
    """
    position = np.log(np.array(widths, dtype=np.float64))[:, None]
    known = stderr > 0
    count = known.sum(axis=0)
    logs = np.log(np.where(known, stderr, 1.0))
    height = logs.sum(axis=0) / np.maximum(count, 1)
    centre = (known * position).sum(axis=0) / np.maximum(count, 1)
    offset = np.where(known, position - centre, 0.0)
    spread = (offset**2).sum(axis=0)
    power = (offset * logs).sum(axis=0) / np.where(spread > 0, spread, 1.0)
    smooth: Array = np.exp(height + power * (position - centre))
    return smooth
