"""Training of a network with two hidden layers, unrolled by hand: as text and as a graph."""

from fractions import Fraction

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node
from tpc.program.program import Binding, Dim, Output, OutputKind, Program

SGD = """
dim n
const X = {inputs}
const Y = {targets}
const trained = {trained}
param eta = {eta}
vector U0[{size}] : n
matrix W : n x n
vector v0 : n
U[0] = U0
v[0] = v0
for t in range({steps} + 1):
    h1[t] = U[t] @ X.T
    x1[t] = tanh(h1[t])
    Wx[t, 0] = W @ x1[t]
    for s in range(t):
        Wx[t, s + 1] = Wx[t, s] - eta * dh2[s] @ <x1[s]|x1[t]>
    h2[t] = Wx[t, t]
    x2[t] = tanh(h2[t])
    output f[t] = <v[t]|x2[t]>
    if t < {steps}:
        chi[t] = trained * (f[t] - Y)
        dh2[t] = chi[t] * v[t] * tanh'(h2[t])
        Wg[t, 0] = W.T @ dh2[t]
        for s in range(t):
            Wg[t, s + 1] = Wg[t, s] - eta * x1[s] @ <dh2[s]|dh2[t]>
        dh1[t] = Wg[t, t] * tanh'(h1[t])
        U[t + 1] = U[t] - eta * dh1[t] @ X
        v[t + 1] = v[t] - eta * x2[t] @ chi[t]
"""


def sgd(inputs: int, tests: int, size: int, steps: int, eta: float) -> str:
    """Return the maximal update training of a tanh network by full-batch gradient descent.

    Args:
        inputs: How many random inputs have targets.
        tests: How many more are only observed.
        size: Entries of an input.
        steps: How many steps.
        eta: The learning rate.
    """
    rng = np.random.default_rng(0)
    count = inputs + tests
    x = rng.standard_normal((count, size)) / np.sqrt(size)
    y = rng.standard_normal(count)
    trained = np.arange(count) < inputs
    return SGD.format(
        inputs=x.tolist(), targets=(y * trained).tolist(), trained=trained.astype(int).tolist(),
        size=size, steps=steps, eta=eta,
    )  # fmt: skip


class Adam:
    """The same network trained by Adam: the updates of W are functions of pairs.

    With dh = n dL/dh of a matrix product h = W x and Delta the sum of all updates Q,

        g_ij = sum over inputs of dh_i x_j,    m = b1 m + (1 - b1) g,    v = b2 v + (1 - b2) g^2,
        Q = m / (1 - b1^(t + 1)) / sqrt(v / (1 - b2^(t + 1)) + eps^2),
        W_t z = W z - lr mean[j](Delta_ij z_j),    W_t.T e = W.T e - lr mean[j](Delta_ji e_j).
    """

    def __init__(self, inputs: int, tests: int, size: int, lr: float, eps: float) -> None:
        self.b = b = Builder()
        rng = np.random.default_rng(0)
        count = inputs + tests
        trained = np.arange(count) < inputs
        self.x = b.constant(rng.standard_normal((count, size)) / np.sqrt(size))
        self.y = b.constant(rng.standard_normal(count) * trained)
        self.trained = b.constant(trained)
        self.lr, self.eps = b.number(lr), eps
        self.u = b.initial_vector("U", "n", (size,), None, b.number(1))
        self.v = b.initial_vector("v", "n", (), None, b.number(1))
        self.matrix = Matrix("W", "n", "n", b.number(1), "n", NOWHERE)
        self.moved: Node | None = None
        self.averages: dict[str, tuple[Node, Node]] = {}
        self.outputs: dict[str, Node] = {}
        self.bindings: dict[str, Node] = {}

    def direction(self, name: str, g: Node, t: int) -> Node:
        """Return Q at a step, and keep its averages."""
        b = self.b
        first, second = b.mul(b.number(0.1), g), b.mul(b.number(0.001), b.apply("square", g))
        if name in self.averages:
            m, v = self.averages[name]
            first = b.add(b.mul(b.number(0.9), m), first)
            second = b.add(b.mul(b.number(0.999), v), second)
        self.averages[name] = first, second
        above = b.div(first, b.number(1 - 0.9 ** (t + 1)))
        below = b.div(second, b.number(1 - 0.999 ** (t + 1)))
        return b.div(above, b.apply("sqrt", b.add(below, b.number(self.eps**2))))

    def multiplied(self, x: Node, transposed: bool = False) -> Node:
        """Return W_t x or W_t.T x."""
        b = self.b
        product = b.matmul(self.matrix, transposed, x)
        if self.moved is None:
            return product
        moved = b.exchange(self.moved, "j") if transposed else self.moved
        return b.sub(product, b.mul(self.lr, b.mean(b.mul(moved, b.row(x, "j")), ("j",))))

    def step(self, t: int, last: bool) -> None:
        """Run the network forward, and backward unless it is the last time."""
        b = self.b
        x1 = b.apply("tanh", b.contract(self.u, b.transpose(self.x)))
        h2 = self.multiplied(x1)
        x2 = b.apply("tanh", h2)
        f = self.outputs[f"f[{t}]"] = b.inner(self.v, x2)
        self.bindings |= {f"x1[{t}]": x1, f"h2[{t}]": h2, f"x2[{t}]": x2}
        if last:
            return
        chi = b.mul(self.trained, b.sub(f, self.y))
        one = b.number(1)
        slope = b.sub(one, b.apply("square", x2))
        dh2 = b.mul(b.mul(chi, b.expand(self.v, (0,))), slope)
        back = self.multiplied(dh2, transposed=True)
        dh1 = b.mul(back, b.sub(one, b.apply("square", x1)))
        self.bindings |= {f"dh2[{t}]": dh2, f"dh1[{t}]": dh1}
        pair = b.reduce("sum", b.mul(dh2, b.row(x1, "j")))
        update = self.direction("W", pair, t)
        self.moved = update if self.moved is None else b.add(self.moved, update)
        self.u = b.sub(self.u, b.mul(self.lr, self.direction("U", b.contract(dh1, self.x), t)))
        self.v = b.sub(self.v, b.mul(self.lr, self.direction("v", b.contract(x2, chi), t)))

    def program(self, steps: int) -> Program:
        """Return the program of a training run."""
        for t in range(steps + 1):
            self.step(t, last=t == steps)
        return Program(
            name="adam",
            title="",
            source="",
            dialect="nexort",
            dims={"n": Dim("n", Fraction(1), NOWHERE)},
            matrices=(self.matrix,),
            parameters=(),
            bindings=tuple(Binding(k, node, NOWHERE) for k, node in self.bindings.items()),
            outputs=tuple(
                Output(k, OutputKind.SCALAR, node, NOWHERE) for k, node in self.outputs.items()
            ),
            nodes=tuple(self.b.nodes),
        )
