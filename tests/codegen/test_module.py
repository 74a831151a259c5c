"""Generated modules as files: they stand alone, are laid out, and are the same every time."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import tpc
from tpc.codegen.linker import link

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.tp"))

GOLDENS = sorted((Path(__file__).parents[1] / "golden").glob("*/generated.py"))

EVERYTHING = """program "every construct" # with a "quote", a \\backslash and '''
dim n
dim m = 1.5 * n
const A = [[1.0, -0.5], [0.25, 2.0]]
const wide = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75]
param sw = 1.5
param shift = [0.1, 0.2]
scalar c0[2] -> [0.5, 0.25]
vector u[2] : m ~ normal(shift, [[1, 0.5], [0.5, 1]])
vector lambda, nodes : n ~ normal(0, 2)
matrix W : n x m ~ normal(0, sw ^ 2 / m)
h = W @ (u @ A + c0)
g = elu(h, 0.5) + leaky_relu(h, 0.1) + gelu(h) + silu(h) + softplus(h) + erf(h) + Phi(h)
k = W.T @ (sign(h) * sigmoid(h[0]) + softmax(g))
y = mean[j](max(lambda, nodes[j]) * h[0][j])
s = inv(<k|u> + 5 * A.T)
z = sum(h * g, axis=0) / (1 + square(h[1])) - sum(wide) * clip(amax(h), -1, 1) ^ 3
output a = trace(s) * det(s)
output z
output b = <y|lambda>
readout f = lambda * z
"""


def fresh_python(code: str, *words: str, seed: str = "0") -> str:
    """Run code in a Python that sees NumPy and nothing of this project."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": ""}
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_module_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "everything_limit.py"
    path.write_text(tpc.emit(tpc.derive(tpc.parse(EVERYTHING))), encoding="utf-8")
    code = """
import builtins, importlib.util, json, sys
allowed = builtins.__import__
def guarded(name, *rest, **kwargs):
    assert name.split(".")[0] not in ("tpc", "scipy", "sympy", "lark", "networkx"), name
    return allowed(name, *rest, **kwargs)
builtins.__import__ = guarded
spec = importlib.util.spec_from_file_location("everything", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["everything"] = module
spec.loader.exec_module(module)
result = module.evaluate(samples=1024, sw=1.25)
assert module.PARAMS["sw"] == 1.5 and result.params["sw"] == 1.25
shapes = {n: v.shape if hasattr(v, "shape") else {p: a.shape for p, a in v.items()}
          for n, v in result.values.items()}
print(json.dumps(shapes))
"""
    shapes = json.loads(fresh_python(code, str(path)))
    assert shapes == {"a": [], "z": {"mean": [], "cov": []}, "b": [], "f": []}


