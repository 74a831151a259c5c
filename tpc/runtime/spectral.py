"""Functions of the singular values and eigenvalues of small matrices, for low-rank operators.

A matrix is an array whose first `rows` axes are those of its rows. Rows and columns of zeros, which
stand for rounds of a loop that are still to come, are left out of decompositions.
"""

from functools import lru_cache
from math import prod

import numpy as np

from tpc.runtime.arrays import Array


def singular_values(matrix: Array, rows: int) -> Array:
    """Return the singular values of a matrix, descending."""
    whole = _flat(matrix, rows)
    if not np.isfinite(whole).all():
        return np.full(min(whole.shape), np.nan)
    values = np.zeros(min(whole.shape))
    found = _singular_parts(whole.tobytes(), whole.shape)[1]
    values[: len(found)] = found
    return values


def svd_apply(matrix: Array, values: Array, rows: int) -> Array:
    """Return E f F.T for the singular value decomposition E s F.T of a matrix and f(s)."""
    whole = _flat(matrix, rows)
    if not np.isfinite(whole).all():
        return np.full(matrix.shape, np.nan)
    e, _, f = _singular_parts(whole.tobytes(), whole.shape)
    applied = np.zeros(whole.shape)
    left, right = whole.any(axis=1), whole.any(axis=0)
    applied[np.ix_(left, right)] = (e * values[: e.shape[1]]) @ f
    return applied.reshape(matrix.shape)


@lru_cache(maxsize=1)
def _singular_parts(entries: bytes, shape: tuple[int, int]) -> list[Array]:
    """Return E, s, F.T of a matrix without its rows and columns of zeros, once for all that ask."""
    whole = np.frombuffer(entries).reshape(shape)
    kept = whole[np.ix_(whole.any(axis=1), whole.any(axis=0))]
    return list(np.linalg.svd(kept, full_matrices=False))


def triangular_root(gram: Array, least: Array, rows: int) -> Array:
    """Return the upper triangle S with S.T S = G of a symmetric matrix that is not negative.

    Its row is 0 for a column of which earlier ones leave no more than `least`, so that S is a
    smooth function of G, as eigenvectors are not.
    """
    rest = _flat(gram, rows).copy()
    if not np.isfinite(rest).all():
        return np.full(gram.shape, np.nan)
    root = np.zeros(rest.shape)
    for at, row in enumerate(root):
        if rest[at, at] > least:
            row[at:] = rest[at, at:] / np.sqrt(rest[at, at])
            rest -= np.outer(row, row)
    return root.reshape(gram.shape)


def triangular_inverse(gram: Array, least: Array, rows: int) -> Array:
    """Return T such that T.T G T is 1, S T = 1, and 0 for columns whose row of S is 0."""
    root = _flat(triangular_root(gram, least, rows), rows)
    inverse = np.zeros(root.shape)
    kept = np.ix_(root.diagonal() != 0, root.diagonal() != 0)
    inverse[kept] = np.linalg.inv(root[kept])
    return inverse.reshape(gram.shape)


def eigenvalues(matrix: Array, rows: int) -> Array:
    """Return the eigenvalues of a symmetric matrix that are not negative, descending."""
    return _decomposed(matrix, rows)[0]


def eigenvectors(matrix: Array, rows: int) -> Array:
    """Return the eigenvectors of a symmetric matrix in columns, by descending eigenvalue."""
    vectors = _decomposed(matrix, rows)[1]
    return vectors.reshape(*matrix.shape[:rows], vectors.shape[1])


def eigh_apply(matrix: Array, values: Array, rows: int) -> Array:
    """Return E f E.T for the eigenvectors E of a symmetric matrix and f of its eigenvalues."""
    vectors = _decomposed(matrix, rows)[1]
    applied: Array = (vectors * values) @ vectors.T
    return applied.reshape(matrix.shape)


def _decomposed(matrix: Array, rows: int) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors; those of rows of zeros come last."""
    whole = _flat(matrix, rows)
    values, vectors = np.zeros(len(whole)), np.eye(len(whole))
    if not np.isfinite(whole).all():
        return values + np.nan, vectors + np.nan
    kept = whole.any(axis=1)
    if kept.any():
        found, own = np.linalg.eigh(whole[np.ix_(kept, kept)])
        count = len(found)
        values[:count] = np.maximum(found[::-1], 0)
        vectors = np.concatenate([vectors[:, kept], vectors[:, ~kept]], axis=1)
        vectors[kept, :count] = own[:, ::-1]
    return values, vectors


def _flat(matrix: Array, rows: int) -> Array:
    """Return a matrix with one axis of rows and one of columns."""
    return matrix.reshape(prod(matrix.shape[:rows]), -1)
