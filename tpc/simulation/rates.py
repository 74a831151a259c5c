"""Runs at several widths and their limit -> with which power of n they go there.

Entry by entry, value_i = L + b n_i^-p + noise_i. The noise has variance sigma_i^2 at each width,
and in common the error s of the limit L, so with C = diag(sigma^2) + s^2 1 1.T and x_i = n_i^-p

    b(p) = <x, y> / <x, x>,   chi2(p) = <y, y> - <x, y>^2 / <x, x>,   <u, v> = u.T C^-1 v,

y = value - L, and p is where chi2 is least. The errors of b and p are those of the linearised
model. The standard deviation over trials of a scalar is fitted by c n^-q; that of its logarithm is
sqrt((kurtosis - 1) / (4 trials)).

Reference:
    Tensor Programs IVb, Theorem 2.6.10 (the rate 1/2 of scalars).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tpc.simulation.fit import smooth_errors
from tpc.simulation.result import Array, Comparison, Rate, Value

FEWEST_WIDTHS = 5
"""A power is fitted from so many widths on."""

SIGNIFICANT = 4.0
"""Standard errors that b is from 0 before its power means something."""

AT_ONCE = 2048
"""So many entries are fitted at a time."""

EXPONENTS = np.linspace(0.01, 4.0, 400)
"""Where the least chi2 is looked for, before a parabola refines it."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Values of many entries as limit + b n^-p; the fields are those of `Rate`.

    Attributes:
        coefficient: b.
        coefficient_stderr: Its standard error.
        exponent: p.
        exponent_stderr: Its standard error.
        significant: Whether b is.
        misfit: The sum of squared residuals over errors.
    """

    coefficient: Array
    coefficient_stderr: Array
    exponent: Array
    exponent_stderr: Array
    significant: npt.NDArray[np.bool_]
    misfit: Array


def rate_of(
    comparison: Comparison,
    widths: tuple[int, ...],
    trials: Sequence[Sequence[Value]],
    is_readout: bool,
) -> Rate:
    """Fit the rate of one array.

    Args:
        comparison: Its values at every width, and its limit.
        widths: Ascending, at least five.
        trials: What each trial contributed at each width, see `measure`.
        is_readout: Whether it belongs to a readout.
    """
    shape, count = comparison.limit.shape, len(widths)
    gap = (comparison.finite - comparison.limit).reshape(count, -1)
    errors = comparison.finite_stderr.reshape(count, -1)
    common = comparison.limit_stderr.reshape(-1)
    law = fit_power(widths, gap, errors, common)
    spread = np.full((2, gap.shape[1]), np.nan)
    pvalues: list[float] = []
    if comparison.part == "value" or is_readout:
        rows = [np.stack([np.ravel(np.asarray(trial)) for trial in at]) for at in trials]
        if is_readout:
            pvalues = [_normality(at) for at in rows]
        else:
            spread = _fluctuation(widths, rows)
    return Rate(
        comparison.output,
        comparison.part,
        coefficient=law.coefficient.reshape(shape),
        coefficient_stderr=law.coefficient_stderr.reshape(shape),
        exponent=law.exponent.reshape(shape),
        exponent_stderr=law.exponent_stderr.reshape(shape),
        significant=law.significant.reshape(shape),
        fluctuation=spread[0].reshape(shape),
        fluctuation_stderr=spread[1].reshape(shape),
        normality=np.array(pvalues),
    )


def fit_power(widths: tuple[int, ...], gap: Array, errors: Array, common: Array) -> PowerLaw:
    """Fit gap = b n^-p.

    Args:
        widths: Ascending, at least four.
        gap: Values less their limit, of shape (widths, entries).
        errors: Their standard errors.
        common: Those of the limit, of shape (entries,).
    """
    pieces = [
        _fit_power(widths, gap[:, at], errors[:, at], common[at])
        for at in (slice(start, start + AT_ONCE) for start in range(0, gap.shape[1], AT_ONCE))
    ]
    found = [np.concatenate(part) for part in zip(*pieces, strict=True)]
    b, b_error, p, p_error, significant, misfit = found
    return PowerLaw(b, b_error, p, p_error, significant.astype(bool), misfit)


def _fit_power(
    widths: tuple[int, ...], gap: Array, errors: Array, common: Array
) -> tuple[Array, ...]:
    """Return the fields of a `PowerLaw`."""
    n = np.array(widths, dtype=np.float64)
    weights = 1 / smooth_errors(widths, errors) ** 2
    shrink = common**2 / (1 + common**2 * weights.sum(axis=0))

    def inner(u: Array, v: Array) -> Array:
        """Return u.T C^-1 v for every entry; the widths are the axis before the last."""
        apart = (weights * u * v).sum(axis=-2)
        product: Array = apart - shrink * (weights * u).sum(axis=-2) * (weights * v).sum(axis=-2)
        return product

    def misfit(p: Array) -> Array:
        x = np.exp(-p[..., None, :] * np.log(n / n[0])[:, None])
        return inner(gap, gap) - inner(x, gap) ** 2 / inner(x, x)

    with np.errstate(all="ignore"):
        grid = misfit(np.broadcast_to(EXPONENTS[:, None], (len(EXPONENTS), gap.shape[1])))
        p = _least(grid)
        x = np.exp(-p * np.log(n / n[0])[:, None])
        b = inner(x, gap) / inner(x, x)
        z = -b * np.log(n / n[0])[:, None] * x
        determinant = inner(x, x) * inner(z, z) - inner(x, z) ** 2
        left = misfit(p)
        scale = np.sqrt(np.fmax(left / (len(n) - 2), 1.0))
        b_error = scale * np.sqrt(inner(z, z) / determinant)
        p_error = scale * np.sqrt(inner(x, x) / determinant)
        random = (errors > 0).all(axis=0)
        significant = random & (np.abs(b) > SIGNIFICANT * scale / np.sqrt(inner(x, x)))
        # b in units of n, not of the first width; its error with that of p, which goes along.
        unit = n[0] ** p
        slanted = np.log(n[0]) * b
        covariance = -(scale**2) * inner(x, z) / determinant
        b_error = unit * np.sqrt(b_error**2 + 2 * slanted * covariance + (slanted * p_error) ** 2)
    found = [unit * b, b_error, p, p_error]
    return (*(np.where(random, array, np.nan) for array in found), significant, left)


def _least(grid: Array) -> Array:
    """Return the exponent of the least value in each column, between points by a parabola."""
    at = np.clip(np.nanargmin(np.where(np.isnan(grid), np.inf, grid), axis=0), 1, len(grid) - 2)
    columns = np.arange(grid.shape[1])
    below, here, above = (grid[at + step, columns] for step in (-1, 0, 1))
    bend = below - 2 * here + above
    shift = np.where(bend > 0, 0.5 * (below - above) / np.where(bend > 0, bend, 1.0), 0.0)
    step = EXPONENTS[1] - EXPONENTS[0]
    least: Array = EXPONENTS[at] + step * np.clip(shift, -1, 1)
    return least


def _fluctuation(widths: tuple[int, ...], trials: list[Array]) -> Array:
    """Return q and its error, where the deviation over trials is c n^-q, as two rows."""
    position = np.log(np.array(widths, dtype=np.float64))[:, None]
    centred = [at - at.mean(axis=0) for at in trials]
    second = np.stack([(at**2).mean(axis=0) for at in centred])
    fourth = np.stack([(at**4).mean(axis=0) for at in centred])
    scale = np.stack([np.abs(at).max(axis=0) for at in trials])
    random = (second > (1e-13 * scale) ** 2).all(axis=0)
    with np.errstate(all="ignore"):
        logs = 0.5 * np.log(second)
        # The same for all widths but for noise, and noise in weights would be noise in the fit.
        kurtosis = (fourth / second**2).mean(axis=0)
        variance = (kurtosis - 1) / (4 * len(trials[0]))
        offset = position - position.mean()
        q = -(offset * logs).sum(axis=0) / (offset**2).sum()
        error = np.sqrt(variance / (offset**2).sum())
    found: Array = np.where(random, np.stack([q, error]), np.nan)
    return found


def _normality(readouts: Array) -> float:
    """Return the least p-value over columns of Shapiro and Wilk's test, times their number."""
    from scipy.stats import shapiro

    spread: npt.NDArray[np.bool_] = np.ptp(readouts, axis=0) > 0
    if len(readouts) < 3 or not spread.any() or not np.isfinite(readouts).all():
        return float("nan")
    least = min(float(shapiro(column).pvalue) for column in readouts[:5000, spread].T)
    return min(1.0, least * int(spread.sum()))
