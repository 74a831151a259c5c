"""The laws that a random matrix may have: what is between its variance and its entries.

Every law is centred, with entries of one variance. `IID` laws are known entry by entry, and all
their programs have the limit of Gaussian ones [Golikov and Yang, Non-Gaussian Tensor Programs,
2022], as far as their moments are finite. The others are invariant under rotations of one side:

    Orthogonal    sqrt(n) O, O uniform among the orthogonal matrices
    LowRank(k)    sqrt(k) C P, C in R^{n x r} uniform with orthonormal columns, P Gaussian, r = n/k

A vector that such a matrix makes is a uniform direction outside the span of the earlier ones, as
with a Gaussian matrix in the limit; but C.T C = O.T O = 1 is no Gaussian relation, so that holds
only while the products with the matrix are all from one side.

Reference:
    Tensor Programs IVb, Setup 2.6.4.
    Golikov and Yang, Non-Gaussian Tensor Programs, 2022.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Entries iid normal."""


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """A multiple of a uniformly random orthogonal matrix."""


@dataclass(frozen=True, slots=True)
class Rademacher:
    """Entries iid, of one magnitude and random sign."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """Entries iid, uniform in an interval round 0."""


@dataclass(frozen=True, slots=True)
class StudentT:
    """Entries iid, Student t with `freedom` > 2 degrees of freedom, scaled to their variance."""

    freedom: float


@dataclass(frozen=True, slots=True)
class Sparse:
    """Entries iid, normal with probability `density`, else 0."""

    density: float


@dataclass(frozen=True, slots=True)
class LowRank:
    """Of rank rows / divisor: uniform orthonormal columns times a Gaussian matrix."""

    divisor: int


@dataclass(frozen=True, slots=True)
class Bernoulli:
    """Entries iid, 1 with probability p, else 0; of vectors alone, whose mean is p."""


IID: TypeAlias = Gaussian | Rademacher | Uniform | StudentT | Sparse
Ensemble: TypeAlias = IID | Orthogonal | LowRank | Bernoulli

GAUSSIAN = Gaussian()


def has_independent_entries(ensemble: Ensemble) -> bool:
    """Whether entries are iid, so that products from both sides have the Gaussian limit."""
    return isinstance(ensemble, IID)


def rank(ensemble: LowRank, rows: int) -> int:
    """Return the rank of a matrix with this number of rows: rounded, halves up, at least 1."""
    return max(1, (2 * rows + ensemble.divisor) // (2 * ensemble.divisor))


def spell(ensemble: Ensemble) -> str:
    """Return the name of a law with its parameter, as programs write it."""
    match ensemble:
        case Gaussian():
            return "normal"
        case Bernoulli():
            return "bernoulli"
        case Orthogonal():
            return "orthogonal"
        case Rademacher():
            return "rademacher"
        case Uniform():
            return "uniform"
        case StudentT(freedom=freedom):
            return f"student_t({freedom:g})"
        case Sparse(density=density):
            return f"sparse({density:g})"
        case LowRank(divisor=divisor):
            return f"low_rank({divisor})"
