"""Expectations that are infinite are refused by every method, with their place; others are not."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.diagnostics import ProgramError
from tpc.driver import compiler
from tpc.driver.emitted import MethodRefused

PROGRAM = """\
param s = 0.3
dim n
vector u : n
vector w : n
vector r : n
output c = avg({})
"""

INFINITE = (
    ("exp(0.5 * u^2)", 0.3),
    ("exp(0.6 * u^2)", 0.3),
    ("exp(s * u^2)", 0.6),
    ("exp(s * u^2)", 0.5),
    ("u * exp(0.6 * u^2)", 0.3),
    ("u * exp(s * u^2)", 0.7),
    ("r * exp(s * u^2)", 0.7),
    ("r^2 * exp(0.6 * u^2)", 0.3),
    ("exp(0.25 * square(u + w))", 0.3),
    ("exp(0.25 * square(u + w)) * step(u)", 0.3),
    ("exp(s * u * w)", 1.1),
    ("exp(0.6 * u^2) * exp(0.6 * w^2)", 0.3),
    ("exp(s * u^2) * exp(s * w^2)", 0.6),
    ("(1 + exp(0.3 * u^2))^2", 0.3),
    ("square(exp(0.3 * u^2))", 0.3),
    ("sqrt(exp(1.2 * u^2))", 0.3),
    ("2^(u^2)", 0.3),
    ("max(exp(0.6 * u^2), 1)", 0.3),
    ("exp(0.6 * square(relu(u)))", 0.3),
    ("exp(0.6 * max(u, 0)^2)", 0.3),
    ("exp(s * u^2) * sigmoid(u)", 0.6),
    ("exp(s * u^2) * relu(tanh(u + w))", 0.5),
    ("exp(0.6 * u^2) * sin(u)", 0.3),
    ("exp(0.6 * abs(u)^2) * gelu(w)", 0.3),
    ("exp(u^3)", 0.3),
    ("exp(0.1 * u^4)", 0.3),
)


@pytest.mark.parametrize(("body", "s"), INFINITE)
def test_infinite_expectations_are_refused(body: str, s: float) -> None:
    program = tpc.parse(PROGRAM.format(body))
    for method in ("mc", "qmc", "auto"):
        with pytest.raises(ProgramError, match="infinite") as raised:
            compiler.run(program, samples=64, params={"s": s}, method=method)
        (found,) = raised.value.diagnostics
        assert (found.code, found.line) == ("TP305", 6)


def _of_one(f: Callable[[mpmath.mpf], mpmath.mpf]) -> mpmath.mpf:
    """Return E f(z) of a standard normal z."""
    return mpmath.quad(lambda z: mpmath.npdf(z) * f(z), [-40, -8, -2, 0, 2, 8, 40])


FINITE = (
    ("exp(0.49 * u^2)", lambda: 1 / mpmath.sqrt(1 - 2 * mpmath.mpf("0.49"))),
    ("u^2 * exp(0.2 * u^2)", lambda: _of_one(lambda z: z**2 * mpmath.exp(0.2 * z**2))),
    ("exp(s * u^2)", lambda: _of_one(lambda z: mpmath.exp(0.3 * z**2))),
    ("step(u) * exp(s * u^2)", lambda: _of_one(lambda z: mpmath.exp(0.3 * z**2)) / 2),
    ("exp(-0.5 * u^2)", lambda: 1 / mpmath.sqrt(2)),
    ("exp(-5 * u^2 + 3 * u)", lambda: _of_one(lambda z: mpmath.exp(-5 * z**2 + 3 * z))),
    ("exp(3 * s * u * w)", lambda: 1 / mpmath.sqrt(1 - mpmath.mpf("0.81"))),
    ("exp(u * w - u^2)", lambda: 1 / mpmath.sqrt(2)),
    ("exp(0.6 * u^2 - square(u + w))", lambda: 1 / mpmath.sqrt(mpmath.mpf("1.4"))),
    ("exp(0.2 * square(u + w))", lambda: 1 / mpmath.sqrt(mpmath.mpf("0.2"))),
    ("exp(0.1 * square(u - w)) * exp(0.2 * u^2)", lambda: 1 / mpmath.sqrt(mpmath.mpf("0.28"))),
)


@pytest.mark.parametrize(("body", "truth"), FINITE)
def test_finite_expectations_are_exact(body: str, truth: Callable[[], mpmath.mpf]) -> None:
    with mpmath.workdps(30):
        wanted = float(truth())
    found = compiler.run(tpc.parse(PROGRAM.format(body)), method="exact")
    np.testing.assert_allclose(found["c"], wanted, rtol=1e-11)


@pytest.mark.parametrize(
    ("body", "exponent"),
    [
        ("elu(u^3, 1.3)", lambda z: z**3),
        pytest.param("elu(-2 * u^4, 1.3)", lambda z: -2 * z**4, marks=pytest.mark.slow),
    ],
)
def test_exponentials_may_be_cut_off_where_they_grow(
    body: str, exponent: Callable[[mpmath.mpf], mpmath.mpf]
) -> None:
    def elu(x: mpmath.mpf) -> mpmath.mpf:
        return x if x > 0 else 1.3 * mpmath.expm1(x)

    with mpmath.workdps(30):
        wanted = float(_of_one(lambda z: elu(exponent(z))))
    found = tpc.evaluator(tpc.parse(PROGRAM.format(body))).evaluate(method="quadrature")
    assert abs(found.values["c"] - wanted) <= found.stderr["c"] < 1e-12
    with pytest.raises(ProgramError, match="infinite"):
        tpc.derive(tpc.parse(PROGRAM.format("exp(u^3) * step(u)")))


NETWORK = """\
dim n
input xi[2]
weight U[2] : n
weight v : n
readout f = v * {}
"""


@pytest.mark.parametrize(
    ("body", "largest"),
    [
        ("exp(0.25 * square(U @ xi))", 1.0),
        ("exp(0.1 * square(U @ xi))", 2.5),
        pytest.param("exp(0.1 * square(U @ xi)) * tanh(U @ xi)", 2.5, marks=pytest.mark.slow),
        pytest.param("exp(0.1 * square(U @ xi)) * (U @ xi)", 2.5, marks=pytest.mark.slow),
    ],
)
def test_kernels_are_finite_up_to_a_variance(body: str, largest: float) -> None:
    """E exp(2 c h^2) is finite for 4 c q < 1, and that of the tangent kernel alike."""
    network = tpc.parse(NETWORK.format(body))
    inside, outside = ([[np.sqrt(2 * largest * share), 0.0]] for share in (0.9, 1.1))
    scale = tpc.kernel(tpc.parse(NETWORK.format("U @ xi")), inside, kind="nngp")["nngp"][0, 0]
    inside, outside = (np.array(x) * np.sqrt(0.9 * largest / scale) for x in (inside, outside))
    assert np.isfinite(tpc.kernel(network, inside, kind="nngp", samples=64)["nngp"]).all()
    for kind in ("nngp", "ntk"):
        with pytest.raises(ProgramError, match="infinite"):
            tpc.kernel(network, outside, kind=kind, samples=64)


@pytest.mark.parametrize(
    "body",
    ["exp(1000 * avg(u^2))", "avg(square(1e200 * u))", "log(avg(u) - s)", "1 / avg(w)"],
)
def test_outputs_that_are_no_numbers_are_refused(body: str) -> None:
    program = tpc.parse(PROGRAM.replace("avg({})", body))
    with pytest.raises(ProgramError, match=r"not finite|no finite value") as raised:
        compiler.run(program, samples=64)
    assert raised.value.diagnostics[0].line == 6


POLES = """\
param s = 0.3
dim n
vector u, w, r : n
matrix W : n x n
h = W @ tanh(u)
output c = {}
"""

INFINITE_AT_POLES = (
    "avg(1 / u)",
    "avg(w / u)",
    "avg(1 / (u - 1))",
    "avg(1 / (u * w))",
    "avg(1 / h)",
    "avg(1 / (h - s))",
    "avg(tanh(w) / h^2)",
    "avg(u / (u + 2 * s))",
    "avg(abs(u)^(-1.3) * w)",
    "<u / w | tanh(h)>",
    "avg(1 / tanh(u))",
    "avg(1 / (exp(u) - 1))",
    "avg(1 / log(abs(u)))",
    "avg(1 / (u^2 + w^2))",
    "avg(sqrt(abs(u)) / abs(u)^1.5)",
    "avg(abs(u)^(-0.8) * abs(w)^(-0.8) * abs(u - w)^(-0.8))",
    "avg(1 / (u^2 - 2 * u + 1))",
)

INFINITE_VARIANCE = (
    "avg(abs(u)^(-0.6))",
    "avg(abs(u - w)^(-0.7))",
    "avg(u / abs(u)^1.5)",
    "avg(abs(u - 1)^(-0.5) * tanh(w))",
    "avg(tanh(w)^2 * abs(h)^(-0.55))",
    "avg((u^2 + w^2)^(-0.5) * sigmoid(r))",
    "avg(relu(u) * abs(w - u)^(-0.8))",
    "<abs(u)^(-0.3) | abs(u)^(-0.3) * cos(w)>",
    "avg(log(abs(u)) * abs(u)^(-0.6))",
    "avg(abs(tanh(u))^(-0.7))",
)


@pytest.mark.parametrize("body", INFINITE_AT_POLES)
def test_poles_without_an_expectation_are_refused(body: str) -> None:
    with pytest.raises(ProgramError, match="infinite, for the power -") as raised:
        tpc.derive(tpc.parse(POLES.format(body)))
    (found,) = raised.value.diagnostics
    assert (found.code, found.line) == ("TP305", 6)
    assert "is finite for p > -" in found.hint


@pytest.mark.parametrize("body", INFINITE_VARIANCE)
def test_sampling_gives_no_error_of_an_infinite_variance(body: str) -> None:
    program = tpc.parse(POLES.format(body))
    if "UNBOUNDED" not in tpc.emit(tpc.derive(program)):
        compiler.run(program, method="exact")
        return
    for method in ("mc", "qmc", "auto", "quadrature"):
        with pytest.raises(MethodRefused, match="infinite variance: sampling cannot"):
            compiler.run(program, samples=64, method=method)


def _both(f: Callable[[mpmath.mpf], mpmath.mpf]) -> float:
    """Return E f(z), f with a singularity at 0."""
    with mpmath.workdps(30):
        return float(mpmath.quad(lambda z: mpmath.npdf(z) * (f(z) + f(-z)), [0, 1e-6, 1e-2, 1, 8]))


SINGULAR = (
    ("avg(log(abs(u)))", lambda: _both(lambda z: mpmath.log(abs(z)))),
    ("avg(abs(u)^(-0.15))", lambda: _both(lambda z: abs(z) ** -0.15)),
    ("avg(abs(u - w)^(-0.2))", lambda: 2**-0.1 * _both(lambda z: abs(z) ** -0.2)),
    ("avg(u^2 / abs(u)^1.5 * r^2)", lambda: _both(lambda z: abs(z) ** 0.5)),
    ("avg(log(abs(u)) * u^2)", lambda: _both(lambda z: mpmath.log(abs(z)) * z * z)),
    ("avg(log(abs(u - 1)))", lambda: _both(lambda z: mpmath.log(abs(z - 1)))),
    ("avg(sin(u) / u)", lambda: _both(lambda z: mpmath.sin(z) / z if z else mpmath.mpf(1))),
    ("avg(1 / (1 + u^2))", lambda: _both(lambda z: 1 / (1 + z * z))),
    ("avg(sqrt(abs(u)))", lambda: _both(lambda z: mpmath.sqrt(abs(z)))),
    ("avg(abs(tanh(u))^(-0.2))", lambda: _both(lambda z: abs(mpmath.tanh(z)) ** -0.2)),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("body", "truth"), SINGULAR)
def test_singularities_of_finite_variance(body: str, truth: Callable[[], float]) -> None:
    """Their errors are neither too small nor too large over 40 seeds."""
    program, wanted = tpc.parse(POLES.format(body)), truth()
    found = [compiler.run(program, 4096, seed, method="mc", replicates=16) for seed in range(40)]
    if set(found[0].methods.values()) == {"exact"}:
        assert found[0]["c"] == pytest.approx(wanted, rel=1e-8)
        return
    z = np.array([(one["c"] - wanted) / one.stderr["c"] for one in found])
    assert 0.8 <= np.sqrt(np.mean(z**2)) <= 1.5
    assert np.abs(z).max() < 6


@pytest.mark.parametrize(
    ("body", "kind", "refused"),
    [
        ("sqrt(abs(h))", "nngp", ""),
        ("sqrt(abs(h))", "ntk", "infinite, for the power -1"),
        ("abs(h)^0.7", "ntk", ""),
        ("log(abs(h))", "nngp", ""),
        ("log(abs(h))", "ntk", "infinite, for the power"),
        ("1 / h", "nngp", "infinite, for the power"),
        ("abs(h)^(-0.3)", "nngp", ""),
        ("abs(h - 0.5)^(-0.3)", "nngp", "infinite variance"),
        ("h / abs(h)^0.4", "nngp", ""),
    ],
)
@pytest.mark.slow
def test_kernels_with_poles(body: str, kind: str, refused: str) -> None:
    hidden = NETWORK.replace("readout f = v * {}", "h = U @ xi\nreadout f = v * {}")
    network = tpc.parse(hidden.format(body))
    inputs = [[1.0, 0.0], [1.0, 0.5]]
    if refused:
        with pytest.raises((ProgramError, MethodRefused), match=refused):
            tpc.kernel(network, inputs, kind=kind, samples=1024)
    else:
        assert np.isfinite(tpc.kernel(network, inputs, kind=kind, samples=1024)[kind]).all()


LOOP = """\
dim n
vector v : n
matrix W : n x n
x[0] = v
for t in range(100):
    c[t] = {average}
    x[t + 1] = {round} + 0.01 * c[t] * tanh(v)
