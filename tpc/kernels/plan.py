"""What is computed for every pair of inputs: steps over arrays, in order, as plain data.

A scalar of the limit of two inputs depends on the first, on the second, on both or on neither. As
an array it has two leading axes, over first and over second inputs, of length 1 where it does not
depend on them; its constant axes follow. So a step is an operation on arrays that broadcast, and
what depends on one input alone is computed once for each input, not for each pair.

A plan holds no code: operations are names with arguments (`tpc.kernels.step_functions` gives them
their meaning), so that it can be pickled, sent to other processes, and read by other backends.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from hashlib import sha256
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.gaussian.instructions import Instruction, Operand

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
class PlanOperation:
    """What a step does.

    Attributes:
        name: As `tpc.kernels.step_functions` lists them.
        arguments: What it takes besides values, such as the axes of a contraction.
    """

    name: str
    arguments: tuple[Hashable, ...] = ()


@dataclass(frozen=True, slots=True)
class LawSteps:
    """A function of a Gaussian u, and which values it needs: variance, mean, constants.

    Attributes:
        instructions: They compute the function from u, which has the number 0, and constants.
        result: Its value among them.
        has_mean: Whether the mean of u is among the values, else it is zero.
        constants: How many constants there are.
        kinks: Instructions and results that change their signs where the function has kinks.
    """

    instructions: tuple[Instruction, ...]
    result: Operand
    has_mean: bool
    constants: int
    kinks: tuple[tuple[tuple[Instruction, ...], Operand], ...] = ()

    @property
    def count(self) -> int:
        """How many values the law needs."""
        return 1 + self.has_mean + self.constants


@dataclass(frozen=True, slots=True)
class LinearMap:
    """A sparse matrix by rows, over the entries of constant axes, and the shape of the result."""

    indptr: tuple[bytes, str]
    indices: tuple[bytes, str]
    data: bytes
    shape: tuple[int, ...]
    size: int

    @classmethod
    def of(cls, matrix: Any, shape: tuple[int, ...]) -> "LinearMap":
        """Keep a matrix of `scipy.sparse`, of shape (entries of the result, those of a value)."""
        starts, places = ((x.tobytes(), x.dtype.str) for x in (matrix.indptr, matrix.indices))
        return cls(starts, places, matrix.data.tobytes(), shape, matrix.shape[1])

    def __repr__(self) -> str:
        digest = sha256(self.indptr[0] + self.indices[0] + self.data).hexdigest()
        return f"LinearMap({self.shape}, {self.size}, {digest})"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the Gaussian ket m + F z that a round of a deep network starts from.

    Attributes:
        name: Its `mean` m, its `covariance` F F', or a `factor` F, of which plans only have
            products: each is a covariance.
        side: Which inputs it depends on; a covariance of both has the axes of the first in front.
    """

    name: Literal["mean", "factor", "covariance"]
    side: Side


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is given.

    Attributes:
        value: The number or array, the name of a parameter, the side whose inputs it stands
            for, or a state.
        given: The constant shape of a parameter or of inputs.
    """

    value: float | Array | str | Side | State
    given: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Its constant shape."""
        return self.value.shape[AXES:] if isinstance(self.value, np.ndarray) else self.given

    @property
    def side(self) -> Side:
        """Which inputs it depends on."""
        match self.value:
            case (Side() as side) | State(side=side):
                return side
            case _:
                return Side.NEITHER


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One operation on values.

    Attributes:
        operation: What is computed.
        operands: The numbers of the values that it takes.
        side: Which inputs the result depends on.
        shape: The constant shape of the result.
    """

    operation: PlanOperation
    operands: tuple[int, ...]
    side: Side
    shape: tuple[int, ...] = ()


Value: TypeAlias = Leaf | PlanStep


@dataclass(frozen=True, slots=True)
class KernelPlan:
    """All steps of the kernels of a network.

    Attributes:
        values: Leaves and steps, each behind its operands; a value's number is its place.
        outputs: The numbers of the outputs, by name.
        shapes: The constant shape of every output, by name: that of the readout, twice.
        series: The outputs that are computed from series, which are not exact.
        widest: The most entries that a value has for one pair, of those that depend on all inputs.
    """

    values: tuple[Value, ...]
    outputs: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    series: frozenset[str]
    widest: int


def dead_after(values: Sequence[Value], kept: Iterable[int]) -> dict[int, list[int]]:
    """Return, for each step, the operands that nobody takes after it, but for those to be kept."""
    last = {
        operand: number
        for number, value in enumerate(values)
        if isinstance(value, PlanStep)
        for operand in value.operands
    }
    dead: dict[int, list[int]] = {}
    for operand in last.keys() - set(kept):
        dead.setdefault(last[operand], []).append(operand)
    return dead
