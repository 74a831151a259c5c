"""Products with a random matrix that is never there.

Each is drawn from its exact law given all earlier ones, at any finite width (the Householder dice).
Let Q and L be orthonormal frames of all vectors that W and W.T have met, A = W Q and B = W.T L.

**Gaussian** W in R^{n x m}, entries iid N(0, 1). All that is known of W is

    W = A Q.T + L B.T - L (L.T A) Q.T + (1 - L L.T) G (1 - Q Q.T),   G a fresh copy of W,

so a new direction q, orthogonal to Q, is multiplied with one fresh Gaussian vector g:

    W q = L (B.T q) + (1 - L L.T) g.

**Haar** O, uniform on the orthogonal group. Every product is known from both sides, O E = F and
O.T F = E, and O is uniform on the maps between the complements: for new orthonormal directions q

    O q = (1 - F F.T) g, orthonormalised so that it is uniform on the complement of F,

after which q belongs to E and O q to F.

Either way T products cost O(n T) memory and O(n T^2) time. A vector that comes again gets the same
result bit for bit: its coefficients along the frame are kept, and multiplied as the first time.

Reference:
    Lu, Householder Dice, 2021, arXiv:2101.07464.
    Tensor Programs III, Lemma K.9; Tensor Programs IVb, Section 4.7.3 (Gaussian matrices).
"""

import hashlib
from collections.abc import Callable
from typing import Protocol

import numpy as np

from tpc.simulation.frame import Frame
from tpc.simulation.result import Array

Normals = Callable[[int, int], Array]
"""Draws iid standard normal numbers, given the number of rows and of columns."""


class ProductLaw(Protocol):
    """A conditional law of products: coefficients along a frame, and what they stand for."""

    def coefficients(self, transposed: bool, block: Array) -> Array:
        """Return c with W block = c (W frame), after drawing W along new directions."""

    def combine(self, transposed: bool, coefficients: Array) -> Array:
        """Return c (W frame)."""


class SequentialGaussian:
    """The law of products with iid N(0, 1) entries, in R^{rows x columns}."""

    def __init__(
        self, rows: int, columns: int, products: tuple[int, int], normals: Normals
    ) -> None:
        """Know nothing yet.

        Args:
            rows: Of the matrix.
            columns: Of the matrix.
            products: At most so many vectors will be multiplied by W, and by W.T.
            normals: The fresh randomness.
        """
        by_matrix, by_transpose = products
        self._normals = normals
        self._inputs = (Frame(columns, by_matrix), Frame(rows, by_transpose))
        self._images = (
            np.empty((min(by_matrix, columns), rows)),
            np.empty((min(by_transpose, rows), columns)),
        )

    def coefficients(self, transposed: bool, block: Array) -> Array:
        """See `ProductLaw`."""
        here, there = self._inputs[transposed], self._inputs[not transposed]
        along, across, fresh = here.decompose(block)
        if len(fresh):
            drawn = self._normals(there.size, len(fresh)).T
            if there.count:
                known = self._images[not transposed][: there.count]
                drawn = drawn + (fresh @ known.T - drawn @ there.rows.T) @ there.rows
            self._images[transposed][here.count : here.count + len(fresh)] = drawn
            here.append(fresh)
        return np.hstack([along, across])

    def combine(self, transposed: bool, coefficients: Array) -> Array:
        """See `ProductLaw`."""
        images: Array = coefficients @ self._images[transposed][: coefficients.shape[1]]
        return images


class SequentialHaar:
    """The law of products with sqrt(size) times a uniform orthogonal matrix."""

    def __init__(self, size: int, products: int, normals: Normals) -> None:
        """Know nothing yet; at most so many vectors will be multiplied, from both sides."""
        self._normals = normals
        self._frames = (Frame(size, products), Frame(size, products))

    def coefficients(self, transposed: bool, block: Array) -> Array:
        """See `ProductLaw`."""
        here, there = self._frames[transposed], self._frames[not transposed]
        along, across, fresh = here.decompose(block)
        if len(fresh):
            drawn = self._normals(there.size, len(fresh)).T
            _, triangle, images = there.decompose(drawn)
            assert len(images) == len(fresh)
            # With a positive diagonal the factorisation is unique, and its frame uniform.
            there.append(images * np.sign(np.diag(triangle))[:, None])
            here.append(fresh)
        return np.hstack([along, across])

    def combine(self, transposed: bool, coefficients: Array) -> Array:
        """See `ProductLaw`."""
        frame = self._frames[not transposed]
        images: Array = coefficients @ frame.rows[: coefficients.shape[1]]
        images *= np.sqrt(frame.size)
        return images


class SequentialMatrix:
    """A matrix by the law of its products."""

    def __init__(self, law: ProductLaw) -> None:
        self._law = law
        self._calls: list[tuple[bool, Array]] = []
        self._known: dict[tuple[bool, bytes], tuple[int, int]] = {}

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """Return W @ vectors, or W.T @ vectors.

        Args:
            transposed: Whether it is the transpose that multiplies.
            vectors: One in each column.
        """
        block = np.ascontiguousarray(vectors.T)
        finite = np.asarray(np.isfinite(block).all(axis=1))
        if not finite.all():
            block = np.where(finite[:, None], block, 0.0)
        keys = [(transposed, hashlib.blake2b(row, digest_size=16).digest()) for row in block]
        new = {key: index for index, key in enumerate(keys) if key not in self._known}
        if new:
            several = block[list(new.values())]
            # Vectors of a length near 1, so that squares neither overflow nor vanish.
            size: Array = np.asarray(np.abs(several).max(axis=1, keepdims=True))
            size = np.where(size > 0, size, 1.0)
            coefficients = size * self._law.coefficients(transposed, several / size)
            self._known.update((key, (len(self._calls), at)) for at, key in enumerate(new))
            self._calls.append((transposed, coefficients))
        images = self._recall([self._known[key] for key in keys])
        if not finite.all():
            images[~finite] = np.nan
        return images.T

    def _recall(self, places: list[tuple[int, int]]) -> Array:
        """Return the rows of earlier calls, computed as they were then."""
        calls = {call for call, _ in places}
        if len(calls) == 1:
            (call,) = calls
            images = self._law.combine(*self._calls[call])
            order = [at for _, at in places]
            return images if order == list(range(len(images))) else images[order]
        parts = {call: self._law.combine(*self._calls[call]) for call in calls}
        return np.stack([parts[call][at] for call, at in places])


class SequentialLowRank:
    """sqrt(k) C P: the first columns C of an orthogonal matrix times a Gaussian P."""

    def __init__(self, outer: SequentialMatrix, inner: SequentialMatrix, rows: int, rank: int):
        """Compose.

        Args:
            outer: sqrt(rows) times an orthogonal matrix, of which C has the first columns.
            inner: P, with entries N(0, 1), of shape (rank, columns).
            rows: Of the matrix.
            rank: The number of columns of C.
        """
        self._outer, self._inner = outer, inner
        self._rows, self._rank = rows, rank

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """See `SequentialMatrix`."""
        if transposed:
            inside = self._outer.multiply(True, vectors)[: self._rank]
            product = self._inner.multiply(True, inside)
        else:
            inside = self._inner.multiply(False, vectors)
            padding = np.zeros((self._rows - self._rank, inside.shape[1]))
            product = self._outer.multiply(False, np.concatenate([inside, padding]))
        product /= np.sqrt(self._rank)
        return product
