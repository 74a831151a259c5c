"""Split dims: against programs without them, and against finite widths."""

import numpy as np
import pytest

import tpc

HEADS = """
dim n
dim d = n / 2
input xi[3, 2]
weight U[2] : n
weight Q, K, V : n x n
weight O : n x n
weight v : n
x = U @ xi.T
q = split(Q @ x, 2)
k = split(K @ x, 2)
s = split(V @ x, 2)
a = softmax(stack(<q[0]|k[0]>, <q[1]|k[1]>, axis=0))
y = merge(stack(s[0] @ a[0].T, s[1] @ a[1].T, axis=0))
readout f = v * sum(tanh(x + O @ y))
"""

ARRAYS = """
dim n
dim d = n / 2
input xi[3, 2]
weight U[2] : n
weight Q[2], K[2], V[2] : d x n
weight O[2] : n x d (mult=0.7071067811865476)
weight v : n
x = U @ xi.T
q = Q @ x
k = K @ x
s = V @ x
a = softmax(stack(<q[0]|k[0]>, <q[1]|k[1]>, axis=0))
readout f = v * sum(tanh(x + O[0] @ (s[0] @ a[0].T) + O[1] @ (s[1] @ a[1].T)))
"""


@pytest.mark.slow
def test_heads_are_arrays_of_matrices() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 2))
    one, other = (tpc.kernel(tpc.parse(text), x, kind="nngp") for text in (HEADS, ARRAYS))
    np.testing.assert_allclose(one["nngp"], other["nngp"], rtol=1e-7)


PLAIN = """
dim n
dim d = n / 2
input xi[2]
weight U[2], v : n
weight W : n x n
weight A : d x n
weight B : n x d
x = tanh(U @ xi)
y = {y}
readout f = v * tanh(y + B @ (A @ y))
train f:
    data [[1, 0.5], [0.3, -1]], [1, -1]
    loss mse
    optimizer {optimizer}
    parametrization {parametrization}
    center true
    steps 2
"""

DIVIDED = "W.T @ merge(tanh(split(W @ x, 2)))"


@pytest.mark.parametrize("parametrization", ["mup", "ntp"])
@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1)", "adam(lr=0.1, eps=0.1)"])
@pytest.mark.slow
def test_training_of_what_is_put_together_again(optimizer: str, parametrization: str) -> None:
    networks = [
        tpc.parse(PLAIN.format(y=y, optimizer=optimizer, parametrization=parametrization))
        for y in (DIVIDED, "W.T @ tanh(W @ x)")
    ]
    one, other = (tpc.simulate(network, width=16, trials=2)["f"] for network in networks)
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.slow
def test_tangent_kernels_of_what_is_put_together_again() -> None:
    options = {"optimizer": "sgd(lr=0.1)", "parametrization": "mup"}
    x = np.array([[1.0, 0.5], [0.3, -1.0]])
    one, other = (
        tpc.kernel(tpc.parse(PLAIN.format(y=y, **options)), x, kind="ntk", samples=4096)
        for y in (DIVIDED, "W.T @ tanh(W @ x)")
    )
    error = np.hypot(one.stderr["ntk"], other.stderr["ntk"])
    assert (abs(one["ntk"] - other["ntk"]) < 5 * error).all()


PROGRAM = """
dim n
dim m = 3 * n
vector v : n
vector w : m ~ normal(0.2, 2)
vector r : m ~ bernoulli(0.4)
matrix A : m x n
matrix B : n x m
matrix C : m x m ~ normal(0, 2 / m)
s = split(A @ tanh(v), 3)
p = softmax(<s|s> + 0.2 * <split(w, 3)|s>)
y = merge(tanh(s) @ p) + C @ (r * w)
g = C.T @ y
output a = <s|s>
output b = <B @ y|B @ y>
output c = avg(y^2)
output u = <g|w>
output h = <mean[j](y * y[j])|y>
readout f = w * y
output y
"""


@pytest.mark.slow
def test_finite_widths_agree() -> None:
    program = tpc.parse(PROGRAM.replace("readout f = w * y\n", ""))
    limit = tpc.evaluator(program).evaluate(samples=2**11)
    finite = tpc.simulate(program, width=200, trials=40)
    for name in "abcuh":
        error = np.hypot(limit.stderr[name], finite.stderr[name])
        assert (abs(limit[name] - finite[name]) < 5 * error + 0.02).all(), name
    assert limit["y"]["cov"] == pytest.approx(float(limit["c"]), rel=0.05)
