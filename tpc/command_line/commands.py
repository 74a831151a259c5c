"""What each command does: call the driver, print or write what it returns."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tpc.command_line import kernel_command
from tpc.command_line.import_command import import_model
from tpc.command_line.whole_file import replacing, write_whole
from tpc.diagnostics import NOWHERE, Diagnostic, ProgramError, UsageError, render
from tpc.diagnostics.cautions import SlowDerivatives, UncertainError
from tpc.driver import compiler, depth_verification, verification
from tpc.driver.deep_equations import deep_json
from tpc.driver.emitted import Progress
from tpc.driver.shown import ShownLimit, ShownNetwork, ShownProgram
from tpc.driver.training_limit import train as train_network
from tpc.driver.training_program import cost_of_derivatives
from tpc.network.network import Network
from tpc.program.program import Program
from tpc.report.architecture import architecture_to_html
from tpc.report.classification import classification_to_latex
from tpc.report.corrections import corrections_to_json, print_corrections
from tpc.report.depth_verification import (
    depth_verification_to_json,
    print_depth_verification,
    save_depths,
)
from tpc.report.figures import save_convergence
from tpc.report.graph import GraphFormat, GraphvizMissing, draw_graph, graph_to_dot, graph_to_json
from tpc.report.latex import document
from tpc.report.numbers import Json
from tpc.report.results import (
    Outcome,
    kernels_to_json,
    print_kernels,
    print_results,
    readout_names,
    to_json,
)
from tpc.report.verification import print_verification, verification_to_json
from tpc.simulation.result import Verification
from tpc.syntax.format import format_text
from tpc.syntax.parse import read_source

DISAGREES = 1
"""The exit status of `verify` where finite widths do not go where the limit is."""

EFFORT = ("samples", "seed", "method", "dot", "replicates", "rank_tolerance", "unrolled")
"""The options that say how a limit is computed: arguments of these names of the driver."""

LIMITS_IN_DEPTH = ("classify", "inspect", "kernel", "run", "train")
"""What knows limits at infinite depth; of the others a number is asked."""

STANDARD_INPUT = "-"
"""The program that is read from standard input."""

GRAPH_FORMATS: Mapping[str, GraphFormat] = {".json": "json", ".svg": "svg", ".png": "png"}
"""The formats of graphs by the suffix of the file; others are in the language of Graphviz."""

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")


def compile_program(arguments: Namespace) -> int:
    """`tpc compile`: write the evaluator module, print where."""
    path = Path(arguments.program)
    limit = compiler.derive(_load(arguments), arguments.dot, arguments.unrolled)
    if arguments.program == STANDARD_INPUT and not arguments.output:
        sys.stdout.write(compiler.emit(limit))
        return 0
    target = Path(arguments.output or path.with_name(f"{path.stem}_limit.py"))
    write_whole(target, compiler.emit(limit))
    print(target)
    return 0


def inspect(arguments: Namespace) -> int:
    """`tpc inspect`: print or write the dialect and the limit equations."""
    described = _load(arguments)
    if isinstance(described, ShownNetwork) and not arguments.unrolled:
        written = _inspect_network(described, arguments.format)
    else:
        # Rounds are said once where they may be: nothing is going to be integrated.
        limit = compiler.derive(described, arguments.dot, arguments.unrolled, method="mc")
        written = _inspect_limit(limit, arguments.format)
    if arguments.standalone:
        if arguments.format != "latex":
            raise UsageError("--standalone is of --format latex")
        written = document(written, described.title or Path(described.name).stem)
    if arguments.output:
        write_whole(Path(arguments.output), written)
    else:
        sys.stdout.write(written)
    return 0


def run(arguments: Namespace) -> int:
    """`tpc run`: print the limit's numbers."""
    described = _load(arguments)
    if isinstance(described, Network) and described.training is not None:
        return _print_results(_trained(described, arguments, draws=1), described, arguments)
    program = compiler.program_of(described, "limit")
    with _progress("evaluating") as progress:
        result = compiler.run(
            program, params=_settings(arguments), progress=progress, **_named(arguments, *EFFORT)
        )
    return _print_results(result, program, arguments)


def train(arguments: Namespace) -> int:
    """`tpc train`: print a network's outputs, and what it tracks, at every step of training."""
    described = _load(arguments)
    return _print_results(_trained(described, arguments, arguments.draws), described, arguments)


def _trained(described: Program | Network, arguments: Namespace, draws: int) -> Outcome:
    with _progress("training") as progress:
        result: Outcome = train_network(
            described,
            draws=draws,
            steps=getattr(arguments, "steps", None),
            cells=getattr(arguments, "cells", None),
            params=_settings(arguments),
            progress=progress,
            **_named(arguments, *EFFORT),
        )
    return result


def simulate(arguments: Namespace) -> int:
    """`tpc simulate`: print the averages over runs at one width."""
    if arguments.corrections:
        return _simulate_corrections(arguments)
    described = _load(arguments)
    with _progress("simulating") as progress:
        result = compiler.simulate(
            described,
            arguments.width,
            arguments.trials or 8,
            arguments.seed,
            arguments.engine or "dense",
            progress,
            params=_settings(arguments),
        )
    return _print_results(result, described, arguments)


