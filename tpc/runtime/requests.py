"""What an evaluation is asked for, and what a program needs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tpc.runtime.arrays import Outputs

METHODS = ("mc", "qmc", "quadrature", "exact", "auto")
"""The methods of `evaluate`."""


class MethodRefused(ValueError):
    """A method of evaluation that does not suit the program."""


@dataclass(frozen=True)
class Request:
    """What `evaluate` was asked for, its arguments by their names."""

    samples: int
    seed: int
    method: str
    replicates: int
    rank_tolerance: float
    progress: Callable[[int, int], None] | None
    params: dict[str, Any]

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            known = ", ".join(METHODS)
            raise ValueError(f"unknown method {self.method!r}: this module has {known}")
        if self.replicates < 2:
            raise ValueError(f"replicates must be at least 2, not {self.replicates}")
        least = 4 * self.replicates
        if self.samples < least:
            raise ValueError(f"samples must be at least {least}, not {self.samples}")
        if not 0 < self.rank_tolerance < 1:
            limits = f"between 0 and 1, not {self.rank_tolerance}"
            raise ValueError(f"rank_tolerance must be {limits}")

    def report(self, done: int, total: int) -> None:
        """Say how many replicates or grids are done."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass(frozen=True)
class Problem:
    """The outputs of a program, and what they need.

    Attributes:
        limit: Computes them on random nodes.
        gaussians: How many independent standard normals it draws at most.
        biased: Whether estimated moments enter later equations.
        sampled: Outputs that need expectations without a closed form, the first of each.
        rough: Outputs that average functions with kinks or jumps, the first of each.
        unbounded: Outputs that need averages of infinite variance, the first of each.
        jumps: Outputs that average functions with jumps, the first of each.
    """

    limit: Callable[..., Outputs]
    gaussians: int
    biased: bool
    sampled: dict[str, str]
    rough: dict[str, str]
    unbounded: dict[str, str] = field(default_factory=dict)
    jumps: dict[str, str] = field(default_factory=dict)


def with_defaults(defaults: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults overridden by `params`."""
    for name, value in params.items():
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise ValueError(f"unknown parameter {name!r}; this program has: {known}")
        shape = np.shape(defaults[name])
        if np.shape(value) != shape:
            raise ValueError(f"parameter {name!r} must have the shape {shape}")
    return defaults | params
