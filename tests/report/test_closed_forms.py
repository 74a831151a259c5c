"""Closed forms as they are printed: the formulas of papers, with every symbol said."""

import math
from collections.abc import Callable

import pytest

from tpc.limit.equations import Limit, ScalarEquation
from tpc.report.closed_forms import FormDefinition
from tpc.report.formula import Call, Formula, Name, Number, Power, Product, Quotient, Sum
from tpc.report.json import to_json
from tpc.report.latex import to_latex
from tpc.report.reading import EquationReader
from tpc.report.text import describe, to_text

LimitOf = Callable[..., Limit]

ARC_COSINE = "(sqrt(q q' - c^2) + c (π - acos(c / sqrt(q q')))) / (2 π)"

NNGP = """dim n
const X = [[1, 0.5], [0.25, 2], [1, 1]]
param sw = 1.3
vector U[2] : n ~ normal(0, sw^2)
vector b, v : n
matrix W : n x n ~ normal(0, sw^2 / n)
h1 = U @ X.T
x1 = relu(h1)
h2 = W @ x1 + b
x2 = relu(h2)
output K1 = <x1|x1>
readout f = v * x2
"""


def said(limit: Limit, name: str) -> str:
    """Return the text of the equation of a scalar."""
    texts = dict(zip((e.name for e in limit.equations), describe(limit), strict=True))
    return texts[name]


def test_a_kernel_is_its_arc_cosine_formula(limit_of: LimitOf) -> None:
    limit = limit_of(NNGP)
    assert said(limit, "K1") == (
        f"K1 = {ARC_COSINE}\nwhere c = Cov(|h1⟩, |h1⟩), q = c[i, i], q' = c[j, j]"
    )
    assert to_text(limit).endswith(
        f"""outputs
    K1
    f ~ N(0, {ARC_COSINE})
    where c = Cov(|h2⟩, |h2⟩) = sw^2 K1 + 1, q = c[i, i], q' = c[j, j]
"""
    )


def test_a_hat_says_the_moment_of_what_is_multiplied(limit_of: LimitOf) -> None:
    """A moment that no statement names is said once, where it is first used."""
    text = to_text(limit_of(NNGP.replace("output K1 = <x1|x1>\n", "")))
    assert f"~ N(0, sw^2 ⟨x1|x1⟩)\n    where ⟨x1|x1⟩ = {ARC_COSINE}\n    where c = Cov" in text
    assert "c = Cov(|h2⟩, |h2⟩) = sw^2 ⟨x1|x1⟩ + 1, q" in text
    assert text.count("⟨x1|x1⟩ =") == 1


def test_latex_and_json_say_the_same(limit_of: LimitOf) -> None:
    limit = limit_of(NNGP)
    expected = (
        r"K_{1} &= \frac{\sqrt{q\, q' - c^{2}} + c\, \left(\pi - \arccos\left("
        r"\frac{c}{\sqrt{q\, q'}}\right)\right)}{2\, \pi} \\" + "\n"
        r"\text{where } c &= \operatorname{Cov}(|h_{1}\rangle, |h_{1}\rangle), \; q = {c}_{i,i}, "
        r"\; q' = {c}_{j,j}"
    )
    assert expected in to_latex(limit)
    (equation,) = [e for e in to_json(limit)["equations"] if e["name"] == "K1"]
    assert equation["text"] == said(limit, "K1")
    assert expected in equation["latex"]