def _simulate_corrections(arguments: Namespace) -> int:
    """`tpc simulate --corrections`: print the coefficient of 1/n in every output."""
    described = _load(arguments)
    with _progress("simulating") as progress:
        found = compiler.corrections(
            described,
            arguments.width,
            arguments.trials or 64,
            arguments.seed,
            arguments.engine,
            progress,
            params=_settings(arguments),
        )
    readouts = readout_names(described) if isinstance(described, Program) else frozenset()
    if arguments.json:
        _print_json(corrections_to_json(found, arguments.program, readouts))
    else:
        print_corrections(found, readouts)
    return 0


def verify(arguments: Namespace) -> int:
    """`tpc verify`: print the extrapolated finite widths beside the limit."""
    described = _load(arguments)
    figure = _figure_path(arguments)
    if arguments.depths:
        return _verify_depths(described, figure, arguments)
    with _progress("simulating") as progress:
        how = _named(arguments, "samples", "seed", "method", "dot", "unrolled")
        runs = _named(arguments, "widths", "trials", "engine")
        found = verification.verify(
            described, params=_settings(arguments), progress=progress, **how, **runs
        )
    assert isinstance(found, Verification)
    if figure is not None:
        with replacing(figure) as temporary:
            save_convergence(found, temporary)
    if arguments.json:
        _print_json(verification_to_json(found, arguments.program))
    else:
        print_verification(found)
    return DISAGREES if found.disagrees else 0


def _verify_depths(described: Program | Network, figure: Path | None, arguments: Namespace) -> int:
    """`tpc verify --depths`: print kernels of finite widths and depths beside the limit."""
    inputs = None
    if arguments.inputs is not None and isinstance(described, Network):
        inputs = kernel_command.read_inputs(arguments.inputs, described)
    with _progress("simulating") as progress:
        found = depth_verification.verify_depths(
            described,
            inputs=inputs,
            params=_settings(arguments),
            progress=progress,
            **_named(arguments, "depths", "widths", "trials", "seed", "engine"),
        )
    if figure is not None:
        with replacing(figure) as temporary:
            save_depths(found, temporary)
    if arguments.json:
        _print_json(depth_verification_to_json(found, arguments.program))
    else:
        print_depth_verification(found)
    return 0 if found.agrees else DISAGREES


def kernel(arguments: Namespace) -> int:
    """`tpc kernel`: print the kernels of a network, or write them to a file."""
    described = _load(arguments)
    request = kernel_command.read_request(arguments, described, _settings(arguments))
    with _progress("evaluating") as progress:
        result = kernel_command.compute(request, progress)
    if request.target is not None:
        with replacing(request.target) as temporary:
            kernel_command.save(result, temporary)
    _warn_of_errors(result, described, arguments)
    if arguments.json:
        _print_json(kernels_to_json(result, arguments.program))
    else:
        print_kernels(result, full=arguments.full)
    return 0


def graph(arguments: Namespace) -> int:
    """`tpc graph`: print or write the dataflow graph."""
    drawn = _load(arguments).graph
    content: str | bytes
    match arguments.format or GRAPH_FORMATS.get(Path(arguments.output or "").suffix, "dot"):
        case "dot":
            content = graph_to_dot(drawn)
        case "json":
            content = json.dumps(graph_to_json(drawn), indent=1) + "\n"
        case picture:
            try:
                content = draw_graph(drawn, picture)
            except GraphvizMissing as missing:
                raise UsageError(str(missing)) from None
    if arguments.output:
        write_whole(Path(arguments.output), content)
    elif isinstance(content, str):
        sys.stdout.write(content)
    elif sys.stdout.isatty():
        raise UsageError("a picture would garble the terminal; name a file with -o")
    else:
        sys.stdout.buffer.write(content)
    return 0


def classify(arguments: Namespace) -> int:
    """`tpc classify`: print the scales of all weights and which limit they lead to."""
    found = compiler.classify(_load(arguments), arguments.optimizer, arguments.parametrization)
    if arguments.json or arguments.format == "json":
        _print_json(found.to_dict() | {"program": arguments.program})
    elif arguments.format == "latex":
        print(classification_to_latex(found), end="")
    else:
        print(found.to_text(), end="")
    return 0


def fmt(arguments: Namespace) -> int:
    """`tpc fmt`: lay out a program's text in place, or say whether that would change it."""
    text = _text(arguments)
    formatted = format_text(text, _name(arguments))
    if arguments.check:
        if formatted != text:
            print(f"{arguments.program} would be changed", file=sys.stderr)
        return int(formatted != text)
    if arguments.program == STANDARD_INPUT:
        sys.stdout.write(formatted)
    elif formatted != text:
        write_whole(Path(arguments.program), formatted)
    return 0


