"""`grad` and `detach` against differences of finite networks in NumPy, which share nothing."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.simulation.streams import stream

Array = np.ndarray
WIDTH = 6
EXAMPLES = Path(__file__).parents[4] / "examples"


def drawn(name: str, *shape: int) -> Array:
    """Return what `simulate(width=WIDTH, seed=0, trials=1)` draws."""
    found: Array = stream(0, WIDTH, 0, name).standard_normal(shape)
    return found


def slope(c: Callable[[Array], Array], x: Array, size: float, step: float = 1e-5) -> Array:
    """Return size * dc/dx by central differences; of an array c with its axes in front."""
    rows = []
    for at in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[at] = step
        rows.append((np.asarray(c(x + move)) - np.asarray(c(x - move))) / (2 * step))
    found: Array = size * np.array(rows)
    return found.reshape(x.shape) if found.ndim == 1 else np.moveaxis(found, 0, -1)


def slopes(c: Callable[..., float], *given: Array) -> tuple[Array, ...]:
    """Return n dc/dx for each argument x."""

    def of(at: int) -> Array:
        return slope(lambda x: c(*given[:at], x, *given[at + 1 :]), given[at], WIDTH)

    return tuple(map(of, range(len(given))))


def test_gradients_are_differences() -> None:
    """In initial vectors, products, vectors of another dim, params; of arrays; twice."""
    text = """dim n
