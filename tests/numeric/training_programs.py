"""Training of a network with two hidden layers, unrolled by hand: programs as text."""

import numpy as np

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
