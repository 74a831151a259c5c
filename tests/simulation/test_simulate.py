"""Finite runs against identities that hold at every width, and against loops."""

import numpy as np
import pytest

from tests.simulation.finite_programs import Sketch
from tpc.diagnostics import UsageError
from tpc.program.nodes import Node
from tpc.program.program import Program
from tpc.simulation import blocks
from tpc.simulation.simulate import simulate
from tpc.simulation.streams import stream


def assert_within(value: object, error: object, truth: object, sigmas: float = 5.0) -> None:
    """Assert that an estimate is within its standard errors of the truth."""
    difference = np.abs(np.asarray(value) - np.asarray(truth))
    assert np.all(np.asarray(error) > 0)
    assert np.all(difference <= sigmas * np.asarray(error)), difference / np.asarray(error)


def vector_draw(name: str, shape: tuple[int, ...], width: int, seed: int = 0) -> np.ndarray:
    """Return the standard normal entries of a vector in the first trial."""
    return stream(seed, width, 0, name).standard_normal((width, *shape))


@pytest.mark.slow
def test_matmul_keeps_the_norm_on_average() -> None:
    """E <Wx|Wx> = s^2 <x|x> and E <W.T Wx|x> = s^2 <x|x> at every width."""
    b = Sketch()
    x = b.vector("x", (2,), covariance=[[1.0, 0.3], [0.3, 2.0]])
    w = b.matrix("W", variance=1.7)
    h = b.matmul(w, False, x)
    back = b.matmul(w, True, h)
    result = simulate(b.program(K=b.inner(h, h), B=b.inner(x, back)), 24, trials=600)
    truth = 1.7 * np.array([[1.0, 0.3], [0.3, 2.0]])
    assert_within(result["K"], result.stderr["K"], truth)
    np.testing.assert_allclose(result["B"], result["K"], rtol=1e-12)


@pytest.mark.slow
def test_rectangular_matrix_divides_its_variance_by_the_columns() -> None:
    """A : n x m, variances 1/m: E <A.T v|A.T v> = n/m <v|v>."""
    b = Sketch(m=2)
    v = b.vector("v")
    a = b.matrix("A", "n", "m")
    down = b.matmul(a, True, v)
    up = b.matmul(a, False, down)
    result = simulate(b.program(D=b.inner(down, down), U=b.inner(v, up)), 20, trials=800)
    assert_within(result["D"], result.stderr["D"], 0.5)
    assert_within(result["U"], result.stderr["U"], 1.0)  # here divided by n, not m


@pytest.mark.slow
def test_marchenko_pastur_second_moment_at_width_n() -> None:
    """S = A A.T, A : n x m: E tr(S S)/n = 1 + n/m + 1/m."""
    b = Sketch(m=2)
    v = b.vector("v")
    a = b.matrix("A", "n", "m")
    s = b.matmul(a, False, b.matmul(a, True, v))
    result = simulate(b.program(second=b.inner(s, s)), 30, trials=800)
    assert_within(result["second"], result.stderr["second"], 1 + 0.5 + 1 / 60)


@pytest.mark.slow
def test_vector_output_has_mean_and_covariance() -> None:
    b = Sketch()
    covariance = [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.5]]  # singular
    z = b.vector("z", (3,), mean=[1.0, -2.0, 0.0], covariance=covariance)
    result = simulate(b.program(z=z), 50, trials=400)
    value, error = result["z"], result.stderr["z"]
    assert_within(value["mean"], error["mean"], [1.0, -2.0, 0.0])
    unbiased = np.array(covariance) * 49 / 50
    free = unbiased != 0
    assert_within(value["cov"][free], error["cov"][free], unbiased[free])
    np.testing.assert_allclose(value["cov"][0, 0], value["cov"][0, 1], rtol=1e-9)


