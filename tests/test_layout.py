"""Where tests stand: `tests/a/test_b.py` tests `tpc/a/b.py`, or the package `tpc/a/b/`; sizes."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

OF_A_PACKAGE = {
    "codegen": {"shared_functions"},
    "command_line": {"simulate_training"},
    "gaussian": {"formulas", "many", "means", "pairs"},
    "importing": {"kernels", "refusals", "torch", "translations"},
    "kernels": {"digits", "finite_networks", "jacobians", "published"},
    "limit": {"deltas"},
    "network": {"examples", "gradients_in_the_limit"},
    "network/checking": {"examples", "same_training"},
    "network/training": {"architectures", "flat_parts", "operator_regime"},
    "program/checking": {"rules"},
    "program/passes": {"normalise"},
    "simulation": {"program_texts"},
    "simulation/training": {"published", "verify"},
    "syntax": {"unparse"},
}
"""What tests of a package as a whole are about, where that is no module of it."""

OF_ALL = {
    "adaptive_optimization",
    "depth_examples",
    "docs",
    "examples",
    "golden",
    "imports",
    "layout",
    "learning_rate_transfer",
    "mutations",
    "notation",
    "packaging",
    "public",
    "references",
}
"""What tests at the top are about: whole programs, the examples, the checkout itself."""

APART = {"errors", "golden", "numeric"}
"""Folders for what crosses packages: bad programs, whole outputs, numbers by two methods."""

LONGEST_FILE, LONGEST_FUNCTION = 500, 60


def misplaced() -> set[str]:
    """Return the test files whose name is no module beside which they stand."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        module = ROOT / "tpc" / folder / path.stem.removeprefix("test_")
        if not (module.with_suffix(".py").exists() or module.is_dir() or folder.name in APART):
            found.add((folder / module.name).as_posix())
    return found


def test_tests_mirror_the_packages() -> None:
    of_packages = {f"{folder}/{name}" for folder, names in OF_A_PACKAGE.items() for name in names}
    assert sorted(misplaced() ^ (of_packages | OF_ALL)) == []


@pytest.mark.slow
def test_files_and_functions_keep_to_their_size() -> None:
    too_long = []
    for path in (ROOT / "tpc").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        too_long += [path.name] * (text.count("\n") > LONGEST_FILE)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                too_long += [f"{path.name}: {node.name}"] * (length > LONGEST_FUNCTION)
    assert too_long == []
