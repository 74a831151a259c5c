"""Verification accepts limits that are right and refuses limits that are not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.marks import slow_where
from tests.simulation.finite_programs import Sketch
from tpc.program.program import Program
from tpc.simulation.result import Value, Verification
from tpc.simulation.simulate import ProgramRuns
from tpc.simulation.verify import verify

WIDTHS = (16, 32, 64, 128)


@dataclass
class Limit:
    """A limit with results to order."""

    values: Mapping[str, Value]
    stderr: Mapping[str, Value] = field(default_factory=dict)
    method: str = "mc"
    samples: int = 1000

    def __post_init__(self) -> None:
        if not self.stderr:
            self.stderr = {name: zero(value) for name, value in self.values.items()}


def zero(value: Value) -> Value:
    """Return errors of an exact value."""
    if isinstance(value, Mapping):
        return {part: np.zeros_like(array) for part, array in value.items()}
    return np.zeros_like(value)


GRAM = np.array([[1.0, 0.3], [0.3, 2.0]])
SECOND = np.array(1.5)  # of Marchenko-Pastur at ratio 1/2


def moments() -> Program:
    """Outputs with a 1/n term (second), with copies (K), and exact ones (c, unit, nothing)."""
    b = Sketch(m=2)
    x, v = b.vector("x", (2,), covariance=GRAM), b.vector("v")
    h = b.matmul(b.matrix("W"), False, x)
    a = b.matrix("A", "n", "m")
    s = b.matmul(a, False, b.matmul(a, True, v))
    u = b.div(v, b.apply("sqrt", b.inner(v, v)))
    return b.program(
        K=b.inner(h, h), second=b.inner(s, s), h=h, c=b.number(0.25), unit=b.inner(u, u),
        nothing=b.mean(b.sub(b.add(v, u), b.add(u, v))), readouts={"f": b.mul(v, b.vector("w"))},
    )  # fmt: skip


TRUE: dict[str, Value] = {
    "K": GRAM,
    "second": SECOND,
    "h": {"mean": np.zeros(2), "cov": GRAM},
    "c": np.array(0.25),
    "unit": np.array(1.0),
    "nothing": np.array(0.0),
    "f": np.array(1.0),
}


def check(changed: Mapping[str, Value], stderr: Mapping[str, Value] | None = None) -> Verification:
    """Verify `moments` against its limit, some values replaced."""
    values = {**TRUE, **changed}
    errors = {name: zero(value) for name, value in values.items()} | dict(stderr or {})
    return verify(moments(), Limit(values, errors), WIDTHS, trials=24, seed=2)


def refused(verification: Verification) -> list[tuple[str, str]]:
    """Return the output and part of each comparison with an entry that disagrees."""
    return [(f.output, f.part) for f in verification.comparisons if not f.agrees.all()]


@pytest.mark.slow
def test_the_true_limit_agrees() -> None:
    verification = check({})
    assert verification.agrees
    parts = [(found.output, found.part) for found in verification.comparisons]
    assert parts == [
        ("K", "value"), ("second", "value"), ("h", "mean"), ("h", "cov"), ("c", "value"),
        ("unit", "value"), ("nothing", "value"), ("f", "cov"),
    ]  # fmt: skip
    assert verification.widths == WIDTHS
    assert (verification.method, verification.samples, verification.trials) == ("mc", 1000, 24)


@pytest.mark.slow
def test_the_extrapolation_is_what_agrees() -> None:
    """Marchenko-Pastur at ratio 1/2: E second = 1.5 + 0.5/n."""
    b = Sketch(m=2)
    v = b.vector("v")
    a = b.matrix("A", "n", "m")
    s = b.matmul(a, False, b.matmul(a, True, v))
    program = b.program(second=b.div(b.inner(s, s), b.inner(v, v)))
    (found,) = verify(program, Limit({"second": SECOND}), (2, 3, 4, 6), trials=4000).comparisons
    # At width 2, E |S v|^2 / |v|^2 = E tr(S S) / n is far above its limit.
    assert abs(found.finite[0] - SECOND) > 6 * found.finite_stderr[0]
    assert found.agrees
    assert found.intercept == pytest.approx(1.5, abs=5 * found.intercept_stderr)
    assert found.slope == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "name",
    slow_where(lambda name: name not in ("K", "f"), ["K", "second", "c", "unit", "nothing", "f"]),
)
@pytest.mark.slow
def test_a_wrong_limit_is_refused(name: str, sign: int) -> None:
    truth = {found.output: found for found in check({}).comparisons}[name]
    off = 2.5 * truth.allowed + 1e-9
    moved = np.array(TRUE[name])
    where = (0, 1) if name == "K" else ()
    moved[where] += sign * off[where]
    verification = check({name: moved})
    assert refused(verification) == [(name, truth.part)]
    agrees = {found.output: found.agrees for found in verification.comparisons}[name]
    assert np.argwhere(~agrees).tolist() == [list(where)]
    assert not verification.agrees


@pytest.mark.slow
def test_a_wrong_vector_is_refused_in_its_part() -> None:
    wrong = {"mean": np.zeros(2), "cov": GRAM + np.diag([0.0, 1.0])}
    assert refused(check({"h": wrong})) == [("h", "cov")]


@pytest.mark.slow
def test_the_error_of_the_limit_counts() -> None:
    error = np.full((2, 2), 0.2)
    assert check({"K": GRAM + 0.4}, {"K": error}).agrees
    assert not check({"K": GRAM + 0.4 * np.eye(2)}).agrees


@pytest.mark.slow
def test_what_is_no_number_never_agrees() -> None:
    for bad in (np.nan, np.inf):
        assert refused(check({"c": np.array(bad)})) == [("c", "value")]


def test_infinite_runs_disagree_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    b = Sketch()
    infinite = b.apply("log", b.number(0.0))
    spread = b.apply("exp", b.mul(b.number(1e4), b.mean(b.vector("x"))))  # 0 or infinite
    program = b.program(infinite=infinite, spread=spread, one=b.number(1.0))
    limit = Limit({"infinite": np.array(1.0), "spread": np.array(1.0), "one": np.array(1.0)})
    verification = verify(program, limit, (4, 8), trials=20)
    assert refused(verification) == [("infinite", "value"), ("spread", "value")]
    assert not recwarn.list


@pytest.mark.slow
def test_few_trials_widen_what_is_allowed() -> None:
    """Student's quantile: with 3 trials much more than 4 standard errors are allowed."""
    b = Sketch()
    program = b.program(m=b.mean(b.vector("x")))
    ratios = [
        float(found.allowed / found.intercept_stderr)
        for trials in (3, 400)
        for found in verify(program, Limit({"m": np.array(0.0)}), (16, 32), trials).comparisons
    ]
    assert ratios[0] > 8
    assert ratios[1] == pytest.approx(4.0, rel=0.02)


