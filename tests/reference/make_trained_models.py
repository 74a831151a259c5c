"""Writes trained_models.json: outputs of examples/models in training, by brute force.

    python tests/reference/make_trained_models.py

The networks are written again in JAX, differentiated there and trained in the maximal update
parametrization at two widths, with many draws; a term in 1 / n is taken off. Needs `jax`.
"""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).parent / "trained_models.json"
WIDTHS = ((64, 1024), (256, 256))
RATE, STEPS = 0.5, 2
TOKENS = np.eye(4)[[0, 1, 3, 2]]
VECTORS = "EPabc"
Tensors = dict[str, Any]


def draw(n: int, rng: np.random.Generator) -> Tensors:
    """Return tensors of a GPT of width n, as they are trained."""
    normal, m = rng.standard_normal, 4 * n
    heads = {w: normal((2, n, n)) / n**0.5 for w in "QKVO"}
    layer = {"A": normal((m, n)) / n**0.5, "B": normal((n, m)) / m**0.5}
    gains = dict.fromkeys("abc", np.ones((n, 1)))
    return {"E": normal((n, 4)), "P": normal((n, 3)), **gains, **heads, **layer}


def outputs(p: Tensors) -> Any:
    """Return what three tokens say of the next one: tokens x words."""

    def norm(z: Any) -> Any:
        centred = z - z.mean(0)
        return centred / jnp.sqrt((centred**2).mean(0) + 1e-5)

    n = len(p["E"])
    z = 0.6 * p["E"] @ TOKENS[:-1].T + 0.6 * p["P"]
    y = p["a"] * norm(z)
    for h in range(2):
        scores = (p["Q"][h] @ y).T @ (p["K"][h] @ y) / n
        seen = jax.nn.softmax(jnp.where(np.tri(3) > 0, scores, -1e9), -1)
        z = z + p["O"][h] @ (p["V"][h] @ y) @ seen.T
    x = z + p["B"] @ jnp.maximum(p["A"] @ (p["b"] * norm(z)), 0)
    return (p["c"] * norm(x)).T @ (0.6 * p["E"]) / n


def loss(p: Tensors) -> Any:
    return -(TOKENS[1:] * jax.nn.log_softmax(outputs(p))).sum()


look, gradient = jax.jit(outputs), jax.jit(jax.grad(loss))


def trained(n: int, seed: int) -> list[Any]:
    """Return the outputs before each step and behind the last."""
    p = draw(n, np.random.default_rng((n, seed)))
    found = [look(p)]
    for _ in range(STEPS):
        slope = gradient(p)
        p = {w: v - RATE * slope[w] * (n if w in VECTORS else 1) for w, v in p.items()}
        found.append(look(p))
    return found


def main() -> None:
    runs = [(n, np.array([trained(n, seed) for seed in range(count)])) for n, count in WIDTHS]
    (n, few), (m, many) = runs
    value = (m * many.mean(0) - n * few.mean(0)) / (m - n)
    errors = [at * f.std(0, ddof=1) / len(f) ** 0.5 for at, f in runs]
    error = np.hypot(*errors) / (m - n)
    found = {"gpt": {"f": value.round(5).tolist(), "stderr": error.round(5).tolist()}}
    HERE.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
