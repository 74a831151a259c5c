"""The static rules of the language: wrong programs by code and line, and sound ones beside them."""

import numpy as np
import pytest

from tests.program.checking.finite_values import build, codes, draws, values

HEAD = "vector x, y : n\nvector u[2] : n\nmatrix W : n x n\nscalar c -> 1\nparam p = 2\n"
LINE = 6

WRONG = {
    # names
    "z = nothing": "TP201",
    "z = nothing(x)": "TP201",
    "vector z : k": "TP201",
    "h[nothing] = x": "TP201",
    "x = y": "TP202",
    "def x(z) = z": "TP202",
    "dim W = 2 * n": "TP202",
    "for x in [1]:\n    k = y": "TP202",
    "x[0] = y": "TP203",
    "z = W @ W @ x": "TP210",
    "z = W.T @ W": "TP210",
    "z = x @ W": "TP211",
    # sorts
    "z = avg(c)": "TP209",
    "z = avg(2)": "TP209",
    "z = <x|c>": "TP209",
    "z = W @ p": "TP209",
    "z = W + W": "TP209",
    "z = x / W": "TP209",
    "z = W ^ 2": "TP209",
    "z = u * W @ x": "TP209",
    "z = [1, 2] * W @ x": "TP209",
    "z = u @ u": "TP209",
    "z = [[1, 0], [0, 1]] @ u": "TP209",
    "z = x.T": "TP209",
    "z = inv(u)": "TP209",
    "z = softmax(W)": "TP209",
    "z = W": "TP209",
    "output W": "TP209",
    "z = W[0]": "TP209",
    "readout f = c": "TP209",
    "z = len(x)": "TP209",
    "z = x // 2": "TP209",
    "z = [x, 1]": "TP209",
    "if [1, 2] == 1:\n    z = x": "TP209",
    # constant shapes
    "z = u + [1, 2, 3]": "TP214",
    "z = max(u, [1, 2, 3])": "TP214",
    "z = u @ [1, 2, 3]": "TP215",
    "z = x @ [1]": "TP215",
    "z = u[2]": "TP216",
    "z = u[-3]": "TP216",
    "z = u[0, 0]": "TP216",
    "z = c[0]": "TP216",
    "z = sum(u, axis=1)": "TP216",
    "z = softmax(x)": "TP216",
    "z = det([1, 2])": "TP216",
    "z = [1, 2, 3][3]": "TP216",
    # laws
    "matrix A : n x n ~ normal(0, 1)": "TP217",
    "matrix A : n x n ~ normal(0, p)": "TP217",
    "matrix A : n x n ~ normal(0, 1 / n^2)": "TP217",
    "matrix A : n x n ~ normal(0, n)": "TP217",
    "matrix A : n x n ~ normal(1 / n, 1 / n)": "TP218",
    "matrix A : n x n ~ normal(p, 1 / n)": "TP218",
    "matrix A : n x n ~ normal(0, c / n)": "TP221",
    "matrix A : n x n ~ normal(0, [1, 1] / n)": "TP226",
    "matrix A : n x n ~ normal(0, (1 + n) / n)": "TP226",
    "vector z[2] : n ~ normal(0, [[1, 2], [2, 1]])": "TP219",
    "vector z[2] : n ~ normal(0, [[1, 1], [0, 1]])": "TP219",
    "vector z : n ~ normal(0, p - 3)": "TP219",
    "vector z : n ~ normal(0, c)": "TP221",
    "vector z : n ~ normal(avg(x), 1)": "TP221",
    "vector z : n ~ normal(0, 1 / n)": "TP226",
    "vector z[2] : n ~ normal(0, [1, 1])": "TP220",
    "vector z : n ~ normal([0], 1)": "TP220",
    "scalar z[2] -> [1, 2, 3]": "TP220",
    "scalar z -> c": "TP221",
    # statics
    "const z = p": "TP221",
    "const z = c + 1": "TP221",
    "param z = p": "TP221",
    "vector z[p] : n": "TP221",
    "for t in range(p):\n    h[t] = x": "TP221",
    "for t in range(c):\n    h[t] = x": "TP221",
    "if p > 1:\n    z = x": "TP221",
    "if avg(x) > 1:\n    z = x": "TP221",
    "z = u[p]": "TP221",
    "h[p] = x": "TP221",
    "z = sum(u, axis=p)": "TP221",
    "vector z[0] : n": "TP222",
    "vector z[-1] : n": "TP222",
    "h[0.5] = x": "TP222",
    "z = u[1.5]": "TP222",
    # dims
    "dim k": "TP246",
    "dim k = 0 * n": "TP224",
    "dim k = -n": "TP226",
    "dim k = p * n": "TP224",
    "dim k = 1 / n": "TP224",
    "vector z : W": "TP225",
    "z = x * n": "TP226",
    "h[n] = x": "TP221",
    "z = tanh(n)": "TP226",
    # families
    "h[0] = x\nz = h[1]": ("TP227", 1),
    "h[0] = x\nz = h[-1]": ("TP227", 1),
    "h[0] = x\nz = h": ("TP228", 1),
    "h[0] = x\nh[0, 1] = x": ("TP228", 1),
    "h[0] = x\nz = h[0, 1]": ("TP228", 1),
    "h[0] = x\nh = x": ("TP203", 1),
    "h[0] = x\nh[0] = y": ("TP202", 1),
    "for t in range(2):\n    output k = avg(x)": ("TP202", 1),
    "for t in range(2):\n    k = x\n    k = y": ("TP202", 2),
    "for t in range(2):\n    y = t * x": ("TP202", 1),
    "for t in range(2):\n    k = x\nz = k": ("TP201", 2),
    "for t in range(2):\n    k = x\nk[0] = x": ("TP203", 2),
    "for t in range(2):\n    vector k : n\nz = k": ("TP228", 2),
    "for t in range(2):\n    vector k : n\nz = k[2]": ("TP227", 2),
    "for t in range(2):\n    vector k : n\n    z[t] = k[t]": ("TP216", 2),
    "output u[0]": "TP227",
    # functions
    "z = x(1)": "TP232",
    "def f(z) = z\nk = f + x": ("TP233", 1),
    "z = tanh(x, y)": "TP234",
    "z = max(x)": "TP234",
    "def f(a, b) = a\nk = f(x)": ("TP234", 1),
    "def f(a) = f(a)": "TP235",
    "def f(a, a) = a": "TP202",
    "def f(z) = g(z)\ndef g(z) = f(z)": "TP201",
    "def f(a) = a * avg(a)\nz = f'(x)": ("TP236", 1),
    "def f(a) = sum(a)\nz = f'(u)": ("TP236", 1),
    "def f(a) = W @ a\nz = f'(x)": ("TP236", 1),
    "def f(a) = mean[j](a[j] * a)\nz = f'(x)": ("TP236", 1),
    "def f(a, b) = a\nz = f'(x)": ("TP236", 1),
    "z = max'(x)": "TP236",
    "z = avg'(x)": "TP236",
    "z = softmax'(u)": "TP236",
    "z = sign'(x)": "TP237",
    "z = step'(x)": "TP237",
    "z = relu''(x)": "TP237",
    "z = abs''(x)": "TP237",
    "def f(a) = max(a, 0) * tanh(a)\nz = f''(x)": ("TP237", 1),
    "z = tanh(x, axis=0)": "TP245",
    # mean
    "z = x[j]": "TP238",
    "z = mean[j](x[j]) + x[j]": "TP238",
    "z = mean[x](y[x])": "TP239",
    "z = mean[n](y[n])": "TP239",
    "z = mean[t](y[t])\nfor t in [1]:\n    k = x": "TP239",
    "z = mean[j](x)": "TP240",
    "z = mean[j, l](x[j])": "TP240",
    "z = mean[j](W @ x[j])": "TP241",
    "z = mean[j](avg(x[j]))": "TP241",
    "z = mean[j](<x[j]|y>)": "TP241",
    "z = mean[j](mean[l](x[j] * x[l]))": "TP241",
    "z = mean[j](x[j] * mean[l](x[l] * y[j]))": "TP241",
    "z = mean[j](x[j][j])": "TP241",
    "z = mean[j](c[j])": "TP209",
    "z = mean[j](u[0, j])": "TP233",
    "z = mean[j](x[j] * j)": "TP233",
    # readouts
    "readout f = x * y\nz = f": ("TP242", 1),
    "readout f[0] = x * y\nz = f[0] * x": ("TP242", 1),
    "readout f = tanh(x)": "TP243",
    # data and static arithmetic
    'const z = load("nothing.npy")': "TP401",
    'const z = load("nothing.txt")': "TP401",
    "const z = [[1], [1, 2]]": "TP402",
    "const z = 1 / 0": "TP403",
    "const z = 10^400": "TP403",
    "const z = log(-1)": "TP403",
    "z = x * (1 / (2 - 2))": "TP403",
    # dialects
    "dialect netso": "TP208",
    "dialect netsor\ndialect netsor": ("TP247", 1),
}  # fmt: skip


