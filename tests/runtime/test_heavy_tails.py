"""Averages that few samples decide are warned of, by name, and no ordinary ones are."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tpc
from tests.marks import slow_where
from tpc.command_line.cli import main
from tpc.driver import compiler

PROGRAM = """\
dim n
vector u, w : n
matrix W : n x n
h = W @ tanh(u)
output c = {}
"""

HEAVY = (
    "avg(exp(3 * u^2 / 8) * tanh(w)^2)",
    "avg(exp(0.4 * u^2) * sigmoid(w))",
    "avg(exp(5 * u) * sigmoid(w))",
    "avg(exp(6 * u) * tanh(w)^2)",
    "avg(exp(7 * u) * relu(tanh(w)))",
    "avg(exp(4 * u + 4 * w) * sigmoid(w))",
    "<exp(3 * u^2 / 16) | exp(3 * u^2 / 16) * relu(sin(w))>",
    "avg(exp(6 * abs(u)) * tanh(w * u)^2)",
    "avg(exp(0.35 * square(h)) * exp(0.35 * u^2) * tanh(w)^2)",
    "avg(exp(exp(1.5 * tanh(u)) * w) * sigmoid(w * u))",
    "avg(tanh(u)^2 / (w^2 + 1e-8))",
)  # fmt: skip

ORDINARY = (
    "avg(tanh(u) * relu(w))",
    "avg(exp(u) * relu(sin(w)))",
    "avg(exp(-u) * sigmoid(w * u))",
    "avg(u^2 * relu(tanh(w)))",
    "avg(u^4 * relu(tanh(w)))",
    "avg(u * w * relu(tanh(u + w)))",
    "avg(abs(u)^0.5 * tanh(w)^2)",
    "avg(sin(3 * u) * abs(w - u^2))",
    "avg(max(tanh(u), sin(w)))",
    "avg(log(1 + abs(u)) * w^2)",
    "avg(relu(u) * relu(w) * relu(tanh(u - w)))",
    "avg(softplus(abs(u)) * cos(w))",
    "avg(exp(-square(u * w)) * abs(sin(u)))",
    "avg(sign(tanh(u) - sin(w)))",
    "avg(step(u - w^2) * u)",
    "avg(1 / (1 + abs(u * w)))",
    "avg(abs(tanh(h) - u))",
    "avg(relu(h)^2 * relu(sin(u)))",
    "avg(gelu(h) * abs(sin(w)))",
    "avg(silu(h * u) * sign(w + sin(u)))",
    "avg(elu(h * w, 1))",
    "avg(clip(h * u, -1, 2))",
    "avg(abs(u) * abs(w) * abs(sin(h)))",
    "avg(sqrt(abs(u * w)))",
    "avg(log(abs(sin(u)) + 0.01))",
    "avg(min(u^2, abs(w)))",
    "avg(exp(sin(u) + abs(tanh(w))))",
    "avg(exp(0.5 * u) * relu(tanh(w)) * u)",
    "avg(tanh(5 * u) * abs(w - sin(u)))",
    "avg(relu(1 - abs(u * w)))",
    "avg(u^3 * sign(tanh(w) + sin(u)))",
    "avg(abs(w)^1.5 * relu(cos(u)))",
    "<relu(tanh(u) + w) | abs(h)>",
    "<relu(tanh(u) + w) | relu(tanh(u) + w)>",
    "<abs(sin(u) * w) | u * w>",
    "avg(abs(u)^0.5) * avg(abs(sin(u) - w))",
    "avg(leaky_relu(h * u, 0.1))",
    "avg(sigmoid(10 * u) * abs(h - sin(w)))",
    "avg(exp(0.1 * u^2) * abs(sin(w)))",
    "avg(relu(u + 0.3 * u * w))",
)


def warned(body: str, method: compiler.Method, seed: int = 0) -> tuple[str, ...]:
    found = compiler.run(tpc.parse(PROGRAM.format(body)), 16384, seed, method=method)
    texts: tuple[str, ...] = found.warnings
    return texts


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.parametrize("body", slow_where(lambda body: body != HEAVY[0], HEAVY))
def test_heavy_tails(body: str, method: compiler.Method) -> None:
    (text,) = warned(body, method)
    assert text.startswith("heavy tails in line 5, `c = ")


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.parametrize("body", slow_where(lambda body: body != ORDINARY[0], ORDINARY))
@pytest.mark.slow
def test_ordinary_averages(body: str, method: compiler.Method) -> None:
    assert not any(warned(body, method, seed) for seed in range(3))


EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/**/*.tp"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    described = tpc.load(path)
    if getattr(described, "training", True) is None:
        return
    if path.stem == "own_matrix_optimizer":
        pytest.xfail("an alarm at <x|x> of what little is left of a ket beside others")
    samples = 2**14 if path.stem == "gpt" else 2**12  # its gradients have many factors
    assert compiler.run(described, samples=samples, method="qmc").warnings == ()


def test_what_is_exact_has_no_tails() -> None:
    program = tpc.parse(PROGRAM.format("avg(exp(6 * u))"))
    assert compiler.run(program, method="auto").warnings == ()


def test_commands_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heavy.tp").write_text(PROGRAM.format(HEAVY[0]), encoding="utf-8")
    assert main(["run", "heavy.tp", "--json", "--method", "mc"]) == 0
    shown = capsys.readouterr()
    assert "heavy tails in line 5" in shown.err
    assert json.loads(shown.out)["warnings"][0].startswith("heavy tails in line 5")


NETWORK = """
dim n
input xi
weight u : n
weight v : n
x = exp(3 * u * xi) * tanh(relu(v * u))
readout f = v * tanh(u * xi)
train f:
    data [1, 0.5], [1, 0.3]
    loss mse
    optimizer sgd(lr=0.1)
    parametrization mup
    steps {}
    track s = <x|x>
