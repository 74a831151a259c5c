"""Outputs of single trials -> averages over trials with standard errors."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from tpc.program.program import Output, OutputKind
from tpc.simulation.result import Array, Value


def measure(output: Output, value: Array) -> Value:
    """Return what one trial contributes to an output: a readout is that of this trial.

    Args:
        output: The output.
        value: That of its node, of shape k or (n,) + k.
    """
    match output.kind:
        case OutputKind.SCALAR:
            return value
        case OutputKind.VECTOR:
            mean = value.mean(axis=0)
            centred = (value - mean).reshape(len(value), -1)
            cov = centred.T @ centred / len(value)
            return {"mean": mean, "cov": cov.reshape(mean.shape + mean.shape)}
        case OutputKind.READOUT:
            f: Array = value.sum(axis=0) / np.sqrt(len(value))
            return f


def average(output: Output, trials: list[Value], certain: bool) -> tuple[Value, Value]:
    """Return the average over trials and its standard error, for a readout f that of f f^T.

    Args:
        output: The output.
        trials: What each trial contributed, see `measure`.
        certain: Whether nothing in it is random.
    """
    if output.kind is OutputKind.READOUT:
        trials = [np.multiply.outer(np.asarray(f), np.asarray(f)) for f in trials]
    return average_values(trials, certain)


def average_values(trials: Sequence[Value], certain: bool = False) -> tuple[Value, Value]:
    """Return the average of values over trials and its standard error, part by part."""
    first = trials[0]
    if not isinstance(first, Mapping):
        return _average_arrays(trials, certain)
    parts = {
        key: _average_arrays([trial[key] for trial in trials if isinstance(trial, Mapping)], False)
        for key in first
    }
    return (
        MappingProxyType({key: value for key, (value, _) in parts.items()}),
        MappingProxyType({key: error for key, (_, error) in parts.items()}),
    )


def _average_arrays(trials: Sequence[Value], certain: bool) -> tuple[Array, Array]:
    stacked = np.stack([np.asarray(trial) for trial in trials])
    count = len(stacked)
    # Equal numbers have exactly that average and no error, which rounding would hide.
    equal = (stacked == stacked[0]).all(axis=0)
    with np.errstate(all="ignore"):  # infinities have no average
        value = np.where(equal, stacked[0], stacked.mean(axis=0))
    if count > 1:
        with np.errstate(all="ignore"):
            spread = stacked.std(axis=0, ddof=1) / np.sqrt(count)
        error = np.where(equal, 0.0, spread)
    else:
        error = np.full(value.shape, 0.0 if certain else np.nan)
    value.setflags(write=False)
    error.setflags(write=False)
    return value, error
