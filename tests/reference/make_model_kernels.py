"""Writes model_kernels.json: tangent kernels of the networks of examples/models, by brute force.

    python tests/reference/make_model_kernels.py [MODEL ...]

Each network is written again as a function of its tensors in JAX and differentiated there, for two
inputs, at widths 128 and 512, with many draws; a term in 1 / n is taken off. Tensors whose names
begin with `_` are not trained. Several outputs are added up. Needs `jax`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).parent / "model_kernels.json"
WIDTHS = ((128, 128), (512, 32))
MORE = {"lora": 4}
"""How many times as many draws a model has whose parts are narrow."""
NARROW = {"resnet_batchnorm": 4}
"""How many times as narrow networks on many pixels are."""
Tensors = dict[str, Any]
Model = Callable[[Tensors, Any], Any]


def norm(z: Any) -> Any:
    centred = z - z.mean(0)
    return centred / jnp.sqrt((centred**2).mean(0) + 1e-6)


def gelu(x: Any) -> Any:
    return x * jax.scipy.stats.norm.cdf(x)


def relu(x: Any) -> Any:
    return jnp.maximum(x, 0)


def vit(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        patches = xi.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
        x = 0.5 * p["E"] @ patches.T + 0.3 * p["P"]
        y = norm(x)
        scores = (p["Q"] @ y).T @ (p["K"] @ y) / n
        x = x + p["O"] @ (p["V"] @ y) @ jax.nn.softmax(scores, -1).T
        x = x + p["B"] @ gelu(p["A"] @ norm(x))
        return p["v"] @ norm(x).mean(1)

    square = dict.fromkeys("QKVOAB", (n, n))
    return {"E": (n, 4), "P": (n, 4), **square, "v": (n,)}, f, (4, 4)


def llama(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    mask = np.arange(3)[:, None] >= np.arange(3)
    angles = np.array([[1.0], [0.1]]) * np.arange(3)

    def rms(z: Any) -> Any:
        return z / jnp.sqrt((z**2).mean(0) + 1e-6)

    def rotated(z: Any) -> Any:  # n x frequency x half x token
        c, s = np.cos(angles), np.sin(angles)
        turned = [c * z[:, :, 0] - s * z[:, :, 1], s * z[:, :, 0] + c * z[:, :, 1]]
        return jnp.stack(turned, 2)

    def f(p: Tensors, xi: Any) -> Any:
        z = 0.5 * p["E"] @ xi.T
        y = norm_y = rms(z)
        keys = rotated(jnp.einsum("fhab,bt->afht", p["K"], y))
        for g in range(2):
            queries = rotated(jnp.einsum("fhab,bt->afht", p["Q"][g], y))
            scores = jnp.einsum("afht,afhs->ts", queries, keys) / n / 4
            attention = jax.nn.softmax(jnp.where(mask, scores, -1e9), -1)
            z = z + p["O"][g] @ (p["V"] @ norm_y) @ attention.T
        w = rms(z)
        gate = p["G"] @ w
        return p["v"] @ rms(z + p["B"] @ (gate * jax.nn.sigmoid(gate) * (p["A"] @ w)))[:, -1]

    square = dict.fromkeys("VGAB", (n, n))
    heads = {"Q": (2, 2, 2, n, n), "K": (2, 2, n, n), "O": (2, n, n)}
    return {"E": (n, 4), **heads, **square, "v": (n,)}, f, (3, 4)


def mixture_of_experts(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        x = relu(0.6 * p["U"] @ xi)
        gate = jax.nn.softmax(p["G"].T @ x / n)
        return p["v"] @ (relu(1.4 * p["W"] @ x) * gate[:, None]).sum(0)

    return {"U": (n, 3), "G": (n, 4), "W": (4, n, n), "v": (n,)}, f, (3,)


def deep_sets(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        elements = relu(1.4 * p["W1"] @ relu(0.6 * p["U"] @ xi.T))
        return p["v"] @ relu(1.4 * p["W2"] @ elements.mean(1))

    return {"U": (n, 3), "W1": (n, n), "W2": (n, n), "v": (n,)}, f, (5, 3)


def graph_convolution(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    edges = np.eye(4) + np.eye(4, k=1) + np.eye(4, k=-1)
    a = edges / np.sqrt(np.outer(edges.sum(1), edges.sum(1)))

    def f(p: Tensors, xi: Any) -> Any:
        h = relu(p["U"] @ xi.T @ a)
        return p["v"] @ relu(1.4 * p["W"] @ h @ a).mean(1)

    return {"U": (n, 2), "W": (n, n), "v": (n,)}, f, (4, 2)


def resnet(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def conv(w: Any, x: Any) -> Any:
        """Filters (3, 3, out, in) on (in, height, width)."""
        kernel = w.transpose(2, 3, 0, 1)
        return jax.lax.conv_general_dilated(x[None], kernel, (1, 1), ((1, 1), (1, 1)))[0]

    def f(p: Tensors, xi: Any) -> Any:
        x = conv(0.4 * p["U"].transpose(2, 3, 0, 1), xi)
        y = conv(0.47 * p["W1"], relu(norm(x)))
        y = x + conv(0.47 * p["W2"], relu(norm(y)))
        pooled = y.reshape(-1, 2, 2, 2, 2).mean((2, 4))
        return p["v"] @ relu(norm(pooled)).mean((1, 2))

    return {"U": (n, 2, 3, 3), "W1": (3, 3, n, n), "W2": (3, 3, n, n), "v": (n,)}, f, (2, 4, 4)


def lstm(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        h = c = jnp.zeros(n)
        for t in range(3):
            gates = 0.7 * p["U"] @ xi[t] + jnp.einsum("gab,b->ga", p["W"], h).T + 0.3 * p["b"]
            forget, take, give = (
                jax.nn.sigmoid(gates[:, 0]),
                jax.nn.sigmoid(gates[:, 1]),
                gates[:, 3],
            )
            c = forget * c + take * jnp.tanh(gates[:, 2])
            h = jax.nn.sigmoid(give) * jnp.tanh(c)
        return p["v"] @ h

    return {"U": (n, 4, 2), "W": (4, n, n), "b": (n, 4), "v": (n,)}, f, (3, 2)


def mixer(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    first = np.array([[0.6, -0.2, 0.4, 0.1], [0.3, 0.5, -0.7, 0.2], [-0.4, 0.1, 0.2, 0.9]])
    second = np.array([[0.5, 0.2, -0.6], [0.1, -0.3, 0.8], [-0.7, 0.4, 0.2], [0.3, 0.6, 0.1]])

    def f(p: Tensors, xi: Any) -> Any:
        x = 0.6 * p["E"] @ xi.T
        x = x + gelu(norm(x) @ first.T) @ second.T
        x = x + p["B"] @ gelu(p["A"] @ norm(x))
        return p["v"] @ norm(x).mean(1)

    return {"E": (n, 3), "A": (n, n), "B": (n, n), "v": (n,)}, f, (4, 3)


def siamese(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        embedded = relu(1.4 * p["W"] @ relu(0.6 * p["U"] @ xi.T) + 0.2 * p["b"][:, None])
        return p["v"] @ (embedded[:, 0] - embedded[:, 1])

    return {"U": (n, 3), "W": (n, n), "b": (n,), "v": (n,)}, f, (2, 3)


def swin(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        z = 0.6 * p["E"] @ xi.T
        for s in range(2):
            x = jnp.roll(z, -s, 1)
            y = norm(x).reshape(-1, 4, 2)
            queries, keys, values = (jnp.einsum("ab,bwt->awt", p[w][s], y) for w in "QKV")
            attention = jax.nn.softmax(jnp.einsum("awt,aws->wts", queries, keys) / n, -1)
            mixed = jnp.einsum("wts,aws->awt", attention, values).reshape(-1, 8)
            z = z + p["O"][s] @ jnp.roll(mixed, s, 1)
        return p["v"] @ norm(z + p["B"] @ relu(p["A"] @ norm(z))).mean(1)

    heads = dict.fromkeys("QKVO", (2, n, n))
    return {"E": (n, 3), **heads, "A": (n, n), "B": (n, n), "v": (n,)}, f, (8, 3)


def perceiver(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def attend(p: Tensors, s: int, x: Any, tokens: Any) -> Any:
        scores = (p["Q"][s] @ x).T @ (p["K"][s] @ tokens) / n
        return p["O"][s] @ (p["V"][s] @ tokens) @ jax.nn.softmax(scores, -1).T

    def f(p: Tensors, xi: Any) -> Any:
        z = p["L"] + attend(p, 0, norm(p["L"]), norm(0.6 * p["E"] @ xi.T + 0.3 * p["P"]))
        z = z + attend(p, 1, norm(z), norm(z))
        return p["v"] @ norm(z + p["B"] @ gelu(p["A"] @ norm(z))).mean(1)

    first = {"E": (n, 3), "P": (n, 5), "L": (n, 2), **dict.fromkeys("QKVO", (2, n, n))}
    return {**first, "A": (n, n), "B": (n, n), "v": (n,)}, f, (5, 3)


def bottleneck(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    m = n // 4

    def f(p: Tensors, xi: Any) -> Any:
        x = 0.5 * p["U"] @ xi
        inner = relu(1.4 * p["B"] @ relu(1.4 * p["A"] @ relu(x)))
        return p["v"] @ relu(x + 1.4 * p["C"] @ inner)

    return {"U": (n, 4), "A": (m, n), "B": (m, m), "C": (n, m), "v": (n,)}, f, (4,)


def lora(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    r = n // 8

    def f(p: Tensors, xi: Any) -> Any:
        x = relu(0.6 * p["_U"] @ xi)
        for layer in range(2):
            x = relu(1.4 * p["_W"][layer] @ x + 0.5 * p["B"][layer] @ (p["A"][layer] @ x))
        return p["_v"] @ x

    frozen = {"_U": (n, 3), "_W": (2, n, n), "_v": (n,)}
    return {**frozen, "A": (2, r, n), "B": (2, n, r)}, f, (3,)


def autoencoder(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def f(p: Tensors, xi: Any) -> Any:
        w = 1.4 * p["W"]
        return (p["v"].T @ relu(w.T @ relu(w @ relu(0.6 * p["U"] @ xi)))).sum()

    return {"U": (n, 3), "W": (n, n), "v": (n, 3)}, f, (3,)


def resnet_batchnorm(n: int) -> tuple[dict[str, tuple[int, ...]], Model, tuple[int, ...]]:
    def conv(w: Any, x: Any) -> Any:
        """Filters (3, 3, out, in) on (image, in, height, width)."""
        kernel = w.transpose(2, 3, 0, 1)
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), ((1, 1), (1, 1)))

    def normed(z: Any) -> Any:
        centred = z - z.mean((0, 2, 3), keepdims=True)
        return centred / jnp.sqrt((centred**2).mean((0, 2, 3), keepdims=True) + 1e-5)

    def f(p: Tensors, images: Any) -> Any:
        x = conv(0.4 * p["U"].transpose(2, 3, 0, 1), images)
        y = conv(0.47 * p["W1"], relu(normed(x)))
        y = x + conv(0.47 * p["W2"], relu(normed(y)))
        pooled = y.reshape(len(images), n, 4, 2, 4, 2).mean((3, 5))
        return relu(normed(pooled)).mean((2, 3)) @ p["v"]

    return {"U": (n, 2, 3, 3), "W1": (3, 3, n, n), "W2": (3, 3, n, n), "v": (n,)}, f, (2, 8, 8)


# fmt: off
MODELS = (vit, llama, mixture_of_experts, deep_sets, graph_convolution, resnet, lstm,
          resnet_batchnorm, mixer, siamese, swin, perceiver, bottleneck, lora, autoencoder)
# fmt: on


def kernels(make: Callable[..., Any], n: int, trials: int) -> tuple[Any, Any]:
    """Return means of tangent kernels, and their standard errors."""
    shapes, model, shape = make(n)
    inputs = np.random.default_rng(0).standard_normal((2, *shape))
    grows = {n, n // 4, n // 8}
    scale = {w: s[-1] ** -0.5 if set(s[-2:]) <= grows and s[1:] else 1.0 for w, s in shapes.items()}

    def f(tensors: Tensors, x: Any) -> Any:
        return model({name: scale[name] * w for name, w in tensors.items()}, x) / n**0.5

    @jax.jit
    def gradients(p: Tensors) -> Any:
        if make is resnet_batchnorm:  # an output depends on all inputs
            return [jax.grad(lambda q, at=at: f(q, inputs)[at])(p) for at in range(2)]
        return [jax.grad(f)(p, x) for x in inputs]

    found = []
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        p = {name: rng.standard_normal(s) for name, s in shapes.items()}
        one, two = gradients(p)
        found.append(
            [
                sum(float((a[w] * b[w]).sum()) for w in p if w[0] != "_")
                for a, b in ((one, one), (one, two), (two, two))
            ]
        )
    return np.mean(found, 0), np.std(found, 0, ddof=1) / trials**0.5


def main() -> None:
    known = json.loads(HERE.read_text()) if HERE.exists() else {}
    for make in MODELS:
        if len(sys.argv) > 1 and make.__name__ not in sys.argv[1:]:
            continue
        (n, t), (m, u) = WIDTHS
        more, narrow = MORE.get(make.__name__, 1), NARROW.get(make.__name__, 1)
        n, m = n // narrow, m // narrow
        small, small_error = kernels(make, n, more * t)
        large, large_error = kernels(make, m, more * u)
        value = (m * large - n * small) / (m - n)
        error = np.hypot(m * large_error, n * small_error) / (m - n)
        known[make.__name__] = {"ntk": value.round(5).tolist(), "stderr": error.round(5).tolist()}
        print(make.__name__, value, error, flush=True)
        HERE.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
