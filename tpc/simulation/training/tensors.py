"""The trainable tensors of a finite network: their draws and their updates, in place.

    w ~ N(0, init^2 n^-2b),   W = n^-a w,   g = n^-a dL/dW,
    W <- (1 - decay) W - n^-a lr factor n^-c Q(n^d g_0, ..., n^d g_t)

What is held is W without its multiplier, which stands in the network's graph. A scalar-like weight
is n^-(a + b) times its `start`. Q is evaluated in blocks of rows where it acts entry by entry, on
the whole tensor where it averages. With e half the number of growing axes, optimizers of operators
see n^(d - e) g, and n^e stands before their direction, |w| = n^(b - e) ||w||. Those of vectors are
held between orthonormal columns.

Reference:
    Tensor Programs IVb, Definition 2.2.1; equation (2.50) with decay.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from types import EllipsisType
from typing import TypeAlias

import numpy as np

from tpc.network.facing import facing_of, grows_below
from tpc.network.network import Exponents, OptimizerUse, Weight
from tpc.network.optimizers.update import (
    acts_on_operators,
    decay,
    graft_of,
    learning_rate,
    numeric_options,
    stages_of,
)
from tpc.network.roles import Role
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Coordinates, InitialScalar, InitialVector, Matrix, Node, Shape
from tpc.simulation.dense import draw_entries
from tpc.simulation.result import Array
from tpc.simulation.streams import Stream, stream
from tpc.simulation.training.batch_evaluation import Evaluation, number
from tpc.simulation.training.updates import UpdateStep, UpdateSteps

COLUMN = "column"
"""The coordinate of the second growing axis of a matrix."""

BLOCK = 1 << 17
"""So many entries of a tensor are updated at a time."""

SMALL = 1e-7
"""Directions of an operator that are smaller beside the whole are rounding."""

Rows: TypeAlias = slice | EllipsisType
"""Some rows of a tensor, or all of it."""


@dataclass(frozen=True, slots=True)
class FiniteGradient:
    """dL/dW, of which rows are made when they are asked for.

    Attributes:
        left: Of shape (n, r) for a matrix, whose gradient is left @ right.T; else the gradient.
        right: Of shape (n, r) for a matrix; else None.
    """

    left: Array
    right: Array | None = None

    @property
    def square_norm(self) -> float:
        """The sum of the squares of its entries."""
        if self.right is None:
            return float((self.left**2).sum())
        return float(((self.left.T @ self.left) * (self.right.T @ self.right)).sum())

    def of(self, rows: Rows) -> Array:
        """Return some rows of the gradient."""
        return self.left[rows] if self.right is None else self.left[rows] @ self.right.T


@dataclass(frozen=True, slots=True)
class Widths:
    """What a weight at one width is made of.

    Attributes:
        free: The width of the network, by which trials are known.
        axes: Of the growing axes.
        own: What powers of n of this weight are powers of: the columns of a matrix.
        summed: How many entries the readout adds up.
    """

    free: int
    axes: tuple[int, ...]
    own: int
    summed: int


class TensorPlan:
    """What all trials share of a weight at one width: its scales and its optimizer's steps."""

    def __init__(
        self,
        weight: Weight,
        exponents: Exponents,
        role: Role,
        use: OptimizerUse,
        widths: Widths,
        params: Mapping[str, Array],
        bounded: bool = False,
        steps: int = 1,
    ) -> None:
        """Compute the scales.

        Args:
            weight: The weight.
            exponents: Its exponents.
            role: What it is to the network.
            use: Its optimizer.
            widths: What the scales are powers of.
            params: The values of params.
            bounded: Whether a common norm bounds its gradient.
            steps: How many there are.
        """
        e, n = exponents, float(widths.own)
        self.weight, self.width, self.axes = weight, widths.free, widths.axes
        self.coords = _coords(weight)
        rows, *below = widths.axes or (1,)
        height = rows / below[0] if below else 1.0
        facing = facing_of(weight, role, use, 1, height)
        self.is_operator = whole = acts_on_operators(use)
        self.turned = whole and len(self.coords) == 1 and grows_below(role, use)
        coords = () if whole else self.coords
        self.steps = UpdateSteps(use, coords, weight.shape, bounded, facing)
        graft = graft_of(use)
        self.graft = graft and UpdateSteps(graft, self.coords, weight.shape, bounded, facing)
        spanned = whole and stages_of(use) is None and len(self.coords) == 1
        columns = steps * prod(weight.shape) if spanned else 0
        self.columns = columns if columns < max(widths.axes, default=0) else 0
        size = n ** -(e.a + e.b)
        leaf = weight.leaf
        level = leaf.limit if isinstance(leaf, InitialScalar) else None
        level = leaf.mean if isinstance(leaf, InitialVector) else level
        self.start: Array | None = None
        if level is not None:
            self.start = size * Evaluation((level,)).compute({}, params)[0]
        self.deviation = size * number(weight.init, params)
        of_sum = 1 if isinstance(weight.leaf, InitialScalar) else n
        self.use = use
        self.gain = n ** (e.d - e.a) * widths.summed / of_sum
        self._power = n**e.d
        self._speed = n ** -(e.a + e.c)
        self._rates: dict[int, tuple[float, float]] = {}
        self.half = n ** -(len(self.coords) / 2)
        self.norm_scale = n ** (e.a + e.b) * (self.half if whole else prod(self.axes) ** -0.5)
        self.params = params

    def rates(self, step: int) -> tuple[float, float]:
        """Return what weight decay leaves in a step, and n^-a lr factor n^-c."""
        at = 0 if self.use.time is None else step
        if at not in self._rates:
            b = Builder()
            share = decay(b, self.use, self.weight, at)
            kept = 1.0 if share is None else 1.0 - number(share, self.params)
            rate = number(learning_rate(b, self.use, self.weight, at), self.params)
            self._rates[at] = kept, self._speed * rate
        return self._rates[at]

    def square_norm(self, gradient: FiniteGradient, step: int) -> float:
        """Return the square of the Frobenius norm of g, clipped where the block says so."""
        if "clip_value" in dict(self.use.options):
            theta = number(numeric_options(Builder(), self.use, step)["clip_value"], self.params)
            entries = np.clip(self.gain * gradient.of(...), -theta, theta)
            return float((entries**2).sum() / self._power**2)
        return float((self.gain / self._power) ** 2) * gradient.square_norm


