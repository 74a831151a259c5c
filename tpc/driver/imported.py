"""The driver of imports: a model or its capture -> a network that is held against it."""

import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tpc.diagnostics import UsageError
from tpc.driver import compiler
from tpc.driver.import_report import Report, factors, param_groups, report, width_of
from tpc.driver.shown import ShownNetwork
from tpc.importing.capture import Capture, parsed, read
from tpc.importing.example import example_entries
from tpc.importing.faults import ImportDiffers, ImportRefused, WidthDependentGraph
from tpc.importing.translate import Translated, translate
from tpc.importing.values import Array
from tpc.simulation.forward import forward

AGREES = 1e-10
"""Outputs of a network and of its model on the same tensors differ by no more, relatively."""


@dataclass(frozen=True)
class Imported:
    """A model as a network.

    Attributes:
        translated: The text, and where its weights come from.
    """

    translated: Translated

    @property
    def text(self) -> str:
        """The network, in the language."""
        return self.translated.text

    @property
    def notes(self) -> tuple[str, ...]:
        """What was inferred or left out, each with the name of its module or tensor."""
        return self.translated.notes

    @cached_property
    def program(self) -> ShownNetwork:
        """The checked network."""
        found = compiler.parse(self.text, self.translated.capture.title)
        assert isinstance(found, ShownNetwork)
        return found

    @property
    def names(self) -> Mapping[str, tuple[str, tuple[int, ...]]]:
        """For each weight of the network its tensor, and which block of it, () for all."""
        pieces = self.translated.pieces
        return {name: (piece.tensor, piece.index) for name, piece in pieces.items()}

    def tensors(self, state: Mapping[str, Any], width: int) -> dict[str, Array]:
        """Return the weights of the network, cut from a model's tensors.

        Args:
            state: The model's tensors by name, as in its `state_dict()`.
            width: Its width.
        """
        return {
            name: piece.of(np.asarray(state[piece.tensor], dtype=np.float64), width)
            for name, piece in self.translated.pieces.items()
        }

    def rows(self, inputs: Any) -> Array:
        """Return a model's inputs as the network's: whole numbers as rows with a one."""
        given = np.asarray(inputs, dtype=np.float64)
        classes = self.translated.classes
        rows = given if classes is None else np.eye(classes)[given.astype(int)]
        return np.asarray(rows.reshape(len(rows), *self.program.input.shape))

    def forward(self, state: Mapping[str, Any], width: int, inputs: Any) -> Array:
        """Return the model's outputs, as the network has them.

        Args:
            state: The model's tensors by name.
            width: Its width.
            inputs: Its inputs.

        Returns:
            One row for each of the inputs, with the bias that the network leaves out.
        """
        found = forward(self.program, self.tensors(state, width), self.rows(inputs))
        found = np.multiply(found, float(width) ** float(self.translated.power))
        if self.translated.output_bias is not None:
            found = found + np.squeeze(np.asarray(state[self.translated.output_bias], np.float64))
        return np.asarray(found)

    @cached_property
    def difference(self) -> float:
        """The largest difference from the model's outputs on the capture's tensors, relatively."""
        capture = self.translated.capture
        (inputs,), (expected,) = capture.example.inputs, capture.example.outputs
        found = self.forward(example_tensors(capture), capture.widths[0], inputs)
        return float(
            np.abs(found.reshape(expected.shape) - expected).max() / np.abs(expected).max()
        )

    def report(self, optimizer: str = "adam", parametrization: str = "mup") -> Report:
        """Return what a parametrization says of the model's tensors, by their own names.

        Args:
            optimizer: `adamw(weight_decay=0.1)`, `sgd`, ... as in `tpc classify`.
            parametrization: `mup`, `sp`, ... as there.

        Raises:
            UsageError: There is no such optimizer or parametrization.
        """
        return report(self.translated, self.program, optimizer, parametrization)

    def param_groups(
        self,
        model: Any,
        lr: float,
        base_width: int,
        optimizer: str = "adam",
        parametrization: str = "mup",
    ) -> list[dict[str, Any]]:
        """Return groups for an optimizer of PyTorch: the rates of the base width, transferred.

        Args:
            model: A model of any width, of the kind that was imported.
            lr: The learning rate that is good at the base width.
            base_width: That width.
            optimizer: As in `report`.
            parametrization: As there.

        Raises:
            UsageError: It is another model.
        """
        found = self.report(optimizer, parametrization)
        parameters = list(model.named_parameters())
        growth = self._growth(parameters, base_width)
        return param_groups(found, iter(parameters), lr, growth)

    def init_(
        self,
        model: Any,
        base_width: int,
        optimizer: str = "adam",
        parametrization: str = "mup",
    ) -> None:
        """Rescale a model's tensors in place: at the base width they stay as they are.

        Args:
            model: A model as it was drawn, of any width.
            base_width: Where nothing changes.
            optimizer: As in `report`.
            parametrization: As there.

        Raises:
            UsageError: It is another model.
        """
        parameters = list(model.named_parameters())
        by = factors(self.report(optimizer, parametrization), self._growth(parameters, base_width))
        for name, parameter in parameters:
            parameter.data.mul_(by.get(name, 1.0))

    def _growth(self, parameters: list[tuple[str, Any]], base_width: int) -> float:
        shapes = {name: tuple(parameter.shape) for name, parameter in parameters}
        return width_of(self.translated, shapes) / base_width


