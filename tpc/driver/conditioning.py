"""Spectra on which a limit leans: small singular values, eigenvalues that nearly coincide.

Training by updates that forget the sizes of singular values, or that are made in bases of
eigenvectors, records these spectra beside its outputs. Errors of inner products, at finite width as
of nodes, grow by s_max / s_min, or by the inverse of the smallest relative gap.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tpc.network.optimizers.operators import SMALL, SMALL_EIGENVALUE
from tpc.network.training.recorder import EIGENVALUES, SINGULAR_VALUES
from tpc.runtime.arrays import Array

SMALLEST_RATIO, SMALLEST_GAP = 0.01, 0.1
"""Less is warned of."""


def with_conditions(result: Any) -> Any:
    """Return a result with warnings in the place of the spectra that it holds."""
    told = []
    for name, values in result.values.items():
        if name.startswith(SINGULAR_VALUES):
            told += _singular(name.removeprefix(SINGULAR_VALUES), values)
        elif name.startswith(EIGENVALUES):
            told += _gaps(name.removeprefix(EIGENVALUES), values)
    spectra = {name for name in result.values if name.startswith((SINGULAR_VALUES, EIGENVALUES))}
    if not spectra:
        return result

    def kept(held: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in held.items() if name not in spectra}

    parts = {part: kept(getattr(result, part)) for part in ("values", "stderr", "methods")}
    return replace(result, warnings=(*result.warnings, *told), **parts)


def _singular(weight: str, values: Array) -> list[str]:
    """Say at which step the smallest singular value that counts is the smallest beside the rest."""
    ratios = []
    for row in values[:-1]:
        kept = row[row > SMALL * row.max(initial=0)]
        ratios.append(float(kept.min() / kept.max()) if len(kept) else 1.0)
    step = int(np.argmin(ratios))
    if ratios[step] >= SMALLEST_RATIO:
        return []
    return [
        f"ill-conditioned: at step {step} the smallest singular value of what moves `{weight}` is "
        f"{ratios[step]:.2g} of the largest, and errors grow by its inverse"
    ]


def _gaps(weight: str, values: Array) -> list[str]:
    """Say at which step two eigenvalues are closest."""
    gaps = []
    for row in values[:-1]:
        kept = row[row > SMALL_EIGENVALUE * row.max(initial=0)]
        gaps.append(float(np.min(1 - kept[1:] / kept[:-1], initial=1.0)))
    step = int(np.argmin(gaps))
    if gaps[step] >= SMALLEST_GAP:
        return []
    return [
        f"ill-conditioned: at step {step} two eigenvalues of averages of squares of the gradient "
        f"of `{weight}` differ by {gaps[step]:.2g} of the larger, and errors grow by its inverse"
    ]
