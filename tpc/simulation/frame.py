"""An orthonormal frame that grows, and vectors taken apart along it.

A block X of k vectors becomes X = c Q + d Q', with Q the vectors of the frame and Q' new ones that
are orthonormal and orthogonal to Q. All are rows here, which lie contiguously in memory.

The block Gram-Schmidt method repeats itself (Barlow and Smoktunowicz, Reorthogonalized block
classical Gram-Schmidt, 2013): a direction that is small against its vector has lost digits to
cancellation, and is projected again until nearly nothing along Q is left. What is less than
`DEPENDENT` of a vector is rounding, and no direction; pivots find how many there are. So products
of W with the frame give W X to rounding, however dependent the vectors are.
"""

import numpy as np

from tpc.simulation.result import Array

DEPENDENT = 2.0**-43
"""What is less of a vector than this is rounding."""

NOTHING_LEFT = 0.5
"""A projection that leaves this much of every direction has left nothing to project again."""

PASSES = 6


class Frame:
    """Orthonormal rows in R^size, at most `capacity` of them.

    Attributes:
        size: The number of entries of each row.
        count: How many rows there are.
    """

    def __init__(self, size: int, capacity: int) -> None:
        self.size = size
        self.count = 0
        self._rows = np.empty((min(capacity, size), size))

    @property
    def rows(self) -> Array:
        """The rows, of shape (count, size)."""
        return self._rows[: self.count]

    def append(self, rows: Array) -> None:
        """Add rows that `decompose` has returned."""
        self._rows[self.count : self.count + len(rows)] = rows
        self.count += len(rows)

    def decompose(self, block: Array) -> tuple[Array, Array, Array]:
        """Take a block apart: block = along @ rows + across @ fresh.

        Args:
            block: Shape (k, size).

        Returns:
            along: Shape (k, count).
            across: Shape (k, number of new directions).
            fresh: Orthonormal, and orthogonal to the frame: what `append` takes.
        """
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        rest = block / np.where(lengths > 0, lengths, 1.0)
        along, across = np.zeros((len(block), self.count)), np.eye(len(block))
        for repeated in range(PASSES):
            if self.count:
                projection = rest @ self.rows.T
                rest = rest - projection @ self.rows
                along += across @ projection
            triangle, rest, least = _orthonormalise(rest, self.size - self.count)
            across = across @ triangle
            if not self.count or (repeated and least >= NOTHING_LEFT):
                break
        return lengths * along, lengths * across, rest


def _orthonormalise(block: Array, room: int) -> tuple[Array, Array, float]:
    """Write rows, none longer than 1, as triangle @ (orthonormal rows), but for rounding.

    Returns the two, and how much at least was left of a row that became a direction.

    Args:
        block: Shape (k, size).
        room: So many rows at most can be independent.
    """
    columns, triangle = np.linalg.qr(block.T)
    least = float(np.abs(np.diag(triangle)).min(initial=1.0))
    if len(triangle) <= room and least > DEPENDENT:
        return np.asarray(triangle.T, np.float64), np.asarray(columns.T, np.float64), least
    from scipy.linalg import qr

    pivoted, upper, order = qr(block.T, mode="economic", pivoting=True)
    left = np.abs(np.diag(upper))
    count = min(room, int((left > DEPENDENT).sum()))
    least = float(left[:count].min(initial=1.0))
    across = upper[:count, np.argsort(order)].T
    return np.asarray(across, np.float64), np.asarray(pivoted[:, :count].T, np.float64), least