output o = {output}
"""

USUAL = {"average": "avg(tanh(x[t]))", "round": "W @ tanh(x[t]) + v", "output": "<x[100]|v>"}

IN_LOOPS = [
    {"average": "avg(abs(x[t])^(-0.6))"},
    {"average": "avg(abs(x[t] - 0.3)^(-0.5))"},
    {"average": "avg(1 / sqrt(abs(x[t])))"},
    {"average": "<tanh(v)|abs(x[t])^(-0.7)>"},
    {"average": "avg(tanh(x[t])^2 / abs(x[t])^2.6)"},
    {"round": "W @ (0.1 * abs(x[t])^(-0.3)) + v"},
    {"round": "W @ (0.1 / (abs(x[t] + v)^0.4)) + v"},
    {"output": "avg(abs(x[100])^(-0.9))"},
    {"output": "<x[100]|abs(v)^(-0.5) * x[100]>"},
    {"output": "avg(sigmoid(x[100]) / sqrt(abs(x[100] - 1)))"},
]


@pytest.mark.parametrize("place", slow_where(lambda place: "average" not in place, IN_LOOPS))
@pytest.mark.slow
def test_infinite_variances_in_loops_are_not_sampled(place: dict[str, str]) -> None:
    program = tpc.parse(LOOP.format(**USUAL | place))
    with pytest.raises(MethodRefused, match="of infinite variance"):
        compiler.run(program, 256, method="qmc")


@pytest.mark.parametrize(
    "place",
    [{"average": "avg(1 / x[t])"}, {"output": "avg(x[100] / square(x[100]))"}],
)
@pytest.mark.slow
def test_infinite_expectations_in_loops_are_refused(place: dict[str, str]) -> None:
    with pytest.raises(ProgramError) as raised:
        compiler.run(tpc.parse(LOOP.format(**USUAL | place)), 256, method="qmc")
    assert [found.code for found in raised.value.diagnostics] == ["TP305"]


@pytest.mark.parametrize(
    "place",
    [
        {"average": "avg(abs(x[t])^(-0.4))"},
        {"average": "avg(1 / (1 + abs(x[t])))"},
        {"round": "W @ (x[t] / (1 + square(x[t]))) + v"},
    ],
)
@pytest.mark.slow
def test_finite_variances_in_loops_are_sampled(place: dict[str, str]) -> None:
    found = compiler.run(tpc.parse(LOOP.format(**USUAL | place)), 256, method="qmc")
    assert np.isfinite(found["o"]) and found.stderr["o"] > 0


CANCELLED: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "tanh(h) / h": lambda x: mpmath.tanh(x) / x,
    "sin(h) / h": lambda x: mpmath.sin(x) / x,
    "erf(h) / h": lambda x: mpmath.erf(x) / x,
    "sinh(h) / h": lambda x: mpmath.sinh(x) / x,
    "arctan(h) / h": lambda x: mpmath.atan(x) / x,
    "h / tanh(h)": lambda x: x / mpmath.tanh(x),
    "tanh(h) / (h * (1 + h^2))": lambda x: mpmath.tanh(x) / (x * (1 + x**2)),
    "square(h) / h": lambda x: x,
    "sin(3 * h) / h": lambda x: mpmath.sin(3 * x) / x,
    "(1 + h)^2 / (2 * h + 2)": lambda x: (1 + x) / 2,
    "tanh(h - 1) / (h - 1)": lambda x: mpmath.tanh(x - 1) / (x - 1),
}


@pytest.mark.parametrize("body", slow_where(lambda body: body != "square(h) / h", CANCELLED))
@pytest.mark.slow
def test_poles_that_cancel_in_sums_are_not_refused(body: str) -> None:
    """The derivative of tanh(h) / h is a sum of two terms, each with a pole."""
    head = "dim n\ninput xi[2]\nweight U[2] : n\nweight v : n\nh = U @ xi\n"
    network = tpc.parse(f"{head}readout f = v * ({body})\n")
    found = tpc.kernel(network, np.array([[0.4, -0.6]]), kind=("ntk",), samples=16384)
    q, f = mpmath.mpf("0.52"), CANCELLED[body]

    def density(x: mpmath.mpf) -> mpmath.mpf:
        slope = (f(x + mpmath.mpf("1e-6")) - f(x - mpmath.mpf("1e-6"))) * 500000
        weight = mpmath.npdf(x, 0, mpmath.sqrt(q))
        return (f(x) ** 2 + q * slope**2) * weight

    truth = mpmath.quad(density, [-7, -1.0007, 0.0003, 1.0007, 7])
    assert abs(found["ntk"][0, 0] - truth) < 6 * found.stderr["ntk"][0, 0] + 1e-7
