"""The state of a translation: values by name, declared weights and constants, notes, refusals.

Rules (`tpc.importing.rules`) take an operation of the capture to a value. A growing axis that a
value needs in parts, such as heads, is one of some tensor's axes: the rule then raises `Refine`, and
the whole translation starts again with that tensor declared in parts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import TypeAlias

import numpy as np

from tpc.diagnostics import Fault
from tpc.diagnostics.import_faults import (
    Bottleneck,
    MixedReshape,
    NoImportRule,
    RandomConstantWeight,
    TwoGrowingAxes,
    UnreadAxis,
    WrongInitialScale,
    WrongSize,
)
from tpc.importing.axes import Axes, Axis, Extent, Factor, axis_of, growing
from tpc.importing.capture import (
    Argument,
    ByTrace,
    Capture,
    Operation,
    Reference,
    Tensor,
    references,
)
from tpc.importing.text import Text, word
from tpc.importing.values import Array, Value, broadcast, numeral, settled, straight
from tpc.importing.weights import Declared, Piece, Scale, scale_of

Found: TypeAlias = Value | tuple[Value, ...]

LARGEST_START = 4096
"""So many entries of a weight of constant shape are written in the text at most."""


class ImportRefused(Exception):
    """A model that has no network, and the module that is why.

    Attributes:
        fault: What is wrong.
        module: The path of the module.
        line: `FILE:LINE`, or the empty string.
    """

    def __init__(self, fault: Fault, module: str, line: str) -> None:
        """Name the fault and its place."""
        self.fault, self.module, self.line = fault, module, line
        place = ", ".join(filter(None, (module, line)))
        message = f"error[{fault.code}]: {place + ': ' if place else ''}{fault.words(fault.title)}"
        hint = fault.words(fault.help)
        super().__init__(message + (f"\n  help: {hint}" if hint else ""))


class Translation:
    """What is known so far.

    Attributes:
        capture: The model.
        values: By name in the capture.
        weights: Declared so far, by tensor and use.
        constants: Arrays of numbers that the text declares, by name.
        functions: Functions that the text defines: name, parameter and body.
        notes: What a user should know, each with the module it is about.
        operation: The one that is translated.
        attention: Whether logits scaled by the root of a growing head size are rewritten.
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
        self.capture = capture
        self.attention = attention
        self.values: dict[str, Found] = {}
        self.weights: dict[tuple[str, str], Declared] = {}
        self.constants: dict[str, Array] = {}
        self.functions: dict[str, tuple[str, str]] = {}
        self.notes: dict[str, None] = {}
        self.operation = Operation("", "", (), {}, (), "", "")
        self.classes: int | None = None
        self.counted: dict[str, Value] = {}
        self.output_bias: str | None = None
        self.output_power = Fraction(0)
        self._refined = refined
        self.uses = Counter(
            name for operation in capture.operations for name in _references(operation)
        )

    # ------------------------------------------------------------------------------- the capture

    def refuse(self, fault: Fault) -> ImportRefused:
        """Return a refusal at the operation that is translated."""
        return ImportRefused(fault, self.operation.module, self.operation.line)

    def note(self, text: str) -> None:
        """Tell the user something, once."""
        self.notes[text] = None

    def axes(self, shapes: Iterable[tuple[int, ...]], name: str) -> Axes:
        """Return the axes of a value by its shapes in all traces."""
        listed = list(shapes)
        runs = self.capture.runs[: len(listed)]
        found = []
        for at, sizes in enumerate(zip(*listed, strict=True)):
            axis = axis_of(sizes, runs)
            if axis is None:
                widths = ", ".join(str(width) for width, _ in runs)
                raise self.refuse(UnreadAxis(name, at, ", ".join(map(str, sizes)), widths))
            found.append(axis)
        return tuple(found)

    def shape(self) -> Axes:
        """Return the axes of the operation's value, as sizes say."""
        return self.axes(map(tuple, self.operation.shapes), self.operation.name)

    def tensor(self, name: str) -> Tensor:
        """Return a tensor by name, the first of those that are tied."""
        tensor = self.capture.tensors[name]
        return tensor if tensor.tied is None else self.tensor(tensor.tied)

    def tensor_axes(self, name: str) -> Axes:
        """Return the axes of a tensor, its growing axes with their source, in parts as needed."""
        tensor = self.tensor(name)
        axes = self.axes(tensor.shapes, name)
        first = next((at for at, axis in enumerate(axes) if any(f.grows for f in axis)), None)
        if first is None:
            return axes
        whole = tuple(replace(factor, source=tensor.name) for factor in axes[first])
        parts = self._refined.get(tensor.name, whole)
        return (*axes[:first], parts, *axes[first + 1 :])

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
        return replace(value, axes=(*value.axes, (constant_factor(classes),)))

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
                return self.ket(name)
            case Reference(name) if name in self.counted:
                raise self.refuse(NoImportRule(self.operation.does, "of whole numbers"))
            case Reference(name):
                found = self.values[name]
                assert isinstance(found, Value), name
                return found
            case np.ndarray():
                return self.static(argument)
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

    def static(self, entries: Array) -> Value:
        """Return an array of numbers as a value; it is declared when it is written."""
        axes = tuple(() if size == 1 else (constant_factor(size),) for size in entries.shape)
        squeezed = entries.reshape([size for size in entries.shape if size != 1])
        if squeezed.ndim == 0:
            return Value(word("1"), axes, float(squeezed), static=entries)
        return Value(word(self.constant(squeezed)), axes, static=entries)

    def constant(self, entries: Array, name: str = "constant") -> str:
        """Return the name of an array of numbers, under which the text declares it."""
        for known, other in self.constants.items():
            if other.shape == entries.shape and np.array_equal(other, entries):
                return known
        used = sum(known.rstrip("0123456789_") == name for known in self.constants)
        name = f"{name}_{used + 1}" if used else name
        self.constants[name] = entries
        return name

    def function(self, name: str, parameter: str, body: str) -> str:
        """Return the name under which the text defines a function."""
        for known, other in self.functions.items():
            if other == (parameter, body):
                return known
        used = sum(known.rstrip("0123456789_") == name for known in self.functions)
        name = f"{name}_{used + 1}" if used else name
        self.functions[name] = parameter, body
        return name

    def rename(self, value: Value, name: str) -> Value:
        """Return a static value under another name, where nothing else has named it."""
        assert value.static is not None
        entries = value.static.reshape([size for size in value.static.shape if size != 1])
        old = self.constant(entries)
        if old.startswith("constant"):
            del self.constants[old]
            old = self.constant(entries, name)
        return replace(value, text=word(old))

    def leave_out(self, tensor: str) -> None:
        """Leave a tensor out that was declared as the bias of a readout."""
        self.weights.pop((self.tensor(tensor).name, "ket"), None)
        self.notes = {note: None for note in self.notes if not note.startswith(f"{tensor}: ")}
        self.output_bias = tensor

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

    # ----------------------------------------------------------------------------------- weights

    def ket(self, name: str) -> Value:
        """Return a tensor of at most one growing axis as a value."""
        axes = self.tensor_axes(name)
        tensor = self.tensor(name)
        if (tensor.name, "ket") not in self.weights:
            grows = any(factor.grows for axis in axes for factor in axis)
            options, comment = self._vector_law(tensor) if grows else self._start(tensor)
            self._declare_vector(tensor, axes, options, comment)
        return Value(word(self.weights[tensor.name, "ket"].name), axes, tensor=tensor.name)

    def readout_vector(self, name: str) -> tuple[Value, Fraction]:
        """Return an output-like tensor, and the power of the width of its entries."""
        tensor = self.tensor(name)
        if (tensor.name, "ket") in self.weights:
            return self.ket(name), Fraction(0)
        scale = self._scale(tensor, list(self.capture.widths))
        options = (f"init={scale.text}",) if scale.text != "1" else ()
        comment = "output-like" + drawn(scale.law) + size_of(scale.power)
        self._declare_vector(tensor, self.tensor_axes(name), options, comment)
        return self.ket(name), scale.power

    def _declare_vector(
        self, tensor: Tensor, axes: Axes, options: tuple[str, ...], comment: str
    ) -> None:
        factors = [factor for axis in axes for factor in axis]
        grown = [at for at, factor in enumerate(factors) if factor.grows]
        if len(grown) > 1:
            raise self.refuse(TwoGrowingAxes(f"{tensor.name}, {shown(axes)}"))
        identifier = identifier_of(tensor.name)
        rest = [at for at in range(len(factors)) if at not in grown]
        piece = Piece(tensor.name, axes, (*grown, *rest))
        shape = tuple(int(factors[at].ratio) for at in rest)
        dims = tuple(factors[at] for at in grown)
        self.weights[tensor.name, "ket"] = Declared(
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
        tensor = self.tensor(name)
        identifier = identifier_of(tensor.name)
        known = self.weights.get((tensor.name, "matrix"))
        if known is not None:
            return known.name, known.shape
        all_axes = self.axes(tensor.shapes, name)
        leading = (columns, rows) if transposed else (rows, columns)
        axes = (*leading, *all_axes[2:])
        starts = np.cumsum([0, *map(len, axes)])
        numbers = [list(range(a, b)) for a, b in zip(starts, starts[1:], strict=False)]
        row_at, column_at = numbers[transposed], numbers[not transposed]
        factors = [factor for axis in axes for factor in axis]
        outer = [at for at in row_at if not factors[at].grows]
        tail = [at for group in numbers[2:] for at in group]
        row = [at for at in row_at if factors[at].grows]
        merged = [at for at in column_at if not factors[at].grows]
        column = [*merged, *(at for at in column_at if factors[at].grows)]
        order = (*row, *column, *outer, *tail)
        shape = tuple(int(factors[at].ratio) for at in (*outer, *tail))
        fan_in = growing(_ratio(factors[at] for at in column))
        options, comment = self._matrix_law(tensor, fan_in)
        pieces = {
            identifier + (f"[{','.join(map(str, key))}]" if key else ""): Piece(
                tensor.name, axes, order, key, len(column)
            )
            for key in product(*map(range, shape))
        }
        dims = (factors[row[0]], fan_in)
        self.weights[tensor.name, "matrix"] = Declared(
            identifier, shape, dims, options, comment, pieces, tensor.name
        )
        return identifier, shape

    def _scale(self, tensor: Tensor, sizes: list[int]) -> Scale:
        scale = scale_of(tensor.laws, sizes)
        if scale is None:
            found = ", ".join(f"{law.sd:.4g}" for law in tensor.laws)
            advice = "draw it with a power of the width"
            raise self.refuse(WrongInitialScale(tensor.name, found, "c n^-b", advice))
        return scale

    def _matrix_law(self, tensor: Tensor, fan_in: Factor) -> tuple[tuple[str, ...], str]:
        widths = self.capture.widths
        scale = self._scale(tensor, [fan_in.size(width, 1) for width in widths])
        if scale.constant == 0:
            return ("init=0",), "starts at 0" if scale.mean == 0 else f"constant {scale.mean:g}"
        if scale.power != Fraction(-1, 2):
            found = f"n^{scale.power}" if scale.power else "1 at every width"
            advice = (
                "divide by the square root of its fan-in: for `normal_(std=s)` at the width n0,"
                " `std=s * sqrt(n0 / n)`, or `--base-width n0`"
            )
            raise self.refuse(WrongInitialScale(tensor.name, found, "n^-1/2", advice))
        options = () if scale.text == "1" else (f"init={scale.text}",)
        return options, "matrix-like" + drawn(scale.law)

    def _vector_law(self, tensor: Tensor) -> tuple[tuple[str, ...], str]:
        scale = self._scale(tensor, list(self.capture.widths))
        if scale.constant == 0:
            if scale.law == "fixed":
                advice = "start it from one constant, or draw it"
                raise self.refuse(WrongInitialScale(tensor.name, "fixed entries", "drawn", advice))
            return (f"start={numeral(scale.mean)}",) if scale.mean else ("init=0",), ""
        if scale.power > 0:
            advice = "draw it with entries of a size that does not depend on the width"
            raise self.refuse(WrongInitialScale(tensor.name, f"n^{scale.power}", "1", advice))
        if scale.power < 0:
            found = f"{scale.text} n^{scale.power}"
            self.note(f"{tensor.name}: drawn {found}: vanishes as n grows, so it starts at 0")
            return ("init=0",), f"drawn {found}, so 0 in the limit"
        options = () if scale.text == "1" else (f"init={scale.text}",)
        return options, "vector-like" + drawn(scale.law)

    def _start(self, tensor: Tensor) -> tuple[tuple[str, ...], str]:
        law = tensor.laws[0]
        if law.sd == 0:
            return (f"start={numeral(law.mean)}",), ""
        if tensor.start is None or tensor.start.size > LARGEST_START:
            raise self.refuse(RandomConstantWeight(tensor.name))
        self.note(
            f"{tensor.name}: no axis of it grows, so the limit depends on its draw: its start is"
            " the one that was captured"
        )
        name = self.constant(tensor.start, identifier_of(tensor.name) + "_start")
        return (f"start={name}",), "scalar-like, as it was drawn"


def identifier_of(name: str) -> str:
    """Return a tensor's name as a name of the language."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def drawn(law: str) -> str:
    """Return how to say a law, where it is not the language's own."""
    return {"normal": "", "measured": ""}.get(law, f", drawn {law}")


def size_of(power: Fraction) -> str:
    """Return how to say a power of the width."""
    return f", entries of size n^{power}" if power else ""


def constant_factor(size: int) -> Factor:
    """Return a factor that does not change."""
    return Factor(Extent.CONSTANT, Fraction(size))


def shown(axes: Axes) -> str:
    """Return axes as a person would write a shape: (rows, 4, n / 4)."""

    def one(factor: Factor) -> str:
        unit = {Extent.CONSTANT: "", Extent.WIDTH: "n", Extent.ROWS: "rows"}[factor.extent]
        if not unit:
            return str(factor.ratio)
        top = unit if factor.ratio.numerator == 1 else f"{factor.ratio.numerator} {unit}"
        return top if factor.ratio.denominator == 1 else f"{top} / {factor.ratio.denominator}"

    return f"({', '.join(' * '.join(map(one, axis)) or '1' for axis in axes)})"


def _ratio(factors: Iterable[Factor]) -> Fraction:
    ratio = Fraction(1)
    for factor in factors:
        ratio *= factor.ratio
    return ratio


def _references(operation: Operation) -> Iterable[str]:
    for argument in (*operation.arguments, *operation.keywords.values()):
        yield from references(argument)


Rule: TypeAlias = Callable[[Translation], Found]

RULES: dict[str, Rule] = {}
"""What takes an operation of a framework to a value, by its name."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names."""

    def register(made: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, made))
        return made

    return register

