"""What is not finite is refused with its first equation and its cause, by modules alone too."""

import json
import linecache
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.command_line.cli import main
from tpc.diagnostics import ProgramError
from tpc.driver import compiler

PROGRAM = """\
param s = 0.3
param big = 1e200
param none = 0
dim n
vector u, w : n
a = {}
output c = 1 + a
"""

NEGATIVE = "a negative number"
CASES = {
    "an overflow": [
        "exp(1000 * avg(u^2))",
        "exp(3000 * s)",
        "square(big * s)",
        "big * big",
        "exp(800 * avg(square(tanh(u)) + 1))",
        "avg(exp(exp(3 * u)^2) * w^2)",
        "avg(square(big * tanh(u)))",
        "avg(exp(big * sin(u)))",
        "(big * s)^3",
        "avg(tanh(u)^2)^2 * big * big",
        "<big * tanh(u) | big * tanh(u)>",
        "exp(avg(exp(8 + tanh(u))))",
    ],
    "0 / 0": [
        "none / none",
        "(s - s * 1) / none",
        "none / (none * s)",
        "square(none) / none",
        "avg(sin(u)^2) * none / none",
        "sqrt(none) / none",
        "avg((none + 0 * u) / (none * u))",
        "abs(none) / none",
        "(none * big) / (none * 2)",
        "none^2 / none^2",
    ],
    "a division by 0": [
        "1 / avg(w)",
        "s / none",
        "1 / (none * s)",
        "avg(sin(u)^2) / none",
        "avg(u^2 / (none * tanh(u)))",
        "big / sqrt(none)",
        "1 / log(s / 0.3 + none)",
        "exp(s) / avg(none * sin(u))",
        "1 / abs(none)",
        "avg(cos(u)) / (none * big)",
    ],
    f"the log of {NEGATIVE}": [
        "log(s - 1)",
        "log(avg(tanh(u)) - s)",
        "avg(log(u))",
        "log(-big)",
        "avg(log(tanh(w)))",
        "avg(log(sin(u) - 2))",
        "log(avg(cos(u)) - 1)",
        "log(s * -2)",
        "avg(u^2 * log(w))",
        "log(avg(relu(u)) - 0.5)",
    ],
    f"the root of {NEGATIVE}": [
        "sqrt(s - 1)",
        "avg(sqrt(w - 1))",
        "sqrt(avg(sin(u)^2) - 5)",
        "sqrt(-big)",
        "avg(u^2 * sqrt(tanh(w)))",
        "sqrt(avg(cos(u)) - 1)",
        "sqrt(-s)",
        "avg(sqrt(sin(u)))",
        "sqrt(avg(tanh(u)) - s)",
        "sqrt(log(s))",
    ],
    "a negative power of 0": [
        "none^(-1.5)",
        "avg(relu(u)^(-0.5))",
        "(none * s)^(-0.3)",
        "avg(step(u)^(-1.5) * tanh(u))",
    ],
    f"a fractional power of {NEGATIVE}": [
        "(s - 1)^0.3",
        "avg(w^1.5)",
        "(-big)^0.1",
        "avg(tanh(u)^0.7)",
    ],
    "by cancellation": [
        "1 / (s - 0.3)",
        "log(avg(exp(sin(u))) - avg(exp(sin(u))))",
        "log(s - 0.1 * 3)",
        "sqrt(0.1 * 3 - s - 1e-16)",
        "s / (s + 1 - 1.3)",
        "log((big + 1) - big)",
        "1 / ((1 + 1e-17 * s) - 1)",
        "sqrt((s + 1) - (1.3 + 1e-15))",
        "(s - 0.3) / (s - 0.3)",
        "log(1 - avg(tanh(u)^2) - (1 - avg(tanh(u)^2)))",
    ],
}  # fmt: skip
MEMBERS = [(cause, body) for cause, bodies in CASES.items() for body in bodies]