def test_vector_output_is_numpys_covariance_of_one_draw() -> None:
    b = Sketch()
    x = b.vector("x", (2,))
    value = simulate(b.program(y=b.apply("tanh", x)), 17, trials=1)["y"]
    y = np.tanh(vector_draw("x", (2,), 17))
    np.testing.assert_allclose(value["mean"], y.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(value["cov"], np.cov(y.T, ddof=0), rtol=1e-12)


@pytest.mark.slow
def test_readout_is_the_scaled_sum_uncentred() -> None:
    """The readout f = n^(-1/2) sum of v x has E f f^T = <x|x> for x of second moment C."""
    b = Sketch()
    v = b.vector("v")
    second = np.array([[2.0, 0.5], [0.5, 1.0]])
    x = b.vector("x", (2,), mean=[1.0, 0.0], covariance=second - np.diag([1.0, 0.0]))
    result = simulate(b.program(readouts={"f": b.mul(b.expand(v, (0,)), x)}), 9, trials=2000)
    assert_within(result["f"], result.stderr["f"], second)
    assert result["f"].shape == (2, 2)


def test_readout_is_not_centred() -> None:
    b = Sketch()
    x = b.vector("x", mean=3.0, covariance=0.0)
    result = simulate(b.program(readouts={"f": x}), 16, trials=3)
    assert result["f"] == pytest.approx(16 * 9)


def outer(b: Sketch, x: Node, y: Node) -> dict[str, Node]:
    """Averages over one and two coordinates, with and without the free one."""
    xj, yj, yl = b.row(x, "j"), b.row(y, "j"), b.row(y, "l")
    pair = b.apply("tanh", b.add(b.mul(x, xj), yj))
    triple = b.apply("sin", b.add(pair, b.mul(yl, x)))
    rows = b.exp(b.neg(b.apply("square", b.sub(xj, b.row(x, "l")))))
    return {
        "pair": b.mean(pair, ("j",)),
        "pair_all": b.mean(pair, ("", "j")),
        "triple": b.mean(triple, ("j", "l")),
        "rows": b.mean(rows, ("j", "l")),
        "single": b.mean(b.apply("square", xj), ("j",)),
        "nested": b.mean(b.mul(xj, b.mean(triple, ("l",))), ("j",)),
        "swapped": b.mean(b.mul(yj, b.mean(b.apply("abs", b.sub(x, xj)), ("",))), ("j",)),
    }


@pytest.mark.parametrize("budget", [1, 100, 1 << 16])
def test_means_over_coordinates_against_loops(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SMALLEST_BLOCK", budget)
    monkeypatch.setattr(blocks, "LARGEST_BLOCK", budget)
    width = 7
    b = Sketch()
    named = outer(b, b.vector("x"), b.vector("y"))
    scalars = {
        name: b.inner(node, node) if node.is_vector else node for name, node in named.items()
    }
    result = simulate(b.program(**scalars), width, trials=1)
    x, y = vector_draw("x", (), width), vector_draw("y", (), width)
    wanted = {name: np.zeros(width) for name in ("pair", "triple", "nested")}
    rows = swapped = 0.0
    for i in range(width):
        for j in range(width):
            pair = np.tanh(x[i] * x[j] + y[j])
            wanted["pair"][i] += pair / width
            rows += np.exp(-((x[i] - x[j]) ** 2)) / width**2
            swapped += y[j] * abs(x[i] - x[j]) / width**2
            for l in range(width):  # noqa: E741
                triple = np.sin(pair + y[l] * x[i])
                wanted["triple"][i] += triple / width**2
                wanted["nested"][i] += x[j] * triple / width**2
    for name, value in wanted.items():
        assert result[name] == pytest.approx(value @ value / width, rel=1e-12), name
    assert result["pair_all"] == pytest.approx(wanted["pair"].mean(), rel=1e-12)
    assert result["single"] == pytest.approx(np.mean(x**2), rel=1e-12)
    assert result["rows"] == pytest.approx(rows, rel=1e-12)
    assert result["swapped"] == pytest.approx(swapped, rel=1e-12)


def test_mean_with_constant_axes_against_einsum() -> None:
    """Multi-vectors: attention-like weights between coordinates, contracted inside the body."""
    width = 9
    b = Sketch()
    q, k, v = b.vector("q", (2,)), b.vector("k", (3,)), b.vector("v", (3, 2))
    scores = b.mul(b.expand(q, (1,)), b.expand(b.row(k, "j"), (0,)))  # (2, 3) at free and j
    mixed = b.contract(b.softmax(scores), b.row(v, "l"))  # (2, 2) at free, j and l
    output = b.mean(mixed, ("j", "l"))
    result = simulate(b.program(K=b.inner(output, output)), width, trials=1)
    draw = {name: vector_draw(name, shape, width) for name, shape in
            (("q", (2,)), ("k", (3,)), ("v", (3, 2)))}  # fmt: skip
    weights = np.exp(np.einsum("ia,jb->ijab", draw["q"], draw["k"]))
    weights /= weights.sum(axis=-1, keepdims=True)
    y = np.einsum("ijab,lbc->iac", weights, draw["v"]) / width**2
    np.testing.assert_allclose(result["K"], np.einsum("iac,ide->acde", y, y) / width, rtol=1e-12)


def layer_norm(draws: int = 4) -> Program:
    """A program with scalars inside nonlinearities, reductions, indexing and a matrix reused."""
    b = Sketch()
    w, u = b.matrix("W", variance=2.0), b.matrix("U")
    h = b.matmul(w, False, b.vector("x", (draws,)))
    centred = b.sub(h, b.mean(h))
    normed = b.div(centred, b.apply("sqrt", b.mean(b.apply("square", centred))))
    back = b.matmul(w, True, b.matmul(u, False, b.apply("relu", normed)))
    worst = b.reduce("amax", back, (0,))
    return b.program(
        one=b.mean(b.apply("square", normed)), K=b.inner(back, normed), worst=worst,
        last=b.take(back, (-1,)), total=b.reduce("sum", b.inner(back, back)),
    )  # fmt: skip


def test_layer_norm_normalises_at_every_width() -> None:
    result = simulate(layer_norm(), 12, trials=3)
    np.testing.assert_allclose(result["one"], np.ones(4), rtol=1e-12)
    assert np.all(np.asarray(result.stderr["one"]) < 1e-12)


def test_runs_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    program = layer_norm()
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    alone = simulate(program, 40, trials=6)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    together = simulate(program, 40, trials=6)
    np.testing.assert_allclose(together["K"], alone["K"], rtol=1e-12)
    np.testing.assert_allclose(together["worst"]["cov"], alone["worst"]["cov"], rtol=1e-12)


def test_another_declaration_changes_no_draw() -> None:
    def build(more: bool) -> Program:
        b = Sketch()
        if more:
            extra = b.matmul(b.matrix("A"), False, b.vector("a"))
        w = b.matrix("W")
        h = b.matmul(w, False, b.vector("x"))
        outputs = {"h": h, "K": b.inner(h, h)}
        return b.program(**({"extra": extra} if more else {}), **outputs)

    few, many = (simulate(build(more), 10, trials=2) for more in (False, True))
    np.testing.assert_array_equal(few["h"]["cov"], many["h"]["cov"])
    np.testing.assert_array_equal(few["K"], many["K"])


def test_names_trials_widths_and_seeds_have_their_own_streams() -> None:
    keys = [(0, 8, 0, "x"), (0, 8, 0, "y"), (0, 8, 1, "x"), (0, 9, 0, "x"), (1, 8, 0, "x")]
    first = [stream(*key).standard_normal() for key in keys]
    assert len(set(first)) == len(keys)
    assert stream(*keys[0]).standard_normal() == first[0]


def scaled() -> Program:
    """Variances and covariances made of parameters."""
    b = Sketch()
    s, c = b.param("s", 2.0), b.param("c", [[1.0, 0.0], [0.0, 1.0]])
    z = b.vector("z", (2,), covariance=c)
    h = b.matmul(b.matrix("W", variance=b.apply("square", s)), False, z)
    return b.program(K=b.inner(h, h), s=b.mul(s, b.number(3.0)))


def test_parameters_scale_what_they_set() -> None:
    program = scaled()
    usual = simulate(program, 8, trials=4)
    tripled = simulate(program, 8, trials=4, params={"s": 6.0})
    np.testing.assert_allclose(tripled["K"], 9 * np.asarray(usual["K"]), rtol=1e-12)
    assert tripled["s"] == 18.0
    assert tripled.stderr["s"] == 0.0
    assert tripled.params["s"] == 6.0
    np.testing.assert_array_equal(usual.params["c"], np.eye(2))
    rescaled = simulate(program, 8, trials=4, params={"c": [[4, 0], [0, 4]]})
    np.testing.assert_allclose(rescaled["K"], 4 * np.asarray(usual["K"]), rtol=1e-12)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"t": 1.0}, "no parameter `t`: it has s, c"),
        ({"s": [1.0, 2.0]}, "`s` is a number, not of shape (2,)"),
        ({"s": "large"}, "`s` takes numbers"),
        ({"s": None}, "`s`"),
        ({"s": float("inf")}, "`s` must be finite"),
        ({"c": [[1, 2], [3]]}, "`c` takes numbers"),
        ({"c": [[1, 0], [0, -1]]}, "covariance of `z` is not positive semidefinite"),
        ({"c": [[1, 0.5], [0, 1]]}, "covariance of `z` is not positive semidefinite"),
    ],
)
def test_unsuitable_parameters_are_named(params: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        simulate(scaled(), 4, params=params)
    assert words in str(caught.value)


def test_negative_variance_is_named() -> None:
    b = Sketch()
    s = b.param("s", 1.0)
    program = b.program(h=b.matmul(b.matrix("W", variance=s), False, b.vector("x")))
    with pytest.raises(UsageError, match="variance of `W` is -1"):
        simulate(program, 4, params={"s": -1})


def test_progress_counts_trials() -> None:
    seen: list[tuple[int, int]] = []
    simulate(layer_norm(), 4, trials=5, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 5) for done in range(1, 6)]


