"""How a matrix multiplies: dense, by its entries, or matrix-free, by the law of its products."""

from typing import Literal, Protocol, TypeAlias

from tpc.program.ensembles import Ensemble, Gaussian, LowRank, Orthogonal, rank
from tpc.program.program import Program
from tpc.simulation.dense import DenseMatrix, draw_entries
from tpc.simulation.result import Array
from tpc.simulation.sequential import (
    SequentialGaussian,
    SequentialHaar,
    SequentialLowRank,
    SequentialMatrix,
)
from tpc.simulation.streams import Normals

Engine: TypeAlias = Literal["dense", "matrix-free"]
"""What stands behind a product with a matrix."""


class Operator(Protocol):
    """A random matrix with entries of variance 1."""

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """Return a new array, W @ vectors or W.T @ vectors, for vectors in columns."""


def has_sequential_law(ensemble: Ensemble) -> bool:
    """Whether the law of further products is known, given earlier ones."""
    return isinstance(ensemble, Gaussian | Orthogonal | LowRank)


def has_sequential_laws(program: Program) -> bool:
    """Whether that is so for every matrix of a program."""
    return all(has_sequential_law(matrix.ensemble) for matrix in program.matrices)


def make_operator(
    engine: Engine,
    ensemble: Ensemble,
    rows: int,
    columns: int,
    products: tuple[int, int],
    draws: Normals,
) -> Operator:
    """Make a random matrix.

    Args:
        engine: Whether it is drawn whole.
        ensemble: Its law.
        rows: Its size.
        columns: Its size.
        products: How many vectors W, and W.T, will multiply at most.
        draws: The randomness of its name.
    """
    if engine == "dense":
        return DenseMatrix(draw_entries(ensemble, rows, columns, draws))
    together = sum(products)
    match ensemble:
        case Gaussian():
            return SequentialMatrix(SequentialGaussian(rows, columns, products, draws.normal))
        case Orthogonal():
            return SequentialMatrix(SequentialHaar(rows, together, draws.normal))
        case LowRank():
            inner = rank(ensemble, rows)
            return SequentialLowRank(
                SequentialMatrix(SequentialHaar(rows, together, draws.normal)),
                SequentialMatrix(SequentialGaussian(inner, columns, products, draws.normal)),
                rows,
                inner,
            )
        case _:
            raise AssertionError(f"{ensemble} has no law of products")


def floats_of(
    engine: Engine, ensemble: Ensemble, rows: int, columns: int, products: tuple[int, int]
) -> int:
    """Return how many numbers a matrix holds after all its products."""
    if engine == "dense":
        return rows * columns
    both = rows + columns
    together = sum(products)
    match ensemble:
        case Orthogonal():
            return both * min(together, rows)
        case LowRank():
            return (3 * rows + columns) * min(together, rows)
        case _:
            return both * (min(products[0], columns) + min(products[1], rows))
