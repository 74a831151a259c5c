"""Captures: what a model computes at several widths and how its tensors are drawn, as plain data.

A capture is JSON, written by `capture_torch.py` or `capture_jax.py`:

| entry | what it is |
|---|---|
| `format`, `version` | `"tpc capture"`, 1 |
| `source`, `title` | the framework with its version; what the program is called |
| `traces` | `{"width", "batch"}` of each trace |
| `tensors` | name, whether trained, shapes and laws at each width, its other names, start |
| `inputs` | name, shapes in each trace, whether its entries are whole numbers |
| `operations` | name, what it does, arguments, shapes in each trace, module and line |
| `outputs` | names of values |
| `example` | inputs, and outputs on tensors of `example_entries` at the first width |

An argument is a number, a word, null, a list of arguments, `{"value": NAME}`, a constant array
`{"constant": entries, "name": NAME}`, or what differs by trace, `{"by_trace": [...]}` and
`{"constants": [...]}`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError
from tpc.importing.axes import Run

FORMAT, VERSION = "tpc capture", 1

Array: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """An argument that is the value of this name: an operation, a tensor or an input."""

    name: str


@dataclass(frozen=True, slots=True)
class ByTrace:
    """An argument that differs by trace."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """An argument that is an array of numbers: its entries, and what to call it."""

    entries: Array
    name: str


Argument: TypeAlias = (
    "bool | int | float | str | Reference | ByTrace | Fixed | tuple[Argument, ...] | None"
)


@dataclass(frozen=True, slots=True)
class Law:
    """How the entries of a tensor are drawn at one width.

    Attributes:
        kind: `normal`, `uniform`, `constant`, `fixed` (other numbers, the same each time) or
            `measured`.
        mean: Of an entry.
        sd: Its standard deviation.
        relative_error: The standard error of sd, relative to it, where it is measured.
    """

    kind: str
    mean: float
    sd: float
    relative_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the model: name, whether it is trained, shapes and laws by width.

    Attributes:
        name: In the model.
        trained: Whether training changes it.
        shapes: At each width.
        laws: At each width.
        also: Its other names, where it is tied.
        start: Its entries as they were drawn once, where no axis of it grows.
    """

    name: str
    trained: bool
    shapes: tuple[Shape, ...]
    laws: tuple[Law, ...]
    also: tuple[str, ...] = ()
    start: Array | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the model: name, shapes by trace, whether its entries are whole numbers."""

    name: str
    shapes: tuple[Shape, ...]
    integer: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """A step of the model.

    Attributes:
        name: Of its value.
        does: Its name in the framework, as `linear`.
        arguments: By position.
        keywords: By name.
        shapes: Of its value in each trace; of each part where it is a list.
        module: The path of the module that does it.
        line: `FILE:LINE`, or the empty string.
    """

    name: str
    does: str
    arguments: tuple[Argument, ...]
    keywords: Mapping[str, Argument]
    shapes: tuple[Any, ...]
    module: str
    line: str


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs, and the outputs of the model on tensors of `example_entries`, at the first width."""

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Capture:
    """A model as it was captured; see the page's table."""

    source: str
    title: str
    runs: tuple[Run, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[Input, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    example: Example

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths, in the order of tensors' shapes."""
        return tuple(dict.fromkeys(width for width, _ in self.runs))


def read(path: str | Path) -> Capture:
    """Read a capture from a file.

    Raises:
        UsageError: It is no capture, or one of another version.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no capture: {error}") from None
    return parsed(content, str(path))


def parsed(content: Any, name: str = "the capture") -> Capture:
    """Return a capture from its JSON.

    Raises:
        UsageError: It is no capture, or one of another version.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f"{name} is no capture: it does not say `{FORMAT}`")
    if content.get("version") != VERSION:
        raise UsageError(
            f"{name} is a capture of version {content.get('version')}, this reads {VERSION}:"
            " capture the model again"
        )
    try:
        return _capture(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{name} is no whole capture: {type(error).__name__} {error}") from None


def _capture(content: Mapping[str, Any]) -> Capture:
    example = content["example"]
    return Capture(
        source=content["source"],
        title=content["title"],
        runs=tuple((run["width"], run["batch"]) for run in content["traces"]),
        tensors={tensor["name"]: _tensor(tensor) for tensor in content["tensors"]},
        inputs=tuple(
            Input(each["name"], _shapes(each["shapes"]), each["integer"])
            for each in content["inputs"]
        ),
        operations=tuple(map(_operation, content["operations"])),
        outputs=tuple(content["outputs"]),
        example=Example(
            tuple(np.array(x, dtype=np.float64) for x in example["inputs"]),
            tuple(np.array(x, dtype=np.float64) for x in example["outputs"]),
        ),
    )


def _tensor(content: Mapping[str, Any]) -> Tensor:
    laws = (
        Law(law["law"], law["mean"], law["sd"], law.get("relative_error", 0.0))
        for law in content["laws"]
    )
    shapes = _shapes(content["shapes"])
    given = content.get("start")
    start = None if given is None else np.array(given, dtype=np.float64)
    also = tuple(content["also"])
    return Tensor(content["name"], content["trained"], shapes, tuple(laws), also, start)


def _operation(content: Mapping[str, Any]) -> Operation:
    return Operation(
        name=content["name"],
        does=content["does"],
        arguments=tuple(map(_argument, content["arguments"])),
        keywords={name: _argument(value) for name, value in content["keywords"].items()},
        shapes=tuple(content["shapes"]),
        module=content["module"],
        line=content["line"],
    )


def _argument(content: Any) -> Argument:
    match content:
        case {"value": name}:
            return Reference(name)
        case {"constant": entries}:
            return Fixed(np.array(entries, dtype=np.float64), content.get("name") or "constant")
        case {"by_trace": values}:
            return ByTrace(tuple(values))
        case {"constants": values}:
            return ByTrace(tuple(np.array(entries, dtype=np.float64) for entries in values))
        case list():
            return tuple(map(_argument, content))
        case "inf" | "-inf" | "nan":
            return float(content)
        case _:
            assert content is None or isinstance(content, bool | int | float | str), content
            return content


def _shapes(content: Any) -> tuple[Shape, ...]:
    return tuple(tuple(shape) for shape in content)


def references(argument: Argument) -> Iterator[str]:
    """Yield the names of values in an argument."""
    if isinstance(argument, Reference):
        yield argument.name
    elif isinstance(argument, tuple):
        for part in argument:
            yield from references(part)
