"""Plan, pairs of inputs -> by how much the kernels of these pairs may be off through rounding.

The steps are computed again for copies of each pair, in which every step is off by a few last bits
(`tpc.runtime.rounding`): what cancels, and what layers amplify, spreads the copies. That is done
for all pairs of few inputs; of many, for those that are nearly collinear, where digits are lost,
and for some others, which stand for the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.kernels.arc_cosine import arc_cosine
from tpc.kernels.plan import Array, KernelPlan, Leaf, PlanOperation, PlanStep, Side, dead_after
from tpc.kernels.step_functions import SERIES, VIEWS, function
from tpc.kernels.tiles import Given, leaf_value
from tpc.runtime.arithmetic import gram
from tpc.runtime.rounding import DIRECTIONS, EXACT, UNITS, largest, stated

FEW_PAIRS = 128
"""So many pairs are always computed again."""

PART_OF_PAIRS = 1000
"""Of more pairs one in so many is."""

FEW_SERIES = 16
"""The same where steps are series."""

FEW_ENTRIES = 2**15
"""How many entries the widest value of these pairs has at most, as long as there are FEWEST."""

FEWEST = 4

NEAR = 0.99
"""The cosine of inputs that count as nearly collinear."""

NEIGHBOURS = 4
"""How many neighbours on a random line each input is compared with."""

Places = npt.NDArray[np.intp]

EXACT_STEPS = VIEWS | {"pick", "neg", "abs", "max", "min", "item", "sign"}

UNDECIDED: dict[str, Callable[..., Any]] = {
    "gram": gram,
    "arc_cosine": partial(arc_cosine, same=0.0),
}
"""Steps as they are where no small determinant is taken for 0."""

SUMS = frozenset({"contract", "dot", "linear", "reduce", "trace"})


@dataclass(slots=True)
class Copies:
    """Numbers near 1, by which the steps of all copies of some pairs are multiplied.

    Copies come with both signs in each direction, the first of which is one number for all steps.
    """

    pairs: int
    stream: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    drawn: Array = field(default_factory=lambda: np.ones(0))

    @property
    def count(self) -> int:
        """How many there are of each pair."""
        return 2 * DIRECTIONS

    def moved(self, value: Any) -> Any:
        """Return an array of all copies, each entry of it off; others are left as they are."""
        if np.shape(value)[:1] != (self.count * self.pairs,):
            return value
        size = value.size // (2 * DIRECTIONS)
        need = (DIRECTIONS - 1) * size
        if 2 * need >= len(self.drawn):
            self.drawn = UNITS * self.stream.uniform(-1, 1, 4 * need + 1)
        start = self.stream.integers(len(self.drawn) - need)
        by = np.full((DIRECTIONS, 1, size), UNITS / 2)
        by[1:, 0] = self.drawn[start : start + need].reshape(DIRECTIONS - 1, size)
        factors = 1 + by * np.array([1.0, -1.0])[:, None]
        return value * factors.reshape(value.shape)


@np.errstate(all="ignore")
def rounding_errors(
    plan: KernelPlan,
    first: Array,
    second: Array,
    params: Mapping[str, Array],
    values: Mapping[str, Array],
) -> dict[str, Array]:
    """Return what rounding may have done to the kernels of a list of pairs.

    Args:
        plan: The steps.
        first: The first input of every pair, of shape P + input shape.
        second: The second ones.
        params: Values of the network's params, by name.
        values: The kernels, of shape P + e + e.
    """
    copies = Copies(len(first))
    rounds = (copies.count, *(1,) * (first.ndim - 1))
    given: Given = {
        Side.FIRST: np.tile(first, rounds)[:, None],
        Side.SECOND: np.tile(second, rounds)[:, None],
    }
    found: list[Any] = []
    dead = dead_after(plan.values, plan.outputs.values())
    with np.errstate(all="ignore"):
        for number, value in enumerate(plan.values):
            match value:
                case Leaf():
                    found.append(leaf_value(value, given, params))
                case PlanStep(operation=operation, operands=numbers):
                    found.append(_off(operation, [found[x] for x in numbers], copies))
            for operand in dead.get(number, ()):
                found[operand] = None
    errors = {}
    for name, number in plan.outputs.items():
        shape = (copies.count * len(first), *plan.shapes[name])
        off = np.broadcast_to(found[number][:, 0], shape).reshape(copies.count, *values[name].shape)
        errors[name] = stated(values[name], largest(off - values[name]))
    return errors


def _off(operation: PlanOperation, operands: Sequence[Any], copies: Copies) -> Any:
    """Compute a step for all copies, and move it by rounding; of sums what is summed."""
    if operation.name == "pair_series":
        operation = replace(operation, name="listed_series")
    if operation.name in SUMS:
        return function(operation)(*map(copies.moved, operands))
    found = UNDECIDED.get(operation.name, function(operation))(*operands)
    scaled = operation.name == "mul" and min(map(np.size, operands)) == 1
    if scaled or operation.name in EXACT_STEPS:  # what is alike stays so when it is scaled
        return found
    return tuple(map(copies.moved, found)) if isinstance(found, tuple) else copies.moved(found)


def matrix_errors(
    plan: KernelPlan,
    first: Array,
    second: Array | None,
    params: Mapping[str, Array],
    matrices: Mapping[str, Array],
) -> dict[str, Array]:
    """Return what rounding may have done to the kernels of all pairs.

    Args:
        plan: The steps.
        first: The inputs of the rows, of shape M + input shape.
        second: Those of the columns; None for the same ones.
        params: Values of the network's params, by name.
        matrices: The kernels, of shape M + e + M2 + e.

    Returns:
        Arrays of these shapes, or 0 where no error of a pair is stated.
    """
    i, j, near = chosen_pairs(plan, first, second)
    if not len(i):
        return dict.fromkeys(matrices, np.zeros(()))
    by_pairs = {name: pairs_first(matrix) for name, matrix in matrices.items()}
    columns = first if second is None else second
    values = {name: matrix[i, j] for name, matrix in by_pairs.items()}
    cosines = np.zeros((0, 0))
    found = rounding_errors(plan, first[i], columns[j], params, values)
    errors = {}
    for name, error in found.items():
        errors[name] = np.zeros(())
        if error.any():
            errors[name] = np.zeros(matrices[name].shape)
            listed = pairs_first(errors[name])
            if near < len(i):
                if not cosines.size:
                    cosines = np.abs(directions(first) @ directions(columns).T)
                listed[...] = errors_of_others(by_pairs[name], error, (i, j), cosines)
            listed[i, j] = error
            if second is None:
                rank = (error.ndim - 1) // 2
                order = 0, *range(1 + rank, 1 + 2 * rank), *range(1, 1 + rank)
                listed[j, i] = error.transpose(order)
    return errors


@np.errstate(all="ignore")
def alike_errors(
    plan: KernelPlan, inputs: Array, params: Mapping[str, Array], values: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the same for the kernels of inputs with themselves, of shape M + e + e."""
    some = np.arange(len(inputs))
    most = _few(plan, FEW_PAIRS) // 2
    if len(some) > 2 * most:
        some = np.linspace(0, len(inputs) - 1, most).astype(int)
    chosen = {name: value[some] for name, value in values.items()}
    found = rounding_errors(plan, inputs[some], inputs[some], params, chosen)
    errors = {}
    for name, error in found.items():
        parts = relative(error, np.abs(chosen[name]))
        errors[name] = parts.max(initial=0.0) * np.abs(values[name])
        errors[name][some] = error
    return errors


