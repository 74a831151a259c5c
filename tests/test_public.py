"""The names of `import tpc`, as a user's script meets them."""

import dataclasses
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tpc

TEXT = """\
program "There and back"
dim n
param s = 1.0
vector v : n
matrix W : n x n ~ normal(0, s^2 / n)
x = relu(W @ v)
y = W.T @ x
output overlap = <v|y>
output y
readout f = v * 2
"""


def test_what_is_offered_and_what_is_not() -> None:
    assert set(tpc.__all__) <= set(dir(tpc))
    assert all(getattr(tpc, name) is not None for name in tpc.__all__)
    assert not hasattr(tpc, "unroll")


@pytest.mark.slow
def test_closed_forms_of_expectations_are_an_attribute() -> None:
    """In a process of its own, since an import anywhere would bind the name too."""
    code = "import sys, tpc\nassert 'sympy' not in sys.modules\nprint(tpc.gaussian.expect.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "expect\n"


def test_no_module_hides_a_public_name() -> None:
    """Loading a module binds its name in the package."""
    modules = {path.stem for path in Path(tpc.__file__).parent.iterdir()}
    assert "driver" in modules
    assert all(inspect.ismodule(getattr(tpc, name)) for name in modules & set(tpc.__all__))


def test_a_program_from_text_to_numbers() -> None:
    program = tpc.parse(TEXT)
    assert program.dialect == "netsort"
    assert [output.name for output in program.outputs] == ["overlap", "y", "f"]
    module = tpc.evaluator(program)
    result = module.evaluate(samples=100_000, seed=1, s=2.0)
    # <v|W.T relu(W v)> = E z relu(z) with z ~ N(0, s^2)
    assert result["overlap"] == pytest.approx(2, rel=1e-15)
    assert result["y"].keys() == result.stderr["y"].keys() == {"mean", "cov"}
    assert result["f"] == 4
    assert result.stderr["overlap"] == result.stderr["f"] == 0
    assert set(result.methods.values()) == {"exact"}
    finite = tpc.simulate(program, width=256, trials=16, seed=1, s=2.0)
    assert finite.width == 256
    assert abs(finite["overlap"] - 2.0) < 6 * finite.stderr["overlap"] + 10 / 256


def test_results_of_limits_and_simulations_have_the_same_form() -> None:
    program = tpc.parse(TEXT)
    limit = tpc.evaluator(program).evaluate(samples=1024)
    finite = tpc.simulate(program, width=16, trials=2)
    for name in ["overlap", "f"]:
        assert np.shape(limit[name]) == np.shape(finite[name]) == ()
        assert np.shape(limit.stderr[name]) == np.shape(finite.stderr[name]) == ()
    assert limit["y"].keys() == finite["y"].keys()


@pytest.mark.parametrize(("dot", "form"), [("derivative", "derivative"), ("stein", "stein")])
def test_the_form_of_dots_can_be_chosen(dot: str, form: str) -> None:
    limit = tpc.derive(tpc.parse(TEXT), dot=dot)  # type: ignore[arg-type]
    forms = [found.form for found in limit.equations if hasattr(found, "form")]
    assert forms == [form]


@pytest.mark.slow
def test_the_method_of_expectations_can_be_chosen() -> None:
    """E relu(tanh z)^2 = E tanh(z)^2 / 2, on random nodes, on Sobol points, split at the kink."""
    program = tpc.parse("dim n\nvector z : n\nx = relu(tanh(z))\noutput c = <x|x>\n")
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    expected = np.tanh(nodes) ** 2 @ weights / np.sqrt(2 * np.pi) / 2
    module = tpc.evaluator(program)
    random, sobol, auto = (module.evaluate(method=name) for name in ("mc", "qmc", "auto"))
    for result in (random, sobol):
        assert abs(result["c"] - expected) < 6 * result.stderr["c"] < 0.02
    assert sobol.stderr["c"] < random.stderr["c"] / 20
    assert auto.methods == {"c": "quadrature"}
    assert abs(auto["c"] - expected) < 1e-8
    with pytest.raises(ValueError, match="exact: 'c' "):
        module.evaluate(method="exact")


def test_a_limit_prints_itself() -> None:
    limit = tpc.derive(tpc.parse(TEXT))
    assert "|y⟩" in limit.to_text()
    assert "netsort" in limit.to_text()
    assert r"\begin{align*}" in limit.to_latex()
    json.dumps(limit.to_json(), allow_nan=False)
    assert "There and back" in repr(limit)
    assert limit._repr_latex_() == limit.to_latex()


