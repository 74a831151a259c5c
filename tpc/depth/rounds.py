"""What a stage makes of means, covariances and tangent kernels, for all pairs of a tile.

Axes: first inputs, second inputs, then those of the state, twice for what belongs to both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.kernels.plan import Array, KernelPlan, Leaf, PlanStep, Side, State, Value
from tpc.kernels.series_steps import PairSeries
from tpc.kernels.step_functions import SERIES, function
from tpc.kernels.steps import without_dead
from tpc.kernels.tiles import Given, leaf_value, singles_from, tile

Equal: TypeAlias = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Rows and columns of pairs that are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """A Gaussian state of each input of a set.

    Attributes:
        mean: Of shape (inputs,) + state; None where it is zero.
        covariance: Of each input with itself, of shape (inputs,) + state + state.
    """

    mean: Array | None
    covariance: Array


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The states of a tile of pairs.

    Attributes:
        rows: Means and covariances of the first inputs.
        columns: Of the second ones.
        covariance: Of both, of shape (rows, columns) + state + state.
        tangent: The tangent kernel of the state, of the same shape.
        error: A bound of the errors of series.
    """

    rows: Moments
    columns: Moments
    covariance: Array
    tangent: Array
    error: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TileInputs:
    """The inputs of a tile, and which of its pairs are equal: kinks make these different."""

    rows: Array
    columns: Array
    equal: Equal


@dataclass(frozen=True, slots=True)
class Found:
    """The outputs of a stage: for rows and for columns with themselves, and for pairs."""

    rows: Mapping[str, Array]
    columns: Mapping[str, Array]
    pairs: Mapping[str, Array]
    error: float


@dataclass(frozen=True, slots=True)
class StageMap:
    """The map of a stage, with all numbers that do not change.

    Attributes:
        pairs: Its plan for two states.
        alike: The same for two equal ones.
        params: Values of the network's params, and of the depth.
    """

    pairs: KernelPlan
    alike: KernelPlan
    params: Mapping[str, Array]

    def settled(self, without: frozenset[str] = frozenset()) -> "StageMap":
        """Return the same map with what depends on no input computed, and without some outputs."""
        pairs, alike = (_settled(plan, self.params, without) for plan in (self.pairs, self.alike))
        return StageMap(pairs, alike, self.params)

    def of(self, state: Pairs | None, inputs: TileInputs, alone: bool = True) -> Found:
        """Return what becomes of states, or of inputs where there is no state before.

        Args:
            state: The states, if any.
            inputs: The inputs.
            alone: Whether it is asked of columns with themselves.
        """
        given: dict[Side | State, Array] = {
            Side.FIRST: inputs.rows[:, None],
            Side.SECOND: inputs.columns[None],
        }
        if state is not None:
            given |= _single(state.rows, Side.FIRST)
            second = _single(state.columns, Side.SECOND)
            given |= {leaf: value.swapaxes(0, 1) for leaf, value in second.items()}
            given[State("covariance", Side.BOTH)] = state.covariance
        sizes = len(inputs.rows), len(inputs.columns)
        pairs, error = _evaluate(self.pairs, given, sizes, self.params)
        rows, columns = dict[str, Array](), dict[str, Array]()
        if alone or len(inputs.equal[0]):
            rows = self._of_alike(None if state is None else state.rows, inputs.rows)
        if alone:
            columns = self._of_alike(None if state is None else state.columns, inputs.columns)
        if len(inputs.equal[0]):
            pairs = {name: value.copy() for name, value in pairs.items()}
            for name, value in pairs.items():
                value[inputs.equal] = rows[name][inputs.equal[0]] if name in rows else 0
        return Found(rows, columns, pairs, error)

    def of_earlier(
        self, now: Array, then: Array, covariance: Array, inputs: tuple[Array, Array]
    ) -> dict[str, Array]:
        """Return what becomes of the states of inputs at one round with their own at earlier ones.

        Args:
            now: The covariances of the states at the round, of shape (inputs,) + state + state.
            then: Those at the earlier ones, of shape (inputs, rounds) + state + state; the last of
                these rounds is that round itself.
            covariance: Of both.
            inputs: Those of the round, and of the earlier ones, of shape (inputs, rounds) + input.
        """
        found: list[dict[str, Array]] = []
        parts = 1 if not self.pairs.series else len(now)  # series take one input with its own
        for part in np.array_split(np.arange(len(now)), parts):
            given: dict[Side | State, Array] = {
                Side.FIRST: inputs[0][part, None],
                Side.SECOND: inputs[1][part],
                State("covariance", Side.FIRST): now[part, None],
                State("covariance", Side.SECOND): then[part],
                State("covariance", Side.BOTH): covariance[part],
            }
            values, _ = _evaluate(self.pairs, given, (len(part), then.shape[1]), self.params)
            found.append(values)
        alike = self._of_alike(Moments(None, now), inputs[0])
        whole = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        for name, value in whole.items():
            value[:, -1] = alike.get(name, 0)
        return whole

    def _of_alike(self, state: Moments | None, inputs: Array) -> dict[str, Array]:
        given: dict[Side | State, Array] = {Side.FIRST: inputs[:, None]}
        if state is not None:
            given |= _single(state, Side.FIRST)
        found, _ = _evaluate(self.alike, given, (len(inputs), 1), self.params)
        return {name: value[:, 0] for name, value in found.items()}


def _settled(plan: KernelPlan, params: Mapping[str, Array], without: frozenset[str]) -> KernelPlan:
    values, known = list[Value](), dict[int, Array]()
    for number, value in enumerate(plan.values):
        match value:
            case Leaf() if value.side is Side.NEITHER:
                known[number] = leaf_value(value, {}, params)
            case PlanStep(side=Side.NEITHER, operation=operation, operands=numbers):
                if operation.name not in SERIES and all(x in known for x in numbers):
                    found = function(operation)(*(known[x] for x in numbers))
                    if isinstance(found, np.ndarray):
                        known[number], value = found, Leaf(found)
        values.append(value)
    outputs = {name: x for name, x in plan.outputs.items() if name.split()[0] not in without}
    kept, outputs = without_dead(values, outputs)
    return replace(plan, values=kept, outputs=outputs)


def _single(state: Moments, side: Side) -> dict[Side | State, Array]:
    found: dict[Side | State, Array] = {State("covariance", side): state.covariance[:, None]}
    if state.mean is not None:
        found[State("mean", side)] = state.mean[:, None]
    return found


def _evaluate(
    plan: KernelPlan, given: Given, sizes: tuple[int, int], params: Mapping[str, Array]
) -> tuple[dict[str, Array], float]:
    singles = singles_from(plan, given, sizes, params)
    found = tile(plan, singles, (slice(0, sizes[0]), slice(0, sizes[1])))
    whole = {
        name: np.broadcast_to(value, (*sizes, *plan.shapes[name])) for name, value in found.items()
    }
    series = (work.apply for work in singles.work)
    error = max((found.error for found in series if isinstance(found, PairSeries)), default=0.0)
    return whole, error
