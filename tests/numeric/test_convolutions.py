"""Kernels of convolutional networks against their recursions, written out in NumPy."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

import tpc

Array = npt.NDArray[np.float64]

NETWORK = """
dim n
input xi[2, 8, 7]
weight U[2, 3, 3] : n (mult=0.5)
weight W[2, 2] : n x n (mult=0.7)
weight v[{count}] : n (mult=0.3)
x = avgpool(relu(conv(xi, U, {first})), [2, 1])
y = relu(conv(x, W, {second}))
readout f = sum(v * reshape(y, [{count}]))
"""

OPTIONS = {
    "padding=1": ("padding=1", 1, 1, 1, False),
    "stride=[1, 2]": ("stride=[1, 2]", 0, (1, 2), 1, False),
    "dilation=[2, 1]": ("dilation=[2, 1]", 0, 1, (2, 1), False),
    "circular": ("padding=1, circular=true", 1, 1, 1, True),
}


def places(length: int, size: int, stride: int, dilation: int, padding: int, wrap: bool) -> Array:
    """Return where each place of each window lies, -1 for outside."""
    starts = range(-padding, length + padding - dilation * (size - 1), stride)
    found = np.array([[start + dilation * k for k in range(size)] for start in starts])
    return found % length if wrap else np.where((found >= 0) & (found < length), found, -1)


def windows(x: Array, rows: Array, columns: Array) -> Array:
    """Return the patches of the last two axes: (..., windows, windows, places, places)."""
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, 1), (0, 1)])
    return padded[..., rows[:, None, :, None], columns[None, :, None, :]]


def step(k: Array, a: Array, b: Array, slope: Array) -> tuple[Array, Array]:
    """Return E relu(u) relu(w), and E step(u) step(w) times a tangent kernel."""
    cosine = np.clip(k / np.sqrt(a * b), -1, 1)
    angle = np.arccos(cosine)
    value = np.sqrt(a * b) * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
    return value, slope * (np.pi - angle) / (2 * np.pi)


def pairwise(f: Callable[[Array, Array], Array], x: Array) -> Array:
    return np.array([[f(one, other) for other in x] for one in x])


@pytest.mark.slow
@pytest.mark.parametrize("case", OPTIONS)
def test_both_kernels_against_their_recursion(case: str) -> None:
    text, padding, stride, dilation, wrap = OPTIONS[case]
    strides, dilations = np.broadcast_to(stride, 2), np.broadcast_to(dilation, 2)
    x = np.random.default_rng(3).standard_normal((3, 2, 8, 7))

    def windows_of(height: int, width: int, h: int, w: int, plain: bool = False) -> list[Array]:
        if plain:
            return [places(height, h, 1, 1, 0, False), places(width, w, 1, 1, 0, False)]
        both = zip((height, width), (h, w), strides, dilations, strict=True)
        return [places(n, size, s, d, padding, wrap) for n, size, s, d in both]

    rows, columns = windows_of(8, 7, 3, 3)
    patches = 0.5 * windows(x, rows, columns)
    k = np.einsum("xcpqhw,ycrshw->xypqrs", patches, patches)
    variance = np.einsum("xxpqpq->xpq", k)
    a, b = variance[:, None, :, :, None, None], variance[None, :, None, None]
    k, t = step(k, a, b, k)
    t = t + 0 * k
    pooled = k.shape[2] // 2

    def pool(z: Array) -> Array:
        z = z[:, :, : 2 * pooled, :, : 2 * pooled]
        z = z.reshape(*z.shape[:2], pooled, 2, z.shape[3], pooled, 2, z.shape[5])
        return z.mean((3, 6))

    k, t = pool(k), pool(t)
    r2, c2 = windows_of(k.shape[2], k.shape[3], 2, 2, plain=True)

    def conv(z: Array) -> Array:
        inner = windows(z, r2, c2)  # x y p q | R S h w
        moved = np.moveaxis(inner, (4, 5, 6, 7), (2, 3, 4, 5))
        outer = windows(moved, r2, c2)  # x y R S h w | P Q h' w'
        return 0.49 * np.einsum("xyRShwPQhw->xyPQRS", outer)

    k, t = conv(k), conv(t) + conv(k)
    variance = np.einsum("xxpqpq->xpq", k)
    a, b = variance[:, None, :, :, None, None], variance[None, :, None, None]
    k, t = step(k, a, b, t)
    nngp = 0.09 * np.einsum("xypqpq->xy", k)
    ntk = 0.09 * np.einsum("xypqpq->xy", t) + nngp

    count = k.shape[2] * k.shape[3]
    network = tpc.parse(NETWORK.format(first=text, second="stride=1", count=count))
    found = tpc.kernel(network, x)
    assert set(found.methods.values()) == {"exact"}
    np.testing.assert_allclose(found["nngp"], nngp, rtol=1e-12)
    np.testing.assert_allclose(found["ntk"], ntk, rtol=1e-12)
