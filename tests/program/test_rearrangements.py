"""Functions over constant axes against NumPy: of statics, in generated modules, of vectors."""

import numpy as np
import pytest

import tpc

X = np.random.default_rng(7).standard_normal((2, 3, 4)).round(3)
Y = np.random.default_rng(8).standard_normal((2, 3, 4)).round(3)

CASES = {
    "x[1]": X[1],
    "x[:, 1:]": X[:, 1:],
    "x[0, ::2, 1:4:2]": X[0, ::2, 1:4:2],
    "x[:, ::-1]": X[:, ::-1],
    "x[:, None, -1]": X[:, None, -1],
    "x[None]": X[None],
    "reshape(x, [6, 4])": X.reshape(6, 4),
    "reshape(x, [2, -1])": X.reshape(2, -1),
    "reshape(x, 24)": X.reshape(24),
    "reshape(x, [1, 2, 3, 2, 2, 1])": X.reshape(1, 2, 3, 2, 2, 1),
    "reshape(reshape(x, [4, 1, 6]), [2, 3, 4])": X,
    "permute(x, 2, 0, 1)": X.transpose(2, 0, 1),
    "permute(x, -1, 0, 1)": X.transpose(-1, 0, 1),
    "concat(x, y, axis=1)": np.concatenate([X, Y], 1),
    "concat(x, y, x[:1])": np.concatenate([X, Y, X[:1]]),
    "stack(x, y, axis=-1)": np.stack([X, Y], -1),
    "stack(x, y)": np.stack([X, Y]),
    "take(x, [2, 0, 0, -1], axis=1)": np.take(X, [2, 0, 0, -1], 1),
    "pad(x, [[1, 0], [0, 2]])": np.pad(X, [(0, 0), (1, 0), (0, 2)]),
    "pad(x[0, 0], [1, 2])": np.pad(X[0, 0], (1, 2)),
    'einsum("ijk,ijk->i", x, y)': np.einsum("ijk,ijk->i", X, Y),
    'einsum("ijk,ilk->jl", x, y)': np.einsum("ijk,ilk->jl", X, Y),
    'einsum("iji->j", x[:, :, :2])': np.einsum("iji->j", X[:, :, :2]),
    'einsum("ijk->kji", x)': np.einsum("ijk->kji", X),
    'einsum("i,j,k->ijk", x[0, 0], y[0, 0], x[1, 1])': np.einsum(
        "i,j,k->ijk", X[0, 0], Y[0, 0], X[1, 1]
    ),
    "sum(x, axis=[0, 2])": X.sum((0, 2)),
    "sum(x)": X.sum(),
    "amax(x, axis=-1)": X.max(-1),
    "amin(x, axis=1)": X.min(1),
    "amin(x)": X.min(),
    "amean(x, axis=[1, 2])": X.mean((1, 2)),
    "amean(x)": X.mean(),
    "softmax(x, axis=1)": np.exp(X) / np.exp(X).sum(1, keepdims=True),
    "softmax(x)": np.exp(X) / np.exp(X).sum(2, keepdims=True),
    "cumsum(x, axis=1)": X.cumsum(1),
    "cumsum(x)": X.cumsum(-1),
    "where(range(3)[:, None] >= range(4), x, y)": np.where(
        np.arange(3)[:, None] >= np.arange(4), X, Y
    ),
    "max(x, y, 0.3)": np.maximum(np.maximum(X, Y), 0.3),
    "min(x, y, 0.3, x[0])": np.minimum(np.minimum(np.minimum(X, Y), 0.3), X[0]),
    "avgpool(x, [2])": X.reshape(2, 3, 2, 2).mean(3),
    "avgpool(x, [3, 2])": X.reshape(2, 3, 2, 2).mean((1, 3))[:, None],
    "maxpool(x, [2, 2])": X[:, :2].reshape(2, 1, 2, 2, 2).max((2, 4)),
}


