"""Closed forms as trees: they keep their value, and read as in papers."""

import math
import random
from fractions import Fraction

import pytest
from sympy import Expr, Float, Symbol, acos, asin, cos, erf, exp, pi, sin, sqrt, symbols

from tpc.gaussian import Phi, expect, gelu, leaky_relu, relu, step
from tpc.gaussian.trees import Numeral, Operation, Tree, Variable
from tpc.gaussian.written import size, variables, written

z, w = symbols("z w", real=True)
q, p = symbols("q p", nonnegative=True)
c, m = symbols("c m", real=True)
LAW = {(z, z): q, (w, w): p, (z, w): c}


def text(tree: Tree) -> str:
    """Return a tree with all its brackets."""
    match tree:
        case Numeral(value=value):
            return str(value)
        case Variable(name=name):
            return name
        case Operation(name="add", parts=parts):
            return f"({' + '.join(map(text, parts))})"
        case Operation(name="mul", parts=parts):
            return " ".join(map(text, parts))
        case Operation(name="neg", parts=(part,)):
            return f"-{text(part)}"
        case Operation(name="div", parts=(above, below)):
            return f"{text(above)} / [{text(below)}]"
        case Operation(name="pow", parts=(base, exponent)):
            return f"{text(base)}^{text(exponent)}"
        case Operation(name=name, parts=()):
            return name
        case Operation(name=name, parts=parts):
            return f"{name}({', '.join(map(text, parts))})"


def value(tree: Tree, values: dict[str, float]) -> float:
    """Return the value of a tree."""
    match tree:
        case Numeral(value=number):
            return float(number)
        case Variable(name=name):
            return values[name]
        case Operation(name=name, parts=parts):
            x = [value(part, values) for part in parts]
    match name:
        case "add":
            return sum(x)
        case "mul":
            return math.prod(x)
        case "neg":
            return -x[0]
        case "div":
            return x[0] / x[1]
        case "pow":
            return float(x[0] ** x[1])
        case "pi" | "e":
            return float(getattr(math, name))
        case "Phi":
            return math.erfc(-x[0] / math.sqrt(2)) / 2
        case "sign":
            return math.copysign(1, x[0])
        case _:
            return float(getattr(math, name)(*x))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (c / (sqrt(q) * sqrt(p)), "c / [sqrt(p q)]"),
        (sqrt(2) * sqrt(q) / (2 * sqrt(pi)), "sqrt(q / [2 pi])"),
        (sqrt(2) / 2, "1 / [sqrt(2)]"),
        (sqrt(2) * c / 2, "c / [sqrt(2)]"),
        (sqrt(2) * c / 3, "c sqrt(2) / [3]"),
        (sqrt(q) / 2, "sqrt(q) / [2]"),
        (1 / sqrt(2 * pi * (q + 1)), "1 / [sqrt(2 pi (q + 1))]"),
        (q ** Fraction(3, 2), "q sqrt(q)"),
        (sqrt(q * p - c**2), "sqrt((p q + -c^2))"),
        ((q * p - c**2) ** Fraction(3, 2), "(p q + -c^2)^3 / [2]"),
        (-c / 3 - Float(0.1) * q, "(-c / [3] + -0.1 q)"),
        (2 * asin(c) / pi, "2 asin(c) / [pi]"),
        (exp(-q / 2), "exp(-q / [2])"),
        (1 / c**2, "1 / [c^2]"),
        (c**m, "c^m"),
        (c * (pi - acos(c)) + sqrt(1 - c**2), "(c (pi + -acos(c)) + sqrt((1 + -c^2)))"),
    ],
)  # fmt: skip
def test_forms_read_as_in_papers(form: Expr, expected: str) -> None:
    assert text(written(form)) == expected


@pytest.mark.parametrize(
    "integrand",
    [
        relu(z) * relu(w), relu(z) ** 2 * relu(w) ** 2, relu(z) ** 3, step(z) * step(w), abs(z) * w,
        erf(z) * erf(w), gelu(z) * gelu(w), leaky_relu(z, Float(0.1)) * relu(w), Phi(z) * w,
        exp(z + w), exp(-(z**2)) * exp(-(w**2)), sin(z) * cos(w) + z**4, sin(z) * z**3,
        Symbol("a") * z**2 * w**2,
    ],
)  # fmt: skip
@pytest.mark.parametrize("mean", [0, m])
def test_trees_have_the_value_of_the_form(integrand: Expr, mean: Expr) -> None:
    single = w not in integrand.free_symbols
    form = expect(integrand, LAW, {z: mean} if single else {})
    tree, numbers = written(form), random.Random(7)
    for _ in range(5):
        v1, v2, rho = numbers.uniform(0.1, 3), numbers.uniform(0.1, 3), numbers.uniform(-0.9, 0.9)
        values = {"q": v1, "p": v2, "c": rho * math.sqrt(v1 * v2), "m": 0.7, "a": 1.3}
        exact = form.evalf(30, subs={x: values[x.name] for x in form.free_symbols})
        assert value(tree, values) == pytest.approx(float(exact), rel=1e-9, abs=1e-12)


def test_what_a_tree_holds() -> None:
    tree = written((q + 2 * c) / sqrt(c + 1))
    assert variables(tree) == ("q", "c", "c")
    assert size(tree) == 6
