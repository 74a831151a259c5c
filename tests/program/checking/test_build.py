"""What programs mean: each construct against the same thing written in NumPy."""

import numpy as np
import pytest

from tests.program.checking.finite_values import FUNCTIONS, WIDTH, build, draws, free_only, values

A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

HEAD = """\
dim m = 2 * n
const A = [[1, 2], [3, 4], [5, 6]]
param p = 1.5
param q = [1, -2]
scalar c -> 0.25
scalar d[2] -> [1, 3]
vector x, y : n
vector u[2] : n
vector t[2, 3] : n
vector z : m
matrix W : n x n
matrix B : n x m
"""


def avg(x):
    return x.mean(0)


def inner(x, y):
    return np.tensordot(x, y, (0, 0)) / len(x)


def relu(x):
    return np.maximum(x, 0)


def step(x):
    return np.heaviside(x, 0.5)


CASES = {
    # products with matrices, scaled
    "W @ tanh(x)": lambda v: v.W @ np.tanh(v.x),
    "W.T @ u": lambda v: v.W.T @ v.u,
    "B @ z + x": lambda v: v.B @ v.z + v.x,
    "B.T @ x": lambda v: v.B.T @ v.x,
    "2 * W @ x": lambda v: 2 * v.W @ v.x,
    "-W.T @ x": lambda v: -v.W.T @ v.x,
    "W / c @ x": lambda v: v.W @ v.x / 0.25,
    "c * W * p @ x": lambda v: 0.375 * v.W @ v.x,
    "-(2 * W.T) @ x": lambda v: -2 * v.W.T @ v.x,
    "(-x)^2": lambda v: v.x**2,
    "(2 * W).T @ x": lambda v: 2 * v.W.T @ v.x,
    "W @ (W.T @ x)": lambda v: v.W @ (v.W.T @ v.x),
    "avg(x) * W @ y": lambda v: avg(v.x) * (v.W @ v.y),
    # contraction with arrays
    "u @ A.T": lambda v: v.u @ A.T,
    "u @ q": lambda v: v.u @ np.array([1.0, -2.0]),
    "t @ A": lambda v: np.tensordot(v.t, A, 1),
    "A @ <u|x>": lambda v: A @ inner(v.u, v.x),
    "d @ d": lambda v: np.array(10.0),
    "W @ u @ A.T": lambda v: v.W @ v.u @ A.T,
    # precedence and arithmetic
    "-x^2": lambda v: -(v.x**2),
    "2^-1 * x": lambda v: v.x / 2,
    "2^3^2 * x": lambda v: 512 * v.x,
    "x - y - x * y / 2": lambda v: v.x - v.y - v.x * v.y / 2,
    "7 // 2 + 7 % 4 + x": lambda v: 6 + v.x,
    "e^x / pi": lambda v: np.exp(v.x) / np.pi,
    "u + d": lambda v: v.u + np.array([1.0, 3.0]),
    "max(x, y) - min(x, 0)": lambda v: np.maximum(v.x, v.y) - np.minimum(v.x, 0),
    # averages and inner products
    "avg(u)": lambda v: avg(v.u),
    "<u|t>": lambda v: inner(v.u, v.t),
    "x - <x|y> * y": lambda v: v.x - inner(v.x, v.y) * v.y,
    # constant axes
    "u[0]": lambda v: v.u[:, 0],
    "t[1, -1]": lambda v: v.t[:, 1, -1],
    "t[:, 2]": lambda v: v.t[:, :, 2],
    "t.T": lambda v: v.t.swapaxes(1, 2),
    "t.T[0]": lambda v: v.t[:, :, 0],
    "sum(t)": lambda v: v.t.sum((1, 2)),
    "sum(t, axis=0)": lambda v: v.t.sum(1),
    "amax(t, axis=-1)": lambda v: v.t.max(2),
    "softmax(t)": lambda v: np.exp(v.t) / np.exp(v.t).sum(-1, keepdims=True),
    "sum(x)": lambda v: v.x,
    "A[1, -1] * x + A[:, 0][2]": lambda v: 4 * v.x + 5,
    "sum(A, axis=0)[1] * x": lambda v: 12 * v.x,
    "len(A) * x + len(t)": lambda v: 3 * v.x + 2,
    "[c, 2] * u": lambda v: np.array([0.25, 2]) * v.u,
    "[[1, p], [p, avg(x)]]": lambda v: np.array([[1, 1.5], [1.5, avg(v.x)]]),
    "[d, [0, 1]]": lambda v: np.array([[1.0, 3.0], [0.0, 1.0]]),
    "inv(<u|u>)": lambda v: np.linalg.inv(inner(v.u, v.u)),
    "trace(<u|u>) + det(<u|u>)": lambda v: (
        np.trace(inner(v.u, v.u)) + np.linalg.det(inner(v.u, v.u))
    ),
    # derivatives
    "tanh'(x)": lambda v: 1 - np.tanh(v.x) ** 2,
    "tanh''(x)": lambda v: -2 * np.tanh(v.x) * (1 - np.tanh(v.x) ** 2),
    "relu'(x) * y": lambda v: step(v.x) * v.y,
    "square''(u)": lambda v: np.full((WIDTH, 2), 2.0),
    "sin'''(x)": lambda v: -np.cos(v.x),
    "exp'(c)": lambda v: np.array(np.exp(0.25)),
    "tanh'(0.5) * x": lambda v: (1 - np.tanh(0.5) ** 2) * v.x,
    # outer nonlinearities
    "mean[j](tanh(x * y[j]))": lambda v: np.tanh(np.outer(v.x, v.y)).mean(1),
    "mean[j](tanh(x[j] - x))": lambda v: np.tanh(v.x[None] - v.x[:, None]).mean(1),
    "mean[j](x[j] * y[j])": lambda v: inner(v.x, v.y),
    "mean[j, l](abs(x[j] - z[l]) * y)": lambda v: (
        np.abs(v.x[:, None] - v.z[None]).mean() * v.y
    ),
    "mean[j](tanh(sum(u * u[j])) * y[j])": lambda v: np.tanh(v.u @ v.u.T) @ v.y / WIDTH,
    "mean[j](u[0][j] * u[j][1] * u[1])": lambda v: (v.u[:, 0] * v.u[:, 1]).mean() * v.u[:, 1],
    "mean[j](tanh(W @ x) * y[j])": lambda v: np.tanh(v.W @ v.x) * avg(v.y),
    "mean[j]((W @ x)[j] * x)": lambda v: avg(v.W @ v.x) * v.x,
    "mean[j](x[j] * avg(y) * mean[l](y[l] * x))": lambda v: avg(v.x) * avg(v.y) ** 2 * v.x,
    "mean[j]((u[j] @ [1, 2]) * x)": lambda v: avg(v.u @ np.array([1, 2])) * v.x,
    "mean[j](relu'(x - x[j]))": lambda v: step(v.x[:, None] - v.x[None]).mean(1),
}  # fmt: skip


