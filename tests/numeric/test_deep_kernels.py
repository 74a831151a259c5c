"""Kernels of deep networks against published ones, closed forms, recursions by hand, long texts."""

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import solve_ivp

import tpc
from tests.marks import slow_where

Array = npt.NDArray[np.float64]

REFERENCE = Path(__file__).parents[1] / "reference" / "depth.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]

TEXT = """
dim n
dim m = 4 * n
depth L
input xi[3]
weight U[3] : n (mult=0.5)
weight v : n
x[0] = U @ xi
for l in range(L):
{body}
readout f = v * x[L]
"""

BODIES = {
    "relu_pre_half": """
    weight W : n x n (mult=1.5)
    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(x[l]))""",
    "tanh_pre_half": """
    weight W : n x n (mult=1.3)
    x[l + 1] = x[l] + L^(-1/2) * (W @ tanh(x[l]))""",
    "linear_half": """
    weight W : n x n (mult=1.2)
    x[l + 1] = x[l] + L^(-1/2) * (W @ x[l])""",
    "tanh_post_half": """
    weight W : n x n (mult=1.3)
    x[l + 1] = x[l] + tanh(W @ x[l]) / sqrt(L)""",
    "relu_post_half_ms": """
    weight W : n x n (mult=1.4)
    h = relu(W @ x[l])
    x[l + 1] = x[l] + L^(-1/2) * (h - avg(h))""",
    "relu_block2_half": """
    weight W : n x n (mult=sqrt(2))
    weight A : n x n
    h[l] = relu(W @ x[l])
    x[l + 1] = x[l] + L^(-1/2) * (A @ h[l])""",
}

ATTENTION = """
dim n
depth L
input tok[3, 2]
weight U[2] : n
weight v : n
x[0] = U @ tok.T
for l in range(L):
    weight W : n x n (mult=1.1)
    a = softmax(1.5 * <x[l]|x[l]>)
    x[l + 1] = x[l] + L^(-1/2) * (W @ (x[l] @ a.T))
readout f = v * (sum(x[L]) / 3)
"""


TIED = {
    "erf_tied_alpha1": "x[l] + 1.4 * (W @ erf(x[l])) / L",
    "lin_tied_alpha1": "x[l] + 1.2 * (W @ x[l]) / L",
}


def tied(step: str) -> str:
    text = TEXT.format(body=f"    x[l + 1] = {step}")
    return text.replace("weight v", "weight W : n x n\nweight v")


def text_of(case: str) -> str:
    if case in TIED:
        return tied(TIED[case])
    return ATTENTION if case == "attention" else TEXT.format(body=BODIES[case])


@pytest.mark.parametrize("case", slow_where(lambda case: case != "linear_half", CASES))
@pytest.mark.slow
def test_published_kernels(case: str) -> None:
    """The flow to 1e-8, depth 64 to 1e-9, and never farther off than stated."""
    known = CASES[case]
    network = tpc.parse(text_of(case))
    found = tpc.kernel(network, known["inputs"])
    for name in ("nngp", "ntk"):
        off = np.abs(found[name] - np.array(known[name]))
        assert (off <= found.stderr[name] + known["error"]).all()
        assert off.max() <= (1e-6 if case in TIED else 1e-8)
        assert found.methods[name] == ("pde" if case in TIED else "ode")
    if case in TIED:
        deep = tpc.kernel(network, known["inputs"][:1], depth=64)
        for name, value in zip(("nngp", "ntk"), known["first_of_64"], strict=True):
            assert abs(deep[name].item() - value) <= 1e-9
    if "depth64" in known:
        deep = tpc.kernel(network, known["inputs"], depth=64)
        for name in ("nngp", "ntk"):
            assert np.abs(deep[name] - np.array(known["depth64"][name])).max() <= 1e-9
            assert deep.methods[name] == "recursion"