@pytest.mark.slow
def test_the_same_program_gives_the_same_bytes() -> None:
    code = "import sys, tpc; print(tpc.emit(tpc.derive(tpc.parse(sys.stdin.read()))))"
    root = str(Path(tpc.__file__).parents[1])
    texts = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=EVERYTHING,
            capture_output=True,
            text=True,
            check=True,
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        texts.add(done.stdout)
    assert len(texts) == 1


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of all examples and of a program of every construct."""
    folder = tmp_path_factory.mktemp("modules")
    for name, text in [("everything", EVERYTHING)] + [
        (path.stem, path.read_text(encoding="utf-8")) for path in EXAMPLES
    ]:
        source = tpc.emit(tpc.derive(tpc.parse(text)))
        (folder / f"{name}_limit.py").write_text(source, encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("format", "--diff", "--line-length", "88"),
        ("format", "--diff", "--line-length", "100"),
        ("check",),
    ],
    ids=" ".join,
)
def test_formatters_and_linters_leave_modules_alone(words: tuple[str, ...], modules: Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    command = [str(ruff), *words, "--isolated", str(modules)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_modules_of_closed_forms_carry_no_nodes(modules: Path) -> None:
    closed = set()
    for path in modules.glob("*_limit.py"):
        source = path.read_text(encoding="utf-8")
        if "\ndef limit(params: dict[str, Any]) -> Outputs:\n" in source:
            closed.add(path.stem.removesuffix("_limit"))
            assert not re.search(r"Nodes|Sobol|Ket|Estimate|scipy", source), path.stem
    assert {"relu_nngp", "tied_rnn", "semicircle", "transformer"} <= closed
    assert len(closed) == 8


def test_a_limit_of_one_takes_a_short_module() -> None:
    program = tpc.parse("dim n\nvector v : n\noutput K = avg(square(v))\n")
    assert len(tpc.emit(tpc.derive(program)).split("\n")) <= 200
    result = tpc.evaluator(program).evaluate()
    assert (result["K"], result.stderr["K"], result.methods["K"]) == (1, 0, "exact")


def named_by(equations: str, runtime: str) -> int:
    """Return how many lines the functions and methods have that equations call themselves."""
    found = [
        part
        for node in ast.parse(runtime).body
        for part in (node.body if isinstance(node, ast.ClassDef) else (node,))
        if isinstance(part, ast.FunctionDef) and re.search(rf"\b{part.name}\(", equations)
    ]
    return sum(part.end_lineno - part.lineno + 1 for part in found if part.end_lineno)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.parent.name)
@pytest.mark.slow
def test_what_a_module_is_made_of(path: Path) -> None:
    """Its equations and all that serves them are two fifths at least; what they name, a seventh.

    What else there is turns replicates and grids into results with errors.
    """
    source = path.read_text(encoding="utf-8")
    own, rest = source.split("\n\n\ndef evaluate(")
    equations = own.split("\n\n\n", 1)[1]
    nodes = re.findall(r"class (\w+Nodes)\b", source)  # whose methods it calls
    explained = link("look_for_not_finite").runtime  # what says why something is not finite
    lines = source.count("\n") - explained.count("\n")
    if "def rounded(" in source:  # what says how far rounding reaches
        lines -= link("rounding_errors").runtime.count("\n")
        lines -= named_by("rounded(", "def evaluate(" + rest)
    serving = link("\n".join([equations, *nodes])).runtime
    assert 5 * (own.count("\n") + serving.count("\n")) >= 2 * lines
    named = named_by(equations, "def evaluate(" + rest)
    assert 7 * (own.count("\n") + named) >= lines


@pytest.mark.slow
def test_kets_die_after_their_last_use() -> None:
    text = "dim n\nvector x0 : n\n" + "".join(
        f"matrix W{i} : n x n\nx{i + 1} = tanh(W{i} @ x{i})\n" for i in range(20)
    )
    limit = tpc.derive(tpc.parse(text + "output K = <x20|x20>\n"))
    # x and the hat that it makes: no more, however deep the network is.
    assert "memory: 2 floats a sample at the peak" in limit.to_text()
    assert len(re.findall("^ +del ", tpc.emit(limit), re.MULTILINE)) == 40


@pytest.mark.slow
def test_names_that_python_would_trip_over() -> None:
    module = tpc.evaluator(tpc.parse(EVERYTHING))
    source = tpc.emit(tpc.derive(tpc.parse(EVERYTHING)))
    assert "lambda_2 = np.sqrt(2) * nodes.normal()" in source
    assert module.evaluate(samples=256)["a"].shape == ()


def test_a_param_named_like_an_argument_of_evaluate() -> None:
    program = tpc.parse("dim n\nparam seed = 1.0\nvector v : n\noutput c = avg(seed * v)\n")
    with pytest.raises(tpc.ProgramError, match="TP302"):
        tpc.emit(tpc.derive(program))


@pytest.mark.slow
def test_arrays_named_like_functions_of_closed_forms() -> None:
    program = tpc.parse(
        "dim n\nconst split = [1.0, 2.0]\nvector v : n\nvector u[2] : n\n"
        "output a = avg(v * tanh(v) * sum(u * split))\noutput b = avg(relu(v) * gelu(v - 1))\n"
    )
    result = tpc.evaluator(program).evaluate(samples=4096)
    # E relu(v) gelu(v - 1), by the trapezoid rule.
    grid = np.linspace(0, 12, 24001)
    density = np.exp(-grid * grid / 2) / np.sqrt(2 * np.pi)
    gelu = (grid - 1) * special.ndtr(grid - 1)
    expected = np.trapezoid(grid * gelu * density, grid)
    np.testing.assert_allclose(result["b"], expected, rtol=1e-7)
