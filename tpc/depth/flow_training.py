"""A network and its training -> the Gaussian closure of its depth, where that is its limit.

That is so of rounds that add functions of one product with a fresh matrix each, phi(W x), without a
mean; of states that begin linear in Gaussian weights; of a readout v x; of optimizers that are
linear in the gradients, without decay and bounds, in mup. At 1 / L it is so of linear rounds alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from tpc.depth.closure import Closure, Found, Learning, floats_of, solved
from tpc.depth.gains import Gain
from tpc.depth.stages import is_gaussian
from tpc.depth.training import DeepTraining, is_linear_in_state
from tpc.depth.verdict import DeepMaps, maps_of
from tpc.diagnostics import ProgramError
from tpc.kernels.plan import Array
from tpc.kernels.series_steps import NotSmooth
from tpc.network.classification import classify
from tpc.network.losses import ErrorSignals, batch_shares, losses_of, of_data
from tpc.network.network import Network, OptimizerUse, Track, Weight, WeightKind
from tpc.network.optimizers.every_step import is_linear
from tpc.network.optimizers.rule import Facing
from tpc.network.optimizers.update import decays
from tpc.network.scales import Regime
from tpc.network.training.descent import Descent
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.ensembles import GAUSSIAN
from tpc.program.nodes import Node, operands
from tpc.program.operations import operation
from tpc.program.reapply import transplant
from tpc.program.traversal import fold, toposort, walk

MOST_FLOATS = 2**27
"""A training of more coefficients is left to samples."""

HALF = 0.5 + 1e-9


@dataclass(frozen=True, slots=True)
class FlowTraining:
    """A network whose training at infinite depth is the closure's.

    Attributes:
        network: The network.
        checked: Its loop.
        maps: The maps of its stages.
        params: Values of params.
    """

    network: Network
    checked: DeepTraining
    maps: DeepMaps
    params: Mapping[str, Array]

    def of_cells(self, cells: int) -> dict[str, Array]:
        """Return everything that is recorded, of K cells."""
        training = self.network.training
        assert training is not None
        values = _Values({**self.params, self.checked.parts.loop.length.name: np.array(cells)})
        found = solved(self._closure(cells, values), training.steps)
        start = found.f[0] if training.center else np.zeros_like(found.f[0])
        recorded: dict[str, list[Array]] = {}
        shares = batch_shares(training)
        for step, f in enumerate(found.f - start):
            b = Builder()
            mine = of_data(b, training, b.constant(f))
            losses = losses_of(b, training, mine, b.constant(shares[step % len(shares)]))
            known = {name: losses[name] for name in training.recorded_losses}
            values_of = {name: values.of(node) for name, node in known.items()}
            tracks = {
                track.name: values.of(_tracked(track, found, step, b, mine, losses["loss"]))
                for track in training.tracks
            }
            for name, value in {self.network.readout.name: f, **tracks, **values_of}.items():
                recorded.setdefault(name, []).append(np.asarray(value))
        return {name: np.stack(parts) for name, parts in recorded.items()}

    def _closure(self, cells: int, values: "_Values") -> Closure:
        network, parts = self.network, self.checked.parts
        training = network.training
        assert training is not None
        errors = ErrorSignals(training)
        columns, variances, learned = [], [], []
        for weight in parts.before.weights:
            columns.append(self._columns(values, weight))
            size = columns[-1].shape[1]
            variances.append(np.full(size, float(values.of(weight.init)) ** 2))
            learned.append(np.repeat(_taken(network, weight, values)[:, :, None], size, axis=2))
        (out,) = parts.behind.weights
        matrix = parts.inside.weights[0]
        assert isinstance(matrix.leaf, op.Matrix)
        variance = float(values.of(matrix.leaf.variance))
        start: list[Array] = []

        def signals(f: Array, step: int) -> Array:
            start.append(f)
            b = Builder()
            shown = b.constant(f - start[0] if training.center else f)
            chi = values.of(errors.at(b, shown, training.batch(step)))
            return chi[: len(training.inputs)]

        return Closure(
            np.concatenate(columns, axis=1),
            np.concatenate(variances),
            (self._multiplied(1, 1, values), float(values.of(out.init)) ** 2),
            Gain(replace(self.maps.round, params={**self.maps.round.params, **values.params})),
            round(cells * parts.loop.ratio),
            len(training.inputs),
            np.concatenate(learned, axis=2),
            Learning(_taken(network, matrix, values) / variance),
            Learning(_taken(network, out, values)),
            signals,
        )

    def is_bilinear(self) -> bool:
        """Whether the readout is a multiple of v x."""
        return all(
            np.isclose(self._multiplied(v, x, values), v * x * self._multiplied(1, 1, values))
            for values in (_Values(self.params),)
            for v, x in ((2.0, 3.0), (-1.3, 0.7))
        )

    def _multiplied(self, v: float, x: float, values: "_Values") -> float:
        behind = self.checked.parts.behind
        assert behind.state is not None
        last = _ket(behind.weights[0])
        kets: dict[Node, Array] = {last: np.array(float(v)), behind.state: np.array(float(x))}
        return float(values.of(behind.after, kets))

    def _columns(self, values: "_Values", weight: Weight) -> Array:
        """Return what the state before the loop is of each column of a weight, by rows."""
        before, training = self.checked.parts.before, self.network.training
        assert training is not None
        others = {_ket(w): np.zeros(w.shape) for w in before.weights}
        units = np.eye(prod(weight.shape)).reshape(-1, *weight.shape)
        found = [
            [values.of(before.after, {**others, _ket(weight): unit, before.network.input: row})
             for unit in units]
            for row in training.rows
        ]  # fmt: skip
        return np.array(found, dtype=float)


def flow_training(
    network: Network, checked: DeepTraining, params: Mapping[str, Array]
) -> FlowTraining | None:
    """Return training as a closure in depth, or None where that is not its limit.

    Args:
        network: With a `train` block and a loop over an infinite depth.
        checked: That its training has a limit.
        params: Values of params.
    """
    training, parts = network.training, checked.parts
    assert training is not None
    rows, data = len(training.rows), len(training.inputs)
    least = floats_of(training.steps, rows, data, 32)
    suits = (
        least <= MOST_FLOATS
        and training.bound is None
        and _learns_linearly(network)
        and _is_readout(parts.behind.after, parts.behind.weights, parts.behind.state)
        and _begins_gaussian(parts.before.after, parts.before.weights)
        and _adds_functions(parts.inside.after, parts.inside.weights, parts.inside.state)
        and (checked.exponent < HALF or is_linear_in_state(parts))
        and all(_is_known(track, network) for track in training.tracks)
    )
    if not suits:
        return None
    try:
        given = {**params, parts.loop.length.name: np.array(64.0)}
        maps = maps_of(network, parts, given, "auto", True)
        found = FlowTraining(network, checked, maps, params)
        if maps.mean or not found.is_bilinear():
            return None
    except (ProgramError, NotSmooth):
        return None
    return found


def _learns_linearly(network: Network) -> bool:
    training = network.training
    assert training is not None
    scales = classify(
        network, training.parametrization, training.optimizer, dict(training.own_optimizers)
    )
    if scales.regime is not Regime.FEATURE_LEARNING:
        return False
    return all(
        scale.starts and (scale.moves or not weight.trained) and _is_plain(scale.optimizer)
        for scale, weight in zip(scales.weights, network.weights, strict=True)
    )


def _is_plain(use: OptimizerUse) -> bool:
    return is_linear(use) and not decays(use) and "clip_value" not in dict(use.options)


def _is_readout(
    node: Node, weights: tuple[Weight, ...], state: op.InitialVector | None
) -> bool:  # fmt: skip
    """Whether a readout is a multiple of v x."""
    if len(weights) != 1 or node.shape or not _is_drawn(weights[0]) or weights[0].shape:
        return False
    kets = [part for part in toposort([node], operands) if part.coords]
    return all(
        part in (weights[0].leaf, state)
        or (isinstance(part, op.Elementwise) and part.function in ("mul", "div", "neg"))
        for part in kets
    )


def _begins_gaussian(node: Node, weights: tuple[Weight, ...]) -> bool:
    products = any(
        isinstance(part, op.MatMul | op.Mean | op.Inner) for part in walk((node,), operands)
    )
    return not products and not node.shape and is_gaussian(node) and all(map(_is_drawn, weights))


def _ket(weight: Weight) -> Node:
    assert isinstance(weight.leaf, Node)
    return weight.leaf


def _is_drawn(weight: Weight) -> bool:
    """Whether a weight is a vector of independent centred Gaussians."""
    leaf = weight.leaf
    return isinstance(leaf, op.InitialVector) and leaf.ensemble == GAUSSIAN and leaf.mean is None


def _adds_functions(
    node: Node, weights: tuple[Weight, ...], state: op.InitialVector | None
) -> bool:  # fmt: skip
    """Whether a round adds functions of one product with a matrix each to its state."""
    if any(w.kind is not WeightKind.MATRIX for w in weights):
        return False
    terms = list(_terms(node, 1))
    others = [term for term, _ in terms if term is not state]
    if [sign for term, sign in terms if term is state] != [1] or not others:
        return False
    seen: list[Node] = []
    for term in others:
        parts = toposort([term], lambda part: () if isinstance(part, op.MatMul) else operands(part))
        products = [part for part in parts if isinstance(part, op.MatMul)]
        if len(products) != 1 or state in parts or not all(map(_is_entrywise, parts)):
            return False
        (product,) = products
        if product.transposed or not _is_multiple(product.operand, state):
            return False
        if product.matrix.ensemble != GAUSSIAN or product.matrix.rows != product.matrix.columns:
            return False
        seen.append(product)
    matrices = {part.matrix for part in seen if isinstance(part, op.MatMul)}
    return len(matrices) == len(seen) == len(weights) == 1


def _terms(node: Node, sign: int) -> Iterator[tuple[Node, int]]:
    match node:
        case op.Elementwise(function="add", operands=(x, y)):
            yield from _terms(x, sign)
            yield from _terms(y, sign)
        case op.Elementwise(function="sub", operands=(x, y)):
            yield from _terms(x, sign)
            yield from _terms(y, -sign)
        case _:
            yield node, sign


def _is_entrywise(node: Node) -> bool:
    """Whether a node is a number, a function entry by entry, or the mean that is taken off one."""
    match node:
        case op.MatMul() | op.Elementwise() if not node.shape:
            return not any(isinstance(part, op.Mean) for part in operands(node)) or (
                isinstance(node, op.Elementwise)
                and node.function == "sub"
                and isinstance(node.operands[1], op.Mean)
                and node.operands[1].operand is node.operands[0]
            )
        case op.Mean():
            return True
        case _:
            return not node.coords


def _is_multiple(node: Node, state: Node | None) -> bool:
    match node:
        case op.Elementwise(function="mul", operands=(x, y)):
            return (not x.coords and _is_multiple(y, state)) or (
                not y.coords and _is_multiple(x, state)
            )
        case op.Elementwise(function="div", operands=(x, y)):
            return not y.coords and _is_multiple(x, state)
        case _:
            return node is state


def _is_known(track: Track, network: Network) -> bool:
    """Whether a track is made of inner products of states behind the loop."""
    assert network.depth is not None
    (loop,) = network.depth.loops
    last = set(loop.bound[-1].values())
    inner = _inner_products(track)
    kets = {part for product in inner for part in operands(product)}
    places: dict[Node, Node] = dict(track.uses)
    others = walk((track.node,), lambda part: () if part in inner else operands(part))
    return all(places.get(ket) in last for ket in kets) and not any(
        part in places for part in others if part not in inner
    )


def _inner_products(track: Track) -> set[Node]:
    return {part for part in walk((track.node,), operands) if isinstance(part, op.Inner)}


def _tracked(track: Track, found: Found, step: int, b: Builder, data: Node, loss: Node) -> Node:
    """Return what a track is made of, with numbers for inner products."""
    stand_ins: dict[Node, Node] = {
        product: b.constant(found.second[step]) for product in _inner_products(track)
    }
    stand_ins |= {stand_in: {"f": data, "loss": loss}[name] for stand_in, name in track.given}
    return transplant(b, track.node, stand_ins)


def _taken(network: Network, weight: Weight, values: "_Values") -> Array:
    """Return how much of the gradient of each step has been taken off before each step."""
    training = network.training
    assert training is not None
    taken = np.zeros((training.steps + 1, training.steps))
    if not weight.trained:
        return taken
    descent = Descent(
        Builder(), training.optimizer_of(weight.name), weight, training.steps, Facing()
    )
    for step in range(training.steps):
        taken[step + 1] = taken[step]
        factors = descent.linear_update(step, lambda _: Builder().number(0))
        taken[step + 1, : step + 1] += [float(values.of(factor)) for factor in factors]
    return taken


@dataclass(frozen=True, slots=True)
class _Values:
    """Numbers for params and depths, and what nodes are with them."""

    params: Mapping[str, Array]

    def of(self, node: Node, given: Mapping[Node, Array] | None = None) -> Array:
        """Return the value of a node, at one coordinate where kets have given values."""

        def value(part: Node, known: dict[Node, Array]) -> Array:
            match part:
                case op.Constant(value=number):
                    return number
                case op.Parameter(name=name, default=default):
                    return self.params.get(name, default)
                case _:
                    return operation(part)(*(known[x] for x in operands(part)))

        found: dict[Node, Array] = fold([node], value, operands, dict(given or {}))
        return np.asarray(found[node])