@pytest.mark.parametrize("body", WRONG)
def test_wrong(body):
    expected = WRONG[body]
    code, line = (expected, 0) if isinstance(expected, str) else expected
    assert codes(HEAD + body + "\n") == [(code, LINE + line)]


def test_dims_differ_wherever_vectors_meet():
    head = "dim m = 2 * n\nvector x : n\nvector z : m\nmatrix A : n x m\n"
    for line in ("y = x + z", "y = max(x, z)", "y = <x|z>", "y = mean[j](x[j] * z[j])",
                 "y = mean[j](x[j] * x + z)"):  # fmt: skip
        assert codes(f"{head}{line}\n") == [("TP212", 5)]
    assert codes(f"{head}y = A @ x\nw = A.T @ z\nk = A @ z\n") == [("TP213", 5), ("TP213", 6)]


def test_all_independent_errors_in_one_run():
    found = codes(
        "vector x : n\na = unknown * x\nb = avg(2) + W\nb2 = tanh(b)\nc = a + 1\nd = x[1]\n"
    )
    assert found == [("TP201", 2), ("TP209", 3), ("TP201", 3), ("TP216", 6)]


def test_a_faulty_loop_reports_each_fault_once():
    assert codes("vector x : n\nfor t in range(5):\n    h[t] = x + bad\n    g[t] = h[t] + W\n") == [
        ("TP201", 3),
        ("TP201", 4),
    ]