MORE = {
    "bias": """
    weight W : n x n (mult=1.3)
    weight b : n (mult=0.4)
    x[l + 1] = x[l] + L^(-1/2) * (W @ erf(x[l]) + b)""",
    "norm": """
    weight W : n x n
    g = (x[l] - avg(x[l])) / sqrt(avg(square(x[l] - avg(x[l]))))
    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(g))""",
    "branches": """
    weight W, V, A : n x n
    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(x[l]) + A @ erf(V @ x[l]))""",
    "untrained": """
    weight W : n x n (train=false)
    weight V : n x n (lr=0.5)
    x[l + 1] = x[l] + L^(-1/2) * (W @ x[l] + V @ relu(x[l]))""",
    "input": """
    weight W : n x n
    weight B[3] : n (mult=0.3)
    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(x[l]) + B @ xi)""",
    "plain": """
    weight W : n x n (mult=sqrt(2))
    x[l + 1] = W @ relu(x[l])""",
    "shrinking": """
    weight W : n x n (mult=1.5)
    x[l + 1] = 0.9 * x[l] + 0.5 * (W @ relu(x[l]))""",
    "mean": """
    weight W : n x n
    x[l + 1] = x[l] + relu(W @ x[l]) / L""",
    "rows": """
    weight W : m x n
    weight V : n x m
    x[l + 1] = x[l] + L^(-1/2) * (V @ relu(W @ x[l]))""",
    "two": """
    weight W, V : n x n
    h = x[l] + L^(-1/2) * (W @ relu(x[l]))
    x[l + 1] = h + L^(-1/2) * (V @ relu(h))""",
}


@pytest.mark.parametrize("name", slow_where(lambda name: name != "bias", MORE))
@pytest.mark.slow
def test_rounds_are_those_of_the_text(name: str) -> None:
    """Iterated, rounds give what the same rounds give written out."""
    text = TEXT.format(body=MORE[name])
    inputs = CASES["linear_half"]["inputs"]
    deep = tpc.kernel(tpc.parse(text), inputs, depth=3)
    unrolled = text.replace("depth L", "const L = 3")
    long = tpc.kernel(tpc.parse(unrolled), inputs, [*inputs, [0.3, -0.2, 0.1]])
    assert set(deep.methods.values()) == {"recursion"}
    for kind in ("nngp", "ntk"):
        tolerance = 1e-12 + long.stderr[kind][:, :3]
        assert (
            np.abs(deep[kind] - long[kind][:, :3]) <= tolerance * np.abs(deep[kind]).max()
        ).all()


WRITTEN_OUT = (
    ("weight W : n x n", "(1 + l / L) * (W @ relu(x[l]))", "x[L]", "TP506"),
    ("weight W : n x n (lr=1 + l)", "W @ relu(x[l])", "x[L]", "TP506"),
    ("weight W : n x n (init=1 + l)", "W @ relu(x[l])", "x[L]", "TP506"),
    ("weight W : n x n", "W @ relu(x[l])", "(W[0] @ x[L])", "TP507"),
    ("weight W : n x n", "W @ relu(x[l] - batchmean(x[l]))", "x[L]", "TP512"),
    ("weight b : n", "tanh(x[l]) * b", "x[L]", "TP510"),
    ("weight b : n (law=rademacher, init=1 + l)", "b", "relu(x[L])", "TP506"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "branch", "last", "code"), WRITTEN_OUT)
def test_what_is_no_round_is_written_out(weight: str, branch: str, last: str, code: str) -> None:
    """Rates, laws and weights by round, coupled inputs: a number of rounds, or refused."""
    text = TEXT.format(body=f"    {weight}\n    x[l + 1] = x[l] + L^(-1/2) * ({branch})")
    text = text.replace("v * x[L]", f"v * {last}")
    inputs = CASES["linear_half"]["inputs"]
    deep = tpc.kernel(tpc.parse(text), inputs, depth=3, samples=1024)
    long = tpc.kernel(tpc.parse(text.replace("depth L", "const L = 3")), inputs, samples=1024)
    for kind in ("nngp", "ntk"):
        assert deep.methods[kind] != "recursion"
        assert np.array_equal(deep[kind], long[kind])
    with pytest.raises(tpc.ProgramError, match=code):
        tpc.kernel(tpc.parse(text), inputs)


