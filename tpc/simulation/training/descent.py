"""Updates of one tensor of a finite network, in place.

    W <- (1 - decay) W - n^-a lr factor n^-c Q(n^d g_0, ..., n^d g_t),   g = n^-a dL/dW

Q is the graph of the optimizer, evaluated on arrays: in blocks of rows where it acts entry by
entry, on the whole tensor where it averages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import TypeAlias

import numpy as np

from tpc.network.network import Exponents, OptimizerUse
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.update import advance, decay, initial_states, learning_rate
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Coordinates, Matrix, Mean, Node, Placeholder, Shape
from tpc.simulation.result import Array
from tpc.simulation.training.evaluation import Evaluation, number

BLOCK = 1 << 17
"""So many entries of a tensor are updated at a time."""

Rows: TypeAlias = slice | EllipsisType
"""Some rows of a tensor, or all of it."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """dL/dW, of which rows are made when they are asked for.

    Attributes:
        left: Of shape (n, r) for a matrix, whose gradient is left @ right.T; else the gradient.
        right: Of shape (n, r) for a matrix; else None.
    """

    left: Array
    right: Array | None = None

    def of(self, rows: Rows) -> Array:
        """Return some rows of the gradient."""
        return self.left[rows] if self.right is None else self.left[rows] @ self.right.T


@dataclass(frozen=True, slots=True)
class _State:
    """What an optimizer remembers of a tensor: an array with its axes."""

    coords: Coordinates
    shape: Shape
    value: Array

    def of(self, rows: Rows) -> Array:
        """Return what belongs to some rows; everything of what has no rows."""
        return self.value[rows] if self.coords[:1] and self.coords[0][0] == FREE else self.value


class Descent:
    """The optimizer of one tensor, with its states."""

    def __init__(
        self,
        use: OptimizerUse,
        factor: float,
        exponents: Exponents,
        width: int,
        params: Mapping[str, Array],
    ) -> None:
        """Start before the first step; `factor` is the weight's factor of the learning rate."""
        b, e, n = Builder(), exponents, float(width)
        self._use, self._width, self._params = use, width, params
        self._gain = n ** (e.d - e.a)
        self._rate = factor * number(learning_rate(b, use), params) * n ** -(e.a + e.c)
        shrinking = decay(b, use)
        self._kept = 1.0 if shrinking is None else 1.0 - number(shrinking, params)
        self._states: list[_State] | None = None
        self._step = 0

    def descend(self, tensor: Array, coords: Coordinates, gradient: Gradient) -> None:
        """Take one step.

        Args:
            tensor: W, changed in place.
            coords: Its growing axes.
            gradient: dL/dW.
        """
        b = Builder()
        g = b.make(Placeholder, coords, tensor.shape[len(coords) :], "gradient")
        before = self._before(b)
        averages = GrownAverages(b, held=True)
        direction, after = advance(b, self._use, g, before, self._step, averages)
        evaluation = Evaluation((direction, *after))
        written = self._room(after)
        for rows in _blocks(evaluation, tensor, coords):
            given: dict[Node | Matrix, Array] = {g: self._gain * gradient.of(rows)}
            if self._states is not None:
                given |= {x: s.of(rows) for x, s in zip(before, self._states, strict=True)}
            moved, *remembered = evaluation.compute(given, self._params)
            tensor[rows] = self._kept * tensor[rows] - self._rate * moved
            for state, value in zip(written, remembered, strict=True):
                state.of(rows)[...] = value
        self._states = written
        self._step += 1

    def _before(self, b: Builder) -> tuple[Node, ...]:
        """Return the states before the step, as the numbers they start with or as placeholders."""
        if self._states is None:
            return initial_states(b, self._use)
        return tuple(
            b.make(Placeholder, state.coords, state.shape, f"state {at}")
            for at, state in enumerate(self._states)
        )

    def _room(self, after: tuple[Node, ...]) -> list[_State]:
        """Return where to write the states: over the old ones, where they have the same axes."""
        known: list[_State | None] = [None] * len(after)
        known = known if self._states is None else [*self._states]
        return [
            old
            if old is not None and (old.coords, old.shape) == (node.coords, node.shape)
            else _State(
                node.coords, node.shape, np.empty((self._width,) * len(node.coords) + node.shape)
            )
            for old, node in zip(known, after, strict=True)
        ]


def _blocks(evaluation: Evaluation, tensor: Array, coords: Coordinates) -> Iterator[Rows]:
    """Yield the rows that are updated together: all of them where the update averages."""
    averages = any(isinstance(node, Mean) for node in evaluation.order)
    if averages or not coords or tensor.size <= BLOCK:
        yield ...
        return
    count = max(1, BLOCK // (tensor.size // len(tensor)))
    for start in range(0, len(tensor), count):
        yield slice(start, start + count)
