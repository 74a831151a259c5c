"""Shampoo with the norm of an entrywise step: the limit against dense networks in NumPy."""

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import TEXT, extrapolated

EPS = 0.3


def adam(states, t, g):
    m = states["m"] = 0.9 * states.get("m", 0) + 0.1 * g
    v = states["w"] = 0.99 * states.get("w", 0) + 0.01 * g**2
    return m / (1 - 0.9 ** (t + 1)) / np.sqrt(v / (1 - 0.99 ** (t + 1)) + EPS**2)


def adagrad(states, t, g):
    v = states["w"] = states.get("w", 0) + g**2
    return g / np.sqrt(v + EPS**2)


def root(side, eps):
    values, vectors = np.linalg.eigh(side)
    powers = (np.maximum(values, 0) + eps) ** -0.25
    return (vectors * powers[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def shampoo(graft, entries):
    """Return the step of a matrix whose gradient has the entries `entries(g)` times g's."""

    def update(t, states, g):
        turned = np.swapaxes(g, -1, -2)
        left = states["L"] = states.get("L", 0) + g @ turned
        right = states["R"] = states.get("R", 0) + turned @ g
        x = root(left, 1e-3) @ g @ root(right, 1e-3)
        d = graft(states, t, entries(g) * g)
        norms = [np.linalg.norm(z, axis=(-2, -1), keepdims=True) for z in (d, x)]
        return 0.3 * norms[0] / norms[1] * x

    return update


GRAFTS = {f"adam(beta2=0.99, eps={EPS})": adam, f"adagrad(eps={EPS})": adagrad}


@pytest.mark.slow
@pytest.mark.parametrize("graft", GRAFTS)
def test_the_norm_is_that_of_the_entrywise_step(graft: str) -> None:
    use = f"shampoo(lr=0.3, eps=1e-3, graft={graft})"
    network = tpc.parse(TEXT.format(declared="", optimizer=use, others="sgd(lr=0.3)", steps=2))
    found = tpc.train(network, samples=4096, method="qmc")
    whole = shampoo(GRAFTS[graft], lambda g: g.shape[-1])
    wanted, errors = extrapolated(lambda t, states, g: whole(t, states, g) / g.shape[-1], 2)
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.02).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()


@pytest.mark.slow
def test_vectors_take_the_norm_too() -> None:
    others = f"shampoo(lr=0.3, eps=1e-3, graft=adam(beta2=0.99, eps={EPS}))"
    network = tpc.parse(TEXT.format(declared="", optimizer="sgd(lr=0.3)", others=others, steps=2))
    found = tpc.train(network, samples=4096, method="qmc")

    def of_vectors(t, states, g):  # of Frobenius norm |g| sqrt(n), where the limit has |g|
        n = max(g.shape[-2:])
        inner = states.setdefault("inner", {})
        return shampoo(adam, lambda x: np.sqrt(n))(t, inner, g / np.sqrt(n))

    wanted, errors = extrapolated(lambda t, states, g: 0.3 * g, 2, of_vectors=of_vectors)
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.02).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()