class Arrays(dict):
    """Arrays by attribute."""

    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("text", CASES)
def test_expression(text):
    program = build(f"{HEAD}result = {text}\n")
    arrays = Arrays(draws(program))
    found = values(program, arrays)["result"]
    np.testing.assert_allclose(found, CASES[text](arrays), rtol=1e-12, atol=1e-14)
    assert all(free_only(binding.node) for binding in program.bindings)


def results(body, head=HEAD):
    program = build(head + body)
    arrays = Arrays(draws(program))
    return arrays, values(program, arrays)


def test_def_is_inlined_and_sees_names_bound_before():
    v, found = results(
        "def swish(z, k) = z * sigmoid(k * z)\n"
        "def layer(M, x) = M @ swish(x, c)\n"
        "def centred(z) = z - avg(z)\n"
        "def outer(z) = mean[j](z * z[j] * y)\n"
        "a = layer(W, x)\nb = layer(W.T, u)\nf = centred(centred(x) + 1)\ng = outer(x)\n"
    )

    def swish(z):
        return z / (1 + np.exp(-0.25 * z))

    np.testing.assert_allclose(found["a"], v.W @ swish(v.x))
    np.testing.assert_allclose(found["b"], v.W.T @ swish(v.u))
    np.testing.assert_allclose(found["f"], v.x - avg(v.x), atol=1e-14)
    np.testing.assert_allclose(found["g"], v.x * avg(v.x) * v.y)


@pytest.mark.parametrize(
    ("body", "derivative", "second"),
    [
        ("sin(2 * z)", lambda x: 2 * np.cos(2 * x), lambda x: -4 * np.sin(2 * x)),
        ("z * exp(z)", lambda x: (1 + x) * np.exp(x), lambda x: (2 + x) * np.exp(x)),
        ("z^3 / (1 + z^2)", lambda x: x**2 * (3 + x**2) / (1 + x**2) ** 2, None),
        ("exp(-z^2)", lambda x: -2 * x * np.exp(-(x**2)), None),
        ("max(z, 2 * z)", lambda x: step(-x) + 2 * step(x), None),
        ("z * 2 + y", lambda x: np.full(WIDTH, 2.0), lambda x: np.zeros(WIDTH)),
    ],
)  # fmt: skip
def test_derivative_of_a_def(body, derivative, second):
    text = f"def f(z) = {body}\nfirst = f'(x)\n" + ("last = f''(x)\n" if second else "")
    v, found = results(text)
    np.testing.assert_allclose(found["first"], derivative(v.x), rtol=1e-11, atol=1e-13)
    if second:
        np.testing.assert_allclose(found["last"], second(v.x), rtol=1e-11, atol=1e-13)


