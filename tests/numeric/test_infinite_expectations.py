"""Expectations that are infinite are refused by every method, with their place; others are not."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import tpc
from tpc.diagnostics import ProgramError
from tpc.driver import compiler

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
