"""The runtime's source in modules: all that is read, nothing else, laid out for any formatter."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.codegen.linker import FILES, find_owners, link

RUNTIME = Path(tpc.__file__).parent / "runtime"
RUFF = Path(sys.executable).with_name("ruff")


def definitions(source: str) -> list[str]:
    """Return the functions and classes of a source."""
    body = ast.parse(source).body
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def test_every_file_has_its_place() -> None:
    compiler_only = {"__init__", "function_table"}
    assert {path.stem for path in RUNTIME.glob("*.py")} == {*FILES} | compiler_only


def test_no_two_files_define_one_name() -> None:
    sources = [(RUNTIME / f"{file}.py").read_text(encoding="utf-8") for file in FILES]
    names = [name for source in sources for name in definitions(source)]
    assert len(names) == len(set(names))
    assert set(names) <= find_owners().keys()


def test_what_is_read_comes_with_what_it_reads() -> None:
    linked = link("y = relu_moment(1, 1, q, r, c, gram(q, r, c))")
    assert definitions(linked.runtime) == [
        "wedge", "relu_moment", "cone_integral", "legendre_rule", "odd_series",
        "det2", "two_product", "split", "gram",
    ]  # fmt: skip
    assert "from math import gamma\n" in linked.imports
    assert link("np.tanh(x)").runtime == ""


def test_comments_and_strings_read_nothing() -> None:
    text = '"""gelu(x)"""\n# erf(x)\nlabel = "softmax"\ny = x.sigmoid\n'
    assert link(text).runtime == ""


def test_classes_come_without_methods_that_nothing_reads() -> None:
    some = link("def limit(nodes: Nodes) -> Array:\n    return nodes.mean(nodes.normal())\n")
    assert definitions(some.runtime)[-1] == "Nodes"
    assert "def normal" in some.runtime
    assert "def mean_over_copies" not in some.runtime
    assert "def products" not in some.runtime
    every = link("def limit(nodes: Nodes) -> Array:\n    return nodes.products(1.0, W).hat(x)\n")
    first = definitions(every.runtime).index("Nodes")
    assert definitions(every.runtime)[first : first + 3] == ["Nodes", "factor", "Products"]
    assert "def bras" not in every.runtime


@pytest.mark.slow
def test_every_definition_stands_with_what_it_links(tmp_path: Path) -> None:
    for name in find_owners():
        linked = link(f"{name}\nnp")
        pieces = [linked.imports, linked.runtime, f"_ = {name}, np\n"]
        source = "\n\n\n".join(piece for piece in pieces if piece)
        (tmp_path / f"{name}_alone.py").write_text(source, encoding="utf-8")
        compile(source, name, "exec")
    if not RUFF.exists():
        pytest.skip("ruff is not installed")
    for words in (["check", "--select", "F"], ["format", "--diff"]):
        command = [str(RUFF), *words, "--isolated", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("width", ["88", "100"])
def test_formatters_leave_the_runtime_alone(width: str) -> None:
    if not RUFF.exists():
        pytest.skip("ruff is not installed")
    command = [str(RUFF), "format", "--isolated", "--line-length", width, "--diff", str(RUNTIME)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_linked_functions_compute_the_same() -> None:
    from tpc.runtime.elementwise import gelu

    linked = link("gelu(x)\nnp")
    scope: dict[str, object] = {}
    exec(f"{linked.imports}\n{linked.runtime}\n", scope)
    x = np.linspace(-9, 9, 101)
    alone = scope["gelu"]
    assert callable(alone)
    np.testing.assert_array_equal(alone(x), gelu(x))
