"""Values at several widths and a limit -> do they agree?

With a the intercept of the fit (`fit.py`) and s the combined standard error, the two disagree where

    |a - limit| > t(p) s,   p = 2 P(normal > 4) / (number of entries).

Here t(p) is the two-sided quantile of Student's distribution, since errors are themselves
estimated, from few runs and few replicates. Its degrees of freedom are those of Welch and
Satterthwaite, (sum of v_i)^2 / sum of v_i^2 / f_i over the contributions v_i to s^2, each with its
own f_i. Entries that are copies of each other (the two halves of a covariance) count once. What is
exact on both sides may differ by rounding.

An output of which a scalar's kink is part, such as abs(avg(x)), may be off by a multiple of
n^(-1/2) (`simulate.py`). Where such an output disagrees, its entry is judged by the fit of
a + b / sqrt(n) + c / n, whose intercept is free of that, and has a larger error.

What goes to its limit more slowly, such as sqrt(sqrt(abs(avg(x)))) by n^(-1/8), has no intercept
by either. An entry that is off is left open where limit + b n^-p with p < 1/2 says as much as the
model that it is off by: where a scalar's kink is part of it, or where the other does not fit.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.simulation.fit import Fit, fit_inverse_width
from tpc.simulation.rates import fit_power
from tpc.simulation.result import Array, Comparison, Evidence

SIGMAS = 4.0
"""Normal standard errors that a single entry may be off."""

FEWEST_FOR_HALF_ORDER = 4
"""The models a + b / sqrt(n) + c / n and limit + b n^-p take so many widths."""

SURE = 2.0
"""Standard errors that the power of a slow decay is above 0."""

SAME_MISFIT = 10.8
"""By so much, a chance in a thousand of one more coefficient, a slow decay may fit worse."""

SHRINKS = 0.9
"""What the widest network leaves of a distance that decays; one that stays is a wrong limit's."""

RARE = 1e-3
"""Fits with chi2 that is as rare are none."""

RELATIVE_ROUNDING = 1e-10
ABSOLUTE_ROUNDING = 1e-12


def count_entries(evidence: Evidence) -> int:
    """Count entries, those with the same numbers once."""
    table = np.concatenate([evidence.limit[None], evidence.finite]).reshape(
        len(evidence.finite) + 1, -1
    )
    rounded = (table / (_scale(table) or 1.0)).round(12)
    return int(np.unique(rounded, axis=1).shape[1]) if rounded.size else 0


def _scale(*arrays: Array) -> float:
    """Return the largest finite magnitude, or 0."""
    return max(float(np.abs(array).max(initial=0.0, where=np.isfinite(array))) for array in arrays)


@dataclass(frozen=True, slots=True)
class Judge:
    """What is the same for all arrays of a verification.

    Attributes:
        widths: Ascending.
        run_freedom: Degrees of freedom of the errors at each width.
        limit_freedom: Of those of the limit.
        entries: How many numbers are compared.
    """

    widths: tuple[int, ...]
    run_freedom: int
    limit_freedom: int
    entries: int

    def compare(self, evidence: Evidence, is_rough: bool) -> Comparison:
        """Extrapolate, and judge.

        Args:
            evidence: The array.
            is_rough: Whether it may be off by n^(-1/2).
        """
        shape = evidence.limit.shape
        found = self._judge(evidence, half_order=False)
        half_order = None
        if is_rough and len(self.widths) >= FEWEST_FOR_HALF_ORDER and not found["agrees"].all():
            half_order = ~found["agrees"]
            other = self._judge(evidence, half_order=True)
            found = {name: np.where(half_order, other[name], found[name]) for name in found}
            half_order = half_order.reshape(shape)
        is_open = self._is_slow(evidence, found, is_rough).reshape(shape)
        own = {field.name: getattr(evidence, field.name) for field in fields(evidence)}
        judged: dict[str, Any] = {name: array.reshape(shape) for name, array in found.items()}
        return Comparison(**own, **judged, half_order=half_order, is_open=is_open)

    def _is_slow(
        self, evidence: Evidence, found: dict[str, npt.NDArray[Any]], is_rough: bool
    ) -> npt.NDArray[np.bool_]:
        """Return which entries do not agree, and go to their limit too slowly to be judged."""
        from scipy.stats import chi2

        off = ~found["agrees"]
        count = len(self.widths)
        if count < FEWEST_FOR_HALF_ORDER or not off.any():
            return np.zeros(off.shape, dtype=np.bool_)
        gap = (evidence.finite - evidence.limit).reshape(count, -1)
        errors = evidence.finite_stderr.reshape(count, -1)
        law = fit_power(self.widths, gap, errors, evidence.limit_stderr.reshape(-1))
        freedom = count - 2
        misfit = found["chi2"] * (freedom - is_rough)
        fits = law.misfit <= np.minimum(misfit + SAME_MISFIT, chi2.isf(RARE, freedom))
        p, error = law.exponent, law.exponent_stderr
        slow = law.significant & (p > SURE * error) & (p + 2 * error < 0.5)
        slow &= (self.widths[0] / self.widths[-1]) ** p < SHRINKS
        return np.asarray(off & fits & slow & (is_rough or misfit > chi2.isf(RARE, freedom)))

    def _judge(self, evidence: Evidence, half_order: bool) -> dict[str, npt.NDArray[Any]]:
        """Return the fit of every entry, what is allowed, and the verdict, by their names."""
        count = len(self.widths)
        finite = evidence.finite.reshape(count, -1)
        limit = evidence.limit.reshape(-1)
        errors = evidence.finite_stderr.reshape(count, -1)
        fit = fit_inverse_width(self.widths, finite, errors, half_order)
        rounding = RELATIVE_ROUNDING * _scale(finite, limit) + ABSOLUTE_ROUNDING
        allowed = self._student_range(fit, evidence.limit_stderr.reshape(-1) ** 2) + rounding
        return {
            "intercept": fit.intercept,
            "intercept_stderr": np.sqrt(fit.variances.sum(axis=0)),
            "slope": fit.slope,
            "chi2": fit.chi2,
            "allowed": allowed,
            "agrees": np.abs(fit.intercept - limit) <= allowed,  # false where either is NaN
        }

    def _student_range(self, fit: Fit, limit_variance: Array) -> Array:
        """Return t(p) s for every entry."""
        from scipy.stats import norm, t

        total = fit.variances.sum(axis=0) + limit_variance
        parts = (fit.variances**2).sum(axis=0) / self.run_freedom
        parts = parts + limit_variance**2 / self.limit_freedom
        freedom = np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1.0), np.inf)
        tail = float(norm.sf(SIGMAS)) / max(1, self.entries)
        quantile = np.where(np.isfinite(freedom), t.isf(tail, freedom), norm.isf(tail))
        return np.asarray(quantile * np.sqrt(total), dtype=np.float64)