def test_a_program_without_a_width():
    from tpc.diagnostics import ProgramError
    from tpc.program.checking.build import build_program
    from tpc.syntax.parse import parse_source

    with pytest.raises(ProgramError, match="TP223"):
        build_program(parse_source("const a = 2\nb = a\n"))


def test_scopes():
    """A loop's variable ends with the loop; a parameter hides a name; `def`s close over names."""
    program = build(
        "vector x, z : n\nfor t in range(2):\n    h[t] = t * x\n"
        "for t in range(2):\n    g[t] = h[t]\nt = z\n"
        "def f(x) = x + z\nk = f(2 * t)\n"
    )
    arrays = draws(program)
    np.testing.assert_allclose(values(program, arrays)["k"], 3 * arrays["z"])
    assert codes("vector x : n\nfor t in range(2):\n    h[t] = x\ny = x * t\n") == [("TP201", 4)]
    assert codes("vector x : n\nfor t in [0]:\n    for t in [1]:\n        y = x\n") == [
        ("TP202", 3)
    ]


def test_one_branch_binds():
    program = build(
        "vector x : n\nif 1 > 2:\n    y = x\nelif true:\n    y = 2 * x\nelse:\n    y = z\n"
    )
    assert [binding.name for binding in program.bindings] == ["x", "y"]


def test_the_right_side_of_a_connective_counts_where_it_decides():
    text = "const L = [1]\nvector x : n\nif len(L) > 1 and L[1] > 0 or {}:\n    y = x\n"
    assert codes(text.format("L[0] == 1")) == []
    assert codes(text.format("L[1] == 1")) == [("TP216", 3)]


