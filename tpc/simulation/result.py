"""What runs at finite width come to: averages over trials, and how they compare with a limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Value: TypeAlias = Array | Mapping[str, Array]
"""An array, or for a vector output the arrays `mean` and `cov`."""


class Evaluated(Protocol):
    """Results, of a generated evaluator or of finite runs."""

    @property
    def values(self) -> Mapping[str, Value]:
        """Values by output name."""

    @property
    def stderr(self) -> Mapping[str, Value]:
        """Standard errors, of the same form."""

    @property
    def method(self) -> str:
        """How they were asked to be computed."""

    @property
    def samples(self) -> int:
        """Number of nodes, or of trials."""


@dataclass(frozen=True, slots=True)
class Result:
    """Averages over the trials of a simulation, with standard errors.

    Attributes:
        values: By output name: the value of a scalar; the `mean` (shape k) and `cov` (shape k + k,
            divisor n) over the width axis of a vector; for a readout f the average of f f^T (shape
            k + k), not centred.
        stderr: Of the same form: the standard deviation over trials / sqrt(trials). Zero where all
            trials agree, NaN for something random after a single trial.
        method: The engine.
        samples: Number of trials.
        seed: Of all random streams.
        params: The value of every parameter.
        width: Size of the free dim.
    """

    values: Mapping[str, Value]
    stderr: Mapping[str, Value]
    method: str
    samples: int
    seed: int
    params: Mapping[str, Array]
    width: int

    @classmethod
    def of(
        cls,
        averages: Mapping[str, tuple[Value, Value]],
        method: str,
        samples: int,
        seed: int,
        params: Mapping[str, Array],
        width: int,
    ) -> "Result":
        """Return the result of averages with their standard errors."""
        values = MappingProxyType({name: value for name, (value, _) in averages.items()})
        stderr = MappingProxyType({name: error for name, (_, error) in averages.items()})
        return cls(values, stderr, method, samples, seed, MappingProxyType(dict(params)), width)

    def __getitem__(self, name: str) -> Value:
        return self.values[name]


@dataclass(frozen=True, slots=True)
class Kurtosis:
    """The excess kurtosis of every entry of a readout: a / n to first order.

    Attributes:
        value: At the width of the runs.
        stderr: Its standard error.
        coefficient: a.
        coefficient_stderr: Its standard error.
    """

    value: Array
    stderr: Array
    coefficient: Array
    coefficient_stderr: Array


@dataclass(frozen=True, slots=True)
class Corrections:
    """What finite width adds to the limit: value = limit + coefficient / n to first order.

    Attributes:
        result: The averages at the largest width; a readout's is that of its covariance given what
            it is linear in.
        coefficients: By output name, of the form of `result.values`.
        coefficients_stderr: Their standard errors.
        kurtosis: By name of readout.
    """

    result: Result
    coefficients: Mapping[str, Value]
    coefficients_stderr: Mapping[str, Value]
    kurtosis: Mapping[str, Kurtosis]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One array of results, from the limit and at every width.

    Attributes:
        output: Name of the output.
        part: `mean` or `cov` of a vector output, `cov` of a readout, `value` of a scalar.
        limit: The limit, of some shape.
        limit_stderr: Its standard error.
        finite: Averages over trials, one row of that shape for each width.
        finite_stderr: Their standard errors.
    """

    output: str
    part: str
    limit: Array
    limit_stderr: Array
    finite: Array
    finite_stderr: Array


@dataclass(frozen=True, slots=True)
class Comparison(Evidence):
    """Results at several widths, held against their limit.

    The model is value = intercept + slope / n, fitted entry by entry.

    Attributes:
        intercept: Of the fit, of the shape of the limit; so are all that follow.
        intercept_stderr: Its standard error, enlarged where the model does not fit.
        slope: The coefficient of 1/n.
        chi2: Sum of squared standardised residuals per degree of freedom; NaN with two widths.
        allowed: The largest distance between intercept and limit that counts as agreement.
        agrees: Whether the distance is within it.
        half_order: Whether the model was value = intercept + b / sqrt(n) + slope / n; None where it
            never was.
        is_open: Where it disagrees, whether it may go to the limit too slowly to be judged.
    """

    intercept: Array
    intercept_stderr: Array
    slope: Array
    chi2: Array
    allowed: Array
    agrees: npt.NDArray[np.bool_]
    half_order: npt.NDArray[np.bool_] | None = None
    is_open: npt.NDArray[np.bool_] | None = None

    @property
    def disagrees(self) -> npt.NDArray[np.bool_]:
        """Which entries neither agree nor are open."""
        return ~self.agrees if self.is_open is None else ~(self.agrees | self.is_open)


@dataclass(frozen=True, slots=True)
class Rate:
    """How one array of results goes to its limit: value = limit + b n^-p, entry by entry.

    Attributes:
        output: Name of the output.
        part: As in `Comparison`.
        coefficient: b, of the shape of the limit; so are all that follow but the last.
        coefficient_stderr: Its standard error.
        exponent: p.
        exponent_stderr: Its standard error.
        significant: Whether b is more than 4 standard errors from 0; elsewhere p says nothing.
        fluctuation: Of a scalar, q in (standard deviation over trials) = c n^-q; NaN elsewhere, and
            where nothing is random. The Master Theorem has 1/2.
        fluctuation_stderr: Its standard error.
        normality: Of a readout, for each width the p-value of a test that it is normal over
            trials, the least of its columns, Bonferroni; empty for other outputs.
    """

    output: str
    part: str
    coefficient: Array
    coefficient_stderr: Array
    exponent: Array
    exponent_stderr: Array
    significant: npt.NDArray[np.bool_]
    fluctuation: Array
    fluctuation_stderr: Array
    normality: Array


@dataclass(frozen=True, slots=True)
class Verification:
    """Finite widths against a limit.

    Attributes:
        comparisons: In the order of outputs; a vector output has two, its mean and its covariance.
        widths: Sizes of the free dim, ascending.
        trials: Runs at each width.
        seed: Of the runs.
        params: The value of every parameter.
        method: How the limit was evaluated.
        samples: With how many nodes.
        engines: How matrices multiplied at each width.
        rates: In the order of `comparisons`, from five widths on.
    """

    comparisons: tuple[Comparison, ...]
    widths: tuple[int, ...]
    trials: int
    seed: int
    params: Mapping[str, Array]
    method: str
    samples: int
    engines: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every entry of every output agrees."""
        return all(bool(comparison.agrees.all()) for comparison in self.comparisons)

    @property
    def disagrees(self) -> bool:
        """Whether an entry does not, though it can be judged."""
        return any(bool(comparison.disagrees.any()) for comparison in self.comparisons)
