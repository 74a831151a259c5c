"""Entries of values that nothing reads -> lists of those that are read.

A readout of few pixels, or a pool behind a convolution, reads a part of all pairs of pixels: of a
product P x the columns of P that have entries, of <x|P y> those of x where P has rows. What acts
entry by entry in between, which is most of the work, is then done for a list of entries: x at
places S, and (P x)_i = sum over s in S of P_is x_s.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tpc.kernels.linear_maps import gather
from tpc.kernels.plan import LinearMap, PlanOperation, PlanStep, Side, Value
from tpc.kernels.step_functions import matrix_of
from tpc.kernels.steps import PlanSteps, without_dead
from tpc.program.operations import UFUNCS

ENTRYWISE = frozenset(UFUNCS) | {"arc_cosine", "item"}
"""Steps that act entry by entry."""

PART = 0.75
"""A list is made where it is at most this part of all entries."""

Mask = npt.NDArray[np.bool_]


def keep_needed(
    values: Sequence[Value], outputs: Mapping[str, int]
) -> tuple[tuple[Value, ...], dict[str, int]]:
    """Make values of both inputs lists of the entries that are read, where these are fewer."""
    places = _Reading(values, outputs).places()
    steps = PlanSteps()
    new: list[int] = []
    for number, value in enumerate(values):
        if isinstance(value, PlanStep):
            new.append(_listed(steps, values, number, new, places))
        else:
            new.append(steps.leaf(value))
    return without_dead(steps.values, {name: new[x] for name, x in outputs.items()})


def _listed(
    steps: PlanSteps,
    values: Sequence[Value],
    number: int,
    new: Sequence[int],
    places: Mapping[int, npt.NDArray[np.int64]],
) -> int:
    """Make a step again, of lists and as a list where there are such."""
    step = values[number]
    assert isinstance(step, PlanStep)
    operation, operands = step.operation, [new[x] for x in step.operands]
    own = places.get(number)
    inner = next((places[x] for x in step.operands if x in places), None)
    match operation:
        case PlanOperation("linear", (LinearMap() as linear,)):
            matrix, shape = matrix_of(linear), step.shape
            if inner is not None:
                matrix = matrix[:, inner]
            if own is not None:
                matrix, shape = matrix[own], (len(own),)
            return steps.step(PlanOperation("linear", (LinearMap.of(matrix, shape),)), *operands)
        case PlanOperation("dot") if inner is not None:
            return steps.step(PlanOperation("dot", (1,)), *operands)
        case PlanOperation(name) if own is not None:
            if name not in ENTRYWISE:
                whole = steps.step(operation, *operands)
                return steps.step(PlanOperation("pick", (tuple(own.tolist()),)), whole)
            parts = [
                made if x in places else _spread(steps, made, step.shape, own)
                for x, made in zip(step.operands, operands, strict=True)
            ]
            return steps.step(operation, *parts)
        case _:
            return steps.step(operation, *operands)


def _spread(
    steps: PlanSteps, number: int, shape: tuple[int, ...], places: npt.NDArray[np.int64]
) -> int:
    """Return a value that broadcasts to a shape, at places of this."""
    own = steps.values[number].shape
    if not own:
        return number
    size = int(np.prod(own, dtype=int))
    entries = np.broadcast_to(np.arange(size).reshape(own), shape).ravel()[places]
    linear = LinearMap.of(gather(entries, 1.0, size), (len(places),))
    return steps.step(PlanOperation("linear", (linear,)), number)


class _Reading:
    """Which entries of values are read; values that meet entry by entry have the same ones."""

    def __init__(self, values: Sequence[Value], outputs: Mapping[str, int]) -> None:
        self.steps = {
            number: value
            for number, value in enumerate(values)
            if isinstance(value, PlanStep) and value.side is Side.BOTH
        }
        self._parent = {number: number for number in self.steps}
        for number, step in self.steps.items():
            if step.operation.name in ENTRYWISE:
                self._join(number, *self._alike(step, step.shape))
            elif step.operation.name == "dot" and len(step.operands) == 2:
                self._join(*self._alike(step, None))
        self._masks = {
            self._root(number): np.zeros(step.shape, bool).ravel()
            for number, step in self.steps.items()
        }
        for number in set(outputs.values()) & self.steps.keys():
            self._masks[self._root(number)][:] = True

    def places(self) -> dict[int, npt.NDArray[np.int64]]:
        """Return the entries that are read, by number of value, where they are a part of all."""
        before = -1
        while before != (count := sum(int(mask.sum()) for mask in self._masks.values())):
            before = count
            for number in reversed(self.steps):
                self._read_by(number)
        masks = {number: self._masks[self._root(number)] for number in self.steps}
        for mask in masks.values():  # arrays without entries need care everywhere: keep one
            mask[:1] |= not mask.any()
        return {x: np.flatnonzero(m) for x, m in masks.items() if m.sum() <= PART * m.size}

    def _read_by(self, number: int) -> None:
        """Add what a step reads."""
        step, root = self.steps[number], self._root(number)
        for operand in filter(self.steps.__contains__, step.operands):
            mask = self._masks[self._root(operand)]
            match step.operation:
                case PlanOperation("linear", (LinearMap() as linear,)):
                    mask[matrix_of(linear)[np.flatnonzero(self._masks[root])].indices] = True
                case PlanOperation("dot") if len(self._alike(step, None)) == 2:
                    mask |= self._support(step.operands[0]) & self._support(step.operands[1])
                case _ if self._root(operand) != root:
                    mask[:] = True

    def _support(self, number: int) -> Mask:
        """Return where a value may differ from 0."""
        step = self.steps[number]
        whole = np.ones(step.shape, bool).ravel()
        match step.operation:
            case PlanOperation("linear", (LinearMap() as linear,)):
                return np.asarray(np.diff(matrix_of(linear).indptr) > 0)
            case PlanOperation("mul"):
                for operand in self._alike(step, step.shape):
                    whole &= self._support(operand)
        return whole

    def _alike(self, step: PlanStep, shape: tuple[int, ...] | None) -> list[int]:
        """Return the operands of both inputs of a shape, or of the same one."""
        wide = [x for x in step.operands if x in self.steps]
        shape = self.steps[wide[0]].shape if shape is None and wide else shape
        return [x for x in wide if self.steps[x].shape == shape]

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def _join(self, *numbers: int) -> None:
        for number in numbers[1:]:
            self._parent[self._root(number)] = self._root(numbers[0])