def test_the_derivative_of_a_constant_is_a_number():
    _, found = results("def f(z) = 3\ng = f'(x)\n")
    assert found["g"] == 0


def test_derivative_at_the_captured_vector_is_partial():
    """f'(x) differentiates the argument alone, not what the body captures under the same name."""
    v, found = results("def f(z) = z * x\ng = f'(x)\n")
    np.testing.assert_allclose(found["g"], v.x)


def test_derivatives_drop_zero_terms():
    program = build("vector x : n\ndef f(z) = 2 * z + 1\ny = f'(x)\ng = tanh'(x)\n")
    functions = [getattr(node, "function", "") for node in program.nodes]
    assert functions.count("tanh") == 1 and "step" not in functions


def test_families_loops_and_conditions():
    v, found = results(
        "h[0] = x\n"
        "for i in range(1, 4):\n"
        "    if i == 2 or i // 3 == 1 and not i < 3:\n"
        "        h[i] = W @ h[i - 1]\n"
        "    elif i % 2 != 0:\n"
        "        h[i] = 2 * h[i - 1]\n"
        "    else:\n"
        "        h[i] = y\n"
        "    for s in [0, 2]:\n"
        "        if s < i:\n"
        "            k[i, s] = <h[i]|h[s]>\n"
        "total = h[2] + h[-1 + 2]\n"
        "g[0] = u\nrow = g[0][1]\n"
    )
    h = [v.x, 2 * v.x]
    h += [v.W @ h[1], v.W @ (v.W @ h[1])]
    np.testing.assert_allclose(found["h[3]"], h[3])
    np.testing.assert_allclose(found["k[3,2]"], inner(h[3], h[2]))
    np.testing.assert_allclose(found["total"], h[2] + h[1])
    np.testing.assert_allclose(found["row"], v.u[:, 1])
    assert [name for name in found if name[0] == "k"] == ["k[1,0]", "k[2,0]", "k[3,0]", "k[3,2]"]


def test_static_arithmetic_is_done_while_building():
    program = build(
        "const a = 2 * 3\nconst L = range(a, 0, -2)\nconst s = sum([sqrt(4), L[0]])\n"
        "vector x[a // 4, len(L)] : n\ny = s * x\n"
    )
    (x, y) = (binding.node for binding in program.bindings)
    assert x.shape == (1, 3)
    assert [type(node).__name__ for node in y.operands] == ["Constant", "InitialVector"]
    assert float(y.operands[0].value) == 8.0


def test_every_elementwise_function_of_statics():
    """Static arithmetic against closed forms or NumPy, at one point each."""
    points = {
        "relu(-2)": 0, "leaky_relu(-2, 0.1)": -0.2, "elu(-1, 2)": 2 * (np.exp(-1) - 1),
        "gelu(1)": 0.8413447460685429, "silu(1)": 1 / (1 + np.exp(-1)), "sigmoid(0)": 0.5,
        "softplus(0)": np.log(2), "erf(1)": 0.8427007929497149, "Phi(-1)": 0.15865525393145707,
        "clip(3, 0, 2)": 2, "step(0)": 0.5, "sign(-3)": -1, "log(e)": 1, "cos(pi)": -1,
        "square(3)": 9, "2^0.5": np.sqrt(2), "max(1, 2) - min(1, 2)": 1, "abs(-2)": 2,
        "det([[1, 2], [3, 4]])": -2, "trace([[1, 2], [3, 4]])": 5, "softmax([0, 0])[1]": 0.5,
        "inv([[2, 0], [0, 4]])[1, 1]": 0.25, "([1, 2] @ [3, 4])": 11, "7 % 4 - 7 // 4": 2,
        "[[1, 2], [3, 4]].T[0, 1]": 3, "amax([1, 5, 2])": 5, "exp(0) + tanh(0) + sin(0)": 1,
    }  # fmt: skip
    program = build("".join(f"r{i} = {text}\n" for i, text in enumerate(points)))
    found = values(program, {})
    for index, expected in enumerate(points.values()):
        assert found[f"r{index}"] == pytest.approx(expected, abs=1e-14)