def module_alone(text: str, path: Path) -> ModuleType:
    """Return the emitted module of a program as Python imports a file."""
    path.write_text(tpc.emit(tpc.derive(tpc.parse(text))), encoding="utf-8")
    linecache.checkcache()
    spec = spec_from_file_location("alone", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "alone", module)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "member", slow_where(lambda member: member[1] != CASES[member[0]][0], MEMBERS)
)
def test_the_first_equation_and_its_cause(member: tuple[str, str], tmp_path: Path) -> None:
    cause, body = member
    text = PROGRAM.format(body)
    module = module_alone(text, tmp_path / "alone.py")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ArithmeticError) as alone:
            module.evaluate(samples=1024)
        with pytest.raises(ProgramError) as raised:
            compiler.run(tpc.parse(text), samples=1024)
    assert str(alone.value).startswith("line 6: `a = ")
    assert cause in str(alone.value)
    (found,) = raised.value.diagnostics
    assert (found.code, found.line) == ("TP404", 6)
    assert found.message.startswith("`a`")
    assert cause in found.hint


@pytest.mark.parametrize("method", ["mc", "qmc", "auto"])
def test_by_every_method(method: compiler.Method) -> None:
    program = tpc.parse(PROGRAM.format("log(avg(tanh(u) * sin(w)) - 1)"))
    with pytest.raises(ProgramError, match="log of a negative number"):
        compiler.run(program, samples=1024, method=method)


TRAINING = """
dim n
input xi
weight u, v : n
x = tanh(u * xi)
readout f = v * x
optimizer own(g): return {}
train f:
    data [1, 0.5], [1, 0.3]
    loss mse
    optimizer own(lr={})
    parametrization mup
    steps {}
"""


@pytest.mark.parametrize("steps", [2, 12])
@pytest.mark.parametrize(
    ("update", "rate", "cause"),
    [
        ("log(g)", 0.1, f"the log of {NEGATIVE}"),
        ("sqrt(g)", 0.1, f"the root of {NEGATIVE}"),
        ("g / (g - g)", 0.1, "division by 0"),
        ("exp(1e4 * square(g) + 1e3)", 0.1, "an overflow"),
        ("1e300 * g", 1e300, "an overflow"),
    ],
)
def test_training(update: str, rate: float, cause: str, steps: int) -> None:
    network = tpc.parse(TRAINING.format(update, rate, steps))
    with pytest.raises(ProgramError, match=cause):
        tpc.train(network, samples=256, method="mc")


NETWORK = """
dim n
input xi[2]
weight U[2] : n
weight v : n
h = U @ xi
readout f = v * {}
"""


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("exp(30 * h)", "an overflow"),
        ("h / sqrt(avg(h^2))", "0 / 0"),
        ("log(h)", f"the log of {NEGATIVE}"),
        ("1 / xi[0] * h", "a division by 0"),
        ("log(xi[0]) * h", "the log of 0"),
        ("sqrt(xi[0] - 1) * tanh(h)", f"the root of {NEGATIVE}"),
        ("exp(500 * xi[1]) * exp(500 * xi[1]) * h", "an overflow"),
    ],
)
@pytest.mark.slow
def test_kernels(body: str, cause: str) -> None:
    inputs = [[0, 0], [1.0, 0.8]]
    with pytest.raises(ProgramError, match=cause) as raised:
        tpc.kernel(tpc.parse(NETWORK.format(body)), inputs, kind="nngp", samples=256)
    assert raised.value.diagnostics[0].code in ("TP284", "TP404")


def test_the_command_line_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.tp").write_text(PROGRAM.format("log(avg(tanh(u)) - s)"), encoding="utf-8")
    assert main(["run", "bad.tp", "--samples", "64"]) == 1
    shown = capsys.readouterr()
    assert "TP404" in shown.err
    assert "log of a negative number" in shown.err
    assert "Warning" not in shown.err


def test_infinities_on_the_way_are_none_of_its_concern(tmp_path: Path) -> None:
    text = PROGRAM.format("tanh(1 / none) + exp(-exp(3000 * s))")
    found = module_alone(text, tmp_path / "alone.py").evaluate()
    assert float(found["c"]) == 2
    assert json.dumps(float(found.stderr["c"])) == "0.0"
    assert np.isfinite(found["c"])
