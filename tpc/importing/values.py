"""Values of a model as values of the language: which axes they have, and what is left out of them.

The language knows no axis over rows and none of length 1; a growing axis is the vector's own. What
is left, in the order of the model, are constant axes. A value is

    n^power * factor * text,

where `text` stays of order 1; numbers and powers are carried along through linear operations and
written where a nonlinear one, or the reader, needs them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import isqrt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.importing.axes import Axes, Extent, Factor, unified
from tpc.importing.text import Text, behind, binary, call, negative, word

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value of the model.

    Attributes:
        text: The expression, without n^power and factor.
        axes: The model's axes.
        factor: A number.
        power: Of the width.
        static: Its entries, where they are the same at every width and for every input.
        tensor: The name of the tensor that it is, if it is one as it stands.
        summed: The growing axis that a readout sums over, where the sum is still to come.
        order: For each constant axis of the text, which one of the value it is; None where they are
            in the same order. So the model's permutations need no text until something does.
    """

    text: Text
    axes: Axes
    factor: float = 1.0
    power: Fraction = Fraction(0)
    static: Array | None = None
    tensor: str | None = None
    summed: Factor | None = None
    order: tuple[int, ...] | None = None
    entries: tuple["Value", ...] = ()

    @property
    def growing(self) -> tuple[Factor, ...]:
        """Its growing factors."""
        return tuple(factor for axis in self.axes for factor in axis if factor.grows)

    @property
    def constants(self) -> tuple[tuple[int, Factor], ...]:
        """Its constant axes in the language: for each the model's axis and the factor."""
        return constants_of(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its constant shape in the language."""
        return tuple(int(factor.ratio) for _, factor in self.constants)

    @property
    def places(self) -> tuple[int, ...]:
        """For each constant axis of the text, which one of the value it is."""
        return tuple(range(len(self.shape))) if self.order is None else self.order


def constants_of(axes: Axes) -> tuple[tuple[int, Factor], ...]:
    """Return the constant axes that the language sees, with the model's axis of each."""
    return tuple(
        (at, factor)
        for at, axis in enumerate(axes)
        for factor in axis
        if factor.extent is Extent.CONSTANT and factor.ratio != 1
    )


def straight(value: Value) -> Value:
    """Return the value with the constant axes of its text in their order."""
    if value.order is None:
        return value
    return replace(value, text=arranged(value, range(len(value.order))), order=None)


def arranged(value: Value, wanted: Sequence[int]) -> Text:
    """Return the text of a value with its constant axes in some order."""
    places = value.places
    order = [places.index(at) for at in wanted]
    if order == sorted(order):
        return value.text
    turned = (
        behind(value.text, ".T")
        if order == [1, 0]
        else call("permute", value.text, *map(str, order))
    )
    return replace(turned, module=value.text.module)


def ordered(order: Sequence[int]) -> tuple[int, ...] | None:
    """Return an order of axes, None for that in which they are."""
    return None if list(order) == sorted(order) else tuple(order)


def numeral(value: float) -> str:
    """Return a number as a person would write it: 1 / sqrt(15), 0.125, 3, 1e-5."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), repr(float(value)))
    for spelled in (value, 1 / value):
        if spelled == round(spelled) and abs(spelled) < 1e6:
            whole = str(round(spelled))
            return whole if spelled == value else f"1 / {whole}"
    square = Fraction(value * value).limit_denominator(5000)
    if abs(float(square) ** 0.5 - abs(value)) <= 4e-16 * abs(value):
        sign = "-" if value < 0 else ""
        root = isqrt(square.denominator)
        if square.numerator == 1 and root * root == square.denominator:
            return f"{sign}1 / {root}"
        if square.numerator == 1:
            return f"{sign}1 / sqrt({square.denominator})"
        if square.denominator == 1:
            return f"{sign}sqrt({square.numerator})"
    short = f"{value:.6g}"
    return short if float(short) == value else repr(float(value))


def settled(value: Value) -> Value:
    """Return the value with its factor in the text."""
    if value.factor == 1.0:
        return value
    value = replace(value, entries=())
    if value.factor == -1.0:
        return replace(value, text=negative(value.text), factor=1.0)
    inverse = 1 / value.factor
    if inverse == round(inverse) and 1 < abs(inverse) < 1e6:
        text = binary("/", value.text, word(str(round(inverse))))
    else:
        spelled = numeral(value.factor)
        if "/" in spelled and not spelled.startswith("-"):
            text = binary("/", value.text, word(spelled.removeprefix("1 / ")))
        else:
            text = binary("*", word(spelled), value.text)
    return replace(value, text=text, factor=1.0)


def broadcast(values: Sequence[Value]) -> tuple[list[Text], Axes]:
    """Return the texts of values so that the language broadcasts them as the model does.

    Returns:
        Texts with new axes where they need some, and the axes of the result.

    Raises:
        Refine: An axis must be taken apart first.
        ValueError: Lengths differ.
    """
    rank = max(len(value.axes) for value in values)
    padded: list[Axes] = [((),) * (rank - len(value.axes)) + value.axes for value in values]
    whole = tuple(reduce(unified, position) for position in zip(*padded, strict=True))
    return [spread(value, own, whole) for value, own in zip(values, padded, strict=True)], whole


def spread(value: Value, own: Axes, whole: Axes) -> Text:
    """Return the text of a value with new axes for those of `whole` that it lacks.

    Args:
        value: The value.
        own: Its axes, as many as in `whole`.
        whole: The axes of the result.
    """
    pattern = [":" if own[at] else "None" for at, _ in constants_of(whole)]
    while pattern and pattern[0] == "None":
        pattern.pop(0)
    return behind(value.text, f"[{', '.join(pattern)}]") if "None" in pattern else value.text
