"""Finite widths and depths -> do they go to the limit, in both orders?

    value(n, L) = v + b / n + c / L + d / (n L),

entry by entry. The values of infinite width and depth L are known, so that c is known from them and
the finite networks have to say a, b, d alone, value(n, L) - value(inf, L) = a + b / n + d / (n L),
where a should vanish: width first at every depth. Depth first, v is what the values of infinite
width are extrapolated to.

Reference:
    Hayou and Yang, Width and depth limits commute in residual networks, 2023.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tpc.simulation.result import Array

FALSE_ALARMS = 1e-3
"""How often a limit that is right may be said to be wrong."""


@dataclass(frozen=True, slots=True)
class DepthComparison:
    """One kernel at several widths and depths, held against its limit.

    Attributes:
        output: Its name.
        limit: At infinite width and depth; so are all of this shape that follow.
        limit_stderr: Its error.
        infinite: At infinite width, one for each depth.
        finite: Averages over trials, of shape (widths, depths) + that of the limit.
        finite_stderr: Their standard errors.
        intercept: v + a, and its standard error.
        intercept_stderr: The same.
        extrapolated: v from infinite width alone, with how far its last term moved it.
        extrapolated_stderr: The same.
        coefficients: b, c and d by name.
        coefficients_stderr: Their errors.
        allowed: How far from the limit the intercept may be.
        agrees: Whether both orders go to the limit.
    """

    output: str
    limit: Array
    limit_stderr: Array
    infinite: Array
    finite: Array
    finite_stderr: Array
    intercept: Array
    intercept_stderr: Array
    extrapolated: Array
    extrapolated_stderr: Array
    coefficients: Mapping[str, Array]
    coefficients_stderr: Mapping[str, Array]
    allowed: Array
    agrees: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DepthVerification:
    """Kernels at finite widths and depths, held against those of infinite ones.

    Attributes:
        comparisons: One for each kernel.
        widths: In ascending order; so are depths.
        depths: How many rounds.
        trials: Networks at each.
        seed: Of them.
        method: How the limit was computed.
    """

    comparisons: tuple[DepthComparison, ...]
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    trials: int
    seed: int
    method: str

    @property
    def agrees(self) -> bool:
        """Whether everything does."""
        return all(bool(found.agrees.all()) for found in self.comparisons)


def compare(
    output: str,
    limit: tuple[Array, Array],
    exact: Array,
    finite: tuple[Array, Array],
    grid: tuple[Sequence[int], Sequence[int]],
    freedom: tuple[int, int],
) -> DepthComparison:
    """Hold a kernel at finite widths and depths against its limit.

    Args:
        output: Its name.
        limit: At infinite width and depth, with its error.
        exact: At infinite width, for each depth.
        finite: Averages over trials by width and depth, with standard errors.
        grid: The widths and the depths.
        freedom: Degrees of freedom of errors, and how many entries are compared in all.
    """
    from scipy.stats import t as student

    value, error = limit
    widths, depths = (np.asarray(part, dtype=float) for part in grid)
    one, n, both = np.ones((len(widths), len(depths))), 1 / widths[:, None], 1 / depths[None]
    design = np.stack([one, n * one, n * both], axis=-1).reshape(-1, 3)
    gap = (finite[0] - exact[None]).reshape(len(design), -1)
    spread = finite[1].reshape(len(design), -1)
    found = [_weighted(design, gap[:, k], spread[:, k]) for k in range(gap.shape[1])]
    solved, errors = (
        np.stack([fit[at] for fit in found], axis=-1).reshape(3, *value.shape) for at in (0, 1)
    )
    series, moved = _series(depths, exact)
    dof, entries = freedom
    allowed = student.isf(FALSE_ALARMS / 2 / entries, dof) * errors[0] + error
    rounding = 1e-9 * np.abs(value).max(initial=0)
    in_depth = np.abs(series[0] - value) <= 2 * moved[0] + error + rounding
    return DepthComparison(
        output,
        value,
        error,
        exact,
        *finite,
        value + solved[0],
        errors[0],
        series[0],
        moved[0],
        {"b": solved[1], "c": series[1], "d": solved[2]},
        {"b": errors[1], "c": moved[1], "d": errors[2]},
        allowed,
        (np.abs(solved[0]) <= allowed) & in_depth,
    )


def _weighted(design: Array, values: Array, errors: Array) -> tuple[Array, Array]:
    """Return coefficients with their errors, enlarged where the model does not fit."""
    scale = np.where(errors > 0, errors, np.finfo(float).tiny + errors.max(initial=1e-300))
    rows, right = design / scale[:, None], values / scale
    solved, *_ = np.linalg.lstsq(rows, right, rcond=None)
    freedom = len(values) - design.shape[1]
    chi2 = float(np.sum((right - rows @ solved) ** 2)) / freedom if freedom else 1.0
    covariance = np.linalg.pinv(rows.T @ rows) * max(1.0, chi2)
    return np.asarray(solved), np.asarray(np.sqrt(np.diag(covariance)))


def _series(depths: Array, values: Array) -> tuple[Array, Array]:
    """Return v and c of v + c / L + ..., with how far the last term moved them."""

    def solved(count: int) -> Array:
        powers = depths[-count:, None] ** -np.arange(float(count))
        flat = values[-count:].reshape(count, -1)
        return np.asarray(np.linalg.solve(powers, flat)[:2].reshape(2, *values.shape[1:]))

    best = solved(len(depths))
    if len(depths) > 2:
        return best, np.abs(best - solved(len(depths) - 1))
    return best, np.abs(np.stack([best[0] - values[-1], best[1]]))