@pytest.mark.slow
def test_copies_count_once() -> None:
    """A symmetric 2 x 2 array has three entries, so p = 2 P(normal > 4) / 3."""
    b = Sketch()
    x = b.vector("x", (2,), covariance=GRAM)
    verification = verify(b.program(K=b.inner(x, x)), Limit({"K": GRAM}), (16, 32), trials=2000)
    (found,) = verification.comparisons
    np.testing.assert_allclose(found.allowed / found.intercept_stderr, 4.257, rtol=0.005)


def test_progress_reaches_its_total() -> None:
    b = Sketch()
    seen: list[tuple[int, int]] = []
    verify(b.program(c=b.number(1.0)), Limit({"c": np.array(1.0)}), (4, 8), trials=2,
           progress=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert seen == [(16, 160), (32, 160), (96, 160), (160, 160)]


def test_default_widths_follow_the_cost() -> None:
    def widest(coordinates: tuple[str, ...]) -> int:
        b = Sketch()
        x = b.vector("x")
        body = x
        for coordinate in coordinates:
            body = b.apply("sin", b.mul(body, b.row(x, coordinate)))
        return ProgramRuns(b.program(y=b.mean(body, coordinates or ("",)))).usual_widths[-1]

    assert [widest(c) for c in ((), ("j",), ("j", "l"), ("j", "k", "l"))] == [2048, 1024, 256, 64]


@pytest.mark.parametrize(("widths", "trials"), [((64,), 4), ((64, 64), 4), ((32, 64), 1)])
def test_too_little_to_extrapolate(widths: tuple[int, ...], trials: int) -> None:
    with pytest.raises(ValueError, match="at least two"):
        verify(moments(), Limit(TRUE), widths, trials)


@pytest.mark.slow
def test_a_limit_of_another_shape_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shape"):
        check({"c": np.zeros(2)})
