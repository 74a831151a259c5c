"""Outputs with their errors, as one way of computing them finds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tpc.runtime.arrays import Outputs


@dataclass(frozen=True)
class Estimate:
    """Outputs and their errors by one way of computing them, or by several.

    Attributes:
        values: By output name and part.
        errors: The same for standard errors.
        methods: By output name.
        missing: Why some outputs have no value, by name.
        samples: As in `Result`.
        stein_load: As in `Result`.
        warnings: As in `Result`.
    """

    values: Outputs
    errors: Outputs
    methods: dict[str, str]
    missing: dict[str, str]
    samples: int
    stein_load: dict[str, float]
    warnings: tuple[str, ...] = ()

    def error(self, name: str) -> float:
        """Return the largest error of an output."""
        parts = [array for (known, _), array in self.errors.items() if known == name]
        return max((float(np.max(array, initial=0)) for array in parts), default=np.inf)

    def is_precise(self, name: str) -> bool:
        """Whether an output has eight digits."""
        parts = [array for (known, _), array in self.values.items() if known == name]
        size = max((np.max(np.abs(array), initial=0) for array in parts), default=0)
        return bool(self.error(name) <= 1e-8 * size + 1e-12)


def better(first: Estimate, second: Estimate, names: Sequence[str]) -> Estimate:
    """Replace outputs of the first estimate by those of the second with smaller errors."""
    taken = {name for name in names if not first.error(name) <= second.error(name)}
    values, errors = dict(second.values), dict(second.errors)
    values |= {key: value for key, value in first.values.items() if key[0] not in taken}
    errors |= {key: error for key, error in first.errors.items() if key[0] not in taken}
    methods = second.methods | {
        name: method for name, method in first.methods.items() if name not in taken
    }
    samples = second.samples if taken else first.samples
    warnings = second.warnings if taken else ()
    return Estimate(values, errors, methods, {}, samples, second.stein_load, warnings)
