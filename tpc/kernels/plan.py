"""What is computed for every pair of inputs: steps over arrays, in order.

A scalar of the limit of two inputs depends on the first, on the second, on both or on neither. As
an array it has two leading axes, over first and over second inputs, of length 1 where it does not
depend on them; its constant axes follow. So a step is an operation on arrays that broadcast, and
what depends on one input alone is computed once for each input, not for each pair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

Tile: TypeAlias = tuple[slice, slice]
"""First and second inputs, from a number to before another; the last may lie behind the end."""

AXES = 2
"""How many leading axes every value has."""


class Side(IntFlag):
    """Which inputs a value depends on."""

    NEITHER = 0
    FIRST = 1
    SECOND = 2
    BOTH = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on values.

    Attributes:
        apply: Takes arrays and returns an array.
        operands: The numbers of the values it takes.
        side: Which inputs the result depends on.
        in_place: Whether `apply` is a ufunc, which takes `out`.
    """

    apply: Callable[..., Array]
    operands: tuple[int, ...]
    side: Side
    in_place: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is given: by the name of a parameter, as an array, or as an input.

    Attributes:
        value: The array, the parameter's name, or the side whose inputs it stands for.
    """

    value: Array | str | Side


@dataclass(frozen=True, slots=True)
class PairStep:
    """E f(u) g(w) where u belongs to the first input and w to the second.

    Attributes:
        left: f and the law of u.
        right: g and the law of w.
        operands: The values of the left law, those of the right law, the covariance.
    """

    left: "Law"
    right: "Law"
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Law:
    """A function of a Gaussian, and the values that this needs: variance, mean, constants.

    Attributes:
        function: Of the Gaussian, then of constants.
        has_mean: Whether its mean is among the values, else it is zero.
        count: The number of values.
    """

    function: Callable[..., Array]
    has_mean: bool
    count: int


Value: TypeAlias = Leaf | Step | PairStep


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of the kernels of a network.

    Attributes:
        values: Leaves and steps, each behind its operands; a value's number is its place.
        outputs: The numbers of the outputs, by name.
        shapes: The constant shape of every output, by name: that of the readout, twice.
        series: The outputs that are computed from series, which are not exact.
        widest: The most entries that a value that depends on both inputs has for one pair.
    """

    values: tuple[Value, ...]
    outputs: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    series: frozenset[str]
    widest: int