def test_data_files(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "a.npy", array.astype(np.float32))
    np.savez(tmp_path / "b.npz", one=array, two=array[0])
    np.savetxt(tmp_path / "c.csv", array, delimiter=",")
    (tmp_path / "d.csv").write_text("1\n2\n")
    np.save(tmp_path / "number.npy", np.array(3))
    program = build(
        'const A = load("a.npy")\nb = load("b.npz", "two")\nc = load("c.csv")\nd = load("d.csv")\n'
        'a = A\nvector x[load("number.npy")] : n\n',
        name=str(tmp_path / "p.tp"),
    )
    found = {bound.name: getattr(bound.node, "value", None) for bound in program.bindings}
    np.testing.assert_array_equal(found["a"], array)
    np.testing.assert_array_equal(found["b"], array[0])
    np.testing.assert_array_equal(found["c"], array)
    np.testing.assert_array_equal(found["d"], [1, 2])
    assert program.bindings[-1].node.shape == (3,)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b""),
        ("a.npy", b"\x93NUMPY\x01\x00garbage"),
        ("a.npz", b"PK\x03\x04 broken"),
        ("a.npz", b"no zip"),
        ("a.csv", b"1,2\na,b\n"),
        ("a.csv", b"\xff\xfe\x00"),
        ("a.csv", b""),
        ("a.csv", b"1,nan\n"),
        ("a.csv", b"1,2\n3\n"),
    ],
)
def test_unreadable_data(tmp_path, name, content):
    from tpc.diagnostics import ProgramError

    (tmp_path / name).write_bytes(content)
    key = ', "k"' if name.endswith("z") else ""
    with pytest.raises(ProgramError, match="TP401"):
        build(f'const a = load("{name}"{key})\n', name=str(tmp_path / "p.tp"))


def test_pickles_are_never_loaded(tmp_path):
    from tpc.diagnostics import ProgramError

    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ProgramError, match="TP401"):
        build('const a = load("a.npy")\n', name=str(tmp_path / "p.tp"))


def test_a_hint_names_what_was_meant():
    from tpc.diagnostics import ProgramError

    with pytest.raises(ProgramError) as raised:
        build("vector hidden : n\ny = hiden + later\nlater = hidden\nh[1] = y\n")
    hints = [found.hint for found in raised.value.diagnostics]
    assert hints == ["did you mean `hidden`?", "`later` is bound later, in line 4"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("y = W^T @ x", "the transpose of `W` is `W.T`"),
        ("const t = 1\ny = W^T @ x", "the transpose of `W` is `W.T`"),
        ("y = W.T ** T @ x", "the transpose of `W.T` is `W`"),
        ("const T = 3\ny = W^T @ x", "the transpose of `W` is `W.T`"),
        ("y = x^T @ x", "the inner product over the width is `<x|y>`"),
        ("const A = [[1, 2]]\ny = A^T", "the transpose of `A` is `A.T`"),
    ],
)
def test_a_transpose_as_papers_write_it(text, hint):
    from tpc.diagnostics import ProgramError

    with pytest.raises(ProgramError) as raised:
        build(f"vector x : n\nmatrix W : n x n\n{text}\n")
    assert [found.hint for found in raised.value.diagnostics] == [hint]


def test_spans_cover_the_offending_text():
    from tpc.diagnostics import ProgramError

    text = "vector x[2] : n\nmatrix W : n x n\ny = 1 + W @ (x + [1, 2, 3]) + tanh(x, 2)\n"
    with pytest.raises(ProgramError) as raised:
        build(text)
    written = [found.span.text(raised.value.source) for found in raised.value.diagnostics]
    assert written == ["[1, 2, 3]", "tanh(x, 2)"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("for i in range(1000000):\n    h[i] = x", marks=pytest.mark.slow),
        "for i in range(1000):\n    for k in range(1000):\n        if false:\n            h[i] = x",
        "\n".join(
            ["def f0(z) = tanh(z)"]
            + [f"def f{i}(z) = f{i - 1}(z + 1) + f{i - 1}(z + 2)" for i in range(1, 40)]
            + ["y = f39(x)"]
        ),
        "const r = [range(10000)]\nz = r.T * r",
        "const r = [range(10000)]\nz = r.T @ r",
        "vector u[10000] : n\nz = <u|u>",
        "vector u[10000] : n\nz = u * [range(10000)].T",
    ],
)
def test_what_is_too_large_is_refused(body, monkeypatch):
    monkeypatch.setattr("tpc.program.checking.context.LONGEST", 5000)
    assert {code for code, _ in codes(f"vector x : n\n{body}\n")} == {"TP229"}


@pytest.mark.slow
def test_a_long_chain_of_definitions_is_a_diagnostic():
    chain = "".join(f"def f{i}(z) = f{i - 1}(z) + 1\n" for i in range(1, 500))
    assert codes(f"vector x : n\ndef f0(z) = z\n{chain}y = f499(x)\n") == [("TP230", 502)]