COMMANDS: Mapping[str, Callable[[Namespace], int]] = MappingProxyType(
    {
        "compile": compile_program,
        "inspect": inspect,
        "run": run,
        "simulate": simulate,
        "verify": verify,
        "kernel": kernel,
        "train": train,
        "graph": graph,
        "classify": classify,
        "fmt": fmt,
        "import": import_model,
    }
)
"""The function of each command."""


def _inspect_limit(limit: ShownLimit, format_: str) -> str:
    match format_:
        case "latex":
            return f"% dialect {limit.dialect}\n{limit.to_latex()}"
        case "html":
            return limit.to_html()
        case "json":
            return _json(limit.to_json())
        case _:
            return limit.to_text()


def _inspect_network(network: ShownNetwork, format_: str) -> str:
    """Write the weights, the equations for one input, the kernels, and how it is trained."""
    chapters = {"kernels": compiler.derive_kernels(network)}
    if network.training and not (network.depth and network.depth.loops):
        chapters["training"] = compiler.derive_training(network).chapter
    match format_:
        case "latex":
            return network.to_latex() + "".join(c.to_latex() for c in chapters.values())
        case "html":
            more = [section for c in chapters.values() for section in c.to_html()]
            return architecture_to_html(network, more)
        case "json":
            written: dict[str, Json] = {name: c.to_json() for name, c in chapters.items()}
            if network.depth and network.depth.loops:
                written |= deep_json(network)
            return _json(network.to_json() | written)
        case _:
            return "\n".join([network.to_text(), *(c.to_text() for c in chapters.values())])


def _load(arguments: Namespace) -> ShownProgram | ShownNetwork:
    """Read and check what a file describes; print its warnings."""
    described = compiler.parse(
        _text(arguments), _name(arguments), arguments.depth, arguments.assume_rank
    )
    deep = arguments.command in LIMITS_IN_DEPTH and not getattr(arguments, "unrolled", False)
    if not deep and not getattr(arguments, "depths", None):
        compiler.refuse_infinite(described, f"tpc {arguments.command}")
    found = list(described.warnings)
    if isinstance(described, Network) and getattr(arguments, "dot", "") == "derivative":
        cost = cost_of_derivatives(described)
        found += [Diagnostic.of(SlowDerivatives(cost), NOWHERE)] if cost is not None else []
    _warn(found, described, arguments)
    return described


def _text(arguments: Namespace) -> str:
    """Return the text of the program that a command is given."""
    try:
        if arguments.program == STANDARD_INPUT:
            return sys.stdin.read()
        return read_source(arguments.program)
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8") from None
    except OSError as error:
        raise UsageError(f"cannot read {arguments.program}: {error.strerror or error}") from None


def _name(arguments: Namespace) -> str:
    """Return what diagnostics call the program."""
    return "<stdin>" if arguments.program == STANDARD_INPUT else str(arguments.program)


def _warn(found: Sequence[Diagnostic], described: Program | Network, arguments: Namespace) -> None:
    """Print warnings on standard error.

    Raises:
        ProgramError: They are errors.
    """
    if arguments.strict and found:
        errors = [replace(warning, severity="error") for warning in found]
        raise ProgramError(errors, described.name, described.source)
    if found:
        print(render(list(found), described.name, described.source), file=sys.stderr)


def _warn_of_errors(result: object, described: Program | Network, arguments: Namespace) -> None:
    """Say on standard error what is to know of the errors of a result."""
    texts = getattr(result, "warnings", ())
    found = [Diagnostic.of(UncertainError(text), NOWHERE) for text in texts]
    _warn(found, described, arguments)


def _named(arguments: Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in names}


def _settings(arguments: Namespace) -> dict[str, object]:
    return dict(arguments.set)


def _figure_path(arguments: Namespace) -> Path | None:
    """Return where to draw; what is wrong with it is said before the long work, not after."""
    if arguments.plot is None:
        return None
    path = Path(arguments.plot)
    if path.suffix not in FIGURE_SUFFIXES:
        raise UsageError(f"--plot {path}: the name must end in {', '.join(FIGURE_SUFFIXES)}")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
    return path


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def _print_json(content: Mapping[str, object]) -> None:
    sys.stdout.write(_json(content))


def _print_results(result: Outcome, described: Program | Network, arguments: Namespace) -> int:
    # What a trained network puts out is recorded as it is; a program's readout has a covariance.
    readouts = readout_names(described) if isinstance(described, Program) else frozenset()
    _warn_of_errors(result, described, arguments)
    load: Mapping[str, float] = getattr(result, "stein_load", {})  # of a limit, not of a simulation
    if arguments.json:
        found = to_json(result, arguments.program, arguments.command, readouts)
        _print_json(found | {"stein_load": dict(load)} if load else found)
        return 0
    training = isinstance(described, Network) and getattr(arguments, "draws", 1) == 1
    print_results(result, readouts, training=training, full=arguments.full)
    if load:
        shown = ", ".join(f"{share:.2g} for {name}" for name, share in load.items())
        print(f"by Stein's lemma, hats over nodes k/N = {shown}")
    return 0


@contextmanager
def _progress(what: str) -> Iterator[Progress | None]:
    """Show a bar on standard error while the work goes on, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
