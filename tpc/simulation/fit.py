"""Values at several widths -> their extrapolation to infinite width.

The model is value_i = a + b / n_i + noise_i, entry by entry, or with a term c / sqrt(n_i) beside
it. It is fitted by weighted least squares with weights w_i = 1 / sigma_i^2. The intercept a is
linear in the values, a = sum over i of c_i value_i with c = the first row of
(X.T W X)^-1 X.T W, and so has variance sum of c_i^2 s_i^2 with the measured standard errors s_i.
The sigma_i are these errors smoothed by a power law in n, because weights that follow the noise of
s_i would follow that of value_i too.
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
        chi2: Sum of ((value_i - model_i) / sigma_i)^2 per degree of freedom; NaN with as many
            widths as coefficients, and where nothing is random.
    """

    intercept: Array
    variances: Array
    slope: Array
    chi2: Array


def fit_inverse_width(
    widths: tuple[int, ...], values: Array, stderr: Array, half_order: bool = False
) -> Fit:
    """Fit value = a + b / n, or a + c / sqrt(n) + b / n.

    Args:
        widths: At least two different ones, three with the term of half order.
        values: Shape (widths, entries).
        stderr: Standard errors of the values, of the same shape.
        half_order: Whether the model has the term c / sqrt(n).

    Raises:
        ValueError: There are fewer widths than coefficients.
    """
    x = np.array(widths, dtype=np.float64)
    # Each power in units of its largest value, so that the normal equations are well conditioned.
    powers = [1.0, 0.5] if half_order else [1.0]
    design = np.stack([np.ones_like(x), *((x / x.min()) ** -power for power in powers)], axis=1)
    if len(set(widths)) < design.shape[1]:
        raise ValueError("an extrapolation needs at least two different widths")
    sigma = smooth_errors(widths, stderr)
    roots = 1 / sigma.T  # (entries, widths)
    inverse = np.linalg.pinv(design * roots[:, :, None]) * roots[:, None, :]
    coefficients = np.einsum("ekw,we->ke", inverse, values)
    freedom = len(x) - design.shape[1]
    random = (stderr > 0).any(axis=0)
    if freedom:
        residuals = (values - design @ coefficients) / sigma
        chi2 = np.where(random, (residuals**2).sum(axis=0) / freedom, np.nan)
    else:
        chi2 = np.full(values.shape[1], np.nan)
    variances = (inverse[:, 0].T * stderr) ** 2 * np.fmax(chi2, 1.0)
    return Fit(coefficients[0], variances, coefficients[1] * x.min(), chi2)


def smooth_errors(widths: tuple[int, ...], stderr: Array) -> Array:
    """Return the power law c n^p nearest to the standard errors, entry by entry.

    Entries with fewer than two positive errors, to which no law can be fitted, get one error at all
    widths (1 where all are zero), which means equal weights.
    """
    position = np.log(np.array(widths, dtype=np.float64))[:, None]
    known = (stderr > 0) & np.isfinite(stderr)
    count = known.sum(axis=0)
    logs = np.log(np.where(known, stderr, 1.0))
    height = logs.sum(axis=0) / np.maximum(count, 1)
    centre = (known * position).sum(axis=0) / np.maximum(count, 1)
    offset = np.where(known, position - centre, 0.0)
    spread = (offset**2).sum(axis=0)
    power = (offset * logs).sum(axis=0) / np.where(spread > 0, spread, 1.0)
    smooth: Array = np.exp(height + power * (position - centre))
    return smooth
