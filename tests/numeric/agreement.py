"""When two estimates of the same numbers agree: Student's t from their own standard errors."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
from scipy import stats

SEEDS = 5
REPLICATES = 8


def pooled(
    module: ModuleType, samples: int, first_seed: int = 0, params: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run an evaluator for several seeds; return {output: (mean, standard error)} by flat name."""
    seeds = range(first_seed, first_seed + SEEDS)
    runs = [module.evaluate(samples=samples, seed=seed, **(params or {})) for seed in seeds]
    found = {}
    for name, value in flat(runs[0].values):
        values = [dict(flat(run.values))[name] for run in runs]
        errors = [dict(flat(run.stderr))[name] for run in runs]
        error = np.sqrt(np.mean(np.square(errors), axis=0) / SEEDS)
        found[name] = (np.mean(values, axis=0).reshape(np.shape(value)), error)
    return found


def flat(outputs: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every array of a result under a name of its own."""
    for name, value in outputs.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{part}", np.asarray(array)) for part, array in value.items())
        else:
            yield name, np.asarray(value)


def assert_agree(one: dict[str, Any], other: dict[str, Any], rounding: float = 1e-9) -> None:
    """Fail where two estimates differ by more than chance would allow once in 10^5 tests."""
    assert one.keys() == other.keys()
    entries = sum(np.size(value) for value, _ in one.values())
    bound = stats.t.isf(0.5e-5 / entries, df=(REPLICATES - 1) * SEEDS)
    for name, (value, error) in one.items():
        against, its_error = other[name]
        apart = np.abs(value - against)
        allowed = bound * np.hypot(error, its_error) + rounding * (1 + np.abs(against))
        assert (apart <= allowed).all(), f"{name}: {value} +- {error}, {against} +- {its_error}"
