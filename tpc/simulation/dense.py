"""A random matrix that is drawn and kept whole.

Its entries have variance 1, by the law of its ensemble:

    normal            N(0, 1)
    rademacher        1 or -1
    uniform           uniform in [-sqrt(3), sqrt(3)]
    student_t(f)      Student t with f degrees of freedom, times sqrt((f - 2) / f)
    sparse(p)         N(0, 1 / p) with probability p, else 0
    orthogonal        sqrt(n) O, O uniform: the Q of a Gaussian matrix, with R of positive diagonal
    low_rank(k)       sqrt(n / r) C P, C the first r columns of such an O, P Gaussian

Nothing of it is needed to multiply by a matrix of the same law: see `sequential.py`.
"""

from typing import assert_never

import numpy as np

from tpc.program.ensembles import (
    Bernoulli,
    Ensemble,
    Gaussian,
    LowRank,
    Orthogonal,
    Rademacher,
    Sparse,
    StudentT,
    Uniform,
    rank,
)
from tpc.simulation.result import Array
from tpc.simulation.streams import Normals


class DenseMatrix:
    """A matrix that multiplies by its entries."""

    def __init__(self, entries: Array) -> None:
        self._entries = entries

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """Return W @ vectors, or W.T @ vectors, for vectors in columns."""
        return (self._entries.T if transposed else self._entries) @ vectors


def draw_entries(ensemble: Ensemble, rows: int, columns: int, draws: Normals) -> Array:
    """Draw a matrix whose entries have mean 0 and variance 1.

    Args:
        ensemble: Its law.
        rows: Its size.
        columns: Its size.
        draws: The stream of its name.
    """
    shape = (rows, columns)
    match ensemble:
        case Gaussian():
            return draws.normal(rows, columns)
        case Rademacher():
            return np.asarray(2.0 * draws.generator.integers(0, 2, shape) - 1.0)
        case Uniform():
            return float(np.sqrt(12.0)) * (draws.generator.random(shape) - 0.5)
        case StudentT(freedom=freedom):
            spread = float(np.sqrt((freedom - 2) / freedom))
            return spread * draws.generator.standard_t(freedom, shape)
        case Sparse(density=density):
            entries = draws.normal(rows, columns)
            entries /= np.sqrt(density)
            entries *= draws.generator.random(shape) < density
            return entries
        case Bernoulli():
            raise AssertionError("a law of vectors, which is drawn with its mean")
        case Orthogonal():
            return float(np.sqrt(rows)) * _orthonormal_columns(draws.normal(rows, rows))
        case LowRank():
            inner = rank(ensemble, rows)
            outer = _orthonormal_columns(draws.normal(rows, inner))
            product: Array = outer @ draws.normal(inner, columns)
            product *= np.sqrt(rows / inner)
            return product
        case _:
            assert_never(ensemble)


def _orthonormal_columns(gaussian: Array) -> Array:
    """Return uniformly distributed orthonormal columns [Mezzadri, math-ph/0609050]."""
    columns, triangle = np.linalg.qr(gaussian)
    return np.asarray(columns * np.sign(np.diag(triangle)), dtype=np.float64)