@dataclass(frozen=True, slots=True)
class _State:
    """What an optimizer remembers of a tensor: an array with its axes."""

    coords: Coordinates
    shape: Shape
    value: Array

    def of(self, rows: Rows) -> Array:
        """Return what belongs to some rows; everything of what has no rows."""
        return self.value[rows] if self.coords[:1] and self.coords[0][0] == FREE else self.value


class Tensor:
    """A weight in one trial.

    Attributes:
        plan: What all trials share.
        value: W without its multiplier, of shape (n, n), (n,) + k or k.
    """

    def __init__(self, plan: TensorPlan, seed: int, trial: int) -> None:
        """Draw a weight; each has a random stream of its own."""
        self.plan = plan
        self.value = _draw(plan, seed, trial)
        self._states: list[_State] = []
        self._graft_states: list[Array] = []
        self._basis = np.zeros((len(self.value) if self.value.ndim else 0, 0))
        self._step = 0

    def descend(self, gradient: FiniteGradient, factor: float = 1.0) -> None:
        """Take one step, dL/dW being the gradient, with the factor of all gradients."""
        if self.plan.is_operator:
            self._descend_whole(gradient, factor)
            return
        plan, step = self.plan, self.plan.steps.at(self._step)
        written = self._room(step)
        kept, rate = plan.rates(self._step)
        for rows in _blocks(self.value, plan.coords, step):
            given: dict[Node | Matrix, Array] = {step.gradient: plan.gain * gradient.of(rows)}
            given |= self._given(step, factor)
            if self._step:
                given |= {x: s.of(rows) for x, s in zip(step.before, self._states, strict=True)}
            direction, *states = step.evaluation.compute(given, plan.params)
            self.value[rows] = kept * self.value[rows] - rate * direction
            for state, value in zip(written, states, strict=True):
                state.of(rows)[...] = value
        self._states = written
        self._step += 1

    def _given(self, step: UpdateStep, factor: float) -> dict[Node | Matrix, Array]:
        """Return the factor of all gradients and |w|, where the step asks for them."""
        given: dict[Node | Matrix, Array] = {}
        if step.factor is not None:
            given[step.factor] = np.array(factor)
        if step.norm is not None:
            given[step.norm] = np.asarray(self.plan.norm_scale * np.linalg.norm(self.value))
        return given

    def _descend_whole(self, gradient: FiniteGradient, factor: float) -> None:
        """Take one step with an optimizer that sees the gradient as an operator."""
        plan = self.plan
        whole = plan.gain * plan.half * gradient.of(...)
        whole = whole if whole.ndim > 1 else whole[:, None]
        if plan.columns:
            whole = self._coordinates(whole)
        last = np.moveaxis(whole, 0, -1) if plan.turned else whole
        step = plan.steps.at(self._step, last.shape)
        given = {step.gradient: last, **self._given(step, factor)}
        if step.norm is not None and plan.graft:
            given[step.norm] = self._graft_norm(plan.graft.at(self._step), gradient, factor)
        given |= {x: s.value for x, s in zip(step.before, self._states, strict=False)}
        direction, *states = step.evaluation.compute(given, plan.params)
        direction = np.broadcast_to(direction, last.shape)
        moved = np.moveaxis(direction, -1, 0) if plan.turned else direction
        if plan.columns:
            moved = self._basis @ moved[: self._basis.shape[1]].reshape(self._basis.shape[1], -1)
            moved = moved / np.sqrt(len(moved))
        kept, rate = plan.rates(self._step)
        self.value *= kept
        self.value -= rate / plan.half * moved.reshape(self.value.shape)
        self._states = [
            _State(coords, shape, value)
            for (coords, shape), value in zip(step.after, states, strict=True)
        ]
        self._step += 1

    def _graft_norm(self, step: UpdateStep, gradient: FiniteGradient, factor: float) -> Array:
        """Return the norm of the step that the graft takes."""
        plan = self.plan
        given = {step.gradient: plan.gain * gradient.of(...), **self._given(step, factor)}
        if self._step:
            given |= dict(zip(step.before, self._graft_states, strict=True))
        direction, *self._graft_states = step.evaluation.compute(given, plan.params)
        return np.asarray(plan.half * np.linalg.norm(direction))

    def _coordinates(self, gradient: Array) -> Array:
        """Return the coordinates of a gradient in columns that span it and those before it."""
        size = len(gradient)
        self._basis, found = extended(self._basis, gradient.reshape(size, -1))
        rows = np.zeros((self.plan.columns, found.shape[1]))
        rows[: len(found)] = np.sqrt(size) * found
        return rows.reshape(self.plan.columns, *gradient.shape[1:])

    def _room(self, step: UpdateStep) -> list[_State]:
        """Return where to write the states: over the old ones, where they have the same axes."""
        room = []
        for at, (coords, shape) in enumerate(step.after):
            old = self._states[at] if self._states else None
            if old is not None and (old.coords, old.shape) == (coords, shape):
                room.append(old)
            else:
                lengths = dict(zip(self.plan.coords, self.plan.axes, strict=True))
                axes = tuple(lengths[coordinate] for coordinate in coords) + shape
                room.append(_State(coords, shape, np.empty(axes)))
        return room


