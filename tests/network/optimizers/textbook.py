"""The optimizers as their papers and textbooks print them, in NumPy, written without the graphs."""

from collections.abc import Callable, Iterator

import numpy as np

Array = np.ndarray
Textbook = Callable[..., Iterator[Array]]


def over(x: Array, y: Array) -> Array:
    """Return x / y, and 0 where both are 0."""
    return np.divide(x, y, out=np.zeros(np.broadcast_shapes(x.shape, y.shape)), where=y != 0)


def sgd(gs):
    yield from gs


def momentum(gs, beta=0.9):
    m = np.zeros_like(gs[0])
    for g in gs:
        m = beta * m + g
        yield m


def nesterov(gs, beta=0.9):
    for g, m in zip(gs, momentum(gs, beta), strict=True):
        yield g + beta * m


def signsgd(gs, eps=0.0):
    for g in gs:
        yield over(g, np.sqrt(g**2 + eps**2))


def rmsprop(gs, a=0.99, eps=1e-8):
    v = np.zeros_like(gs[0])
    for g in gs:
        v = a * v + (1 - a) * g * g
        yield over(g, np.sqrt(v + eps**2))


def adagrad(gs, eps=1e-8):
    for t, g in enumerate(gs):
        yield over(g, np.sqrt(sum(h**2 for h in gs[: t + 1]) + eps**2))


def moments(gs, beta1, beta2):
    """Yield mhat and vhat as the explicit sums over all earlier steps."""
    for t in range(len(gs)):
        first = [(1 - beta1) * beta1 ** (t - s) * gs[s] for s in range(t + 1)]
        second = [(1 - beta2) * beta2 ** (t - s) * gs[s] ** 2 for s in range(t + 1)]
        yield sum(first) / (1 - beta1 ** (t + 1)), sum(second) / (1 - beta2 ** (t + 1))


def adam(gs, beta1=0.9, beta2=0.999, eps=1e-8, eps_outside=False):
    for mhat, vhat in moments(gs, beta1, beta2):
        yield over(mhat, np.sqrt(vhat) + eps if eps_outside else np.sqrt(vhat + eps**2))


def lamb(gs, beta1=0.9, beta2=0.999, eps=1e-6, eps_outside=False, bound=None):
    """Return directions of norm 1: those of a weight whose norm is not known."""
    for r in adam(gs, beta1, beta2, eps, eps_outside):
        yield over(r, np.sqrt(np.mean(r**2)))


def adamax(gs, beta1=0.9, beta2=0.999, eps=1e-8):
    for t, (mhat, _) in enumerate(moments(gs, beta1, beta2)):
        u = np.max([beta2 ** (t - s) * np.abs(gs[s]) for s in range(t + 1)], axis=0)
        yield over(mhat, np.maximum(u, eps))


def nadam(gs, beta1=0.9, beta2=0.999, eps=1e-8):
    for t, (mhat, vhat) in enumerate(moments(gs, beta1, beta2)):
        ahead = beta1 * mhat + (1 - beta1) * gs[t] / (1 - beta1 ** (t + 1))
        yield over(ahead, np.sqrt(vhat + eps**2))


def adadelta(gs, rho=0.95, eps=1e-8):
    v, u = np.zeros_like(gs[0]), np.zeros_like(gs[0])
    for g in gs:
        v = rho * v + (1 - rho) * g**2
        d = over(g * np.sqrt(u + eps**2), np.sqrt(v + eps**2))
        u = rho * u + (1 - rho) * d**2
        yield d


def lion(gs, beta1=0.9, beta2=0.99):
    m = np.zeros_like(gs[0])
    for g in gs:
        yield np.sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g


def adafactor(gs, beta1=0.9, beta2=0.999, eps=1e-8, eps_outside=False):
    """Of matrices: the factored second moment of all steps."""
    for mhat, vhat in moments(gs, beta1, beta2):
        rows, columns = vhat.mean(axis=1), vhat.mean(axis=0)
        v = np.outer(rows, columns) / vhat.mean()
        yield over(mhat, np.sqrt(v) + eps if eps_outside else np.sqrt(v + eps**2))


TEXTBOOK: dict[str, Textbook] = {
    "sgd": sgd, "momentum": momentum, "nesterov": nesterov, "signsgd": signsgd, "rmsprop": rmsprop,
    "adagrad": adagrad, "adam": adam, "adamw": adam, "lamb": lamb, "adamax": adamax, "nadam": nadam,
    "adadelta": adadelta, "lion": lion, "adafactor": adafactor,
}  # fmt: skip
