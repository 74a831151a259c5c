"""The command line: what may be asked for, and what goes where when something is wrong.

Results go to standard output, diagnostics and progress to standard error. Exit status: 0 done; 1
the program or its data is wrong, or `verify` found a disagreement; 2 wrong usage; 70 a bug of the
compiler; 130 interrupted; 141 the reader of a pipe went away.
"""

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tpc import __version__

DONE, WRONG_PROGRAM, WRONG_USAGE, BUG, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 70, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words behind `tpc`; by default those of the process.

    Returns:
        The exit status.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return _status(stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode still shows the rest
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ntpc: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return status


def _run(arguments: argparse.Namespace) -> int:
    """Run a command; tell a wrong program from wrong usage and both from a bug."""
    from tpc.command_line.commands import COMMANDS
    from tpc.diagnostics import ProgramError, UsageError
    from tpc.driver.emitted import MethodRefused
    from tpc.importing.faults import ImportRefused

    try:
        return COMMANDS[arguments.command](arguments)
    except (ProgramError, ImportRefused) as error:
        print(error, file=sys.stderr)
        return WRONG_PROGRAM
    except UsageError as error:
        print(f"tpc {arguments.command}: {error}", file=sys.stderr)
        return WRONG_USAGE
    except MethodRefused as refusal:  # a property of the program, as its diagnostics are
        print(f"tpc {arguments.command}: --method {refusal}", file=sys.stderr)
        return WRONG_PROGRAM
    except MemoryError:
        print(f"tpc {arguments.command}: out of memory; ask for less", file=sys.stderr)
        return WRONG_PROGRAM
    except BrokenPipeError:
        raise
    except Exception as bug:  # the outermost boundary: what gets here is ours to mend
        print(_bug_report(bug, arguments), file=sys.stderr)
        return BUG


def _bug_report(bug: Exception, arguments: argparse.Namespace) -> str:
    places = [
        f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(bug.__traceback__)[-3:]
    ]
    return "\n".join(
        [
            "tpc: this is a bug of the compiler, not of your program.",
            f"  {type(bug).__name__}: {str(bug).partition(chr(10))[0]}",
            *(f"  at {place}" for place in reversed(places)),
            "Please report it, with these lines, the program and this command:",
            f"  tpc {arguments.command} {arguments.program}   (tpc {__version__}, "
            f"Python {sys.version.split()[0]})",
        ]
    )


def _status(stop: SystemExit) -> int:
    return stop.code if isinstance(stop.code, int) else WRONG_USAGE


# ---------------------------------------------------------------------------------------- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tpc",
        description="Derive the infinite-width limit of a Tensor Program, and compute it.",
        epilog="Every command has its own --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tpc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, options) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        shared = {"import": (), "fmt": _PROGRAM[:1]}
        for words, settings in shared.get(name, _PROGRAM):
            command.add_argument(*words, **settings)
        for words, settings in options:
            command.add_argument(*words, **settings)
    return parser


def _whole(text: str) -> int:
    """Return the integer that is written as `1e4`."""
    number = float(text)
    if not number.is_integer():
        raise ValueError
    return int(number)


DEPTH = "rounds of loops over the free depth, or `infinite`; default: as the program says"

ASSUME_RANK = (
    "take exact optimizers of operators with momentum in the operator regime at the rank of \
the limit"
)


def _at_least(smallest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text) if text.lstrip("+-").isdecimal() else _whole(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None
        if number < smallest:
            raise argparse.ArgumentTypeError(f"{number} is less than {smallest}")
        return number

    return parse


_seed, _count, _trials = _at_least(0), _at_least(1), _at_least(2)


def _fraction(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def _depth(text: str) -> float:
    return float("inf") if text in ("infinite", "inf") else _count(text)


def _widths(text: str) -> tuple[int, ...]:
    widths = tuple(sorted({_count(word) for word in text.split(",")}))
    if len(widths) < 2:
        raise argparse.ArgumentTypeError("a line needs at least two widths, as in 64,256,1024")
    return widths


def _cells(text: str) -> tuple[int, ...]:
    return tuple(sorted({_count(word) for word in text.split(",")}))


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(text.lower().replace(" ", "").split(",")))
    for kind in kinds:
        if kind not in ("nngp", "ntk"):
            raise argparse.ArgumentTypeError(f"there is no kernel {kind!r}: use nngp, ntk or both")
    return kinds


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=JSON")
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    if not _is_numeric(parsed):
        raise argparse.ArgumentTypeError(f"{value!r} is no number, nor a JSON list of numbers")
    return name, parsed


def _is_numeric(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_numeric, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


Option: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""The words of an option, and what `argparse` is told about it."""


def _option(*words: str, **settings: Any) -> Option:
    return words, settings


def _flag(word: str, text: str) -> Option:
    return _option(word, action="store_true", help=text)


def _output(where: str, default: str) -> Option:
    return _option("-o", "--output", metavar=where, help=default)


def _format(*choices: str) -> Option:
    first = choices[0]
    return _option("--format", choices=choices, default=first, help=f"default: {first}")


def _method() -> Option:
    text = (
        "how what has no closed form is computed; mc: random nodes; qmc: Sobol points; "
        "quadrature: grids, for smooth functions; exact: not at all, an error; auto: quadrature "
        "where that is precise, else qmc; default: auto"
    )
    choices = ("mc", "qmc", "quadrature", "exact", "auto")
    return _option("--method", choices=choices, default="auto", help=text)


def _samples(default: int | None = 65536, words: str = "65536") -> Option:
    text = f"random nodes, default: {words}"
    return _option("--samples", type=_count, default=default, metavar="N", help=text)


_PROGRAM = (
    _option("program", metavar="P.tp", help="the program; - is standard input"),
    _flag("--strict", "take warnings as errors"),
    _option("--depth", type=_depth, metavar="N", help=DEPTH),
    _flag("--assume-rank", ASSUME_RANK),
)

_DOT = _option(
    "--dot", choices=("derivative", "stein", "auto"), default="auto",
    help="how the dots of W.T products are computed, default: auto",
)  # fmt: skip

_UNROLLED = _flag("--unrolled", "write out every step of training, every round of a long loop")

_REPLICATES = (
    _option(
        "--replicates", type=_trials, default=8, metavar="R",
        help="independent replicates that share the nodes, default: 8",
    ),
    _option(
        "--rank-tolerance", type=_fraction, metavar="E",
        help="leave directions with less than this part of <x|x> out of the hat of W x; 1e-6 makes "
        "long programs with many products of one matrix cheaper, default: 1e-22, 1e-12 for loops",
    ),
)  # fmt: skip

_OF_RUNS = (
    _option("--seed", type=_seed, default=0, metavar="S", help="of the random numbers, default: 0"),
    _option(
        "--set", type=_setting, action="append", default=[], metavar="NAME=JSON",
        help="set a param, as in --set sw=1.5 or --set s=[1,2]; may be repeated",
    ),
    _flag("--json", "print one JSON object and no more"),
)  # fmt: skip

_FULL = _flag("--full", "print arrays whole, and every step of training")

_COMMANDS: dict[str, tuple[str, tuple[Option, ...]]] = {
    "compile": (
        "Write the limit as a Python module that needs only NumPy.",
        (_output("F", "default: P_limit.py beside P.tp"), _DOT, _UNROLLED),
    ),
    "inspect": (
        "Print a program's dialect and its limit equations.",
        (
            _format("text", "latex", "json", "html"),
            _output("F", "default: standard output"),
            _flag("--standalone", "LaTeX as a document of its own"),
            _DOT,
            _UNROLLED,
        ),
    ),
    "run": (
        "Compute the limit's numbers, with standard errors.",
        (_method(), _samples(), *_REPLICATES, _DOT, _UNROLLED, _FULL, *_OF_RUNS),
    ),
    "simulate": (
        "Run the program at a finite width.",
        (
            _option("--width", type=_count, required=True, metavar="N", help="the width n"),
            _option(
                "--trials", type=_count, metavar="R",
                help="independent runs, default: 8; with --corrections families of seven, "
                "default: 64",
            ),
            _option(
                "--engine", choices=("dense", "matrix-free"),
                help="matrix-free: draw products from the same law without the matrix; "
                "default: dense, and with --corrections matrix-free where it has a law",
            ),
            _flag(
                "--corrections",
                "estimate the coefficient of 1/n in every output, and the kurtosis of readouts",
            ),
            _FULL, *_OF_RUNS,
        ),
    ),
    "verify": (
        "Hold finite widths against the limit.",
        (
            _option(
                "--widths", type=_widths, metavar="N,N,...",
                help="at least two; default: 64 to 2048 by doubling, less for slow programs",
            ),
            _option(
                "--depths", type=_widths, metavar="L,L,...",
                help="of kernels of a network with a depth: hold these, at all widths, against "
                "infinite width and depth",
            ),
            _option("--inputs", metavar="X.npy", help="with --depths; default: two random ones"),
            _option(
                "--trials", type=_trials, default=64, metavar="R",
                help="runs for each width, default: 64",
            ),
            _option(
                "--engine", choices=("auto", "dense", "matrix-free"), default="auto",
                help="how matrices multiply; auto: dense to width 2048, then matrix-free; "
                "default: auto",
            ),
            _option(
                "--plot", metavar="F.png", help="draw the distance to the limit (png, svg, pdf)"
            ),
            _method(),
            _samples(None, "65536; of training with a nonlinear optimizer 4096"),
            _DOT,
            _UNROLLED,
            *_OF_RUNS,
        ),
    ),
    "kernel": (
        "Compute the NNGP and the tangent kernel of a network's inputs.",
        (
            _option(
                "--inputs", required=True, metavar="X.npy",
                help="the inputs, an array of shape M x input shape: .npy, .npz or .csv; d.npz:key "
                "names one of several arrays",
            ),
            _option(
                "--inputs2", metavar="X2.npy",
                help="the inputs of the columns; default: those of the rows",
            ),
            _option(
                "--kind", type=_kinds, default=("nngp", "ntk"), metavar="K,K",
                help="default: nngp,ntk",
            ),
            _output("K.npz", "also write the arrays to a file"),
            _flag(
                "--assume-gia",
                "also compute them as if the backward pass had matrices of its own, and say how "
                "far that is off",
            ),
            _method(),
            _samples(),
            _DOT,
            _FULL, *_OF_RUNS,
        ),
    ),
    "train": (
        "Train the network of infinite width.",
        (
            _option(
                "--draws", type=_count, default=1, metavar="D",
                help="draws of an output that is random before training, default: 1",
            ),
            _option(
                "--steps", type=_count, metavar="T", help="default: those of the train block",
            ),
            _option(
                "--cells", type=_cells, metavar="K,K,K",
                help="depths from which an infinite one is extrapolated, default: 8,16,32",
            ),
            _method(),
            _samples(None, "65536; of cells 262144, with nonlinear optimizers 4096"),
            *_REPLICATES,
            _DOT,
            _UNROLLED,
            _FULL, *_OF_RUNS,
        ),
    ),
    "import": (
        "Write a PyTorch model, or a capture of a model, as a network.",
        (
            _option(
                "program", metavar="MODEL.py:make|C.json",
                help="a function that takes a width to a model, or a capture of one",
            ),
            _option(
                "--sample", metavar="MODEL.py:sample",
                help="a function that takes a number of rows to the model's input",
            ),
            _option(
                "--widths", type=_widths, metavar="N,N,...",
                help="at which the model is traced, default: 64,128,192",
            ),
            _output("NET.tp", "default: standard output"),
            _option(
                "--attention", choices=("mup",),
                help="scale logits by sqrt(d_base) / d where the model divides by sqrt(d)",
            ),
            _option(
                "--optimizer", metavar="NAME",
                help="report what it needs in the model's own names: adamw(weight_decay=0.1), ...",
            ),
            _option("--parametrization", metavar="P", default="mup", help="default: mup"),
            _flag("--no-check", "leave out the comparison with the model on the same tensors"),
        ),
    ),
    "graph": (
        "Draw the program's dataflow graph.",
        (
            _option(
                "--format", choices=("dot", "json", "svg", "png"),
                help="default: as the name behind -o ends, else dot",
            ),
            _output("F", "default: standard output"),
        ),
    ),
    "fmt": (
        "Lay out a program's text: blanks, indentation, comments where they stood.",
        (_flag("--check", "change nothing; exit status 1 where something would change"),),
    ),
    "classify": (
        "Say which limit a network's training has, and its scales.",
        (
            _option(
                "--optimizer", metavar="NAME",
                help="adam, adam(eps=0), ...; default: of the train block",
            ),
            _option(
                "--parametrization", metavar="P", help="mup, ntp, ...; default: of the train block"
            ),
            _format("text", "latex", "json"),
            _flag("--json", "the same as --format json"),
        ),
    ),
}  # fmt: skip
"""Every command: what it does, and its options in the order of `--help`."""