def test_dims_are_exact_multiples_of_the_free_one():
    program = build("dim m = n / 3\ndim k = 0.1 * m * 2\ndim l = 2 * (n / 4)\n")
    assert {name: str(dim.ratio) for name, dim in program.dims.items()} == {
        "n": "1", "m": "1/3", "k": "1/15", "l": "1/2"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("law", "variance", "dim"),
    [
        ("", 1.0, "m"),
        (" ~ normal(0, 2.25 / m)", 2.25, "m"),
        (" ~ normal(0, 2 / (3 * m))", 2 / 3, "m"),
        (" ~ normal(0, 3 / n / 2)", 1.5, "n"),
        (" ~ normal(0, 2 * m / (n * m))", 2.0, "n"),
        (" ~ normal(0, 5 * m^-1)", 5.0, "m"),
    ],
)
def test_matrix_variance(law, variance, dim):
    (matrix,) = build(f"dim m = 2 * n\nmatrix A : n x m{law}\n").matrices
    assert (matrix.rows, matrix.columns, matrix.variance_dim) == ("n", "m", dim)
    assert float(matrix.variance.value) == pytest.approx(variance, rel=1e-15)


def test_matrix_variance_may_depend_on_a_param():
    program = build(
        "param s = 3\nmatrix W : n x n ~ normal(0, s^2 / n / 2)\nvector x : n\ny = W @ x\n"
    )
    known = {}
    for node in program.nodes[: program.nodes.index(program.matrices[0].variance) + 1]:
        if not node.coords:
            known[node] = FUNCTIONS[node.function](*map(known.get, node.operands)) if hasattr(
                node, "function"
            ) else getattr(node, "default", getattr(node, "value", None))  # fmt: skip
    assert known[program.matrices[0].variance] == 4.5


def test_vector_laws():
    program = build(
        "param rho = 0.5\nvector a[2] : n ~ normal(1, [[1, rho], [rho, 1]])\n"
        "vector b[2, 1] : n ~ normal(0, rho)\nvector c[2] : n ~ normal([0, rho], 2)\n"
    )
    a, b, c = (binding.node for binding in program.bindings)
    np.testing.assert_array_equal(a.mean.value, [1, 1])
    assert a.covariance.shape == (2, 2) and b.mean is None and b.covariance.name == "rho"
    assert c.mean.shape == (2,) and float(c.covariance.value) == 2


def test_scalars_have_the_shape_of_their_declaration():
    program = build("param s = 2\nscalar a\nscalar b[2], c[2] -> s\nscalar d[2] -> [0, s]\n")
    shapes = {binding.name: binding.node.limit.shape for binding in program.bindings}
    assert shapes == {"a": (), "b": (2,), "c": (2,), "d": (2,)}


def test_equal_expressions_are_one_node():
    program = build("vector x : n\na = tanh(x) * 2\nb = tanh(x) * 2\n")
    assert program.bindings[1].node is program.bindings[2].node


def test_bindings_and_outputs_in_program_order():
    text = (
        "scalar c -> 1\nvector x : n\nh[1, 2] = 2 * x\noutput K = <x|x>\noutput h[1, 2]\n"
        "readout f = c * x\noutput f\noutput K\nk = 3\noutput k\n"
    )
    program = build(text)
    assert [binding.name for binding in program.bindings] == ["c", "x", "h[1,2]", "K", "f", "k"]
    spans = [binding.span.text(program.source) for binding in program.bindings]
    assert spans == ["scalar c -> 1", "vector x : n", "h[1, 2] = 2 * x", "output K = <x|x>",
                     "readout f = c * x", "k = 3"]  # fmt: skip
    kinds = [(output.name, output.kind.value) for output in program.outputs]
    assert kinds == [("K", "scalar"), ("h[1,2]", "vector"), ("f", "readout"), ("k", "scalar")]


def test_graph_is_topological_and_has_no_placeholder():
    program = build("vector x : n\nmatrix W : n x n\ny = tanh''(W @ x)\nz = 0 * sin'(y)\n")
    from tpc.program.nodes import Placeholder, operands

    seen = set()
    for node in program.nodes:
        assert not isinstance(node, Placeholder)
        assert seen.issuperset(operands(node))
        seen.add(node)


def test_spans_are_those_of_the_expressions():
    program = build("vector x : n\ndef f(z) = z + 1\ny = 2 * f(tanh(x))\n")
    written = {node.span.text(program.source) for node in program.nodes}
    assert {"x", "tanh(x)", "f(tanh(x))", "2 * f(tanh(x))"} <= written


@pytest.mark.slow
def test_a_sum_of_thousands_of_terms():
    v, found = results("s = " + " + ".join(["x"] * 3000) + "\n")
    np.testing.assert_allclose(found["s"], 3000 * v.x)


def test_definitions_do_not_double_the_work():
    lines = ["def f0(z) = tanh(z)"]
    lines += [f"def f{i}(z) = f{i - 1}(z) + f{i - 1}(z) * 2" for i in range(1, 60)]
    program = build("vector x : n\n" + "\n".join(lines) + "\ny = f59(x)\n")
    assert len(program.nodes) < 200
