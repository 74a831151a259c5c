"""Steps that are linear over constant axes -> sparse matrices, composed and added up.

Windows, pools, shifts, sums over edges: each is a product with a table of few entries, and so is
what several of them make one after the other, or added up:

    P2 (P1 x) = (P2 P1) x,    P x + Q x = (P + Q) x,    <y|P x> + <y|Q x> = <y|(P + Q) x>

A product is made where it has no more entries than its factors, counted as often as they are used.
Tables that are dense stay contractions, which BLAS does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any, TypeAlias

import numpy as np

from tpc.kernels.plan import Array, Leaf, LinearMap, PlanOperation, PlanStep, Side, Value
from tpc.kernels.step_functions import VIEWS, function
from tpc.kernels.steps import PlanSteps, without_dead

DENSE = 4
"""How many entries a table of a map has for each that it takes or gives, at most."""

PLAIN = VIEWS | {"mul", "neg", "div"}
"""The steps that are cheaper as they are than as products with matrices."""


Image: TypeAlias = dict[tuple[int | None, int], Any]
"""A value as a sum of sparse matrices times values of the new list, by the numbers of these.

Behind a first number that is not None the term is the inner product of its value with the rest.
"""


def join_linear(
    values: Sequence[Value], outputs: Mapping[str, int]
) -> tuple[tuple[Value, ...], dict[str, int]]:
    """Join the linear steps of a plan that depend on both inputs."""
    joining = _Joining(values, Counter(_uses(values, outputs)))
    for number in range(len(values)):
        joining.add(number)
    return without_dead(joining.steps.values, {k: joining.made(x) for k, x in outputs.items()})


def _uses(values: Sequence[Value], outputs: Mapping[str, int]) -> list[int]:
    own = [x for value in values if isinstance(value, PlanStep) for x in value.operands]
    return [*own, *outputs.values()]


class _Joining:
    """The new list, and for every old value its image."""

    def __init__(self, values: Sequence[Value], uses: Mapping[int, int]) -> None:
        self.values = values
        self.uses = uses
        self.steps = PlanSteps()
        self.images: list[Image] = []
        self._made: dict[int, int] = {}

    def add(self, number: int) -> None:
        """Find the image of the next value."""
        match self.values[number]:
            case Leaf() as leaf:
                image = self._whole(self.steps.leaf(leaf))
            case PlanStep() as step:
                image = self._linear(step) or self._whole(
                    self.steps.step(step.operation, *map(self.made, step.operands))
                )
        self.images.append(image)

    def _whole(self, base: int) -> Image:
        return {(None, base): _identity(self._size(base))}

    def _size(self, base: int) -> int:
        return int(np.prod(self.steps.values[base].shape, dtype=int))

    def _linear(self, step: PlanStep) -> Image | None:
        """Return the image of a step that is linear in values of both inputs."""
        wide = [x for x in step.operands if self.values[x].side is Side.BOTH]
        name = step.operation.name
        if len(wide) == 2 and name == "dot":
            return self._inner(*wide)
        alike = len(wide) == 2 and len({self.values[x].shape for x in wide}) == 1
        if alike and name in ("add", "sub"):
            return self._sum(wide[0], wide[1], -1.0 if name == "sub" else 1.0)
        others = [self._constant(x) for x in step.operands if x not in wide]
        if len(wide) != 1 or any(other is None for other in others):
            return None
        (operand,) = wide
        shape = self.values[operand].shape
        own = _matrix_of(step, shape, step.operands[0] == operand, others)
        if own is None or own.nnz > DENSE * sum(own.shape):
            return None
        return self._composed(own, operand)

    def _composed(self, own: Any, operand: int) -> Image:
        """Return the image of a matrix times a value."""
        inner = self.images[operand]
        if own.shape == (1, 1):
            return {key: matrix * own[0, 0] for key, matrix in inner.items()}
        if all(left is None for left, _ in inner):
            whole = {key: own @ matrix for key, matrix in inner.items()}
            before = _entries(inner) if self.uses[operand] == 1 else 0
            if _entries(whole) <= own.nnz + before:
                return whole
        return {(None, self.made(operand)): own}

    def _sum(self, one: int, other: int, sign: float) -> Image:
        total = dict(self._terms(one))
        for key, matrix in self._terms(other).items():
            total[key] = total[key] + sign * matrix if key in total else sign * matrix
        return total

    def _terms(self, number: int) -> Image:
        """Return the image of a value, or that of a new one that others take as it is."""
        image = self.images[number]
        if self.uses[number] == 1 or _is_light(image):
            return image
        return self._whole(self.made(number))

    def _inner(self, one: int, other: int) -> Image:
        """Return <P x|Q y> as <x|P.T Q y> where neither P nor Q adds entries up."""
        light = (
            image if _is_light(image := self.images[x]) else self._whole(self.made(x))
            for x in (one, other)
        )
        (((_, x), p),), (((_, y), q),) = (image.items() for image in light)
        return {(x, y): (p.T @ q).tocsr()} if x <= y else {(y, x): (q.T @ p).tocsr()}

    def made(self, number: int) -> int:
        """Return the new number of a value, after the steps that compute it."""
        if number not in self._made:
            self._made[number] = self._making(number)
        return self._made[number]

    def _making(self, number: int) -> int:
        value = self.values[number]
        if self._is_plain(number):
            (((_, base), matrix),) = self.images[number].items()
            same = self.steps.values[base].shape == value.shape and _factor(matrix) == 1
            if same or not isinstance(value, PlanStep):
                return base
            return self.steps.step(value.operation, *map(self.made, value.operands))
        terms = []
        for (left, base), matrix in self.images[number].items():
            shape = value.shape if left is None else self.steps.values[left].shape
            factor = _factor(matrix) if shape == self.steps.values[base].shape else None
            linear = PlanOperation("linear", (LinearMap.of(matrix, shape),))
            product = base if factor is not None else self.steps.step(linear, base)
            if left is not None:
                product = self.steps.step(PlanOperation("dot", (len(shape),)), left, product)
            if factor not in (None, 1.0):
                scale = self.steps.leaf(Leaf(factor))
                product = self.steps.step(PlanOperation("mul"), product, scale)
            terms.append(product)
        return reduce(partial(self.steps.step, PlanOperation("add")), terms)

    def _is_plain(self, number: int) -> bool:
        """Whether a value is seen through views and factors, which cost little as they are."""
        image, value = self.images[number], self.values[number]
        if len(image) > 1:
            return False
        ((left, base), matrix) = next(iter(image.items()))
        if left is None and self.steps.values[base].shape == value.shape and _factor(matrix) == 1:
            return True
        if not isinstance(value, PlanStep) or value.operation.name not in PLAIN:
            return False
        wide = [x for x in value.operands if self.values[x].side is Side.BOTH]
        return (
            left is None
            and all((None, base) in self.images[x] for x in wide)
            and all(map(self._is_plain, wide))
        )

    def _constant(self, number: int) -> Array | None:
        match self.values[number]:
            case Leaf(value=float() as value):
                return np.full((), value)
            case Leaf(value=np.ndarray() as value):
                return np.asarray(value[0, 0])
            case _:
                return None


def _entries(image: Image) -> int:
    return sum(matrix.nnz for matrix in image.values())


def _is_light(image: Image) -> bool:
    """Whether a value is one of single entries of another, with factors."""
    return len(image) == 1 and all(
        left is None and matrix.nnz <= matrix.shape[0] for (left, _), matrix in image.items()
    )


def _factor(matrix: Any) -> float | None:
    """Return the number that a matrix is times the identity, if it is."""
    size = matrix.shape[0]
    if matrix.shape != (size, size) or matrix.nnz != size or (matrix.data != matrix.data[0]).any():
        return None
    return float(matrix.data[0]) if (matrix.indices == np.arange(size)).all() else None


def _matrix_of(
    step: PlanStep, shape: tuple[int, ...], first: bool, others: Sequence[Array | None]
) -> Any:
    """Return the matrix of a step that takes a value of some shape and constants."""
    places = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    match step.operation:
        case PlanOperation(name) if name in VIEWS:
            return gather(function(step.operation)(places[None, None])[0, 0], 1.0, places.size)
        case PlanOperation("reduce", ("sum", *axes)):
            kept = [1 if axis in axes else n for axis, n in enumerate(shape)]
            sums = np.broadcast_to(np.arange(np.prod(kept, dtype=int)).reshape(kept), shape)
            return gather(sums, 1.0, int(np.prod(kept, dtype=int))).T.tocsr()
        case PlanOperation("neg"):
            return gather(places, -1.0, places.size)
        case PlanOperation("mul" | "div" as name) if others and (name == "mul" or first):
            assert others[0] is not None
            factor = others[0] if name == "mul" else 1 / others[0]
            return gather(np.broadcast_to(places, step.shape), factor, places.size)
        case PlanOperation("contract" | "dot", (int() as axes,)) if others:
            assert others[0] is not None
            return _contraction(others[0], axes, shape, first)
        case _:
            return None


def _identity(size: int) -> Any:
    from scipy.sparse import eye_array

    return eye_array(size, format="csr")


def gather(places: Any, factors: Any, size: int) -> Any:
    """Return what takes entries at places of a value of some size, times factors."""
    from scipy.sparse import csr_array

    data = np.array(np.broadcast_to(factors, places.shape), dtype=np.float64).ravel()
    starts = np.arange(places.size + 1)
    found = csr_array((data, np.array(places).ravel(), starts), shape=(places.size, size))
    found.eliminate_zeros()
    return found


def _contraction(table: Array, axes: int, shape: tuple[int, ...], first: bool) -> Any:
    """Return x -> x table, or table x, summed over so many axes, as a matrix."""
    from scipy.sparse import csr_array, kron

    if first:
        rows = csr_array(table.reshape(int(np.prod(table.shape[:axes], dtype=int)), -1).T)
        kept = int(np.prod(shape[: len(shape) - axes], dtype=int))
        return kron(_identity(kept), rows, format="csr")
    rows = csr_array(table.reshape(-1, int(np.prod(table.shape[table.ndim - axes :], dtype=int))))
    return kron(rows, _identity(int(np.prod(shape[axes:], dtype=int))), format="csr")