def _draw(plan: TensorPlan, seed: int, trial: int) -> Array:
    leaf, start = plan.weight.leaf, plan.start
    if isinstance(leaf, InitialScalar):
        return np.array(start, dtype=np.float64)
    shape = plan.axes + plan.weight.shape
    draws = Stream(stream(seed, plan.width, trial, plan.weight.name))
    drawn = draw_entries(leaf.ensemble, shape[0], prod(shape[1:]), draws).reshape(shape)
    drawn *= plan.deviation
    return drawn if start is None else drawn + start


def _blocks(tensor: Array, coords: Coordinates, step: UpdateStep) -> Iterator[Rows]:
    """Yield the rows that are updated together: all of them where the update averages."""
    if step.averages or not coords or tensor.size <= BLOCK:
        yield ...
        return
    count = max(1, BLOCK // (tensor.size // len(tensor)))
    for start in range(0, len(tensor), count):
        yield slice(start, start + count)


def _coords(weight: Weight) -> Coordinates:
    match weight.leaf:
        case Matrix(rows=rows, columns=columns):
            return ((FREE, rows), (COLUMN, columns))
        case InitialScalar():
            return ()
        case vector:
            return vector.coords


def extended(basis: Array, columns: Array) -> tuple[Array, Array]:
    """Return orthonormal columns that span those given too, and the coordinates of these."""
    n, rest, known = len(columns), columns, np.zeros((basis.shape[1], columns.shape[1]))
    for _ in range(2):
        part = basis.T @ rest / n
        rest = rest - basis @ part
        known += part
    fresh, sizes, turned = np.linalg.svd(rest, full_matrices=False)
    kept = sizes > SMALL * np.linalg.norm(columns)
    basis = np.concatenate([basis, np.sqrt(n) * fresh * kept], axis=1)
    return basis, np.concatenate([known, (sizes * kept / np.sqrt(n))[:, None] * turned])
