"""The weights of a network: which block of which tensor each one is, and how it is drawn."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from math import prod

import numpy as np

from tpc.importing.axes import Axes, Axis, Factor, growing
from tpc.importing.capture import Tensor
from tpc.importing.faults import (
    RandomConstantWeight,
    TwoGrowingAxes,
    WrongInitialScale,
)
from tpc.importing.ground import Ground, shown
from tpc.importing.text import word
from tpc.importing.values import Value, numeral
from tpc.importing.weights import Declared, Piece, Scale, scale_of

LARGEST_START = 4096
"""So many entries of a weight of constant shape are written in the text at most."""


class Declarations:
    """The weights that are declared so far.

    Attributes:
        scales: How each tensor is drawn, by its name.
        output_power: Of the width, of the entries of the readout's weight as they are drawn.
        output_bias: The tensor that was left out as the bias of the readout.
    """

    def __init__(self, ground: Ground, refined: Mapping[str, Axis]) -> None:
        """Declare nothing yet.

        Args:
            ground: The capture, notes and constants.
            refined: Growing axes of tensors that are to be taken apart, by tensor.
        """
        self._ground = ground
        self._refined = refined
        self._declared: dict[tuple[str, str], Declared] = {}
        self.scales: dict[str, Scale] = {}
        self.output_power = Fraction(0)
        self.output_bias: str | None = None

    @property
    def declared(self) -> list[Declared]:
        """All of them, in the order of their first use."""
        return list(self._declared.values())

    def tensor_axes(self, name: str) -> Axes:
        """Return the axes of a tensor, its growing axes with their source, in parts as needed."""
        tensor = self._ground.tensor(name)
        axes = self._ground.axes(tensor.shapes, name)
        first = next((at for at, axis in enumerate(axes) if any(f.grows for f in axis)), None)
        if first is None:
            return axes
        whole = tuple(replace(factor, source=tensor.name) for factor in axes[first])
        parts = self._refined.get(tensor.name, whole)
        return (*axes[:first], parts, *axes[first + 1 :])

    def leave_out(self, tensor: str) -> None:
        """Leave a tensor out that was declared as the bias of a readout."""
        self._declared.pop((self._ground.tensor(tensor).name, "ket"), None)
        self._ground.notes = {
            note: None for note in self._ground.notes if not note.startswith(f"{tensor}: ")
        }
        self.output_bias = tensor

    def ket(self, name: str) -> Value:
        """Return a tensor of at most one growing axis as a value."""
        axes = self.tensor_axes(name)
        tensor = self._ground.tensor(name)
        if (tensor.name, "ket") not in self._declared:
            grows = any(factor.grows for axis in axes for factor in axis)
            options, comment = self._vector_law(tensor) if grows else self._start(tensor)
            self._declare_vector(tensor, axes, options, comment)
        return Value(word(self._declared[tensor.name, "ket"].name), axes, tensor=tensor.name)

    def readout_vector(self, name: str) -> tuple[Value, Fraction]:
        """Return an output-like tensor, and the power of the width of its entries."""
        tensor = self._ground.tensor(name)
        if (tensor.name, "ket") in self._declared:
            others = " and ".join(tensor.also) or "another use"
            said = "no Gaussian limit before training, so no kernel; limits of training are fine"
            self._ground.note(f"{tensor.name}: tied with {others}: {said}")
            return self.ket(name), Fraction(0)
        summed = next(f for axis in self.tensor_axes(name) for f in axis if f.grows)
        widths = self._ground.capture.widths
        scale = self._scale(tensor, [summed.size(width, 1) for width in widths])
        comment = "output-like" + size_of(scale.power)
        self._declare_vector(tensor, self.tensor_axes(name), options_of(scale), comment)
        return self.ket(name), scale.power

    def _declare_vector(
        self, tensor: Tensor, axes: Axes, options: tuple[str, ...], comment: str
    ) -> None:
        factors = [factor for axis in axes for factor in axis]
        grown = [at for at, factor in enumerate(factors) if factor.grows]
        if len(grown) > 1:
            raise self._ground.refuse(TwoGrowingAxes(f"{tensor.name}, {shown(axes)}"))
        identifier = identifier_of(tensor.name)
        rest = [at for at in range(len(factors)) if at not in grown]
        piece = Piece(tensor.name, axes, (*grown, *rest))
        shape = tuple(int(factors[at].ratio) for at in rest)
        dims = tuple(factors[at] for at in grown)
        options += frozen(tensor)
        self._declared[tensor.name, "ket"] = Declared(
            identifier, shape, dims, options, comment, {identifier: piece}, tensor.name
        )

    def matrix(
        self, name: str, rows: Axis, columns: Axis, transposed: bool = False
    ) -> tuple[str, tuple[int, ...]]:
        """Declare a tensor of two growing axes as a matrix, or an array of matrices.

        Args:
            name: The tensor, of shape (rows, columns, ...), or (columns, rows, ...) if transposed.
            rows: The factors of its rows; constant ones become axes of the array.
            columns: Those of its columns, as the value has them; constant ones are merged.
            transposed: Whether columns come first.

        Returns:
            Its identifier, and the shape of the array.
        """
        tensor = self._ground.tensor(name)
        identifier = identifier_of(tensor.name)
        known = self._declared.get((tensor.name, "matrix"))
        if known is not None:
            return known.name, known.shape
        all_axes = self._ground.axes(tensor.shapes, name)
        leading = (columns, rows) if transposed else (rows, columns)
        axes = (*leading, *all_axes[2:])
        starts = np.cumsum([0, *map(len, axes)])
        numbers = [list(range(a, b)) for a, b in pairwise(starts)]
        row_at, column_at = numbers[transposed], numbers[not transposed]
        factors = [factor for axis in axes for factor in axis]
        outer = [at for at in row_at if not factors[at].grows]
        tail = [at for group in numbers[2:] for at in group]
        row = [at for at in row_at if factors[at].grows]
        merged = [at for at in column_at if not factors[at].grows]
        column = [*merged, *(at for at in column_at if factors[at].grows)]
        order = (*row, *column, *outer, *tail)
        shape = tuple(int(factors[at].ratio) for at in (*outer, *tail))
        fan_in = growing(prod((factors[at].ratio for at in column), start=Fraction(1)))
        options, comment = self._matrix_law(tensor, fan_in)
        pieces = {
            identifier + (f"[{','.join(map(str, key))}]" if key else ""): Piece(
                tensor.name, axes, order, key, len(column)
            )
            for key in product(*map(range, shape))
        }
        dims = (factors[row[0]], fan_in)
        options += frozen(tensor)
        self._declared[tensor.name, "matrix"] = Declared(
            identifier, shape, dims, options, comment, pieces, tensor.name
        )
        return identifier, shape

    def _scale(self, tensor: Tensor, sizes: list[int]) -> Scale:
        scale = scale_of(tensor.laws, sizes)
        if scale is None:
            found = ", ".join(f"{law.sd:.4g}" for law in tensor.laws)
            advice = "draw it with a power of the width"
            raise self._ground.refuse(WrongInitialScale(tensor.name, found, "c n^-b", advice))
        self.scales[tensor.name] = scale
        return scale

    def _matrix_law(self, tensor: Tensor, fan_in: Factor) -> tuple[tuple[str, ...], str]:
        widths = self._ground.capture.widths
        scale = self._scale(tensor, [fan_in.size(width, 1) for width in widths])
        if scale.constant == 0:
            return ("init=0",), "starts at 0" if scale.mean == 0 else f"constant {scale.mean:g}"
        if scale.power != Fraction(-1, 2):
            found = f"n^{scale.power}" if scale.power else f"{scale.text} at every width"
            advice = (
                "divide by the square root of its fan-in: for `normal_(std=s)` at the width n0,"
                " `std=s * sqrt(n0 / n)`"
            )
            raise self._ground.refuse(WrongInitialScale(tensor.name, found, "n^-1/2", advice))
        options = () if scale.text == "1" else (f"init={scale.text}",)
        return options, "matrix-like" + (", drawn uniform" if scale.law == "uniform" else "")

    def _vector_law(self, tensor: Tensor) -> tuple[tuple[str, ...], str]:
        scale = self._scale(tensor, list(self._ground.capture.widths))
        if scale.constant == 0:
            if scale.law == "fixed":
                advice = "start it from one constant, or draw it"
                raise self._ground.refuse(
                    WrongInitialScale(tensor.name, "fixed entries", "drawn", advice)
                )
            return (f"start={numeral(scale.mean)}",) if scale.mean else ("init=0",), ""
        if scale.power > 0:
            advice = "draw it with entries of a size that does not depend on the width"
            raise self._ground.refuse(
                WrongInitialScale(tensor.name, f"n^{scale.power}", "1", advice)
            )
        if scale.power < 0:
            found = f"{scale.text} n^{scale.power}"
            self._ground.note(
                f"{tensor.name}: drawn {found}: vanishes as n grows, so it starts at 0"
            )
            return ("init=0",), f"drawn {found}, so 0 in the limit"
        return options_of(scale), "vector-like"

    def _start(self, tensor: Tensor) -> tuple[tuple[str, ...], str]:
        law = tensor.laws[0]
        if law.sd == 0:
            return (f"start={numeral(law.mean)}",), ""
        if tensor.start is None or tensor.start.size > LARGEST_START:
            raise self._ground.refuse(RandomConstantWeight(tensor.name))
        self._ground.note(
            f"{tensor.name}: no axis of it grows, so the limit depends on its draw: its start is"
            " the one that was captured"
        )
        name = self._ground.constant(tensor.start, identifier_of(tensor.name) + "_start")
        return (f"start={name}",), "scalar-like, as it was drawn"


def identifier_of(name: str) -> str:
    """Return a tensor's name as a name of the language."""
    letters = "".join(letter if letter.isalnum() else "_" for letter in name)
    return f"layer_{letters}" if letters[:1].isdigit() else letters


def options_of(scale: Scale) -> tuple[str, ...]:
    """Return the options of a vector that is drawn so: the law of its entries is seen."""
    init = () if scale.text == "1" else (f"init={scale.text}",)
    return (*init, "law=uniform") if scale.law == "uniform" else init


def frozen(tensor: Tensor) -> tuple[str, ...]:
    """Return the option of a weight that training leaves alone."""
    return () if tensor.trained else ("train=false",)


def size_of(power: Fraction) -> str:
    """Return how to say a power of the width."""
    return f", entries of size n^{power}" if power else ""
