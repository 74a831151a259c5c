"""A PyTorch model at several widths -> a capture: what it computes and how it is drawn, as JSON.

    python capture_torch.py model.py:make --sample model.py:sample > capture.json

`make(width)` returns the model, `sample(batch)` its input. This file needs PyTorch and nothing
else, so it can be copied to where the model lives. `tpc.importing.capture` reads what it writes and
says what the entries mean.

The model is exported (`torch.export`, operations kept whole) at three widths and two batch sizes.
What depends on neither tensors nor inputs, such as masks, is computed here. Initial laws are
recorded while the model is made, or else moments of tensors are measured over several draws.
"""

import argparse
import importlib.util
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from math import isfinite, prod
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

FORMAT, VERSION = "tpc capture", 1

WIDTHS = (64, 128, 192)
BATCHES = (3, 5)
DRAWS = 8

Json = Any


class CaptureError(Exception):
    """A model that cannot be captured, with what to do."""


class GraphDiffers(CaptureError):
    """A model that does other operations at another width or batch."""


def capture(
    make: Callable[[int], torch.nn.Module],
    sample: Callable[[int], Any],
    widths: tuple[int, ...] = WIDTHS,
    batches: tuple[int, int] = BATCHES,
    title: str = "",
) -> dict[str, Json]:
    """Return the capture of a model.

    Args:
        make: Width -> model, in the mode in which it is to be taken.
        sample: Number of rows -> the model's input, a tensor or a tuple of tensors.
        widths: At least two; a third confirms powers.
        batches: Two numbers of rows.
        title: What the program is called; by default the model's class.

    Raises:
        CaptureError: The graph depends on the width or the batch, or cannot be exported.
    """
    traces = [(width, batches[0]) for width in widths] + [(widths[0], batches[1])]
    models = {width: drawn(make, width) for width in widths}
    graphs = [Trace(models[width][0], sample, width, batch) for width, batch in traces]
    operations = aligned(graphs)
    first = models[widths[0]][0]
    return {
        "format": FORMAT,
        "version": VERSION,
        "source": f"torch {torch.__version__}",
        "title": title or type(first).__name__,
        "traces": [{"width": width, "batch": batch} for width, batch in traces],
        "tensors": tensors(make, [models[width] for width in widths], widths, operations),
        "inputs": [
            {
                "name": name,
                "shapes": [list(graph.inputs[at][1].shape) for graph in graphs],
                "integer": not graphs[0].inputs[at][1].is_floating_point(),
            }
            for at, (name, _) in enumerate(graphs[0].inputs)
        ],
        "operations": operations,
        "outputs": graphs[0].outputs,
        "example": example(make(widths[0]), graphs[0]),
    }


class Trace:
    """An exported model at one width and batch.

    Attributes:
        inputs: Names and values of the inputs.
        names: For each placeholder of a tensor, its name in the model.
        nodes: The operations that depend on tensors or inputs.
        constants: The values of all others, by node.
        labels: The names of buffers among them.
        outputs: The names of the outputs.
    """

    def __init__(
        self, model: torch.nn.Module, sample: Callable[[int], Any], width: int, batch: int
    ) -> None:
        """Export a model."""
        given = sample(batch)
        given = given if isinstance(given, tuple) else (given,)
        self.arguments = tuple(x.double() if x.is_floating_point() else x for x in given)
        try:
            exported = torch.export.export(model.double(), self.arguments, strict=False)
        except Exception as error:
            raise CaptureError(
                f"torch.export fails at width {width}: {str(error).strip().splitlines()[0]}"
            ) from error
        self.width = width
        self.inputs: list[tuple[str, torch.Tensor]] = []
        self.names: dict[str, str] = {}
        self._first = first_names(model)
        self.constants: dict[Any, Any] = {}
        self.labels: dict[Any, str] = {}
        self.nodes: list[Any] = []
        self.outputs: list[str] = []
        self._read(exported, width)

    def _read(self, exported: Any, width: int) -> None:
        signature = exported.graph_signature
        parameters = dict(signature.inputs_to_parameters)
        buffers = dict(signature.inputs_to_buffers)
        lifted = dict(signature.inputs_to_lifted_tensor_constants)
        given = iter(self.arguments)
        for node in exported.graph.nodes:
            match node.op:
                case "placeholder" if node.name in parameters:
                    self.names[node.name] = self._first[parameters[node.name]]
                case "placeholder" if node.name in buffers:
                    name = buffers[node.name]
                    value = exported.state_dict.get(name, exported.constants.get(name))
                    if width in value.shape or prod(value.shape) > 4096:
                        self.names[node.name] = name
                    else:
                        self.constants[node] = value.clone()
                        self.labels[node] = name.rpartition(".")[2]
                case "placeholder" if node.name in lifted:
                    self.constants[node] = exported.constants[lifted[node.name]].clone()
                case "placeholder":
                    self.inputs.append((node.name, next(given)))
                case "call_function" if _known(node, self.constants):
                    self.constants[node] = node.target(
                        *_concrete(node.args, self.constants),
                        **_concrete(dict(node.kwargs), self.constants),
                    )
                case "call_function":
                    self.nodes.append(node)
                case "output":
                    self.outputs = [str(x) for x in _flat(node.args[0])]