@pytest.mark.slow
def test_two_families_are_written_out() -> None:
    body = """    weight W, V : n x n
    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(p[l]))
    p[l + 1] = p[l] + L^(-1/2) * (V @ relu(x[l]))"""
    text = TEXT.format(body=body).replace("= U @ xi", "= U @ xi\np[0] = U @ xi")
    inputs = CASES["linear_half"]["inputs"]
    deep = tpc.kernel(tpc.parse(text), inputs, depth=3)
    long = tpc.kernel(tpc.parse(text.replace("depth L", "const L = 3")), inputs)
    assert deep.methods["ntk"] == "exact"
    assert np.array_equal(deep["ntk"], long["ntk"])
    with pytest.raises(tpc.ProgramError, match="TP507"):
        tpc.kernel(tpc.parse(text), inputs)


STEPS = (
    "x[l] + 1.4 * (W @ erf(x[l])) / L",
    "x[l] + 2 * (W @ relu(x[l])) / L",
    "x[l] + 3 * erf(W @ x[l]) / L",
    "x[l] + 0.5 * (W @ sin(x[l]))",
)


@pytest.mark.parametrize("step", slow_where(lambda step: step != STEPS[0], STEPS))
@pytest.mark.slow
def test_tied_rounds_are_those_of_the_text(step: str) -> None:
    inputs = CASES["linear_half"]["inputs"]
    text = tied(step)
    deep = tpc.kernel(tpc.parse(text), inputs, depth=3)
    long = tpc.kernel(tpc.parse(text.replace("depth L", "const L = 3")), inputs)
    assert set(deep.methods.values()) == {"recursion"}
    for kind in ("nngp", "ntk"):
        off = np.abs(deep[kind] - long[kind])
        assert (off <= 1e-11 + 4 * long.stderr[kind]).all()


FLOWS = ("bias", "norm", "branches", "untrained", "input", "mean", "two")


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOWS)
def test_flows_are_limits_of_depths(name: str) -> None:
    """Depths go to the flow like c / L + d / L^2."""
    network = tpc.parse(TEXT.format(body=MORE[name]))
    inputs = CASES["linear_half"]["inputs"]
    flow = tpc.kernel(network, inputs)
    depths = [tpc.kernel(network, inputs, depth=L) for L in (64, 128, 256)]
    for kind in ("nngp", "ntk"):
        one, two, four = (deep[kind] for deep in depths)
        first, second = 2 * two - one, 2 * four - two
        extrapolated = (4 * second - first) / 3
        spread = np.abs(extrapolated - second).max()
        assert np.abs(extrapolated - flow[kind]).max() <= spread + 1e-10
        assert np.abs(one - flow[kind]).max() > spread


@pytest.mark.slow
def test_closed_flows() -> None:
    """Linear: C = exp(s^2) C_0, NTK = (2 + s^2) C; ReLU: variances grow like exp(s^2 tau / 2)."""
    inputs = np.array(CASES["linear_half"]["inputs"])
    start = 0.25 * inputs @ inputs.T
    linear = tpc.kernel(tpc.parse(text_of("linear_half")), inputs)
    grown = math.exp(1.44) * start
    assert np.abs(linear["nngp"] - grown).max() <= linear.stderr["nngp"].max()
    assert np.abs(linear["ntk"] - (2 + 1.44) * grown).max() <= linear.stderr["ntk"].max()
    relu = tpc.kernel(tpc.parse(text_of("relu_pre_half")), inputs, kind="nngp")
    grown = math.exp(2.25 / 2) * np.diag(start)
    assert np.abs(np.diag(relu["nngp"]) - grown).max() <= relu.stderr["nngp"].max()


