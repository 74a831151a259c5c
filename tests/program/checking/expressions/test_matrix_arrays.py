"""Arrays of matrices: independent, indexed, scaled, transposed, convolved."""

import numpy as np
import pytest

import tpc

HEAD = "dim n\nvector v : n\nvector x[5] : n\nmatrix W[2, 3] : n x n\n"


def value(lines: str, output: str = "a") -> np.ndarray:
    return np.asarray(tpc.evaluator(tpc.parse(HEAD + lines)).evaluate()[output])


def test_members_are_independent_and_named_once() -> None:
    program = tpc.parse(HEAD + "output a = <W @ v|W @ v>\n")
    assert [matrix.name for matrix in program.matrices] == [
        f"W[{i},{j}]" for i in range(2) for j in range(3)
    ]
    found = value("output a = <W @ v|W @ v>\n")
    np.testing.assert_array_equal(found, np.eye(6).reshape(2, 3, 2, 3))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<W[0, 2] @ v|(W @ v)[0, 2]>", 1.0),
        ("<W[0, 2] @ v|(W @ v)[1, 2]>", 0.0),
        ("<W[1][2] @ v|(W[1] @ v)[2]>", 1.0),
        ("<(2 * W[0] / 4) @ v|W[0, 1] @ v>", [0.0, 0.5, 0.0]),
        ("<(-W[0]) @ v|W[0, 1] @ v>", [0.0, -1.0, 0.0]),
        ("<W.T[0, 0] @ (W[0, 0] @ v)|v>", 1.0),
        ("<W[0, 0] @ x|(W[0] @ x)[0]>", np.eye(5)),
    ],
)
def test_indices_scales_and_transposes(text: str, wanted: object) -> None:
    np.testing.assert_array_equal(value(f"output a = {text}\n"), wanted)


def test_convolution_is_a_sum_of_shifted_products() -> None:
    kernel = "y = conv(x, W[0], padding=1)\n"
    by_hand = "z = pad(x, [[1, 1]])\nw = W[0, 0] @ z[0:5] + W[0, 1] @ z[1:6] + W[0, 2] @ z[2:7]\n"
    found = value(kernel + by_hand + "output a = <y - w|y - w>\n")
    np.testing.assert_allclose(found, 0, atol=1e-15)
    found = value(kernel + "output a = <y|y>\n")
    np.testing.assert_allclose(np.diag(found), [2, 3, 3, 3, 2], rtol=1e-14)


def test_fresh_arrays_in_loops_are_keyed_by_round_first() -> None:
    program = tpc.parse(
        "dim n\nvector v : n\nh[0] = v\nfor l in range(2):\n    matrix A[2] : n x n\n"
        "    h[l + 1] = A[0] @ h[l] + A[1] @ h[l]\noutput a = <h[2]|h[2]>\n"
    )
    assert [matrix.name for matrix in program.matrices] == ["A[0,0]", "A[0,1]", "A[1,0]", "A[1,1]"]
    assert tpc.evaluator(program).evaluate()["a"] == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("W[2, 0] @ v", "the index [2, 0] does not fit"),
        ("W + v", "a matrix"),
        ("W * W", "`*` takes vectors, scalars and statics"),
        ("W[0] - W[1]", "`-` takes vectors, scalars and statics"),
        ("W @ W[0, 0]", "product of the matrices"),
        ("tanh(W)", "an array of matrices"),
        ("W[0:1] @ v", "an index of matrices must be an integer"),
        ("conv(x, W)", "it needs 2 axes"),
        ("conv(x, W[0], stride=0)", "at least 1"),
        ("conv(x, W[0], pad=1)", "takes no keyword `pad`"),
        ("conv(x[0:2], W[0])", "a window of 3 does not fit its axis of 2"),
        ("conv(x, v)", "an array of matrices and a vector"),
    ],
)
def test_what_is_wrong_is_explained(text: str, message: str) -> None:
    with pytest.raises(tpc.ProgramError) as caught:
        tpc.parse(HEAD + f"y = {text}\noutput a = <y|v>\n")
    assert message in str(caught.value)


NETWORK = """
dim n
input xi[1, 4]
weight U[1, 3] : n
weight W[2] : n x n (mult=0.7)
weight v[3] : n (mult=0.5)
readout f = sum(v * tanh(conv(tanh(conv(xi, U, padding=1)), W)))
train f:
    data [[[1, 0.5, -1, 0.3]], [[-0.2, 1, 0.4, 0.1]]], [1, -1]
    loss mse
    optimizer sgd(lr=0.5)
    optimizer W: momentum(lr=0.3)
    parametrization mup
    steps 2
"""


@pytest.mark.slow
def test_convolutional_networks_train() -> None:
    network = tpc.parse(NETWORK)
    limit = tpc.train(network, method="mc", samples=4096)
    finite = tpc.simulate(network, width=1024, trials=16)
    error = np.hypot(5 * finite.stderr["f"], 5 * limit.stderr["f"]) + 0.01
    assert np.all(np.abs(finite["f"] - limit["f"]) < error)
    assert np.ptp(limit["f"]) > 0.05
