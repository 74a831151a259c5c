"""What is printed means what the formula means: printed arithmetic is read back and evaluated."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpc.report.formula import (
    Call,
    Expectation,
    Formula,
    Indexed,
    Ket,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Raised,
    Sum,
    add,
    divide,
    multiply,
    negate,
    scale,
    subtract,
)
from tpc.report.latex_alphabet import Latex
from tpc.report.spelling import BREAK, LAST_BREAK, SOFT_BREAK, Alphabet, fill, plain, spell
from tpc.report.unicode import Unicode

VALUES = {"a": 1.7, "b": 0.6, "c": 2.3}

A, B, C = Name("a"), Name("b"), Name("c")

Valued = tuple[Formula, float]


def _binary(x: Valued, y: Valued, operator: str) -> Valued:
    (f, u), (g, v) = x, y
    match operator:
        case "+":
            return add(f, g), u + v
        case "-":
            return subtract(f, g), u - v
        case "*":
            return multiply("times", f, g), u * v
        case "scale":
            return scale(f, g), u * v
        case _:
            return (divide(f, g), u / v) if v else (f, u)


def _unary(x: Valued, operator: str) -> Valued:
    f, u = x
    match operator:
        case "-":
            return negate(f), -u
        case "^2":
            return Power(f, Number(2)), u**2
        case _:
            return Call("tanh", (f,)), float(np.tanh(u))


LEAVES = st.one_of(
    st.sampled_from([(Name(name), value) for name, value in VALUES.items()]),
    st.sampled_from([(Number(value), value) for value in (1, 2, 0.5, 3)]),
)

EXPRESSIONS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(_binary, parts, parts, st.sampled_from(["+", "-", "*", "scale", "/"])),
        st.builds(_unary, parts, st.sampled_from(["-", "^2", "tanh"])),
    ),
    max_leaves=12,
)


def _evaluate(python: str) -> float:
    scope = {"tanh": np.tanh, "__builtins__": {}}
    with np.errstate(all="ignore"):
        return float(eval(python, scope, dict(VALUES)))


def _python_of_text(text: str) -> str:
    text = text.replace("^", "**").replace(" · ", " * ")
    return re.sub(r"(?<=[\w.)]) (?=[\w(])", " * ", text)


def _python_of_latex(text: str) -> str:
    text = text.replace(r"\tanh", "tanh").replace(r"\, ", " * ").replace(r"\cdot", "*")
    text = re.sub(r"\\(?:left|right|Bigl|Bigr)", "", text)
    while "{" in text:
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1) / (\2))", text)
        text = re.sub(r"\^\{([^{}]*)\}", r"**(\1)", text)
    return text


@given(EXPRESSIONS)
@pytest.mark.slow
def test_text_reads_back(expression: Valued) -> None:
    formula, value = expression
    assert _evaluate(_python_of_text(plain(spell(formula, Unicode())))) == pytest.approx(value)


@given(EXPRESSIONS)
@pytest.mark.slow
def test_latex_reads_back(expression: Valued) -> None:
    formula, value = expression
    assert _evaluate(_python_of_latex(plain(spell(formula, Latex())))) == pytest.approx(value)


X, Y, HAT = Ket("x"), Ket("y"), Ket("W x", "hat")


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (subtract(A, subtract(B, C)), "a - (b - c)", "a - (b - c)"),
        (add(A, add(B, C)), "a + b + c", "a + b + c"),
        (add(A, negate(B)), "a - b", "a - b"),
        (subtract(A, negate(B)), "a + b", "a + b"),
        (negate(add(A, B)), "-(a + b)", "-(a + b)"),
        (multiply("times", add(A, B), negate(C)), "-(a + b) c", r"-(a + b)\, c"),
        (multiply("times", A, Number(2)), "2 a", r"2\, a"),
        (multiply("times", Number(2), Number(3)), "2 · 3", r"2 \cdot 3"),
        (multiply("entrywise", scale(Number(2), X), Y), "2 |x⟩ ⊙ |y⟩", None),
        (multiply("entrywise", X, scale(Number(2), Y)), "2 |x⟩ ⊙ |y⟩", None),
        (multiply("contract", X, multiply("contract", A, B)), "|x⟩ @ (a @ b)", None),
        (multiply("contract", multiply("contract", X, A), B), "|x⟩ @ a @ b", None),
        (multiply("contract", add(X, Y), A), "(|x⟩ + |y⟩) @ a", None),
        (multiply("entrywise", multiply("contract", X, A), Y), "(|x⟩ @ a) ⊙ |y⟩", None),
        (multiply("outer", X, Y), "|x⟩ ⊗ |y⟩", r"|x\rangle \otimes |y\rangle"),
        (divide(A, multiply("times", B, C)), "a / (b c)", r"\frac{a}{b\, c}"),
        (divide(Number(1), Number(3)), "1/3", r"\frac{1}{3}"),
        (Power(HAT, Number(2)), "(|W x⟩^)^2", r"(|W x\mathclose{\hat{\rangle}})^{2}"),
        (Power(X, Number(2)), "|x⟩^2", r"|x\rangle^{2}"),
        (Power(X, negate(A)), "|x⟩^(-a)", r"|x\rangle^{-a}"),
        (Power(Power(X, A), B), "(|x⟩^a)^b", r"(|x\rangle^{a})^{b}"),
        (Power(Ket("x", copy=2), A), "(|x⟩²)^a", r"(|x\rangle^{(2)})^{a}"),
        (Indexed(add(X, Y), (0, ":")), "(|x⟩ + |y⟩)[0]", r"{(|x\rangle + |y\rangle)}_{0,:}"),
        (Indexed(A, (":", "new")), "a[:, None]", r"{a}_{:,\ast}"),
        (Raised(A, "-1"), "a^-1", "a^{-1}"),
        (Raised(add(A, B), "T"), "(a + b).T", r"(a + b)^{\top}"),
        (Expectation(X), "E[|x⟩]", r"\operatorname{E}[|x\rangle]"),
        (Expectation(X, (1, 2)), "E¹E²[|x⟩]", None),
    ],
)
def test_brackets_are_few_and_enough(formula: Formula, text: str, latex: str | None) -> None:
    assert plain(spell(formula, Unicode())) == text
    if latex is not None:
        assert plain(spell(formula, Latex())) == latex


@pytest.mark.parametrize("alphabet", [Unicode(), Latex()])
def test_marks_are_only_marks(alphabet: Alphabet) -> None:
    total: Formula = X
    for _ in range(20):
        total = add(total, multiply("entrywise", X, Y))
    text = spell(total, alphabet)
    lines = fill(text, 40)
    assert max(map(len, lines[:-1])) <= 40 or isinstance(alphabet, Latex)
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == plain(text).replace(" ", "")


def test_lines_break_outside_brackets_first() -> None:
    text = f"aaaa(bb {BREAK}+ bb) {BREAK}+ c(dddd {BREAK}+ dd)"
    assert fill(text, 24) == ("aaaa(bb + bb)", "+ c(dddd + dd)")


def test_a_sum_is_broken_before_a_product() -> None:
    text = f"aaaa {BREAK}+ bb {SOFT_BREAK}@ cc {SOFT_BREAK}@ dd"
    assert fill(text, 18) == ("aaaa", "+ bb @ cc @ dd")


def test_bare_factors_are_parted_last() -> None:
    text = f"aaaa {LAST_BREAK}bb {LAST_BREAK}(cc {BREAK}+ dd {BREAK}+ ee)"
    assert fill(text, 18) == ("aaaa bb (cc + dd", "+ ee)")
    assert fill(text, 11) == ("aaaa bb (cc", "+ dd + ee)")
    assert fill(f"aaaa {LAST_BREAK}bbbbbb", 8) == ("aaaa", "bbbbbb")


def test_what_cannot_be_broken_stays_whole() -> None:
    fraction = Quotient(add(A, B), C)
    root = Call("sqrt", (add(A, B),))
    for formula in (fraction, root, Power(A, add(B, C)), Sum(((True, fraction),))):
        assert BREAK not in spell(formula, Latex())


def test_a_product_of_numbers_and_kets_keeps_the_order_of_kets() -> None:
    product = multiply("times", X, multiply("times", Y, Number(2)))
    assert product == Product("times", (Number(2), X, Y))