@pytest.mark.slow
def kernels_by_angle(x: Array, y: Array) -> tuple[float, float]:
    """Return the kernels of `relu_pre_half` from an equation of the angle between states."""
    s, scale = 2.25, 0.25 * math.sqrt((x @ x) * (y @ y))
    start = math.atan2(float(np.linalg.norm(np.cross(x, y - x))), float(x @ y))

    def rates(tau: float, state: Array) -> list[float]:
        angle, tangent = state
        few = angle**2 / 3 + angle**4 / 45 if angle < 1e-3 else 1 - angle / math.tan(angle)
        left = math.pi - angle
        k = scale * math.exp(s * tau / 2) * (math.sin(angle) + left * math.cos(angle))
        return [-s / (2 * math.pi) * few, s / (2 * math.pi) * (k + left * tangent)]

    begin = [start, scale * math.cos(start)]
    found = solve_ivp(rates, (0, 1), begin, "DOP853", rtol=1e-13, atol=1e-300)
    angle, tangent = found.y[:, -1]
    covariance = scale * math.exp(s / 2) * math.cos(angle)
    return covariance, covariance + tangent


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 1e-12, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3])
def test_equal_and_nearly_equal_inputs(apart: float) -> None:
    """No error is below the true one; equal inputs have the kernel of each with itself."""
    x = np.array([1.0, 0.5, -1.0])
    rows = np.array([x, x + apart * np.array([0.3, -0.7, 0.2]), x])
    network = tpc.parse(text_of("relu_pre_half"))
    found = tpc.kernel(network, rows)
    for kind, wanted in zip(("nngp", "ntk"), kernels_by_angle(*rows[:2]), strict=True):
        assert abs(found[kind][0, 1] - wanted) <= found.stderr[kind][0, 1] <= 1e-7
        assert found[kind][0, 2] == pytest.approx(found[kind][0, 0], rel=1e-14)
    deep = tpc.kernel(network, rows, depth=3)
    long = tpc.kernel(tpc.parse(network.source.replace("depth L", "const L = 3")), rows)
    for kind in ("nngp", "ntk"):
        assert deep[kind][0, 2] == deep[kind][0, 0]
        off = np.abs(deep[kind] - long[kind])
        assert (off <= 1e-14 + 2 * deep.stderr[kind] + 2 * long.stderr[kind]).all()


@pytest.mark.slow
def test_second_inputs_are_blocks() -> None:
    network, inputs = tpc.parse(text_of("relu_pre_half")), np.array(CASES["linear_half"]["inputs"])
    whole = tpc.kernel(network, inputs)
    block = tpc.kernel(network, inputs[:1], inputs)
    for kind in ("nngp", "ntk"):
        assert np.abs(block[kind] - whole[kind][:1]).max() <= 2e-11


@pytest.mark.slow
def test_warnings() -> None:
    """A branch that is scaled too small, and weights that drop out of the tangent kernel."""
    frozen = TEXT.format(body=BODIES["linear_half"].replace("-1/2", "-1"))
    (told,) = tpc.kernel(tpc.parse(frozen), [[1.0, 0.0, 0.0]]).warnings
    assert "changes nothing in the limit" in told
    (told,) = tpc.kernel(tpc.parse(TEXT.format(body=MORE["mean"])), [[1.0, 0.0, 0.0]]).warnings
    assert "drop out of the tangent kernel" in told


@pytest.mark.slow
def test_depths_of_files() -> None:
    """The file says a depth, the caller another; rounds that differ are written out."""
    fixed = text_of("linear_half").replace("depth L", "depth L = 5")
    inputs = [[1.0, 0.5, -1.0]]
    growth = 0.25 * 2.25
    assert tpc.kernel(tpc.parse(fixed), inputs)["nngp"] == pytest.approx(
        growth * (1 + 1.44 / 5) ** 5
    )
    deep = tpc.kernel(tpc.parse(fixed), inputs, depth=math.inf)
    assert deep["nngp"] == pytest.approx(growth * math.exp(1.44), rel=1e-10)
    special = fixed.replace("W @ x[l]", "W @ relu(x[l] * (1 + l))")
    found = tpc.kernel(tpc.parse(special), inputs)
    assert found.methods["nngp"] == "exact"
    with pytest.raises(ValueError, match="has no depth"):
        tpc.kernel(tpc.parse(fixed.replace("depth L = 5", "const L = 5")), inputs, depth=4)


