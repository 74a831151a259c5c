"""The methods of evaluators against each other, closed forms and integrals by hand."""

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tpc
from tests.numeric.agreement import flat
from tpc.driver.shown import ShownLimit
from tpc.limit.derive import derive_limit
from tpc.program.passes import normalise
from tpc.program.program import Program

EXAMPLES = Path(__file__).parents[2] / "examples"

PROGRAMS = {
    "weights shared by layers, transposed": """
        dim n
        vector x : n
        matrix W : n x n ~ normal(0, 1.2 / n)
        h1 = W @ x
        h2 = W @ tanh(h1)
        d2 = gelu'(h2) + h1
        d1 = (W.T @ d2) * sigmoid(h1)
        k = W.T @ d1
        output a = <k|x>
        output b = <d1|d1>
        """,
    "two columns, a mean and a covariance": """
        dim n
        param shift = 0.2
        const A = [[1.0, 0.5], [-0.4, 0.9]]
        vector z[2] : n ~ normal([0.3, -0.1], [[1, 0.5], [0.5, 1]])
        vector v : n
        matrix W : n x n
        h = W @ tanh(z @ A + shift)
        g = sin(h) * v + softmax(h)
        output g
        k = W.T @ g
        output K = <k|z>
        """,
    "rectangular, with outer nonlinearities": """
        dim n
        dim m = 2 * n
        vector u, w : m
        vector g : n
        matrix W : n x m ~ normal(0, 1.5 / m)
        h = W @ tanh(u)
        y = mean[j](tanh(h * g[j] + g))
        z = mean[j, k](sin(h[j] * g[k] + h))
        t = W.T @ (y + z)
        output c = <t|u>
        output d = <t|t>
        output b = avg(y * z)
        readout f = w * tanh(t)
        """,
    "layer norms": """
        dim n
        vector u : n
        matrix W, V : n x n
        def layernorm(h) = (h - avg(h)) / sqrt(avg(square(h - avg(h))) + 1e-5)
        x = layernorm(tanh(W @ u) + u)
        y = layernorm(V @ x + x)
        output K = <y|tanh(y)>
        """,
}


def parse(text: str) -> Program:
    return tpc.parse("\n".join(line.strip() for line in text.strip().split("\n")))


@pytest.fixture
def without_closed_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Program], ModuleType]:
    """Return what makes evaluators that estimate all expectations."""

    def make(program: Program) -> ModuleType:
        limit = ShownLimit.of(derive_limit(normalise(program), integrate=False))
        path = tmp_path / "evaluator_without_closed_forms.py"
        path.write_text(tpc.emit(limit), encoding="utf-8")
        spec = spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
        return module

    return make


@pytest.fixture(scope="module")
def shallow() -> tuple[ModuleType, dict[str, np.ndarray]]:
    """Two steps of SGD, and their limit by quadrature."""
    module = tpc.evaluator(tpc.load(EXAMPLES / "mup_sgd_shallow.tp"))
    return module, dict(module.evaluate(method="quadrature", samples=2**18).values)


@pytest.mark.slow
def test_two_steps_of_sgd_by_hand(shallow: tuple[ModuleType, dict[str, np.ndarray]]) -> None:
    """Quadrature has ten digits of the integral over three Gaussians."""
    _, found = shallow
    x, y = np.array([[1.0, 0.5], [-0.4, 0.9]]), np.array([1.0, -0.5])
    z = np.arange(-9.45, 9.5, 0.14)
    density = np.exp(-(z**2) / 2)
    density /= density.sum()
    weights = np.einsum("i,j,k->ijk", density, density, density).ravel()
    keep = weights > 1e-20
    grid = np.stack(np.meshgrid(z, z, z, indexing="ij"), axis=-1).reshape(-1, 3)[keep]
    weights, u, v = weights[keep], grid[:, :2], grid[:, 2]
    for step in range(3):
        h = np.tanh(u @ x.T)
        f = (weights * v) @ h
        np.testing.assert_allclose(found[f"f[{step}]"], f, rtol=0, atol=1e-10)
        np.testing.assert_allclose(found[f"K[{step}]"], (h.T * weights) @ h, rtol=0, atol=1e-10)
        u = u - 0.5 * ((f - y) * v[:, None] * (1 - h**2)) @ x
        v = v - 0.5 * h @ (f - y)


@pytest.mark.slow
def test_sobol_points_are_far_tighter(
    shallow: tuple[ModuleType, dict[str, np.ndarray]],
) -> None:
    module, limit = shallow
    seeds = range(10)
    for name, value in limit.items():
        if module.evaluate(samples=32).methods[name] == "exact":
            continue
        sizes = []
        for method in ("mc", "qmc"):
            runs = [module.evaluate(method=method, seed=seed)[name] for seed in seeds]
            sizes.append(np.sqrt(np.mean((np.array(runs) - value) ** 2)))
        assert sizes[0] > 20 * sizes[1], f"{name}: {sizes}"


