"""The state of a translation: values by name, and what rules make of an operation's arguments.

Rules (`tpc.importing.rules`) take an operation of the capture to a value. A growing axis that a
value needs in parts, such as heads, is one of some tensor's axes: the rule then raises `Refine`,
and the whole translation starts again with that tensor declared in parts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from tpc.importing.axes import Axes, Axis, constant
from tpc.importing.capture import Argument, ByTrace, Capture, Fixed, Reference
from tpc.importing.declarations import Declarations
from tpc.importing.faults import (
    Bottleneck,
    MixedReshape,
    NoImportRule,
    TwoGrowingAxes,
    UnreadAxis,
    WrongSize,
)
from tpc.importing.ground import Ground, shown
from tpc.importing.text import Text, word
from tpc.importing.values import Array, Value, broadcast, settled, straight

Found: TypeAlias = Value | tuple[Value, ...]


class Translation(Ground):
    """What is known so far.

    Attributes:
        values: By name in the capture.
        weights: Declared so far.
        counted: Inputs of whole numbers, by name.
        classes: How many these count.
        attention: `mup` where logits scaled by the root of a growing head size are rewritten.
    """

    def __init__(
        self, capture: Capture, refined: Mapping[str, Axis], attention: str | None = None
    ) -> None:
        """Start with the inputs.

        Args:
            capture: The model.
            refined: Growing axes of tensors that are to be taken apart, by tensor.
            attention: `mup`, or None.
        """
        super().__init__(capture)
        self.attention = attention
        self.weights = Declarations(self, refined)
        self.values: dict[str, Found] = {}
        self.classes: int | None = None
        self.counted: dict[str, Value] = {}

    # ------------------------------------------------------------------------------- the capture

    def one_hot(self, indices: Argument, classes: int) -> Value:
        """Return an input of whole numbers as rows of zeros and a one.

        Raises:
            ImportRefused: It is no input, or has been read with other classes.
        """
        if not (isinstance(indices, Reference) and indices.name in self.counted):
            raise self.refuse(NoImportRule("embedding", "its indices are computed from the input"))
        if self.classes not in (None, classes):
            raise self.refuse(NoImportRule("embedding", "two tables of different length"))
        self.classes = classes
        value = self.counted[indices.name]
        return replace(value, axes=(*value.axes, (constant(classes),)))

    # --------------------------------------------------------------------------------- arguments

    def argument(self, at: int, keyword: str = "", default: Argument = None) -> Argument:
        """Return an argument of the operation by position or keyword."""
        operation = self.operation
        if at < len(operation.arguments):
            return operation.arguments[at]
        return operation.keywords.get(keyword, default)

    def value(self, argument: Argument) -> Value:
        """Return an argument as a value with its axes in order."""
        return straight(self.raw(argument))

    def raw(self, argument: Argument) -> Value:
        """Return an argument as a value; a tensor that is used by itself is declared."""
        match argument:
            case Reference(name) if name in self.capture.tensors:
                return self.weights.ket(name)
            case Reference(name) if name in self.counted:
                raise self.refuse(NoImportRule(self.operation.does, "of whole numbers"))
            case Reference(name):
                found = self.values[name]
                assert isinstance(found, Value), name
                return found
            case Fixed(entries, name):
                return self.static(entries, name)
            case int() | float():
                return Value(word("1"), (), float(argument))
            case ByTrace(values) if all(isinstance(x, int | float) for x in values):
                factor, power = self.number(argument)
                return Value(word("1"), (), factor, power)
            case _:
                raise AssertionError(argument)

    def values_of(self, argument: Argument) -> list[Value]:
        """Return an argument that is a list of values."""
        assert isinstance(argument, tuple)
        return [self.value(each) for each in argument]

    def number(self, argument: Argument) -> tuple[float, Fraction]:
        """Return a number as factor and power of the width."""
        if isinstance(argument, int | float):
            return float(argument), Fraction(0)
        assert isinstance(argument, ByTrace), argument
        widths = [width for width, _ in self.capture.runs]
        values = [float(x) for x in argument.values]
        slope = np.log(values[1] / values[0]) / np.log(widths[1] / widths[0])
        power = Fraction(round(2 * float(slope)), 2)
        factors = [x / width ** float(power) for x, width in zip(values, widths, strict=True)]
        if not np.allclose(factors, factors[0], rtol=1e-12):
            texts = (", ".join(map(str, x)) for x in (argument.values, widths))
            raise self.refuse(UnreadAxis("number", 0, *texts))
        return factors[0], power

    def is_number(self, argument: Argument) -> bool:
        """Whether an argument is one number, or one for each trace."""
        return isinstance(argument, int | float) or (
            isinstance(argument, ByTrace)
            and all(isinstance(x, int | float) for x in argument.values)
        )

    def static(self, entries: Array, name: str = "constant") -> Value:
        """Return an array of numbers as a value; it is declared when it is written."""
        axes = tuple(() if size == 1 else (constant(size),) for size in entries.shape)
        squeezed = entries.reshape([size for size in entries.shape if size != 1])
        if squeezed.ndim == 0:
            return Value(word("1"), axes, float(squeezed), static=entries)
        return Value(word(self.constant(squeezed, name)), axes, static=entries)

    # --------------------------------------------------------------------------------- nonlinear

    def broadcast(self, values: Sequence[Value]) -> tuple[list[Text], Axes]:
        """Return texts that broadcast as the model's values do, and the axes of the result.

        Raises:
            ImportRefused: They do not fit.
        """
        try:
            return broadcast(values)
        except ValueError:
            before, after = (shown(value.axes) for value in values[:2])
            raise self.refuse(MixedReshape(self.operation.does, before, after)) from None

    def plain_number(self, value: Value, function: str) -> Value:
        """Return a value as a nonlinear function takes it, or a number as it is."""
        return value if value.text.pieces == ("1",) else self.plain(value, function)

    def plain(self, value: Value, function: str) -> Value:
        """Return a value as a nonlinear function takes it.

        Raises:
            ImportRefused: It grows or vanishes with the width.
        """
        if value.summed is not None:
            raise self.refuse(Bottleneck(value.text.module or self.operation.name))
        if value.power:
            what = "grows" if value.power > 0 else "vanishes"
            name = value.text.module or self.operation.module or "a value"
            power, inverse = str(value.power), str(-value.power)
            raise self.refuse(WrongSize(name, power, inverse, function, what))
        return settled(value)

    def made(self, text: Text, axes: Axes, named: bool = False, hint: str = "") -> Value:
        """Return a new value of order 1.

        Args:
            text: Its expression.
            axes: Its axes.
            named: Whether it is worth a name.
            hint: What to call it, by default as its module.

        Raises:
            ImportRefused: It has two growing axes.
        """
        if sum(factor.grows for axis in axes for factor in axis) > 1:
            raise self.refuse(TwoGrowingAxes(shown(axes)))
        module = ".".join(filter(None, (self.operation.module, hint))) or "x"
        return Value(replace(text, module=module, named=named), axes)


Rule: TypeAlias = Callable[[Translation], Found]

RULES: dict[str, Rule] = {}
"""What takes an operation of a framework to a value, by its name."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names."""

    def register(made: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, made))
        return made

    return register
