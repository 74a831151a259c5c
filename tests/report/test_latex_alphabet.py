"""Names in LaTeX: legible, escaped, and never two alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpc.report.latex_alphabet import LatexNames


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("x1", "x_{1}"),
        ("dh2", r"dh_{2}"),
        ("dhx[0]", r"\mathrm{dhx}_{0}"),
        ("dLoss", r"d\mathcal{L}"),
        ("dxi", r"d\xi"),
        ("t = 0, ..., 9", r"t = 0, \dots, 9"),
        ("h[1,2]", "h_{1,2}"),
        ("x1_new", r"x_{1,\mathrm{new}}"),
        ("chi", r"\chi"),
        ("sigma2[0]", r"\sigma_{2,0}"),
        ("W.T dx", r"W^{\top} dx"),
        ("W.T (2)", r"W^{\top} (2)"),
        ("A A.T v", r"A A^{\top} v"),
        ("_a_", r"\mathrm{\_a\_}"),
        ("...", r"\dots"),
    ],
)
def test_names(name: str, latex: str) -> None:
    assert LatexNames().spell(name) == latex


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}(\[-?[0-9](,[0-9])?\])?", fullmatch=True)


@pytest.mark.slow
@given(st.lists(NAMES, unique=True, max_size=20))
def test_different_names_look_different(names: list[str]) -> None:
    spelled = LatexNames()
    once = [spelled.spell(name) for name in names]
    assert len(set(once)) == len(names)
    assert [spelled.spell(name) for name in names] == once


def test_a_collision_is_resolved() -> None:
    names = LatexNames()
    assert names.spell("x1") == "x_{1}"
    assert names.spell("x[1]") == r"\mathrm{x[1]}"
    assert names.spell("x_1") == r"\mathrm{x\_1}"