def first_names(model: torch.nn.Module) -> dict[str, str]:
    """Return for every parameter the first name that it has, which others are tied to."""
    first: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        first.setdefault(id(parameter), name)
    parameters = model.named_parameters(remove_duplicate=False)
    return {name: first[id(parameter)] for name, parameter in parameters}


def _known(node: Any, constants: dict[Any, Any]) -> bool:
    return all(x in constants for x in node.all_input_nodes)


def _concrete(value: Any, constants: dict[Any, Any]) -> Any:
    if isinstance(value, torch.fx.Node):
        return constants[value]
    if isinstance(value, tuple | list):
        return type(value)(_concrete(x, constants) for x in value)
    if isinstance(value, dict):
        return {key: _concrete(x, constants) for key, x in value.items()}
    return value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for part in value:
            yield from _flat(part)
    elif value is not None:
        yield value


def aligned(graphs: list[Trace]) -> list[dict[str, Json]]:
    """Return the operations of all traces, side by side; those that no output needs are left out.

    Raises:
        CaptureError: They differ.
    """
    found = []
    for nodes in zip(*(graph.nodes for graph in graphs), strict=False):
        targets = {_target(node) for node in nodes}
        if len(targets) > 1:
            place = " ".join(filter(None, (_module(nodes[0]), _line(nodes[0]))))
            said = f"at {place} stands {' or '.join(sorted(targets))}"
            raise GraphDiffers(said)
        found.append(_operation(nodes, graphs))
    counts = sorted({len(graph.nodes) for graph in graphs})
    if len(counts) > 1:
        said = " or ".join(map(str, counts))
        raise GraphDiffers(f"it has {said} operations")
    return _needed(found, graphs[0].outputs)


def _operation(nodes: tuple[Any, ...], graphs: list[Trace]) -> dict[str, Json]:
    node = nodes[0]
    return {
        "name": node.name,
        "does": _target(node),
        "arguments": [
            _side_by_side(part, graphs) for part in zip(*(x.args for x in nodes), strict=True)
        ],
        "keywords": {
            key: _side_by_side(tuple(x.kwargs[key] for x in nodes), graphs)
            for key in node.kwargs
            if key not in ("device", "pin_memory", "dtype", "layout", "memory_format")
        },
        "shapes": [_shapes(x.meta.get("val")) for x in nodes],
        "module": _module(node),
        "line": _line(node),
    }


def _target(node: Any) -> str:
    """Return `linear` of aten.linear.default."""
    target = node.target
    name = getattr(target, "_opname", None) or getattr(target, "__name__", str(target))
    return str(name)


def _module(node: Any) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]) if stack else ""


