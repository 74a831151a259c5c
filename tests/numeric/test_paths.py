"""Networks driven by paths: published kernels, signatures, a program of three lines, NumPy."""

import importlib.util
import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import tpc
from tests.marks import slow_where
from tpc.command_line.cli import main
from tpc.network.paths import steps

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "depth"
REFERENCE = ROOT / "tests" / "reference" / "depth.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))["paths"]
PATHS = CASES["signature_linear"]["inputs"]

Array = npt.NDArray[np.float64]

TEXT = """
dim n
depth L
input path xi[2]
weight z, v : n
{outside}
x[0] = z
for l in range(L):
{body}
readout f = v * x[L]
"""


def tied(function: str) -> str:
    """Return the text of a controlled equation whose rounds share their matrices."""
    step = f"A0 @ {function}(x[l]) * xi.step[l][0] + A1 @ {function}(x[l]) * xi.step[l, 1]"
    return TEXT.format(outside="weight A0, A1 : n x n", body=f"    x[l + 1] = x[l] + {step}")


FRESH = TEXT.format(
    outside="",
    body="""    weight A[2] : n x n
    x[l + 1] = x[l] + L^(1/2) * ((A @ relu(x[l])) @ xi.step[l])""",
)
TEXTS = {
    "signature_linear": tied(""),
    "signature_relu": tied("relu"),
    "controlled_fresh_relu": FRESH,
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_published_kernels(case: str) -> None:
    """Never farther off than stated on both sides; depth 64 to 1e-9."""
    known, network = CASES[case], tpc.parse(TEXTS[case])
    found = tpc.kernel(network, known["inputs"])
    off = np.abs(found["nngp"] - np.array(known["nngp"]))
    assert (off <= found.stderr["nngp"] + known["error"]).all()
    assert off.max() <= 1e-8 + known["error"]
    if "depth64" in known:
        deep = tpc.kernel(network, known["inputs"], depth=64)
        assert np.abs(deep["nngp"] - np.array(known["depth64"])).max() <= 1e-9


def relu_pair(variances: tuple[float, float], covariance: float) -> float:
    """Return E relu(u) relu(w)."""
    scale = math.sqrt(variances[0] * variances[1])
    rho = min(1.0, max(-1.0, covariance / scale))
    angle = math.acos(rho)
    return scale * (math.sin(angle) + (math.pi - angle) * rho) / (2 * math.pi)


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.slow
def test_rounds_of_a_finite_depth(share: bool) -> None:
    """Steps are those of the polygon, also where the depth is no multiple of its segments."""
    rounds, segments = 5, 2
    moves = []
    for path in np.array(PATHS):
        times = np.linspace(0, segments, rounds + 1)
        axes = [np.interp(times, range(segments + 1), path[:, axis]) for axis in range(2)]
        moves.append(np.diff(np.array(axes).T, axis=0))
    diagonal: dict[tuple[int, int], float] = {}
    wanted = np.zeros((2, 2))
    for a, b in ((0, 0), (1, 1), (0, 1)):
        plane = np.ones((rounds + 1, rounds + 1))
        for s, t in product(range(rounds), repeat=2):
            if a == b:
                diagonal[a, s] = plane[s, s]
            pair = (diagonal.get((a, s), plane[s, s]), diagonal.get((b, t), plane[t, t]))
            if a == b and t > s:
                continue
            added = relu_pair(pair, plane[s, t]) * (moves[a][s] @ moves[b][t])
            if share:
                before = plane[s + 1, t] + plane[s, t + 1] - plane[s, t]
                plane[s + 1, t + 1] = before + added
            elif s == t:
                plane[s + 1, t + 1] = plane[s, t] + added * rounds
            if a == b:
                plane[t + 1, s + 1] = plane[s + 1, t + 1]
        wanted[a, b] = wanted[b, a] = plane[-1, -1]
    found = tpc.kernel(tpc.parse(tied("relu") if share else FRESH), PATHS, depth=rounds)
    assert set(found.methods.values()) == {"recursion"}
    assert np.abs(found["nngp"] - wanted).max() <= 1e-12


@pytest.mark.parametrize("text", slow_where(lambda text: text != FRESH, TEXTS.values()))
@pytest.mark.slow
def test_rounds_are_those_of_the_text(text: str) -> None:
    """Written out, the input is the steps of all rounds."""
    same = "    if l == 0: y[l] = x[l]\n    if l > 0: y[l] = 0.5 * x[l] + 0.5 * x[l]\n"
    special = text.replace("for l in range(L):\n", f"for l in range(L):\n{same}")
    special = special.replace("= x[l] +", "= y[l] +")
    deep, long = (tpc.kernel(tpc.parse(one), PATHS, depth=3) for one in (text, special))
    assert set(deep.methods.values()) == {"recursion"}
    assert set(long.methods.values()) == {"exact"}
    for kind in ("nngp", "ntk"):
        assert np.abs(deep[kind] - long[kind]).max() <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_half_of_the_rounds_know_half_of_a_path(case: str) -> None:
    text, half = TEXTS[case], np.array(PATHS)[:, :2]
    for depth in (math.inf, 8):
        found = tpc.kernel(tpc.parse(text.replace("x[L]", "x[L / 2]")), PATHS, depth=depth)
        slower = text.replace("L^(1/2)", "(2 * L)^(1/2)")
        wanted = tpc.kernel(tpc.parse(slower), half, depth=depth / 2)
        for kind in ("nngp", "ntk"):
            assert np.abs(found[kind] - wanted[kind]).max() <= 1e-8


@pytest.mark.parametrize("text", slow_where(lambda text: text != FRESH, TEXTS.values()))
@pytest.mark.slow
def test_loops_that_run_backward(text: str) -> None:
    """Rounds take the steps of a path from its last one on."""
    back = text.replace("x[0]", "x[L]").replace("range(L)", "range(L - 1, -1, -1)")
    back = back.replace("x[l]", "x[?]").replace("x[l + 1]", "x[l]").replace("x[?]", "x[l + 1]")
    back = back.replace("v * x[L]", "v * x[0]")
    turned = np.array(PATHS)[:, ::-1]
    found = tpc.kernel(tpc.parse(back), PATHS, depth=3)
    wanted = tpc.kernel(tpc.parse(text), -turned, depth=3)
    same = "    if l == 0: y[l] = x[l + 1]\n    if l > 0: y[l] = 0.5 * x[l + 1] + 0.5 * x[l + 1]\n"
    special = back.replace("-1):\n", f"-1):\n{same}").replace("= x[l + 1] +", "= y[l] +")
    long = tpc.kernel(tpc.parse(special), PATHS, depth=3)
    for kind in ("nngp", "ntk"):
        assert np.abs(found[kind] - wanted[kind]).max() <= 1e-12
        assert np.abs(found[kind] - long[kind]).max() <= 1e-12
    if text == FRESH:
        flow, same = tpc.kernel(tpc.parse(back), PATHS), tpc.kernel(tpc.parse(text), -turned)
        assert np.abs(flow["ntk"] - same["ntk"]).max() <= 1e-9


@pytest.mark.slow
def test_training_takes_steps() -> None:
    """A block's paths are the steps of rounds, as a network that is given these."""
    block = """
train f:
    data X, [1.0, -0.5]
    loss mse
    optimizer sgd(lr=0.05)
    parametrization mup
    steps 2
"""
    driven = tied("") + block
    plain = driven.replace("input path xi[2]", "input xi[3, 2]").replace("xi.step[", "xi[")
    plain = plain.replace("depth L", "const L = 3")
    results = []
    for text, rows in ((driven, np.array(PATHS)), (plain, steps(np.array(PATHS), 3))):
        given = text.replace("dim n", f"dim n\nconst X = {rows.tolist()}")
        results.append(tpc.train(tpc.parse(given, depth=3) if text == driven else tpc.parse(given)))
    assert np.array_equal(results[0]["f"], results[1]["f"])
    flat = driven.replace("dim n", "dim n\nconst X = [[1, 2], [3, 4]]")
    with pytest.raises(tpc.ProgramError, match="vertices"):
        tpc.parse(flat, depth=3)


@pytest.mark.slow
def test_paths_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(EXAMPLES / "signature_kernel.tp")]) == 0
    assert "one path, by its velocity xi of shape (2,)" in capsys.readouterr().out