@pytest.mark.slow
@pytest.mark.parametrize("title", PROGRAMS)
def test_methods_agree(title: str) -> None:
    program = parse(PROGRAMS[title])
    module = tpc.evaluator(program)
    limit = module.evaluate(method="auto", samples=2**14)
    assert "quadrature" in limit.methods.values()
    samples = 2**12 if program.dialect == "nexort" else 2**14
    for method in ("mc", "qmc"):
        runs = [module.evaluate(method=method, samples=samples, seed=s) for s in range(6)]
        for name, value in flat(limit.values):
            if limit.methods[name.split(".")[0]] != "quadrature":
                continue
            errors = np.array([dict(flat(run.values))[name] - value for run in runs])
            stated = np.array([dict(flat(run.stderr))[name] for run in runs])
            assert runs[0].methods[name.split(".")[0]] == method
            # 42 degrees of freedom: 5.5 is passed once in 10^5.
            bound = 5.5 * np.sqrt(np.mean(stated**2, axis=0) / 6) + dict(flat(limit.stderr))[name]
            assert (np.abs(errors.mean(axis=0)) < bound + 1e-12).all(), (method, name)


@pytest.mark.slow
def test_forms_of_dots_agree_on_grids() -> None:
    """The derivative form and Stein's lemma are two integrals of the same value."""
    program = parse(PROGRAMS["weights shared by layers, transposed"])
    one, two = (
        tpc.evaluator(program, dot=dot).evaluate(method="auto") for dot in ("derivative", "stein")
    )
    assert set(one.methods.values()) | set(two.methods.values()) == {"quadrature"}
    for name, value in one.values.items():
        assert one.stderr[name] < 1e-6
        apart = abs(value - two.values[name])
        assert apart <= 2 * (one.stderr[name] + two.stderr[name]) + 1e-10


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ("output c = <erf(h)|erf(h)>", 2 / np.pi * np.arcsin(2 / 3)),
        ("output c = avg(cos(h) * exp(g))", np.exp(0.0)),
        ("output c = <sin(h + g)|g>", np.exp(-1.0)),
        ("k = W.T @ tanh(h)\noutput c = <k|g> / avg(1 - square(tanh(h)))", 1.0),
        ("output c = avg(h ^ 4 * square(W @ h))", 3.0),
        ("output c = avg(mean[j](cos(h * g[j])))", 1 / np.sqrt(2)),
    ],
)
@pytest.mark.slow
def test_grids_have_twelve_digits(
    body: str, limit: float, without_closed_forms: Callable[[Program], ModuleType]
) -> None:
    program = parse(f"dim n\nvector g : n\nmatrix W : n x n\nh = W @ g\n{body}")
    module = without_closed_forms(program)
    result = module.evaluate(method="quadrature")
    assert result.methods == {"c": "quadrature"}
    assert result["c"] == pytest.approx(limit, rel=1e-12)
    assert result.stderr["c"] < 1e-10


@pytest.mark.slow
def test_closed_forms_and_grids_agree(
    without_closed_forms: Callable[[Program], ModuleType],
) -> None:
    program = tpc.load(EXAMPLES / "tied_rnn.tp")
    params = {"varw": 1.1, "varu": 0.7}
    closed = tpc.evaluator(program).evaluate(method="auto", **params)
    grids = without_closed_forms(program).evaluate(method="auto", samples=2**14, **params)
    assert set(closed.methods.values()) == {"exact"}
    assert grids.methods["K[0,0]"] == grids.methods["K[1,1]"] == "quadrature"
    for name, value in closed.values.items():
        allowed = 8 * grids.stderr[name] if grids.methods[name] == "qmc" else grids.stderr[name]
        assert (np.abs(grids[name] - value) <= allowed + 1e-12).all(), name


@pytest.mark.slow
def test_a_deep_program_needs_no_union_of_its_layers() -> None:
    """A hundred layers draw a hundred Gaussians; each expectation depends on two."""
    layers = "".join(
        f"matrix W{i} : n x n\nh{i + 1} = W{i} @ tanh(1.5 * h{i}) + 0.3 * b\n" for i in range(100)
    )
    program = parse(f"dim n\nvector h0, b : n\n{layers}\noutput K = <h100|b * tanh(h100)>")
    result = tpc.evaluator(program).evaluate(method="quadrature", samples=2**10)
    assert result.stderr["K"] < 1e-8
    runs = [tpc.evaluator(program).evaluate(method="mc", samples=2**14, seed=s) for s in range(4)]
    error = np.sqrt(np.mean([run.stderr["K"] ** 2 for run in runs]) / 4)
    assert abs(np.mean([run["K"] for run in runs]) - result["K"]) < 5 * error