dim m = 2 * n
vector u, v : n
vector k[2] : n
vector q : m
matrix W : n x m
param s = 0.7
h = W @ tanh(q)
x = tanh(s * h + sum(k) * u)
c = avg(v * x) + <x|x> * avg(k[0])
g = grad(c, u)
output a = <grad(c, h)|v>
output b = <grad(c, q)|q>
output d = grad(c, s)
output o = <grad(<k|x>, u)|v>
output f = <grad(<g|g>, v)|u>
output i = <grad(c, k)|u>
output j = grad(avg(x * detach(x)), s)
"""
    found = tpc.simulate(tpc.parse(text), width=WIDTH, trials=1)
    n, m = WIDTH, 2 * WIDTH
    u, v, k, q = drawn("u", n), drawn("v", n), drawn("k", n, 2), drawn("q", m)
    matrix = drawn("W", n, m) / np.sqrt(m)

    def x(
        h: Array | None = None, s: float = 0.7, u: Array = u, k: Array = k, q: Array = q
    ) -> Array:
        h = matrix @ np.tanh(q) if h is None else h
        return np.tanh(s * h + k.sum(axis=1) * u)

    def c(v: Array = v, **given: Array) -> Array:
        y = x(**given)
        return np.mean(v * y) + np.mean(y * y) * np.mean(given.get("k", k)[:, 0])

    def square(v: Array) -> float:
        g = slope(lambda w: c(v=v, u=w), u, n)
        return float(g @ g / n)

    h, s = matrix @ np.tanh(q), np.array(0.7)
    y = x()
    wanted = {
        "a": slope(lambda w: c(h=w), h, n) @ v / n,
        "b": slope(lambda w: c(q=w), q, m) @ q / m,
        "d": slope(lambda w: c(s=w), s, 1),
        "o": slope(lambda w: k.T @ x(u=w) / n, u, n) @ v / n,
        "f": slope(square, v, n, 1e-4) @ u / n,
        "i": slope(lambda w: c(k=w), k, n).T @ u / n,
        "j": slope(lambda w: np.mean(x(s=w) * y), s, 1),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-5, atol=1e-7, err_msg=name)


@pytest.mark.slow
def test_a_gan_by_differences() -> None:
    found = tpc.simulate(tpc.load(EXAMPLES / "gan.tp"), width=WIDTH, trials=1)
    u, b, v, w, a = (drawn(f"{name}0", WIDTH) for name in "ubvwa")
    real, noise, lr = np.array([0.8, 1.1]), np.array([-1.0, 0.6]), 0.7

    def judged(u: Array, b: Array, v: Array, s: Array) -> Array:
        return np.array([np.mean(v * np.tanh(u * one + b)) for one in s])

    def made(w: Array, a: Array) -> Array:
        return np.array([np.mean(a * np.tanh(w * z)) for z in noise])

    def doubt(signs: float, *given: Array) -> float:
        return float(np.log1p(np.exp(-signs * judged(*given))).mean())

    for t in range(3):
        fake = made(w, a)

        def told(u: Array, b: Array, v: Array, fake: Array = fake) -> float:
            return doubt(1, u, b, v, real) + doubt(-1, u, b, v, fake)

        np.testing.assert_allclose(found[f"told[{t}]"], told(u, b, v), rtol=1e-7)
        du, db, dv = slopes(told, u, b, v)
        u, b, v = u - lr * du, b - lr * db, v - lr * dv

        def fooled(w: Array, a: Array, u: Array = u, b: Array = b, v: Array = v) -> float:
            return doubt(1, u, b, v, made(w, a))

        np.testing.assert_allclose(found[f"fooled[{t}]"], fooled(w, a), rtol=1e-7)
        dw, da = slopes(fooled, w, a)
        w, a = w - lr * dw, a - lr * da
    np.testing.assert_allclose(found["fake[3]"], made(w, a), rtol=1e-7)


ROWS, TARGETS = np.array([[1.0, 0.5], [-0.4, 0.9]]), np.array([1.0, -0.5])
JUDGED, WANTED = np.array([[0.6, -0.8], [0.2, 0.9]]), np.array([0.7, -0.2])


def test_maml_by_differences() -> None:
    """The inner step by its formulas, the outer one by differences through them."""
    found = tpc.simulate(tpc.load(EXAMPLES / "maml.tp"), width=WIDTH, trials=1)
    w, v = drawn("U", WIDTH, 2), drawn("v", WIDTH)

    def off(w: Array, v: Array, inputs: Array, targets: Array) -> Array:
        return v @ np.tanh(w @ inputs.T) / WIDTH - targets

    def gradients(w: Array, v: Array) -> tuple[Array, Array]:
        chi, x = off(w, v, ROWS, TARGETS), np.tanh(w @ ROWS.T)
        return (chi * v[:, None] * (1 - x**2)) @ ROWS, x @ chi

    def judged(w: Array, v: Array) -> float:
        return float((off(w, v, JUDGED, WANTED) ** 2).sum() / 2)

    def query(w: Array, v: Array, moves: tuple[Array, Array] | None = None) -> float:
        dw, dv = moves or gradients(w, v)
        return judged(w - 0.5 * dw, v - 0.5 * dv)

    np.testing.assert_allclose(found["query"], query(w, v), rtol=1e-10)
    for name, moves in (("after", None), ("after_first", gradients(w, v))):
        dw, dv = slopes(partial(query, moves=moves), w, v)
        np.testing.assert_allclose(found[name], query(w - 0.8 * dw, v - 0.8 * dv), rtol=1e-7)


def test_networks_are_not_trained_through_what_is_detached() -> None:
    """What stands in front of it stays as it was drawn."""
    text = (
        "dim n\ninput xi[2]\nweight U[2] : n\nweight W : n x n\nweight v : n\n"
        "readout f = v * tanh(W @ detach(tanh(U @ xi)))\ntrain f:\n    data [[1, 0.5]], [1]\n"
        "    loss mse\n    optimizer sgd(lr=0.5)\n    parametrization mup\n    steps 3\n"
    )
    frozen = text.replace("U[2] : n", "U[2] : n (train=false)").replace("detach", "")
    found, wanted = (tpc.simulate(tpc.parse(one), width=8, trials=1)["f"] for one in (text, frozen))
    np.testing.assert_allclose(found, wanted)
    assert abs(found[-1] - found[0]) > 1e-3