def signature(path: Array, levels: int) -> list[Array]:
    """Return the first levels of a polygon's signature, by Chen's identity."""
    found = [np.ones(())] + [np.zeros((2,) * level) for level in range(1, levels + 1)]
    for move in np.diff(path, axis=0):
        segment = [np.ones(())]
        for level in range(1, levels + 1):
            segment.append(np.multiply.outer(segment[-1], move) / level)
        found = [
            sum((np.multiply.outer(found[k], segment[n - k]) for k in range(n + 1)), np.zeros(()))
            for n in range(levels + 1)
        ]
    return found


def signature_kernel(paths: Array, levels: int) -> Array:
    """Return the sum over levels of products of signatures."""
    flat = [np.concatenate([x.ravel() for x in signature(path, levels)]) for path in paths]
    return np.array(flat) @ np.array(flat).T


@pytest.mark.slow
def test_signature_kernel() -> None:
    """Linear and tied, it is the sum over levels of products of signatures."""
    rng = np.random.default_rng(0)
    paths = rng.standard_normal((2, 4, 2)).cumsum(axis=1) * 0.4
    network, wanted = tpc.parse(tied("")), signature_kernel(paths, 12)
    found = tpc.kernel(network, paths)
    alone = tpc.kernel(network, paths[:1], paths, kind="nngp")
    assert np.abs(found["nngp"] - wanted).max() <= min(1e-8, found.stderr["nngp"].max())
    assert np.abs(alone["nngp"] - wanted[:1]).max() <= 1e-8


@pytest.mark.slow
def test_strokes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example: the kernel of its strokes by signatures, and their digits."""
    name = EXAMPLES / "strokes.py"
    spec = importlib.util.spec_from_file_location(name.stem, name)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    paths, digits = example.strokes(writers=4)
    kernel = signature_kernel(paths, 10)
    assert (digits[example.nearest(kernel)] == digits).mean() >= 0.8
    np.save(tmp_path / "strokes.npy", paths[:3])
    words = ["--inputs", str(tmp_path / "strokes.npy"), "--kind", "nngp", "--json"]
    assert main(["kernel", str(EXAMPLES / "signature_kernel.tp"), *words]) == 0
    shown = json.loads(capsys.readouterr().out)["outputs"]["nngp"]
    assert shown["method"] == "pde"
    wanted = signature_kernel(paths[:3], 10)
    assert np.abs(shown["value"] - wanted).max() <= 1e-7
