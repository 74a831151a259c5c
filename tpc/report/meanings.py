"""What the symbols of a closed form stand for: variances, covariances, means, other scalars.

The values of symbols have been given the axes of the closed form. Here these operations are undone,
so that a symbol is a scalar of the program's own, at some of the axes.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from tpc.limit.equations import Limit
from tpc.limit.limit_nodes import Diagonal
from tpc.program.nodes import Constant, Expand, Node, Permute
from tpc.report.formula import Expectation, Formula, Indexed, Name
from tpc.report.spelled_values import ValueNames, Values, bare

Labels = tuple[int, ...]
"""Which axis of a closed form each axis of a scalar belongs to."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A scalar whose axes belong to those of a closed form."""

    base: Node
    labels: Labels

    def is_whole(self, rank: int) -> bool:
        """Whether each axis is that of the closed form."""
        return self.labels == tuple(range(rank))


class Meanings:
    """Says what symbols stand for in one limit."""

    def __init__(self, limit: Limit, names: ValueNames, values: Values) -> None:
        self._names = names
        self._values = values
        self._covariances = limit.covariances
        self._moments = limit.moments
        self._constants = [
            (node.value, node)
            for node, (left, right) in limit.covariances.items()
            if isinstance(node, Constant) and left is right and len(left.shape) == 1
        ]

    def placed(self, value: Node, rank: int) -> Placed:
        """Return a value without the operations that only place its axes."""
        labels: Labels = tuple(range(rank - len(value.shape), rank))
        while not self._is_known(value):
            match value:
                case Expand(operand=operand, axes=axes):
                    labels = tuple(x for i, x in enumerate(labels) if i not in axes)
                case Permute(operand=operand, order=order):
                    labels = tuple(labels[order.index(i)] for i in range(len(order)))
                case Diagonal(operand=operand, labels=own):
                    labels = tuple(labels[i] for i in own)
                case Constant() if (whole := self._with_diagonal(value)) is not None:
                    long = [x for x, size in zip(labels, value.shape, strict=True) if size > 1]
                    return Placed(whole, (long[0], long[0]))
                case _:
                    break
            value = operand
        left, right = self._covariances.get(value, (None, None))
        half = len(labels) // 2
        if left is right is not None and labels[half:] < labels[:half]:
            labels = labels[half:] + labels[:half]  # a covariance of one ket is symmetric
        return Placed(value, labels)

    def short(self, placed: Placed, rank: int, longest: int) -> Formula | None:
        """Return a value that is so short that it needs no symbol."""
        base = bare(placed.base)
        if prod(base.shape) > 1 and not placed.is_whole(rank):
            return None
        found = self._values.plain(base)
        return self._values.use(found) if found is not None and found.weight <= longest else None

    def define(
        self, placed: Placed, indices: tuple[str, ...], symbols: dict[Placed, Name], rank: int
    ) -> tuple[tuple[Formula, ...], Formula]:
        """Return what a symbol stands for, perhaps by another name first.

        Args:
            placed: The value.
            indices: A letter for each axis.
            symbols: The symbols of the same closed form.
            rank: How many axes it has.
        """
        base, is_whole = placed.base, placed.is_whole(rank)
        whole = symbols.get(Placed(base, tuple(range(rank))))
        if whole is not None and not is_whole:
            return (), _at(whole, placed, indices)
        value = self._values.plain(base, base) if is_whole else None
        match self._covariances.get(base), self._moments.get(base):
            case (left, right), _ if left is right and _is_variance(placed, left):
                half = Placed(base, placed.labels[: len(left.shape)])
                head = _at(self._values.var(left), half, indices)
            case (left, right), _:
                head = self._values.cov(left, right)
                head = head if is_whole else _at(head, placed, indices)
            case _, (ket,):
                head = Expectation(self._names.ket(ket))
                head = head if is_whole else _at(head, placed, indices)
            case _:
                again = sum(other.base is base for other in symbols) > 1
                formula = self._names.name_scalar(base) if again else self._names.of(base)
                return (), formula if is_whole else _at(formula, placed, indices)
        return ((), head) if value is None else ((head,), self._values.use(value))

    def _is_known(self, node: Node) -> bool:
        known = node in self._covariances or node in self._moments
        return known or self._names.known_scalar(node) is not None

    def _with_diagonal(self, constant: Constant) -> Node | None:
        """Return the constant covariance that has these variances."""
        if sum(size > 1 for size in constant.shape) == 1:
            for array, node in self._constants:
                if np.array_equal(np.diagonal(array), constant.value.ravel()):
                    return node
        return None


def _is_variance(placed: Placed, ket: Node) -> bool:
    """Whether a covariance of a ket with itself is placed on its diagonal."""
    rank = len(ket.shape)
    return placed.labels[:rank] == placed.labels[rank:]


def _at(formula: Formula, placed: Placed, indices: tuple[str, ...]) -> Formula:
    keys = tuple(indices[label] for label in placed.labels)
    return Indexed(formula, keys) if keys else formula