def pairs_first(matrix: Array) -> Array:
    """Return a view of kernels, of shape M + e + M2 + e, with the shape M + M2 + e + e."""
    return np.moveaxis(matrix, matrix.ndim // 2, 1)


def errors_of_others(
    values: Array, errors: Array, places: tuple[Places, Places], cosines: Array
) -> Array:
    """Return the errors of all pairs by those of some, relative to the sizes of their kernels.

    Nearly collinear pairs have that of the next one that is nearer, or the largest of those that
    are farther from it; all others the largest of others.

    Args:
        values: The kernels, of shape M + M2 + e + e.
        errors: Those of some pairs, of shape P + e + e.
        places: Rows and columns of these.
        cosines: Of the inputs, without signs.
    """
    size = np.abs(values)
    scale = np.sqrt(size.max(axis=1)[:, None] * size.max(axis=0))
    parts = relative(errors, scale[places]).reshape(len(errors), -1).max(axis=1)
    far = cosines[places] <= NEAR
    bound = np.full(cosines.shape, parts[far].max(initial=0.0))
    if not far.all():
        order = np.argsort(-cosines[places][~far])
        known, own = -cosines[places][~far][order], parts[~far][order]
        near = cosines > NEAR
        nearer = np.searchsorted(known, -cosines[near], side="right") - 1
        bound[near] = np.maximum.accumulate(own[::-1])[::-1][np.maximum(nearer, 0)]
    found = bound.reshape(*bound.shape, *(1,) * (values.ndim - 2)) * scale
    return np.where(found > EXACT * size, found, 0.0)


def relative(errors: Array, scale: Array) -> Array:
    """Return which parts of a scale errors are."""
    return np.divide(errors, scale, out=np.zeros_like(errors), where=(errors > 0) & (scale > 0))


def equal_inputs(first: Array, second: Array | None) -> tuple[Places, Places]:
    """Return rows and columns of the pairs whose inputs are one."""
    known: dict[bytes, int] = {}
    rows = np.array([known.setdefault((x + 0.0).tobytes(), len(known)) for x in first])
    if second is None and len(known) == len(first):
        return rows, rows
    columns = rows if second is None else [known.get((x + 0.0).tobytes(), -1) for x in second]
    i, j = np.nonzero(rows[:, None] == columns)
    return i, j


def _few(plan: KernelPlan, most: int) -> int:
    """Return how many pairs are few for values as wide as those of a plan."""
    return max(FEWEST, min(most, FEW_ENTRIES // plan.widest))


def chosen_pairs(
    plan: KernelPlan, first: Array, second: Array | None
) -> tuple[Places, Places, int]:
    """Return rows and columns of the pairs that are computed again, and how many are near ones.

    If they are not all, those behind the near ones stand for the rest.
    """
    rows, columns = len(first), len(first if second is None else second)
    series = any(isinstance(x, PlanStep) and x.operation.name in SERIES for x in plan.values)
    whole = rows * columns if second is not None else rows * (rows - 1) // 2
    most = FEW_SERIES if series else _few(plan, max(FEW_PAIRS, whole // PART_OF_PAIRS))
    if whole <= most:
        every = np.indices((rows, columns)).reshape(2, -1)
        i, j = every if second is not None else every[:, every[0] < every[1]]
        return i, j, len(i)
    i, j = near_pairs(first, second, most // 2)
    stream = np.random.default_rng(0)
    others = stream.integers((rows, columns), size=(most // 2, 2))
    if second is None:
        others = others[others[:, 0] != others[:, 1]]
    return np.concatenate([i, others[:, 0]]), np.concatenate([j, others[:, 1]]), len(i)


def directions(inputs: Array) -> Array:
    """Return inputs as rows of length one, or zero."""
    flat = inputs.reshape(len(inputs), -1)
    length = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    return np.asarray(flat / np.where(length > 0, length, 1.0)[:, None])


def near_pairs(first: Array, second: Array | None, most: int) -> tuple[Places, Places]:
    """Return rows and columns of pairs of nearly collinear inputs, at most so many.

    Inputs are put in order along a random line: what is nearly collinear stands side by side.
    """
    flat = directions(first if second is None else np.concatenate([first, second]))
    places = flat @ np.random.default_rng(0).normal(size=flat.shape[1])
    order = np.argsort(np.abs(places))
    found = []
    for gap in range(1, NEIGHBOURS + 1):
        i, j = np.sort([order[:-gap], order[gap:]], axis=0)
        if second is not None:
            crossing = (i < len(first)) & (j >= len(first))
            i, j = i[crossing], j[crossing]
        cosines = np.abs(np.einsum("ij,ij->i", flat[i], flat[j]))
        near = (cosines > NEAR) & (cosines < 2)
        found.append(np.array([i[near], j[near], cosines[near]]))
    i, j, cosines = np.concatenate(found, axis=1)
    best = np.argsort(-cosines)[:most]
    shift = 0 if second is None else len(first)
    return i[best].astype(int), j[best].astype(int) - shift