def example_tensors(capture: Capture) -> dict[str, Array]:
    """Return the tensors of a capture's example, by name."""
    return {
        name: np.reshape(example_entries(name, tensor.shapes[0]), tensor.shapes[0])
        for name, tensor in capture.tensors.items()
    }


def import_capture(
    capture: Capture | Mapping[str, Any] | str | Path,
    attention: str | None = None,
    check: bool = True,
) -> Imported:
    """Return the network of a captured model.

    Args:
        capture: The capture, its JSON, or a file of it.
        attention: `mup` scales logits of attention, divided by the root of a growing head size, by
            sqrt(d_base) / d instead: the same at the first width.
        check: Whether to hold the network's outputs on given tensors against the model's.

    Raises:
        ImportRefused: The model has no width limit as it stands, an operation has no rule, or the
            network's outputs are not the model's.
        UsageError: It is no capture.
    """
    match capture:
        case str() | Path():
            capture = read(capture)
        case Mapping():
            capture = parsed(capture)
    found = Imported(translate(capture, attention))
    if check and not found.difference <= AGREES:
        raise ImportRefused(ImportDiffers(f"{found.difference:.1e}"), "", "")
    return found


def from_torch(
    make: Callable[[int], Any],
    sample: Callable[[int], Any],
    widths: tuple[int, ...] | None = None,
    attention: str | None = None,
    check: bool = True,
) -> Imported:
    """Return the network of a PyTorch model, which is run to be traced.

    Args:
        make: Width -> model, in the mode in which it is to be taken.
        sample: Number of rows -> the model's input.
        widths: At which it is traced, 64, 128 and 192 by default.
        attention: As in `import_capture`.
        check: As there.

    Raises:
        ImportRefused: As there.
        UsageError: PyTorch is not installed, or the model cannot be exported.
    """
    try:
        from tpc.importing import capture_torch
    except ImportError:
        raise UsageError(
            "PyTorch is not installed here: `pip install torch`, or capture the model where it is"
            f" with `python {_script()} FILE.py:make --sample FILE.py:sample > capture.json`"
        ) from None
    try:
        content = capture_torch.capture(make, sample, widths or capture_torch.WIDTHS)
    except capture_torch.GraphDiffers as differs:
        raise ImportRefused(WidthDependentGraph(str(differs)), "", "") from None
    except capture_torch.CaptureError as error:
        raise UsageError(str(error)) from None
    return import_capture(content, attention, check)


def _script() -> str:
    from importlib.util import find_spec

    spec = find_spec("tpc.importing.capture_torch")
    return str(spec.origin) if spec else "capture_torch.py"


def named(reference: str) -> Any:
    """Return `name` of `FILE.py:name`, running the file.

    Raises:
        UsageError: There is no such file or name.
    """
    path, _, name = reference.rpartition(":")
    if not path.endswith(".py") or not Path(path).exists():
        raise UsageError(f"`{reference}`: write FILE.py:NAME, of a file that exists")
    content = runpy.run_path(path)
    if name not in content:
        raise UsageError(f"{path} has no `{name}`")
    return content[name]
