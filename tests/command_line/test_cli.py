"""The command line as scripts see it: exit status, streams, JSON, files."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.marks import slow_where
from tpc import __version__
from tpc.command_line import commands
from tpc.command_line.cli import main
from tpc.driver import compiler
from tpc.limit.equations import Limit

GOOD = """\
program "A layer"
dim n
param s = 2.0
param shift = [0.0, 1.0]
vector v : n
matrix W : n x n
h = s * W @ v
output c = <h|h>
output h
output two = <v|v> * shift
readout f = v * s
"""
BAD = "dim n\nvector v : n\noutput c = <v|u>\noutput d = avg(w)\n"
TANH = "dim n\nvector v : n\nx = tanh(v)\noutput c = <x|x>\noutput d = <v|v>\n"
"""`c` has no closed form."""

KINK = "dim n\nvector v, w : n\nx = relu(tanh(v) + sin(w))\noutput c = <x|x>\noutput d = <v|v>\n"
"""`c` has no closed form, nor is it smooth."""

LAW = "dim n\nparam r = 0.5\nvector z[2] : n ~ normal(0, [[1, r], [r, 1]])\noutput z\n"
SILENT = "dim n\nvector v : n\n"
LOOP = """\
dim n
vector v : n
matrix W : n x n
h[0] = v
for k in range(120):
    h[k+1] = tanh(W @ h[k])
output c = <h[120]|h[120]>
"""
NETWORK = """\
program "A layer"
dim n
input xi[2]
weight U[2] : n
weight v : n (mult=0.5)
x = relu(U @ xi)
readout f = v * x
"""

TRAINED = (
    NETWORK
    + """\
train f:
    data [[1, 0.5]], [1]
    loss mse
    optimizer sgd(lr=0.1)
    parametrization mup
    steps 9
"""
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    texts = {"good": GOOD, "bad": BAD, "silent": SILENT, "law": LAW, "tanh": TANH, "kink": KINK}
    texts |= {"net": NETWORK, "loop": LOOP, "train": TRAINED}
    for name, text in texts.items():
        (tmp_path / f"{name}.tp").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_process(arguments: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tpc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


# -------------------------------------------------------------------------------------- exit status


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["kernel", "good.tp"],
        ["run"],
        ["run", "missing.tp"],
        ["run", "."],
        ["run", "good.tp", "--method", "simpson"],
        ["run", "good.tp", "--samples", "0"],
        ["run", "good.tp", "--samples", "8"],
        ["run", "good.tp", "--samples", "many"],
        ["run", "good.tp", "--seed", "-1"],
        ["run", "good.tp", "--set", "s"],
        ["run", "good.tp", "--set", "s=two"],
        ["run", "good.tp", "--set", "s=[1,2]"],
        ["run", "good.tp", "--set", "s=NaN"],
        ["run", "good.tp", "--set", 's="1"'],
        ["run", "good.tp", "--set", "s={}"],
        ["run", "good.tp", "--set", "shift=[[1],2]"],
        ["run", "good.tp", "--set", "unknown=1"],
        ["run", "law.tp", "--set", "r=2"],
        ["run", "good.tp", "--replicates", "1"],
        ["run", "good.tp", "--samples", "32", "--replicates", "16"],
        ["run", "good.tp", "--rank-tolerance", "0"],
        ["run", "good.tp", "--rank-tolerance", "small"],
        ["simulate", "law.tp", "--width", "8", "--set", "r=2"],
        ["verify", "law.tp", "--widths", "8,16", "--set", "r=2"],
        ["simulate", "good.tp"],
        ["simulate", "good.tp", "--width", "0"],
        ["simulate", "good.tp", "--width", "8", "--trials", "0"],
        ["simulate", "good.tp", "--width", "8", "--engine", "sparse"],
        ["simulate", "good.tp", "--width", "8", "--set", "unknown=1"],
        ["inspect", "good.tp", "--format", "pdf"],
        ["verify", "good.tp", "--widths", "64"],
        ["verify", "good.tp", "--widths", "64,none"],
        ["verify", "good.tp", "--trials", "1"],
        ["graph", "good.tp", "--format", "pdf"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_with_one_message(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") >= 1
    assert "Traceback" not in err


def test_wrong_usage_says_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "good.tp", "--set", "unknown=1"])
    assert "s, shift" in capsys.readouterr().err
    main(["run", "good.tp", "--method", "simpson"])
    assert "'mc'" in capsys.readouterr().err
    main(["run", "missing.tp"])
    assert "missing.tp" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["compile", "inspect", "run", "simulate --width 8", "verify --widths 8,16", "graph"],
)
def test_a_wrong_program_is_1_with_every_diagnostic(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    name, *options = command.split()
    assert main([name, "bad.tp", *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "bad.tp:3:15: error[TP201]" in err
    assert "bad.tp:4:16: error[TP201]" in err


@pytest.mark.parametrize(
    "command", ["compile", "run", "simulate --width 8", "verify --widths 8,16"]
)
def test_a_program_without_output_is_refused_where_one_is_needed(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    name, *options = command.split()
    assert main([name, "silent.tp", *options]) == 1
    assert "error[TP244]" in capsys.readouterr().err
    assert not list(folder.glob("*.py"))


@pytest.mark.parametrize("command", ["inspect", "graph"])
def test_a_program_without_output_can_be_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "silent.tp"]) == 0
    assert capsys.readouterr().out


def test_an_overflow_is_1_not_a_bug(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A covariance that overflows has no eigenvalues, which NumPy says by an error."""
    lines = ["dim n", "vector x[2] : n", "matrix W : n x n", "z = W @ (1e200 * x)"]
    Path("good.tp").write_text("\n".join([*lines, "output c = <sin(z)|z>\n"]))
    assert main(["run", "good.tp"]) == 1
    assert "good.tp:5:1: error[TP404]" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "verify"])