@pytest.mark.slow
def test_a_depth_may_be_a_multiple() -> None:
    """2 H rounds, each as large as one of H: s^2 tau goes to 2 s^2."""
    text = text_of("linear_half").replace("depth L", "depth H\ndepth L = 2 * H")
    text = text.replace("L^(-1/2)", "H^(-1/2)")
    inputs = [[1.0, 0.5, -1.0]]
    found = tpc.kernel(tpc.parse(text), inputs)
    assert found["nngp"] == pytest.approx(0.25 * 2.25 * math.exp(2.88), rel=1e-10)
    deep = tpc.kernel(tpc.parse(text), inputs, depth=3)
    assert deep["nngp"] == pytest.approx(0.25 * 2.25 * (1 + 1.44 / 3) ** 6)
    same = tpc.kernel(tpc.parse(text.replace("H^(-1/2)", "L^(-1/2)")), inputs)
    assert same["nngp"] == pytest.approx(0.25 * 2.25 * math.exp(1.44), rel=1e-10)


@pytest.mark.slow
def test_a_state_in_the_middle() -> None:
    """x[L / 2] is what half as strong rounds make of x[0]; of an odd depth it is rounded."""
    inputs = CASES["linear_half"]["inputs"]
    fresh, shared = text_of("relu_pre_half"), text_of("erf_tied_alpha1")
    weaker = fresh.replace("mult=1.5", "mult=1.5 / sqrt(2)"), shared.replace("1.4", "0.7")
    for text, same in zip((fresh, shared), weaker, strict=True):
        found = tpc.kernel(tpc.parse(text.replace("x[L]", "x[L / 2]")), inputs)
        wanted = tpc.kernel(tpc.parse(same), inputs)
        for kind in ("nngp", "ntk"):
            assert np.abs(found[kind] - wanted[kind]).max() <= 1e-12
    half = fresh.replace("x[L]", "x[L / 2]")
    for depth, middle in ((6, 3), (5, 2)):
        deep = tpc.kernel(tpc.parse(half), inputs, depth=depth)
        long = half.replace("depth L", f"const L = {depth}").replace("L / 2", str(middle))
        assert deep.methods["ntk"] == "recursion"
        assert np.abs(deep["ntk"] - tpc.kernel(tpc.parse(long), inputs)["ntk"]).max() <= 1e-12
    for last in ("x[2]", "(x[L / 2] + x[L])"):
        with pytest.raises(tpc.ProgramError, match="TP507"):
            tpc.kernel(tpc.parse(fresh.replace("x[L]", last)), inputs)


def test_depth_is_no_reserved_word() -> None:
    program = tpc.parse("dim n\ndepth = 3\nvector path : n\noutput c = depth * avg(square(path))")
    assert tpc.run(program)["c"] == 3


@pytest.mark.parametrize("depth", ["depth L", "depth L = 8"])
@pytest.mark.slow
def test_a_depth_without_a_loop_is_no_depth(depth: str) -> None:
    text = "dim n\n{}input xi[3]\nweight U[3], v : n\nreadout f = v * relu(U @ xi)\n"
    plain = tpc.kernel(tpc.parse(text.format("")), [[1.0, 2.0, 3.0]])
    for asked in (None, 4):
        found = tpc.kernel(tpc.parse(text.format(f"{depth}\n")), [[1.0, 2.0, 3.0]], depth=asked)
        assert found["ntk"] == plain["ntk"]