def test_one_trial_has_no_error_estimate() -> None:
    b = Sketch()
    result = simulate(b.program(c=b.number(2.0), m=b.mean(b.vector("x"))), 4, trials=1)
    assert result.stderr["c"] == 0.0
    assert np.isnan(result.stderr["m"])
    assert (result.method, result.samples, result.seed, result.width) == ("dense", 1, 0, 4)


def test_undefined_values_are_nan_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    b = Sketch()
    x = b.vector("x")
    singular = b.linear_algebra("inv", b.constant(np.zeros((2, 2))))
    result = simulate(b.program(log=b.mean(b.apply("log", x)), inverse=singular), 40, trials=2)
    assert np.isnan(result["log"])
    assert np.isnan(result["inverse"]).all()
    assert not recwarn.list


@pytest.mark.slow
def test_a_deep_program_runs() -> None:
    """No recursion: ten thousand operations in a row."""
    b = Sketch()
    x: Node = b.vector("x")
    for _ in range(10_000):
        x = b.apply("sin", x)
    assert abs(simulate(b.program(m=b.mean(x)), 3, trials=1)["m"]) < 0.1


@pytest.mark.parametrize(("width", "trials", "seed"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_nonsense_sizes_are_refused(width: int, trials: int, seed: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        simulate(layer_norm(), width, trials, seed)
