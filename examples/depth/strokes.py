"""Digits as strokes of a pen, told apart by the signature kernel of their paths.

    python strokes.py

Each digit is one polygon of eight segments; writers slant, stretch, shrink and shake it. The
network `signature_kernel.tp` is infinitely wide and deep, and knows a stroke by its steps alone. A
stroke is given the digit of the nearest other one, by the distance that the kernel defines.

Reference:
    Cirone, Lemercier and Salvi, Neural Signature Kernels, 2023.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

import tpc

HERE = Path(__file__).parent

Array = npt.NDArray[np.float64]

DIGITS = (
    "63 31 11 03 05 17 37 55 63",  # 0, corners as x and y on a grid, y upwards
    "15 26 37 36 34 33 32 31 30",
    "15 27 47 55 43 21 10 30 50",
    "16 37 55 44 34 54 52 30 11",
    "47 35 23 12 22 42 52 62 63",
    "57 37 17 14 34 52 41 30 11",
    "57 36 14 12 20 40 52 43 13",
    "07 17 37 57 56 45 33 21 10",
    "34 15 37 55 34 12 30 52 34",
    "55 37 15 24 45 55 54 42 30",
)


def strokes(writers: int, seed: int = 0) -> tuple[Array, Array]:
    """Return what writers make of all digits, of shape (strokes, 9, 2), and the digits."""
    rng = np.random.default_rng(seed)
    shapes = np.array([[[int(x), int(y)] for x, y in digit.split()] for digit in DIGITS]) / 7
    hands = np.eye(2) + 0.15 * rng.standard_normal((writers, 2, 2))
    drawn = np.einsum("wij,dvj->wdvi", hands, shapes)
    drawn += 0.03 * rng.standard_normal(drawn.shape)
    return drawn.reshape(-1, *shapes.shape[1:]), np.tile(np.arange(len(DIGITS)), writers)


def nearest(kernel: Array) -> npt.NDArray[np.intp]:
    """Return for each path the nearest other one, by |x - x'| of kets of length one."""
    size = np.sqrt(np.diag(kernel))
    cosines = kernel / np.outer(size, size)
    np.fill_diagonal(cosines, -np.inf)
    return np.asarray(cosines.argmax(axis=1))


def main() -> None:
    """Write the strokes, and print how many have a nearest one of the same digit."""
    paths, digits = strokes(writers=4)
    np.save(HERE / "strokes.npy", paths)
    network = tpc.load(HERE / "signature_kernel.tp")
    kernels = tpc.kernel(network, paths, kind="nngp")
    right = (digits[nearest(kernels["nngp"])] == digits).mean()
    print(f"{len(paths)} strokes, {kernels.methods['nngp']}: {right:.0%} next to their digit")


if __name__ == "__main__":
    main()