def test_arrays_of_two_kets(limit_of: LimitOf) -> None:
    """Each variance belongs to an axis; letters of the program are no indices."""
    limit = limit_of(
        """dim n
vector u[2], w[3] : n
for i in range(1):
    x[i] = erf(u + u @ [[1, 0], [2, 1]])
    y[i] = erf(u @ [[1, 0, 1], [0, 1, 1]] + w)
output K = <x[0]|y[0]>
"""
    )
    assert said(limit, "K") == (
        "K = 2 asin(c / sqrt((q + 1/2) (q' + 1/2))) / π\n"
        "where c = Cov(|t1⟩, |t2⟩) = [[2, 2, 4], [0, 2, 2]], q = Var(|t1⟩)[j],\n"
        "    q' = Var(|t2⟩)[k]"
    )
    assert "|x[0]⟩ = erf(|t1⟩)\n    where |t1⟩ = |u⟩ + |u⟩ @ [[1, 0], [2, 1]]\n" in to_text(limit)


SCALARS = """dim n
param a = 2
param s = 0.5
vector g, h : n ~ normal(0, s^2)
matrix W : n x n
x = relu(g + a * h)
y = W @ x
"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("K = <x|x>", "K = (s^2 + a^2 s^2) / 2"),
        ("K = avg(g) + avg(relu(g))", "K = sqrt(s^2 / (2 π))"),
        ("K = <relu(y)|relu(y)>", "K = ⟨x|x⟩ / 2"),
        ("K = avg(a * exp(y))", "K = a exp(⟨x|x⟩ / 2)"),
        ("K = avg(g * square(g) * g)", "K = 3 (s^2)^2"),
        ("K = avg(erf(g + s))", "K = erf(s / sqrt(1 + 2 s^2))"),
        ("K = <v|v>", "K = 1"),
        ("K = 2 * avg(step(g))", "K = 1"),
    ],
)
def test_short_values_stand_in_the_formula(
    limit_of: LimitOf, statement: str, expected: str
) -> None:
    text = SCALARS.replace("g, h : n ~ normal(0, s^2)", "g, h : n ~ normal(0, s^2)\nvector v : n")
    assert said(limit_of(f"{text}output {statement}\n"), "K").split("\n")[0] == expected


def test_a_scalar_with_a_name_is_shown_by_it(limit_of: LimitOf) -> None:
    limit = limit_of(SCALARS + "output K0 = <x|x>\noutput K = avg(exp(y))\n")
    assert said(limit, "K") == "K = exp(K0 / 2)"


def test_a_number_is_not_shown_by_a_name(limit_of: LimitOf) -> None:
    """That <v|v> is 1 does not make every 1 a <v|v>."""
    text = to_text(limit_of("dim n\nvector v, w : n\noutput K = <v|v>\noutput L = <w|w>\n"))
    assert "|v⟩ ~ N(0, 1)\n" in text
    assert text.endswith("outputs\n    K\n    L = 1\n")


def test_symbols_avoid_names_of_the_program(limit_of: LimitOf) -> None:
    text = NNGP.replace("vector b, v", "param c = 1\nparam q3 = 1\nvector b, v")
    assert said(limit_of(text), "K1") == (
        f"K1 = {ARC_COSINE}".replace("c /", "r /").replace("c^", "r^").replace(" c ", " r ")
        .replace("q", "p").replace("spr", "sqr")
        + "\nwhere r = Cov(|h1⟩, |h1⟩), p = r[i, i], p' = r[j, j]"
    )  # fmt: skip


def test_no_symbol_of_an_equation_means_two_things(limit_of: LimitOf) -> None:
    limit = limit_of(NNGP + "output S = <x1|x1> + <erf(h2)|erf(h2)>\n")
    lines = said(limit, "S").split("\n")
    assert lines[0] == "S = K1 + 2 asin(c / sqrt((q + 1/2) (q' + 1/2))) / π"
    limit = limit_of(
        NNGP.replace("output K1 = <x1|x1>", "y = erf(h1)\noutput S = <y|y> + <erf(h2)|erf(h2)>")
    )
    text = said(limit, "S")
    assert "asin(c / sqrt((q + 1/2) (q' + 1/2)))" in text
    assert "asin(c2 / sqrt((q2 + 1/2) (q2' + 1/2)))" in text
    assert "where c = Cov(|h1⟩, |h1⟩), q = c[i, i], q' = c[j, j]" in text
    assert "where c2 = Cov(|h2⟩, |h2⟩) = sw^2 ⟨x1|x1⟩ + 1," in text


@pytest.mark.slow
def test_a_long_form_stays_an_expectation(limit_of: LimitOf) -> None:
    text = "dim n\nparam m, l = 1\nvector u : n ~ normal(m, 1)\nmatrix W : n x n\nvector v : n\n"
    text += "x = relu(u + v)\ny = relu(l + u - v / 2)\noutput K = <x|y>\n"
    text = text.replace("param m, l = 1", "param m = 1\nparam l = 1")
    assert said(limit_of(text), "K") == "K = ⟨x|y⟩"


# ------------------------------------------------------------------------------------- its value


def evaluate(formula: Formula, values: dict[str, float]) -> float:
    """Return the value of a printed formula of numbers."""

    def of(part: Formula) -> float:
        return evaluate(part, values)

    match formula:
        case Number(value=value):
            return value
        case Name(text=text):
            return values[text]
        case Sum(terms=terms):
            return sum(-of(term) if negative else of(term) for negative, term in terms)
        case Product(factors=factors):
            return math.prod(map(of, factors))
        case Quotient(numerator=above, denominator=below):
            return of(above) / of(below)
        case Power(base=base, exponent=exponent):
            return float(of(base) ** of(exponent))
        case Call(function=function, arguments=arguments):
            named = {"relu": lambda x: max(x, 0.0), "abs": abs, "max": max}
            return float(named.get(function, getattr(math, function, None))(*map(of, arguments)))
        case _:
            raise AssertionError(formula)


def _values(definition: FormDefinition, values: dict[str, float]) -> dict[str, float]:
    """Return the values of symbols whose definition ends in one."""
    return {
        left[0].text: evaluate(right, values)
        for left, right in definition.entries
        if isinstance(left[0], Name)
    }


@pytest.mark.parametrize(
    ("function", "kernel"),
    [
        ("relu", lambda q, p, c: _arc_cosine(q, p, c)),
        ("erf", lambda q, p, c: 2 / math.pi * math.asin(2 * c / _root(1 + 2 * q, 1 + 2 * p))),
        ("exp", lambda q, p, c: math.exp((q + p) / 2 + c)),
        ("sin", lambda q, p, c: math.exp(-(q + p) / 2) * math.sinh(c)),
        ("step", lambda q, p, c: 0.5 - math.acos(c / _root(q, p)) / (2 * math.pi)),
        ("square", lambda q, p, c: q * p + 2 * c * c),
    ],
)
def test_a_formula_has_the_value_of_the_literature(
    limit_of: LimitOf, function: str, kernel: Callable[[float, float, float], float]
) -> None:
    """Cho and Saul (2009), Williams (1997); the others by characteristic functions."""
    limit = limit_of(
        f"dim n\nparam s = 0.8\nparam r = 1.7\nvector g : n ~ normal(0, s)\n"
        f"vector h : n ~ normal(0, r)\noutput K = <{function}(g - h)|{function}(2 * h)>\n"
    )
    (equation,) = [e for e in limit.equations if isinstance(e, ScalarEquation)]
    reader = EquationReader(limit)
    formula = reader.own(equation.node)
    values = {"pi": math.pi, "s": 0.8, "r": 1.7}
    for definition in reader.definitions():
        if isinstance(definition.entries[0][0][0], Name):
            values |= _values(definition, values)
    q, p, c = 0.8 + 1.7, 4 * 1.7, -2 * 1.7
    assert evaluate(formula, values) == pytest.approx(kernel(q, p, c), rel=1e-12)


def _root(x: float, y: float) -> float:
    return math.sqrt(x * y)


def _arc_cosine(q: float, p: float, c: float) -> float:
    angle = math.acos(c / _root(q, p))
    return _root(q, p) * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)
