"""What every part of a translation reads and adds to: the capture, notes, constants, refusals."""

import re
from collections.abc import Iterable

import numpy as np

from tpc.diagnostics import Fault
from tpc.functions import FUNCTIONS, RESERVED
from tpc.importing.axes import Axes, Extent, Factor, axis_of
from tpc.importing.capture import Capture, Operation, Tensor
from tpc.importing.faults import ImportRefused, UnreadAxis
from tpc.importing.values import Array


class Ground:
    """The capture, and what the text will declare beside weights.

    Attributes:
        capture: The model.
        constants: Arrays of numbers that the text declares, by name.
        functions: Functions that the text defines: name, parameter and body.
        notes: What a user should know, each with the module it is about.
        operation: The one that is translated.
    """

    def __init__(self, capture: Capture) -> None:
        """Start with nothing but the capture."""
        self.capture = capture
        self.constants: dict[str, Array] = {}
        self.functions: dict[str, tuple[str, str]] = {}
        self.notes: dict[str, None] = {}
        self.operation = Operation("", "", (), {}, (), "", "")

    def refuse(self, fault: Fault) -> ImportRefused:
        """Return a refusal at the operation that is translated."""
        return ImportRefused(fault, self.operation.module, self.operation.line)

    def note(self, text: str) -> None:
        """Tell the user something, once."""
        self.notes[text] = None

    def forget(self, start: str) -> None:
        """Take back what was said with these first words."""
        self.notes = {note: None for note in self.notes if not note.startswith(start)}

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
        """Return a tensor by name."""
        return self.capture.tensors[name]

    def constant(self, entries: Array, name: str = "constant") -> str:
        """Return the name of an array of numbers, under which the text declares it."""
        name = f"{name}_" if name in RESERVED or name in FUNCTIONS else name
        for known, other in self.constants.items():
            if other.shape == entries.shape and np.array_equal(other, entries):
                return known
        used = sum(re.sub(r"_\d+$", "", known) == name for known in self.constants)
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


def shown(axes: Axes) -> str:
    """Return axes as a person would write a shape: (rows, 4, n / 4)."""

    def one(factor: Factor) -> str:
        unit = {Extent.CONSTANT: "", Extent.WIDTH: "n", Extent.ROWS: "rows"}[factor.extent]
        if not unit:
            return str(factor.ratio)
        top = unit if factor.ratio.numerator == 1 else f"{factor.ratio.numerator} {unit}"
        return top if factor.ratio.denominator == 1 else f"{top} / {factor.ratio.denominator}"

    return f"({', '.join(' * '.join(map(one, axis)) or '1' for axis in axes)})"
