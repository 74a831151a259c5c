"""Kets of the rounds of a loop, side by side: what sums over earlier rounds contract with."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tpc.runtime.arrays import Array

if TYPE_CHECKING:
    from tpc.runtime.random_nodes import Nodes


def counted(steps: Any) -> int:
    """Return the steps of training as a number, perhaps from one that has been perturbed."""
    found = float(np.asarray(steps))
    if not 0 <= found < 2**31 or abs(found - round(found)) > 1e-6:
        raise ValueError(f"steps must be a whole number, 0 or more, not {steps}")
    return round(found)


class Rounds:
    """A ket of every round so far: the axis of rounds, then its constant axes, as one."""

    def __init__(self, nodes: Nodes, rounds: int, shape: tuple[int, ...]) -> None:
        self.rounds = rounds
        self._columns = nodes.room((nodes.samples, rounds * prod(shape)))
        self.shape = shape
        self.count = 0

    @property
    def array(self) -> Array:
        """The kets, of shape (samples, rounds so far x constant axes)."""
        return self._columns[:, : self.count * prod(self.shape)]

    def append(self, ket: Array) -> None:
        """Add the ket of a round."""
        start = self.array.shape[1]
        self.count += 1
        self._columns[:, start : self.array.shape[1]] = ket.reshape(len(ket), -1)


def sum_over_rounds(
    nodes: Nodes,
    factors: Array,
    left: Rounds,
    right: Rounds,
    ket: Array,
) -> Array:
    """Return the sum over earlier rounds s of factors[s] |left_s><right_s|x>."""
    shape = ket.shape[1:]
    if not left.count:
        return np.zeros_like(ket)
    overlaps = nodes.inner(right.array, ket.reshape(len(ket), -1))
    weights = np.repeat(factors[: left.count], prod(left.shape))
    total: Array = left.array @ (weights[:, None] * overlaps)
    return total.reshape(-1, *shape)


def inner_over_rounds(nodes: Nodes, left: Rounds, ket: Array) -> Array:
    """Return <left_s|x> of all rounds, 0 where s is not earlier."""
    overlaps = np.zeros((left.rounds, *left.shape, *ket.shape[1:]))
    if left.count:
        found = nodes.inner(left.array, ket.reshape(len(ket), -1))
        overlaps[: left.count] = found.reshape(left.count, *overlaps.shape[1:])
    return overlaps


def combination_over_rounds(nodes: Nodes, left: Rounds, weights: Array) -> Array:
    """Return the sum over earlier rounds s of |left_s> weights[s]."""
    shape = weights.shape[1 + len(left.shape) :]
    if not left.count:
        return np.zeros((nodes.samples, *shape))
    rows = weights[: left.count].reshape(left.array.shape[1], -1)
    total: Array = left.array @ rows
    return total.reshape(-1, *shape)
