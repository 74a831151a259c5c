"""What the compiler writes for a few small programs, whole: stable until someone accepts a change.

A golden proves stability, not truth: the numbers of each program are held against finite width in
the same file.
"""

from pathlib import Path

import pytest

import tpc
from tests.marks import slow_where

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.parent.name for path in GOLDEN.glob("*/program.tp"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_texts(name: str, update_golden: bool) -> None:
    folder = GOLDEN / name
    limit = tpc.derive(tpc.parse((folder / "program.tp").read_text(encoding="utf-8"), f"{name}.tp"))
    written = {
        "limit.txt": limit.to_text() + "\n",
        "limit.tex": limit.to_latex() + "\n",
        "generated.py": tpc.emit(limit),
    }
    for file, text in written.items():
        if update_golden:
            (folder / file).write_text(text, encoding="utf-8")
        assert (folder / file).read_text(encoding="utf-8") == text, f"{name}/{file}"


@pytest.mark.parametrize("name", slow_where(lambda name: name != "one_layer", NAMES))
@pytest.mark.slow
def test_numbers(name: str) -> None:
    program = tpc.load(GOLDEN / name / "program.tp")
    outer = program.dialect == "nexort"
    widths, samples = ((64, 128, 256), 2**12) if outer else ((64, 128, 256, 512), 2**17)
    assert tpc.verify(program, widths=widths, trials=64, samples=samples, seed=3).agrees