"""


@pytest.mark.parametrize("steps", [1, 10])
@pytest.mark.slow
def test_training_says_so(steps: int) -> None:
    found = tpc.train(tpc.parse(NETWORK.format(steps)), samples=8192, method="mc")
    assert any(text.startswith("heavy tails in line") for text in found.warnings)


@pytest.mark.slow
def test_kernels_say_so() -> None:
    lines = ["dim n", "input xi[2]", "weight U[2] : n", "weight v : n", "h = U @ xi"]
    network = tpc.parse("\n".join([*lines, "readout f = v * exp(3 * h) * relu(sin(exp(h)))\n"]))
    found = tpc.kernel(network, [[1.5, 0.0]], kind="nngp", samples=8192)
    assert found.warnings[0].startswith("heavy tails in line 6")


@pytest.mark.slow
def test_rounds_of_a_loop_are_looked_at_too() -> None:
    head = "dim n\nvector v : n\nmatrix W : n x n\nh[0] = v\nfor t in range(30):\n"
    rounds = "    h[t + 1] = tanh(W @ h[t]) + 0.5 * v\n    c[t + 1] = avg({})\n"
    for summand, heavy in (("exp(8 * h[t + 1]) * sigmoid(v)", True), ("square(h[t + 1])", False)):
        program = tpc.parse(head + rounds.format(summand) + "output o = c[30]\n")
        found = tpc.evaluator(program).evaluate(method="mc", samples=4096)
        assert bool(found.warnings) is heavy


def test_a_module_without_its_text_warns_by_row() -> None:
    """Where a module is executed from a string there are no lines to show."""
    limit = compiler.derive(tpc.parse(PROGRAM.format(HEAVY[0])))
    module = ModuleType("module_without_text")
    sys.modules[module.__name__] = module
    exec(compiler.emit(limit), module.__dict__)
    (text,) = module.evaluate(samples=16384, method="mc").warnings
    assert text.startswith("heavy tails in `row ")