def _line(node: Any) -> str:
    """Return the last line of Python outside PyTorch."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [(path, line) for path, line in frames if "/torch/" not in path]
    return f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else ""


def _shapes(value: Any) -> Json:
    if isinstance(value, tuple | list):
        return [_shapes(part) for part in value]
    return [int(size) for size in value.shape] if hasattr(value, "shape") else None


def _side_by_side(parts: tuple[Any, ...], graphs: list[Trace]) -> Json:
    """Return an argument of all traces as one."""
    first = parts[0]
    if isinstance(first, torch.fx.Node):
        if first in graphs[0].constants:
            values = [graph.constants[x] for graph, x in zip(graphs, parts, strict=True)]
            return _constant(values, graphs[0].labels.get(first, first.name))
        return {"value": graphs[0].names.get(first.name, first.name)}
    if isinstance(first, tuple | list):
        if len({len(x) for x in parts}) > 1:
            return {"by_trace": [list(x) for x in parts]}
        return [_side_by_side(x, graphs) for x in zip(*parts, strict=True)]
    values = [_plain(x) for x in parts]
    return values[0] if all(x == values[0] for x in values) else {"by_trace": values}


def _plain(value: Any) -> Json:
    if isinstance(value, list):
        return [_plain(x) for x in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return str(value)


def _constant(values: list[Any], name: str) -> Json:
    """Return a constant tensor and what to call it; of each trace where they differ."""
    if not hasattr(values[0], "tolist"):
        return _side_by_side(tuple(values), [])
    alike = all(x.shape == values[0].shape and bool((x == values[0]).all()) for x in values)
    if alike:
        return {"constant": _entries(values[0]), "name": re.sub(r"(_\d+)?$", "", name)}
    return {"constants": [_entries(x) for x in values]}


def _entries(tensor: torch.Tensor) -> Json:
    return _plain(tensor.tolist())


def _needed(operations: list[dict[str, Json]], outputs: list[str]) -> list[dict[str, Json]]:
    """Drop the operations whose values nobody uses."""
    alive, kept = set(outputs), []
    for operation in reversed(operations):
        if operation["name"] in alive:
            alive.update(_references([operation["arguments"], operation["keywords"]]))
            kept.append(operation)
    return kept[::-1]


def _references(value: Json) -> Iterator[str]:
    if isinstance(value, dict) and "value" in value:
        yield value["value"]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _references(part)


class Draws(TorchDispatchMode):
    """Keeps how each storage was filled last."""

    def __init__(self) -> None:
        """Start with nothing recorded."""
        super().__init__()
        self.laws: dict[int, dict[str, Json] | None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note a function that fills or changes a tensor in place."""
        found = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[-1]
        if name.endswith("_") and args and isinstance(args[0], torch.Tensor):
            self._note(name, args, kwargs or {})
        return found

    def _note(self, name: str, args: Any, kwargs: Any) -> None:
        tensor = args[0]
        key = tensor.untyped_storage().data_ptr()
        whole = tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
        law = self.laws.get(key)
        match name:
            case "zero_" | "fill_" if whole:
                value = float(args[1]) if name == "fill_" else 0.0
                self.laws[key] = {"law": "constant", "mean": value, "sd": 0.0}
            case "uniform_" if whole:
                low, high = (*args[1:], *(0.0, 1.0)[len(args) - 1 :])[:2]
                spread = (float(high) - float(low)) / 12**0.5
                self.laws[key] = {
                    "law": "uniform", "mean": (float(low) + float(high)) / 2, "sd": spread,
                }  # fmt: skip
            case "normal_" if whole:
                mean, sd = (*args[1:], *(0.0, 1.0)[len(args) - 1 :])[:2]
                self.laws[key] = {"law": "normal", "mean": float(mean), "sd": float(sd)}
            case "mul_" | "div_" if whole and law and isinstance(args[1], int | float):
                by = float(args[1]) if name == "mul_" else 1 / float(args[1])
                self.laws[key] = law | {"mean": law["mean"] * by, "sd": law["sd"] * abs(by)}
            case _ if name not in ("requires_grad_", "detach_"):
                self.laws[key] = None


Drawn = tuple[torch.nn.Module, dict[str, "dict[str, Json] | None"]]


def drawn(make: Callable[[int], torch.nn.Module], width: int) -> Drawn:
    """Make a model, and return the law of each of its tensors where it was seen."""
    with Draws() as draws:
        model = make(width)
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
    laws = {name: draws.laws.get(tensor.untyped_storage().data_ptr()) for name, tensor in tensors}
    return model, laws


