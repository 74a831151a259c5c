"""Tensors of a model as weights: where each block of them goes, and how it is drawn.

    sd = c N^-b,   N the fan-in of a matrix, else the width

is read off the laws at several widths. A matrix needs b = 1/2, a vector-like tensor b = 0; one with
b > 0 vanishes as the width grows and starts at 0. A readout may have any b: it is part of a_out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isclose, log
from types import EllipsisType

import numpy as np
import numpy.typing as npt

from tpc.importing.axes import Axes, Factor
from tpc.importing.capture import Law, Shape
from tpc.importing.values import numeral

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of a tensor, as the entries of a weight.

    Attributes:
        tensor: Its name in the model.
        axes: The tensor's axes, taken apart in factors.
        order: The factors in the order of the weight: growing ones first.
        index: Which entry of the last constant axes it is, where it is one.
        merged: So many factors behind the first are the columns of a matrix.
    """

    tensor: str
    axes: Axes
    order: tuple[int, ...]
    index: tuple[int, ...] = ()
    merged: int = 0

    def of(self, entries: Array, width: int) -> Array:
        """Return the block of a tensor's entries at some width."""
        factors = [factor for axis in self.axes for factor in axis]
        whole = entries.reshape([factor.size(width, 1) for factor in factors])
        key: tuple[EllipsisType | int, ...] = (..., *self.index)
        block = np.asarray(whole.transpose(self.order)[key])
        if self.merged > 1:
            behind = block.shape[1 + self.merged :]
            block = block.reshape(len(block), -1, *behind)
        return block


@dataclass(frozen=True, slots=True)
class Scale:
    """sd = constant * size^power of the entries of a tensor, and their mean."""

    constant: float
    power: Fraction
    mean: float
    law: str
    relative_error: float = 0.0

    @property
    def text(self) -> str:
        """The constant, only as precisely as it is known."""
        if self.relative_error:
            digits = max(1, min(6, int(-np.log10(self.relative_error))))
            return f"{self.constant:.{digits}g}"
        return numeral(self.constant)


def scale_of(laws: Sequence[Law], sizes: Sequence[int]) -> Scale | None:
    """Return how the entries of a tensor scale; None if they follow no power of the size.

    Args:
        laws: At each width.
        sizes: What the scale is a power of, at each width.
    """
    first, last = laws[0], laws[-1]
    error = max(law.relative_error for law in laws)
    if first.sd == 0 or last.sd == 0:
        same = all(law.sd == 0 and law.mean == first.mean for law in laws)
        return Scale(0.0, Fraction(0), first.mean, first.kind) if same else None
    slope = log(last.sd / first.sd) / log(sizes[-1] / sizes[0])
    power = Fraction(round(2 * slope), 2)
    constants = [law.sd / size ** float(power) for law, size in zip(laws, sizes, strict=True)]
    tolerance = max(1e-9, 6 * error)
    if not all(isclose(c, constants[0], rel_tol=tolerance) for c in constants):
        return None
    constant = float(np.mean(constants)) if error else constants[0]
    return Scale(constant, power, first.mean, first.kind, error)


@dataclass(frozen=True, slots=True)
class Declared:
    """A weight of the network.

    Attributes:
        name: As declared; in a loop, that of its round.
        shape: Its constant shape.
        dims: Its growing factors: rows and columns of a matrix, the one axis of a vector, or none.
        options: What stands in parentheses.
        comment: What stands behind.
        pieces: The block of each entry of the weight, by the name that a network has for it.
        tensor: Its tensor.
    """

    name: str
    shape: Shape
    dims: tuple[Factor, ...]
    options: tuple[str, ...]
    comment: str
    pieces: Mapping[str, Piece]
    tensor: str
