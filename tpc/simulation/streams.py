"""The random draws of a finite program, one independent stream for each declared name.

A stream is keyed by (seed, width, trial, name). So a transformation of the program, a further
declaration, or another order of evaluation changes no other draw; trials and widths are
independent.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError

Array = npt.NDArray[np.float64]


def stream(seed: int, width: int, trial: int, name: str) -> np.random.Generator:
    """Return the random stream of one declared name."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    words = [int.from_bytes(digest[at : at + 4], "little") for at in range(0, 16, 4)]
    sequence = np.random.SeedSequence(seed, spawn_key=(width, trial, *words))
    return np.random.Generator(np.random.SFC64(sequence))


class Normals(Protocol):
    """The randomness of one declared name."""

    @property
    def generator(self) -> np.random.Generator:
        """For what is not normal."""

    def normal(self, rows: int, columns: int) -> Array:
        """Draw iid standard normal numbers; the rows are what grows with the width."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of random numbers."""

    generator: np.random.Generator

    def normal(self, rows: int, columns: int) -> Array:
        """See `Normals`."""
        return self.generator.standard_normal((rows, columns))


@dataclass(frozen=True, slots=True)
class JoinedStream:
    """The randomness of a run of twice the width: that of two runs, one above the other.

    Rows that two halves do not make up, of dims that are rounded, come from a stream of its own.
    """

    generator: np.random.Generator
    halves: tuple[Normals, Normals]

    def normal(self, rows: int, columns: int) -> Array:
        """See `Normals`."""
        parts = [half.normal(rows // 2, columns) for half in self.halves]
        rest = self.generator.standard_normal((rows % 2, columns))
        return np.concatenate([*parts, rest])


Draws: TypeAlias = Callable[[str], Normals]
"""Gives the randomness of every declared name in one run."""


def draws_of(seed: int, width: int, trial: int) -> Draws:
    """Return the independent streams of one run."""
    return lambda name: Stream(stream(seed, width, trial, name))


def joined(first: Draws, second: Draws, key: tuple[int, int, int]) -> Draws:
    """Return the streams of a run of twice the width, made of those of two runs.

    Args:
        first: Of one run.
        second: Of the other, independent.
        key: (seed, width, trial) of what is not normal.
    """
    return lambda name: JoinedStream(stream(*key, name), (first(name), second(name)))


def standard_deviation(name: str, variance: Array) -> float:
    """Return the square root of a variance.

    Raises:
        UsageError: It is negative or not a number.
    """
    if not variance >= 0:
        raise UsageError(f"the variance of `{name}` is {float(variance):g} here, below 0")
    return float(np.sqrt(variance))