def test_a_program_shows_its_graph() -> None:
    program = tpc.parse(TEXT)
    sorts = {facts["sort"] for _, facts in program.graph.nodes(data=True)}
    assert {"matrix", "vector", "scalar"} <= sorts
    assert "There and back" in repr(program)
    drawn = program._repr_svg_()
    assert drawn is None or "<svg" in drawn


def test_programs_and_limits_are_frozen() -> None:
    program = tpc.parse(TEXT)
    for thing, name in [(program, "title"), (tpc.derive(program), "dialect")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, "other")


@pytest.mark.slow
def test_equal_programs_share_a_module_that_has_source_and_pickles() -> None:
    module = tpc.evaluator(tpc.parse(TEXT))
    assert tpc.evaluator(tpc.parse(TEXT)) is module
    assert tpc.evaluator(tpc.parse(TEXT.replace("* 2", "* 3"))) is not module
    assert "cov_y" in inspect.getsource(module.limit)
    result = module.evaluate(samples=64)
    assert pickle.loads(pickle.dumps(result))["overlap"] == result["overlap"]


def test_what_is_wrong_is_a_list_of_diagnostics() -> None:
    with pytest.raises(tpc.ProgramError) as raised:
        tpc.parse("dim n\nvector v : n\noutput a = <v|u>\noutput b = w\n", name="some.tp")
    first, second = raised.value.diagnostics
    assert isinstance(first, tpc.Diagnostic)
    assert (first.line, first.column, first.code) == (3, 15, "TP201")
    assert second.line == 4
    assert "some.tp:3:15: error[TP201]" in str(raised.value)


def test_wrong_calls_are_value_errors_with_words() -> None:
    program = tpc.parse(TEXT)
    with pytest.raises(ValueError, match="no engine"):
        tpc.simulate(program, width=8, engine="sparse")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no parameter `t`"):
        tpc.simulate(program, width=8, t=1.0)
    with pytest.raises(ValueError, match="too few"):
        tpc.verify(program, samples=8)


def signature(function: object) -> str:
    """Return the arguments of a function with their defaults, without types."""
    assert callable(function)
    found = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def test_the_reference_has_every_public_name_with_its_arguments() -> None:
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    headings = {line[4:].strip("` ") for line in page.split("\n") if line.startswith("### ")}
    wanted = set()
    for name in tpc.__all__:
        thing = getattr(tpc, name)
        wanted.add(f"tpc.{name}" + (signature(thing) if inspect.isfunction(thing) else ""))
    assert headings == wanted
    for result in ("to_dict()", "to_json()", "values", "stderr", "methods", "warnings"):
        assert f"`{result}`" in page


NETWORK = """\
dim n
input xi[2]
weight U[2] : n
weight v : n
readout f = v * tanh(U @ xi)
train f:
    data [[1, 2], [3, 1]], [1, 0]
    loss mse
    optimizer sgd(lr=0.1)
    parametrization mup
    steps 20
"""


@pytest.mark.slow
def test_results_print_themselves() -> None:
    program, network = tpc.parse(TEXT), tpc.parse(NETWORK)
    found = tpc.run(program, params={"s": 2.0})
    assert str(found).startswith("overlap  2\n") and found._repr_html_().startswith("<pre")
    assert found.to_dict()["outputs"]["overlap"]["value"] == 2
    assert json.loads(found.to_json()) == found.to_dict()
    shown = str(tpc.train(network, samples=1024, method="mc")).split("\n")
    assert [line.split()[0] for line in shown[5:9]] == ["f[5]", "...", "f[15]", "f[16]"]
    finite = tpc.simulate(program, width=16, trials=2, params={"s": 2.0})
    assert finite.params["s"] == 2 and "dense, width 16, 2 trials" in str(finite)
    kernels = tpc.kernel(network, [[1.0, 2.0], [3.0, 1.0]])
    assert kernels.to_dict()["command"] == "kernel" and str(kernels).startswith("nngp  [[")
    assert "mup with sgd" in str(tpc.classify(network))
    held = tpc.verify(program, widths=(8, 16), trials=4)
    assert held.to_dict()["command"] == "verify" and "overlap" in str(held)
    assert "overlap" in str(tpc.corrections(program, width=16, trials=4))


def test_programs_and_networks_show_their_equations() -> None:
    for text, line in ((TEXT, r"y &= W^{\top}\, x"), (NETWORK, r"f &= \mathrm{sum}")):
        described = tpc.parse(text)
        assert line.split("&=")[0] in described._repr_latex_()