@pytest.mark.parametrize("text", CASES)
def test_statics_and_modules_against_numpy(text: str) -> None:
    program = tpc.parse(
        f"dim n\nconst x = {X.tolist()}\nconst y = {Y.tolist()}\nparam p = {X.tolist()}\n"
        f"param q = {Y.tolist()}\ndef f(x, y) = {text}\noutput a = f(x, y)\noutput b = f(p, q)\n"
    )
    found = tpc.evaluator(program).evaluate()
    for output in "ab":
        np.testing.assert_allclose(found[output], CASES[text], rtol=1e-14, atol=1e-15)


NONLINEAR = ("max", "min", "y", "0, 0]")


@pytest.mark.parametrize("text", [case for case in CASES if not any(x in case for x in NONLINEAR)])
def test_what_is_linear_keeps_closed_forms(text: str) -> None:
    """<A relu(u)|u> = A / 2, entry by entry, whatever A moves or adds up."""
    program = tpc.parse(
        "dim n\nvector v[2, 3, 4] : n\nmatrix W : n x n\nu = W @ v\nx = relu(u)\n"
        f"output a = <{text}|u>\n"
    )
    found = tpc.evaluator(program).evaluate()
    assert np.all(found.stderr["a"] == 0)
    halves = 0.5 * np.eye(24).reshape(24, 2, 3, 4)
    texts = "".join(f"param x{k} = {unit.tolist()}\n" for k, unit in enumerate(halves))
    outputs = "".join(f"output a{k} = f(x{k})\n" for k in range(24))
    columns = tpc.evaluator(tpc.parse(f"dim n\n{texts}def f(x) = {text}\n{outputs}")).evaluate()
    wanted = np.stack([columns[f"a{k}"] for k in range(24)], -1)
    np.testing.assert_allclose(found["a"].reshape(*wanted.shape), wanted, atol=1e-14)


WRONG = {
    "reshape(x, [5, 5])": "it has 24 entries",
    "permute(x, 0, 1)": "its axes are named once each",
    "concat(x, y[0])": "parts differ only in length",
    "stack(x, y[0])": "parts have one shape",
    "take(x, [3], axis=1)": "its axis 1 has 3 entries",
    "take(x, [0], axis=3)": "it has no axis 3",
    "pad(x, [[1, 1], [1, 1], [1, 1], [1, 1]])": "widths are pairs",
    'einsum("ij,jk->ik", x, y)': "`ij` names 2 axes",
    'einsum("ijk", x)': "letters name the axes",
    "x[2:2]": "does not fit the constant shape",
    "sum(x, axis=0.5)": "an axis must be an integer",
    "sum(x, axes=0)": "takes no keyword `axes`",
    "where(x, x, y)": "a mask",
    "avgpool(x, [5])": "does not fit its axis of 4",
    "eye(0)": "a positive integer",
    "eye([2, 3])": "a positive integer",
    "zeros(-1)": "positive integers",
    "x[::0]": "does not fit the constant shape",
    "permute(x[0, 0, 0], 0)": "it has no axis 0",
    "permute(x, 0, 1, 7)": "it has no axis 7",
    "sum(x, axis=[0, 0])": "an axis is named twice",
    "sum(x, axis=0, axis=0)": "takes no keyword `axis`",
    "softmax(x, axis=[0, 1])": "an axis must be an integer",
    'einsum("ijk->ijk", x, axis=0)': "takes no keyword `axis`",
    "cumsum(x, y)": "takes one operand",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_fit_is_explained(text: str) -> None:
    with pytest.raises(tpc.ProgramError, match=WRONG[text].replace("[", r"\[")):
        tpc.parse(
            f"dim n\nparam x = {X.tolist()}\nparam y = {Y.tolist()}\nvector v : n\n"
            f"output b = avg(v) + {text}\n"
        )


def test_soft_names_may_be_bound() -> None:
    program = tpc.parse(
        "dim n\nvector v : n\ndef stack(z) = 2 * z\npad = stack(v)\noutput c = <pad|v>\n"
    )
    assert tpc.evaluator(program).evaluate()["c"] == 2
