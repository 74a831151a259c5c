"""Reads every import of the package and refuses edges that docs/architecture.md does not draw."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tpc"
PRODUCTS = {
    "diagnostics": {"diagnostics"},
    "functions": {"functions"},
    "syntax": {"syntax.tree"},
    "program": {
        "program.nodes",
        "program.backpropagation",
        "program.builder",
        "program.ensembles",
        "program.exchange",
        "program.operations",
        "program.partials",
        "program.apart",
        "program.products",
        "program.program",
        "program.readout_covariances",
        "program.reapply",
        "program.rearrangements",
        "program.region",
        "program.traversal",
        "program.unroll.first_round",
        "program.unroll.unroll",
    },
    "program.checking": {"program.checking"},
    "limit": {"limit.equations", "limit.limit_nodes"},
    "runtime": {"runtime"},
    "gaussian": {
        "gaussian.convergence",
        "gaussian.expectation.expect",
        "gaussian.functions",
        "gaussian.instructions",
        "gaussian.kinks",
        "gaussian.numpy_text.has_numpy_text",
        "gaussian.poles",
        "gaussian.refusal",
        "gaussian.numpy_text.to_numpy",
        "gaussian.trees",
        "gaussian.written",
    },
    "network": {
        "program.backpropagation",
        "network.batching",
        "network.criteria.shown",
        "network.forms",
        "network.forward_backward",
        "network.global_norms",
        "network.losses",
        "network.network",
        "network.optimizers.averages",
        "network.optimizers.every_step",
        "network.optimizers.table",
        "program.reapply",
        "network.optimizers.update",
        "network.parametrizations",
        "network.paths",
        "network.facing",
        "network.optimizers.rule",
        "network.roles",
        "network.scales",
    },
    "depth": {
        "depth.phases.Phase",
        "depth.scales.DepthScales",
        "depth.scales.WeightInDepth",
    },
    "simulation": {"simulation.depths", "simulation.result"},
    "kernels": {"kernels.plan", "kernels.result"},
    "importing": {"importing"},
}
"""The modules of a stage that other stages may import: its types, never its algorithms.

Networks are checked by what checks programs: their statements and expressions are the same.
"""

SEES = {
    "diagnostics": set(),
    "functions": set(),
    "syntax": {"diagnostics", "functions"},
    "program": {"diagnostics", "functions", "runtime"},
    "program.checking": {"diagnostics", "functions", "runtime", "syntax", "program"},
    "network": {"diagnostics", "program", "program.checking"},
    "network.checking": {"diagnostics", "syntax", "program", "program.checking", "network"},
    "runtime": set(),
    "gaussian": {"functions", "runtime"},
    "limit": {"diagnostics", "functions", "program", "gaussian"},
    "codegen": {"diagnostics", "functions", "program", "limit", "gaussian"},
    "kernels": {"functions", "program", "limit", "gaussian", "runtime"},
    "simulation": {"diagnostics", "functions", "program", "network"},
    "importing": {"diagnostics", "functions"},
    "report": {
        "diagnostics",
        "program",
        "limit",
        "gaussian",
        "network",
        "simulation",
        "kernels",
        "depth",
    },
}
"""Which products each stage may import. The driver and the command line may import everything."""

CONFINED = {
    "lark": {"syntax"},
    "sympy": {"gaussian", "limit", "codegen", "kernels"},
    "matplotlib": {"report"},
    "networkx": {"program", "report", "driver"},
}
"""The only stages that may import a third-party package."""


@cache
def modules() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return every module of the package, by its dotted name below `tpc`, with its imports."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.append((name.removesuffix(".__init__"), tuple(imports(tree))))
    return tuple(found)


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of everything imported anywhere in a tree."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), level=0, names=names):
                yield from (f"{source}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                raise AssertionError(f"line {node.lineno}: imports are absolute")


def stage_of(name: str) -> str:
    """Return the innermost stage that a name below `tpc` belongs to, or the empty string."""
    stages = (stage for stage in SEES if f"{name}.".startswith(f"{stage}."))
    return max(stages, key=len, default="")


def refused(module: str, imported: str) -> bool:
    """Whether a module of a stage may not import this name of `tpc`."""
    stage, target = stage_of(module), imported.removeprefix("tpc.")
    if not stage or stage_of(target) == stage:
        return False
    if target.split(".")[0] == "grammar":
        return stage != "syntax"
    products = {product for seen in SEES[stage] for product in PRODUCTS[seen]}
    return not any(target == known or target.startswith(known + ".") for known in products)


@pytest.mark.slow
def test_every_edge_between_stages_is_drawn() -> None:
    wrong = [
        f"tpc.{module} imports {imported}"
        for module, names in modules()
        for imported in names
        if imported.startswith("tpc.") and refused(module, imported)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("limit.derive", "tpc.codegen.module.emit_module"),
        ("limit.derive", "tpc.program.checking.build.build_program"),
        ("simulation.dense", "tpc.limit.equations.Limit"),
        ("codegen.closed_forms", "tpc.gaussian.moments.moment"),
        ("simulation.dense", "tpc.gaussian.written.written"),
        ("diagnostics.render", "tpc.syntax.tree"),
        ("program.checking.build", "tpc.syntax.parse.parse_source"),
        ("program.checking.build", "tpc.program.passes.normalise"),
        ("program.checking.build", "tpc.driver.compiler"),
        ("program.builder", "tpc.syntax.tree"),
        ("program.passes.rebuild", "tpc.program.checking.values"),
    ],
)
def test_a_wrong_edge_is_refused(module: str, imported: str) -> None:
    assert refused(module, imported)


@pytest.mark.slow
@pytest.mark.parametrize("package", CONFINED)
def test_third_party_packages_stay_in_their_stages(package: str) -> None:
    users = {
        module.split(".")[0]
        for module, names in modules()
        for imported in names
        if imported.split(".")[0] == package
    }
    assert users <= CONFINED[package]


def test_no_import_cycle_between_stages() -> None:
    edges = {stage: set(seen) for stage, seen in SEES.items()}
    while edges:
        leaves = [stage for stage, seen in edges.items() if not seen & edges.keys()]
        assert leaves, f"cycle among {sorted(edges)}"
        for leaf in leaves:
            del edges[leaf]


@pytest.mark.slow
def test_help_loads_nothing_heavy() -> None:
    """`tpc --help` must be quick: neither NumPy nor anything larger is imported on the way."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tpc", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(re.findall(r"\|\s+([A-Za-z_]\w*)(?:\.\w+)*$", run.stderr, re.MULTILINE))
    assert "argparse" in loaded
    heavy = {"numpy", "scipy", "sympy", "matplotlib", "networkx", "lark", "rich"}
    assert not loaded & heavy


@pytest.mark.slow
def test_types_and_derivations_load_no_scipy_or_matplotlib() -> None:
    code = (
        "import sys, tpc\n"
        "tpc.derive(tpc.parse('dim n\\nvector v : n\\noutput v\\n'))\n"
        "loaded = {module.split('.')[0] for module in sys.modules}\n"
        "print(loaded & {'scipy', 'matplotlib', 'networkx', 'rich'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