def tensors(
    make: Callable[[int], torch.nn.Module],
    models: list[Drawn],
    widths: tuple[int, ...],
    operations: list[dict[str, Json]],
) -> list[dict[str, Json]]:
    """Return the tensors that the graph uses, with their shapes and laws at each width."""
    used = set(_references(operations))
    first = first_names(models[0][0])
    states = [_state(model) for model, _ in models]
    trained = {name for name, _ in models[0][0].named_parameters(remove_duplicate=False)}
    kept = [name for name in states[0] if name in used]
    laws = [[law.get(name) for _, law in models] for name in kept]
    unseen = [name for name, found in zip(kept, laws, strict=True) if None in found]
    measured = _measured(make, widths, unseen) if unseen else {}
    starts = {
        name: _entries(states[0][name].detach())
        for name in kept
        if len({state[name].shape for state in states}) == 1 and states[0][name].numel() <= 4096
    }
    listed = []
    for name, found in zip(kept, laws, strict=True):
        listed.append(
            {
                "name": name,
                "trained": name in trained and states[0][name].requires_grad,
                "shapes": [list(state[name].shape) for state in states],
                "also": [other for other in first if first[other] == name != other],
                "laws": measured.get(name, found),
                "start": starts.get(name),
            }
        )
    return listed


def _state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict([*model.named_parameters(remove_duplicate=False), *model.named_buffers()])


def _measured(
    make: Callable[[int], torch.nn.Module], widths: tuple[int, ...], names: list[str]
) -> dict[str, list[dict[str, Json]]]:
    """Return the moments of tensors over several draws of the model, at each width."""
    found: dict[str, list[dict[str, Json]]] = {name: [] for name in names}
    for width in widths:
        draws: dict[str, list[torch.Tensor]] = {name: [] for name in names}
        for seed in range(DRAWS):
            torch.manual_seed(seed)
            state = _state(make(width))
            for name in names:
                draws[name].append(state[name].detach().double().flatten().clone())
        for name in names:
            found[name].append(_moments(torch.stack(draws[name])))
    return found


def _moments(draws: torch.Tensor) -> dict[str, Json]:
    """Return mean, standard deviation and kurtosis; the same numbers each time are no draw."""
    mean = float(draws.mean())
    if bool((draws == draws[0]).all()):
        spread = float(draws[0].std(unbiased=False))
        return {"law": "constant" if spread == 0 else "fixed", "mean": mean, "sd": spread}
    centred = draws - mean
    variance = float((centred**2).mean())
    kurtosis = float((centred**4).mean()) / variance**2
    error = (max(kurtosis - 1, 0.0) / draws.numel()) ** 0.5 / 2
    return {
        "law": "measured", "mean": mean, "sd": variance**0.5,
        "kurtosis": kurtosis, "relative_error": error,
    }  # fmt: skip


def example(model: torch.nn.Module, graph: Trace) -> dict[str, Json]:
    """Return inputs, and the outputs of the model on tensors that anybody can make again."""
    model = model.double()
    with torch.no_grad():
        for name, tensor in dict(model.named_parameters()).items():
            shape = tuple(tensor.shape)
            entries = torch.tensor(example_entries(name, shape), dtype=torch.float64)
            tensor.copy_(entries.reshape(shape))
        outputs = model(*graph.arguments)
    return {
        "inputs": [_entries(x) for x in graph.arguments],
        "outputs": [_entries(x) for x in _flat(outputs)],
    }


def example_entries(name: str, shape: tuple[int, ...]) -> list[float]:
    """Return entries that depend on a name alone: of size 1 / sqrt(fan-in), or near 1/2."""
    draw = random.Random(name).gauss
    if len(shape) > 1:
        spread = prod(shape[1:]) ** -0.5
        return [spread * draw(0.0, 1.0) for _ in range(prod(shape))]
    return [0.5 + 0.3 * draw(0.0, 1.0) for _ in range(prod(shape))]


def loaded(reference: str) -> Any:
    """Return `name` of `path.py:name`."""
    path, _, name = reference.rpartition(":")
    if not path:
        raise CaptureError(f"write FILE.py:NAME, not {reference}")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).exists():
        raise CaptureError(f"{path} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(Path(path).resolve().parent))
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise CaptureError(f"{path} has no `{name}`")
    return getattr(module, name)


def main() -> int:
    """Write the capture of a model to standard output."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model", help="FILE.py:make, where make(width) returns the model")
    parser.add_argument("--sample", required=True, help="FILE.py:sample, sample(rows) an input")
    parser.add_argument("--widths", default=",".join(map(str, WIDTHS)))
    options = parser.parse_args()
    try:
        make, sample = loaded(options.model), loaded(options.sample)
        widths = tuple(int(width) for width in options.widths.split(","))
        json.dump(capture(make, sample, widths), sys.stdout)
    except CaptureError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
