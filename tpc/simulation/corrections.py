"""Program -> the coefficient of 1/n in every output, and the excess kurtosis of readouts.

An output's average at width n is L + c / n + d / n^2 + ... Runs at n, n/2 and n/4 come in families
that share their randomness: one of width n whose vectors are those of two of width n/2, one above
the other, and these of two of width n/4 each. To leading order in 1/sqrt(n) a run fluctuates like
the average of its halves, so with F, H and Q the averages of a family at the three widths

    F - H = -c / n - 3 d / n^2,   H - Q = -2 c / n - 12 d / n^2   on average,
    c = -2 n (F - H) + (n / 2) (H - Q),

and what is left of the noise is of order 1/n, as what is looked for. That takes the law of products
(`sequential.py`), where products share their fresh vectors; dense runs share initial vectors only.

A readout f enters by its covariance K given the rest (`readout_covariances.py`), so its excess
kurtosis is 3 Var(K) / (E K)^2. With kurtosis = a / n + b / n^2, a is extrapolated from the three
widths; its error is that of a jackknife over families.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tpc.program.exchange import without_exchanges
from tpc.program.program import OutputKind, Program
from tpc.program.readout_covariances import with_readout_covariances
from tpc.simulation.averages import average, average_values
from tpc.simulation.cost import check_cost
from tpc.simulation.engines import Engine
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Array, Corrections, Kurtosis, Result, Value
from tpc.simulation.runs import run_side_by_side
from tpc.simulation.schedule import schedule_program
from tpc.simulation.streams import Draws, draws_of, joined
from tpc.simulation.trial import Trial

JACKKNIFE = 40
"""Groups of families that are left out in turn."""

Family = tuple[list[dict[str, Value]], list[dict[str, Value]], dict[str, Value]]
"""What runs at a quarter of the width, at half of it, and at the width contribute."""


def correct(
    program: Program,
    width: int,
    trials: int = 64,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    engine: Engine = "matrix-free",
) -> Corrections:
    """Estimate the corrections to the limit.

    Args:
        program: What to run.
        width: n, a multiple of 4.
        trials: Number of families, each of seven runs; at least 2.
        seed: Of all random streams.
        params: Values that replace the defaults of parameters.
        progress: Called with the number of finished families and of all.
        engine: How matrices multiply.

    Raises:
        UsageError: As in `simulate`.
        ProgramError: As in `check_cost`.
        ValueError: The width is no multiple of 4, or there are fewer than 2 trials.
    """
    if width < 4 or width % 4 or trials < 2:
        raise ValueError("corrections take a width that is a multiple of 4, and two trials")
    resolved = resolve_parameters(program, params)
    made, covariances = with_readout_covariances(without_exchanges(program))
    certain = schedule_program(made).certain
    families = _run_families(made, resolved, width, trials, seed, progress, engine)
    averages: dict[str, tuple[Value, Value]] = {}
    shifts: dict[str, tuple[Value, Value]] = {}
    with np.errstate(all="ignore"):  # infinities have no correction
        for output in made.outputs:
            name, is_readout = output.name, output.kind is OutputKind.READOUT
            wide = [family[2][name] for family in families]
            averages[name] = average(output, wide, name in certain)
            shifts[name] = average_values([_shift(f, name, width, is_readout) for f in families])
        kurtosis = {name: _kurtosis(families, name, width) for name in sorted(covariances)}
    return Corrections(
        result=Result.of(averages, engine, trials, seed, resolved, width),
        coefficients=MappingProxyType({name: value for name, (value, _) in shifts.items()}),
        coefficients_stderr=MappingProxyType({name: error for name, (_, error) in shifts.items()}),
        kurtosis=MappingProxyType(kurtosis),
    )


def _run_families(
    program: Program,
    params: Mapping[str, Array],
    width: int,
    trials: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
    engine: Engine,
) -> list[Family]:
    """Run families of seven that share their randomness."""
    schedule = schedule_program(program)
    peak = check_cost(program, schedule, width, engine)

    def run(at: int, draws: Draws) -> dict[str, Value]:
        return Trial(program, schedule, params, at, draws, engine).run()

    def family(trial: int) -> Family:
        quarter = [draws_of(seed, width // 4, 4 * trial + index) for index in range(4)]
        half = [
            joined(quarter[2 * at], quarter[2 * at + 1], (seed, width // 2, 2 * trial + at))
            for at in range(2)
        ]
        return (
            [run(width // 4, draws) for draws in quarter],
            [run(width // 2, draws) for draws in half],
            run(width, joined(half[0], half[1], (seed, width, trial))),
        )

    return run_side_by_side(family, trials, peak.bytes, progress)


def _shift(family: Family, name: str, width: int, is_readout: bool) -> Value:
    """Return what one family says of the coefficient of 1/n."""
    quarters, halves, whole = family
    parts = [[run[name] for run in quarters], [run[name] for run in halves], [whole[name]]]
    keys = list(whole[name]) if isinstance(whole[name], Mapping) else [""]
    found: dict[str, Array] = {}
    for key in keys:
        q, h, f = (_mean(values, key, is_readout) for values in parts)
        found[key] = -2 * width * (f - h) + width / 2 * (h - q)
    return found if keys != [""] else found[""]


def _mean(values: list[Value], key: str, is_readout: bool) -> Array:
    arrays = [np.asarray(v[key] if isinstance(v, Mapping) else v) for v in values]
    if is_readout:
        arrays = [np.multiply.outer(f, f) for f in arrays]
    return np.asarray(np.mean(arrays, axis=0), dtype=np.float64)


def _kurtosis(families: list[Family], name: str, width: int) -> Kurtosis:
    """Return the excess kurtosis of each entry of a readout, and its coefficient of 1/n."""
    levels = (width // 4, width // 2, width)
    variances = [
        np.stack([[_diagonal(run[name]) for run in f[0]] for f in families]),
        np.stack([[_diagonal(run[name]) for run in f[1]] for f in families]),
        np.stack([[_diagonal(f[2][name])] for f in families]),
    ]
    scaled = _scaled_kurtosis(variances, levels)
    groups = np.arange(len(families)) % min(JACKKNIFE, len(families))
    without = np.stack(
        [
            _scaled_kurtosis([level[groups != group] for level in variances], levels)
            for group in range(groups.max() + 1)
        ]
    )
    with np.errstate(all="ignore"):  # of two families, one is left, which has no variance
        spread = without - without.mean(axis=0)
        count = len(without)
        cov = np.einsum("gle,gme->elm", spread, spread) * (count - 1) / count
    coefficient, error = _extrapolate(scaled, cov, np.array(levels, dtype=np.float64))
    shape = np.asarray(families[0][2][name]).shape
    shape = shape[: len(shape) // 2]
    return Kurtosis(
        value=(scaled[-1] / width).reshape(shape),
        stderr=(np.sqrt(cov[:, -1, -1]) / width).reshape(shape),
        coefficient=coefficient.reshape(shape),
        coefficient_stderr=error.reshape(shape),
    )


def _diagonal(covariance: Value) -> Array:
    array = np.asarray(covariance)
    size = int(np.sqrt(array.size))
    return np.diagonal(array.reshape(size, size))


def _scaled_kurtosis(variances: list[Array], levels: tuple[int, ...]) -> Array:
    """Return n times the excess kurtosis, of shape (levels, entries)."""
    rows = []
    for width, level in zip(levels, variances, strict=True):
        k = level.reshape(-1, level.shape[-1])
        mean = k.mean(axis=0)
        with np.errstate(all="ignore"):
            variance = ((k - mean) ** 2).sum(axis=0) / np.float64(len(k) - 1)
            rows.append(3 * width * variance / mean**2)
    return np.stack(rows)


def _extrapolate(scaled: Array, cov: Array, levels: Array) -> tuple[Array, Array]:
    """Return a of a + b / n, by least squares with weights from the errors at each width."""
    design = np.stack([np.ones_like(levels), levels[0] / levels], axis=1)
    known = np.asarray(np.isfinite(cov).all(axis=(1, 2)) & np.isfinite(scaled).all(axis=0))
    cov = np.where(known[:, None, None], cov, np.eye(len(levels)))
    deviations = np.sqrt(np.maximum(np.einsum("ell->el", cov), 1e-300))
    inverse = np.linalg.pinv(design / deviations[:, :, None]) / deviations[:, None, :]
    weights = inverse[:, 0]
    value = np.einsum("el,le->e", weights, scaled)
    error = np.sqrt(np.einsum("el,elm,em->e", weights, cov, weights))
    return np.where(known, value, np.nan), np.where(known, error, np.nan)