@pytest.mark.parametrize(
    ("program", "method", "words"),
    [("tanh", "exact", "no closed form"), ("kink", "quadrature", "not smooth; use 'qmc'")],
)
def test_a_method_that_does_not_suit_the_program_is_1(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    program: str,
    method: str,
    words: str,
) -> None:
    assert main([command, f"{program}.tp", "--method", method]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tpc {command}: --method {method}: 'c' ")
    assert words in err
    assert err.count("\n") == 1


def test_a_value_error_of_a_method_that_suits_is_a_bug(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(**_: object) -> None:
        raise ValueError("operands could not be broadcast together")

    refusal = type("MethodRefused", (ValueError,), {})
    module = SimpleNamespace(evaluate=raising, MethodRefused=refusal)
    monkeypatch.setattr(compiler, "evaluator", lambda *given: module)
    assert main(["run", "good.tp"]) == 70
    assert "broadcast" in capsys.readouterr().err


def test_a_bug_is_70_and_asks_for_a_report(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(arguments: object) -> int:
        raise KeyError("node")

    monkeypatch.setattr(commands, "COMMANDS", {"inspect": broken})
    assert main(["inspect", "good.tp"]) == 70
    err = capsys.readouterr().err
    assert "Please report it" in err
    assert "KeyError" in err
    assert "Traceback" not in err


def test_interruption_is_130(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "COMMANDS", {"inspect": interrupted})
    assert main(["inspect", "good.tp"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_closed_pipe_is_quiet(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tpc", "inspect", "good.tp"]
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert run.returncode == 141
    assert run.stderr == b""


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tpc {__version__}\n"
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in commands.COMMANDS)


# --------------------------------------------------------------------------------------------- JSON


def as_object(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Parse standard output as exactly one JSON object."""
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("command", "method", "samples"),
    [
        ("run --method mc --samples 4096", "mc", 4096),
        ("simulate --width 32 --trials 4", "dense", 4),
    ],
)
def test_json_has_the_form_that_scripts_rely_on(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, method: str, samples: int
) -> None:
    name, *options = command.split()
    words = [name, "good.tp", *options, "--seed", "3", "--set", "s=1.5", "--json"]
    assert main(words) == 0
    found = as_object(capsys)
    assert found["program"] == "good.tp"
    assert (found["command"], found["method"], found["samples"]) == (name, method, samples)
    assert found["seed"] == 3
    assert found["params"] == {"s": 1.5, "shift": [0.0, 1.0]}
    assert found.get("width") == (32 if name == "simulate" else None)
    outputs = found["outputs"]
    assert isinstance(outputs, dict)
    assert list(outputs) == ["c", "h", "two", "f"]
    said = {"method"} if name == "run" else set()
    assert outputs["c"].keys() == {"value", "stderr"} | said
    assert np.shape(outputs["two"]["value"]) == np.shape(outputs["two"]["stderr"]) == (2,)
    assert outputs["h"].keys() == {"mean", "cov", "stderr"} | said
    assert outputs["h"]["stderr"].keys() == {"mean", "cov"}
    assert outputs["f"].keys() == {"cov", "stderr"} | said
    assert np.shape(outputs["f"]["cov"]) == np.shape(outputs["f"]["stderr"]) == ()
    assert outputs["c"]["value"] == pytest.approx(1.5**2, rel=0.5)


@pytest.mark.parametrize(
    ("method", "used"),
    [("mc", "mc"), ("qmc", "qmc"), ("quadrature", "quadrature"), ("auto", "quadrature")],
)
def test_json_says_how_each_output_was_computed(
    folder: Path, capsys: pytest.CaptureFixture[str], method: str, used: str
) -> None:
    words = ["run", "tanh.tp", "--method", method, "--samples", "4096", "--json"]
    assert main(words) == 0
    found = as_object(capsys)
    outputs = found["outputs"]
    assert isinstance(outputs, dict)
    assert found["method"] == method
    assert [outputs[name]["method"] for name in "cd"] == [used, "exact"]
    assert (outputs["d"]["value"], outputs["d"]["stderr"]) == (1, 0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    expected = np.tanh(nodes) ** 2 @ weights / np.sqrt(2 * np.pi)
    assert 0 < outputs["c"]["stderr"] < 0.02
    assert abs(outputs["c"]["value"] - expected) <= 5 * outputs["c"]["stderr"] + 1e-12


def test_exact_numbers_are_shown_as_such(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "good.tp", "--method", "exact"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("\nexact, s = 2, shift = [0 1]\n")
    assert out.splitlines()[0].split() == ["c", "4"]
    assert main(["run", "tanh.tp", "--method", "mc"]) == 0
    first, second, origin = capsys.readouterr().out.splitlines()
    assert first.startswith("c  0.39") and "exact" not in first
    assert second.split() == ["d", "1", "exact"]
    assert origin == "mc, 65536 samples, seed 0"


def test_verify_takes_a_method(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "tanh.tp", "--widths", "16,64", "--trials", "16", "--json"]
    assert main([*words, "--method", "auto"]) == 0
    assert as_object(capsys)["method"] == "auto"


def test_equal_seeds_give_equal_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = []
    for seed in ["1", "1", "2"]:
        words = ["run", "tanh.tp", "--method", "mc", "--samples", "1024", "--seed", seed, "--json"]
        assert main(words) == 0
        objects.append(as_object(capsys)["outputs"])
    assert objects[0] == objects[1] != objects[2]


@pytest.mark.slow
def test_verify_json_and_plot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "good.tp", "--widths", "16,32,64", "--trials", "16", "--samples", "8192"]
    assert main([*words, "--plot", "distance.png", "--json"]) == 0
    found = as_object(capsys)
    outputs = found["outputs"]
    assert isinstance(outputs, dict)
    assert list(outputs) == ["c", "h", "two", "f"]
    assert all(output["agrees"] for output in outputs.values())
    assert (folder / "distance.png").read_bytes().startswith(b"\x89PNG")


def test_verify_finds_a_disagreement(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that is wrong, here that of another program, ends with status 1."""
    (folder / "other.tp").write_text(GOOD.replace("<h|h>", "<h|h> + 100"), encoding="utf-8")
    other = compiler.load("other.tp")
    derive = compiler.derive
    monkeypatch.setattr(compiler, "derive", lambda program, *given: derive(other, *given))
    words = ["verify", "good.tp", "--widths", "16,32,64", "--trials", "16", "--samples", "8192"]
    assert main(words) == 1
    assert "c" in capsys.readouterr().out


# -------------------------------------------------------------------------------------------- files


@pytest.mark.slow
def test_compile_writes_a_module_that_stands_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", "good.tp"]) == 0
    assert capsys.readouterr().out == "good_limit.py\n"
    code = "import good_limit, sys; print('tpc' in sys.modules, good_limit.PARAMS['s'])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert run.stdout == "False 2.0\n"


def test_compile_writes_the_same_bytes_again(folder: Path) -> None:
    main(["compile", "good.tp", "-o", "first.py"])
    main(["compile", "good.tp", "-o", "second.py"])
    assert (folder / "first.py").read_bytes() == (folder / "second.py").read_bytes()


def test_a_file_is_written_whole_or_not_at_all(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = folder / "out.py"
    target.write_text("old", encoding="utf-8")

    def full(source: object, destination: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["compile", "good.tp", "-o", str(target)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "old"
    assert {path.name for path in folder.glob("*o*")} == {"good.tp", "loop.tp", "out.py"}


def test_a_device_is_not_replaced(folder: Path) -> None:
    assert main(["compile", "good.tp", "-o", os.devnull]) == 0
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("words", [["compile", "-o"], ["graph", "-o"]])
def test_an_unwritable_path_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([words[0], "good.tp", words[1], "nowhere/out"]) == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "latex", "json"])
def test_inspect_prints_equations(
    folder: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert main(["inspect", "good.tp", "--format", form]) == 0
    out = capsys.readouterr().out
    assert "netsor" in out
    if form == "json":
        json.loads(out)


def test_inspect_prints_one_round_of_a_loop(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = "for k in range(30):\n    h[k+1] = tanh(W @ h[k])\n"
    text = f"dim n\nvector u : n\nmatrix W : n x n\nh[0] = u\n{loop}output q = <h[30]|h[30]>\n"
    (folder / "loop.tp").write_text(text, encoding="utf-8")
    assert main(["inspect", "loop.tp"]) == 0
    rounds = capsys.readouterr().out
    assert "for t = 1, ..., 29" in rounds and "|h[t+1]⟩ = tanh(|W h[t]⟩)" in rounds
    assert main(["inspect", "loop.tp", "--unrolled"]) == 0
    assert "|h[29]⟩" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["dot", "json"])
def test_graph_prints_or_writes_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert main(["graph", "good.tp", "--format", form]) == 0
    printed = capsys.readouterr().out
    assert main(["graph", "good.tp", "--format", form, "-o", "graph.out"]) == 0
    assert (folder / "graph.out").read_text(encoding="utf-8").strip() == printed.strip()


@pytest.mark.slow
def test_progress_stays_off_a_pipe(folder: Path) -> None:
    run = run_process(["simulate", "good.tp", "--width", "64"], cwd=folder)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.slow
def test_output_survives_an_ascii_terminal(folder: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    run = run_process(["inspect", "good.tp"], cwd=folder, env=environment)
    assert run.returncode == 0
    assert run.stderr == ""


# ----------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["compile"], ["simulate", "--width", "8"], ["verify", "--widths", "8,16"]],
    ids=lambda arguments: arguments[0],
)
def test_a_network_without_training_has_no_limit(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *options = arguments
    assert main([command, "net.tp", *options]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "net.tp:7:1: error[TP262]" in said.err
    assert "use `tpc kernel` for its kernels, or add a `train f:` block" in said.err
    assert not (folder / "net_limit.py").exists()


@pytest.mark.slow
def test_inspect_shows_an_architecture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "net.tp"]) == 0
    text = capsys.readouterr().out
    assert "v  vector-like, mult 0.5" in text and "x = relu(U · xi)" in text and "0.5 v x" in text
    assert main(["inspect", "net.tp", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [weight["name"] for weight in found["weights"]] == ["U", "v"]
    assert found["input"] == {"name": "xi", "shape": [2]}
    assert found["equations"] == [{"name": "x", "value": "relu(U · xi)"}]
    assert main(["inspect", "net.tp", "--format", "latex"]) == 0
    assert capsys.readouterr().out.startswith("\\begin{align*}\nx &=")


def test_the_graph_of_a_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "net.tp", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    labels = {node["label"] for node in found["nodes"]}
    assert {"xi", "U", "v", "x"} <= labels
    assert [node["outputs"] for node in found["nodes"] if node["outputs"]] == [["f"]]


UNROLLED = (
    ("run", "loop"),
    ("run", "train"),
    ("train", "train"),
    ("verify", "train", "--widths", "8,16", "--trials", "2"),
)


@pytest.mark.parametrize("words", slow_where(lambda words: words[1] == "loop", UNROLLED))
@pytest.mark.slow
def test_loops_may_be_written_out(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    loops = []

    def emitted(limit: Limit) -> str:
        loops.append(limit.rounds is not None)
        return emit(limit)

    emit = compiler.emit
    monkeypatch.setattr(compiler, "emit", emitted)
    command, name, *more = words
    for flags in ([], ["--unrolled"]):
        options = ["--method", "mc", "--samples", "64", *more, *flags]
        assert main([command, f"{name}.tp", *options]) in (0, commands.DISAGREES)
    assert loops == [True, False]


@pytest.mark.slow
def test_modules_may_be_written_out(folder: Path) -> None:
    texts = []
    for flags in ([], ["--unrolled"]):
        assert main(["compile", "train.tp", "-o", "m.py", *flags]) == 0
        texts.append((folder / "m.py").read_text(encoding="utf-8"))
    assert ["for t in range(steps + 1):" in text for text in texts] == [True, False]


def test_a_loop_says_what_it_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "loop.tp", "--method", "quadrature"]) == 1
    said = capsys.readouterr().err
    assert "'c' is" in said
    assert "drawn in each round of a loop; write the rounds out by '--unrolled'" in said


def test_a_program_from_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO((folder / "good.tp").read_text(encoding="utf-8")))
    assert main(["run", "-", "--json"]) == 0
    assert as_object(capsys)["program"] == "-"
    monkeypatch.setattr("sys.stdin", io.StringIO("dim n\nvector v : n\noutput c = <v|v>\n"))
    assert main(["compile", "-"]) == 0
    assert "def evaluate(" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("dim n\nvector v : m\n"))
    assert main(["inspect", "-"]) == 1
    assert capsys.readouterr().err.startswith("<stdin>:2:12: error[TP201]")


def test_warnings_go_to_standard_error_and_strict_makes_them_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unused.tp"
    path.write_text("dim n\nvector v, w, _u : n\noutput c = <v|v>\n", encoding="utf-8")
    assert main(["run", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.out.split()[:2] == ["c", "1"]
    assert printed.err.startswith(f"{path}:2:11: warning[TP601]: `w` is never used\n")
    assert main(["run", str(path), "--strict"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and f"{path}:2:11: error[TP601]" in printed.err


def test_latex_that_stands_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "good.tp", "--format", "latex", "--standalone"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("\\documentclass") and said.endswith("\\end{document}\n")
    assert main(["inspect", "good.tp", "--standalone"]) == 2
    assert "--format latex" in capsys.readouterr().err


def test_graphs_take_their_format_from_the_file(folder: Path) -> None:
    assert main(["graph", "good.tp", "-o", "graph.json"]) == 0
    assert json.loads((folder / "graph.json").read_text(encoding="utf-8"))["directed"] is True
    assert main(["graph", "good.tp", "-o", "graph.gv"]) == 0
    assert (folder / "graph.gv").read_text(encoding="utf-8").startswith("digraph")


def test_rounds_and_layers_are_clusters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loop.tp"
    head = "dim n\nvector v : n\nmatrix W : n x n\n"
    loop = "h[0] = v\nfor t in range(2):\n    h[t + 1] = tanh(W @ h[t])\noutput c = <h[2]|v>\n"
    path.write_text(head + loop, encoding="utf-8")
    assert main(["graph", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.count("subgraph") == 2 and 'label="t = 1"' in said
    path.write_text(head + "x = tanh(W @ v)\noutput c = <W @ x|x>\n", encoding="utf-8")
    assert main(["graph", str(path)]) == 0
    assert 'label="layer 3"' in capsys.readouterr().out


def test_arrays_are_printed_whole_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "large.tp"
    path.write_text("dim n\nvector v[8] : n\noutput K = <v|v>\n", encoding="utf-8")
    assert main(["run", str(path)]) == 0
    assert "8 x 8, exact" in capsys.readouterr().out
    assert main(["run", str(path), "--full"]) == 0
    said = capsys.readouterr().out
    assert "..." not in said and said.count("1") >= 8
