"""A network and its training -> the neural tangent limit as a region.

    f_t = F_t - sum over weights W of <J_t(W)|U_t(W)>,   U_t(W) = sum over s < t of u_ts . J_s(W)
    u_{t+1} = (1 - lambda) u_t + eta Q_t(e_0 chi_0, ..., e_t chi_t)

Updates that are linear in the gradients stay in the span of those of the untrained network, so that
a round computes with their coordinates u and with the kernels <J_t|J_s>, numbers that are known
before training. Weights with the same optimizer and without bounds have the same coordinates, and
the sum of their kernels counts. Without weight decay there is but one time, and one K = <J|J>. With
it those of all times are a constant axis: the passes are mapped over times as they are over inputs,
with powers of 1 - lambda in front of the weights.

Operators of low rank stay between the kets of the untrained network, whose Gram matrices are known
before training (`low_rank.py`). Other updates go from round to round entry by entry, as kets, or as
functions of two coordinates.

Reference:
    Tensor Programs IVb, Theorem 2.9.23, Remark 2.9.21; Theorem 2.10.3 with decay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from tpc.network.batching import Lowering
from tpc.network.facing import facing_of
from tpc.network.forward_backward import BatchPass, differentiate
from tpc.network.jacobians import Jacobian, each_output, overlap
from tpc.network.network import Network, OptimizerUse, Weight
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.every_step import is_linear
from tpc.network.optimizers.rule import Facing
from tpc.network.optimizers.update import acts_on_operators, decays, is_bounded, kept_by_step
from tpc.network.scales import Classification
from tpc.network.training.descent import without_bounds
from tpc.network.training.global_bounds import GlobalFactor
from tpc.network.training.low_rank import TangentOperator
from tpc.network.training.neural_tangent import DRAW, share_of
from tpc.network.training.open_round import OpenRound
from tpc.network.training.updates import COLUMN, Gradient, kernel_effect
from tpc.program.nodes import FREE, Coordinates, Matrix, Node, Parameter, Row, Shape
from tpc.program.products import Named, axes, contraction
from tpc.program.reapply import transplant
from tpc.program.region import ROUND, Round, carried, round_input


def has_linear_rounds(network: Network, scales: Classification) -> bool:
    """Whether all updates that are seen are linear."""
    linear = all(is_linear(without_bounds(use)) for use in _uses(network, scales))
    return linear and network.draws_by_moments


def has_tangent_rounds(network: Network, scales: Classification) -> bool:
    """Whether steps of training are rounds, with updates that need not be linear.

    Those that are not may not be bounded by norms, which a function of two coordinates has only
    after it is made. A network may not average over pairs of coordinates then.
    """
    assert network.training is not None
    clips = any("clip_value" in dict(use.options) for use in _uses(network, scales))
    if (clips and network.training.bound is not None) or not network.draws_by_moments:
        return False
    uses = [
        use
        for use in _uses(network, scales)
        if not is_linear(without_bounds(use)) and not acts_on_operators(use)
    ]
    pairs = any(isinstance(node, Row) for node in network.nodes)
    return not uses or not (pairs or any(map(is_bounded, uses)))


def _uses(network: Network, scales: Classification) -> list[OptimizerUse]:
    """Return the optimizers of the weights that move."""
    trained = {weight.name for weight in network.weights if weight.trained}
    return [s.optimizer for s in scales.weights if s.moves and s.name in trained]


def tangent_round(network: Network, scales: Classification) -> Round:
    """Return one step of training as a round; after the last step the outputs alone count.

    Args:
        network: With a `train` block; its readout has a Gaussian limit.
        scales: Its parametrization, of r > 0: which updates move the outputs.
    """
    return _TangentRound(network, scales).round()


@dataclass(frozen=True, slots=True)
class _Group:
    """Weights whose updates have the same coordinates.

    Attributes:
        name: What the coordinates are called.
        use: Their optimizer.
        weights: The weights.
    """

    name: str
    use: OptimizerUse
    weights: tuple[Weight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _NormInSpan(GrownAverages):
    """Of X = sum over a of x_a J_a, given x: |X|^2 = sum over a and b of x_a <J_a|J_b> x_b."""

    kernel: Node

    def norm(self, tensor: Node) -> Node:
        """Return |X|."""
        b, rank = self.builder, len(tensor.shape)
        square = b.contract(tensor, b.contract(self.kernel, tensor, rank), rank)
        return b.apply("sqrt", b.apply("max", square, b.number(0)))


class _TangentRound(OpenRound):
    def __init__(self, network: Network, scales: Classification) -> None:
        super().__init__(network)
        b, training = self._b, self._training
        self._scales = scales
        self._global = GlobalFactor(b, network, scales)
        rows, shape = len(training.rows), network.readout.node.shape
        seed, self._layout = each_output(rows, shape, network.couples_inputs)
        of = differentiate(b, network, seed.shape[1 : seed.ndim - len(shape)])
        self._shares = self._decaying()
        self._weights: dict[Node, Node] = {
            weight.leaf: b.mul(self._factor(weight.name), weight.leaf)
            for weight in network.weights
            if not isinstance(weight.leaf, Matrix)
        }
        inputs = b.constant(training.rows)
        self._pass = BatchPass(b, of, inputs, self._weights, self._product)
        self._gradients = self._pass.gradients(b.constant(seed))
        powers = dict(self._shares.values())
        self._times = Lowering(b, self.rounds, powers) if powers else None

    def round(self) -> Round:
        """Return the round."""
        b, readout = self._b, self._network.readout
        b.span = readout.span
        start, draw = self._start()
        zero = b.constant(np.zeros(self._over_time(self._pass.output).shape))
        b.span = readout.span
        kernels = {group: self._kernel(group) for group in self._groups()}
        moved = {group: self.carried(group.name, zero) for group in kernels}
        outputs = start
        for group, kernel in kernels.items():
            effect = b.contract(self._now(kernel), moved[group], len(zero.shape))
            outputs = b.sub(outputs, effect) if outputs else b.neg(effect)
        entrywise = [
            self._moving(weight) for weight in self._network.weights if self._bends(weight)
        ]
        for moving in entrywise:
            effect = moving.effect()
            outputs = b.sub(outputs, effect) if outputs else b.neg(effect)
        outputs = outputs or b.constant(np.zeros(self._pass.output.shape))
        self.record(outputs, self._pass, self._at_round)
        values = {leaf: self._known(value) for leaf, value in self._weights.items()}
        step = ROUND if self._times else 0
        self._recorder.bind_forward(step, lambda x: self._known(self._pass.image(x)), values)
        chi = timed = self.error_signals(outputs)
        if self._times:
            unit = round_input(b, b.constant(np.eye(self.rounds)))
            timed = b.mul(b.expand(unit, tuple(range(1, len(zero.shape)))), chi)
        factors = self._factors(timed)
        for moving in entrywise:
            moving.descend(chi, factors)
        for group, kernel in kernels.items():
            leaf, weight = moved[group], group.weights[0]
            alone = b.mul(b.number(1 / self.height(weight)), kernel)
            norm, factor = _NormInSpan(builder=b, kernel=alone), factors.get(weight.name)
            update = self.update(group.name, group.use, weight, timed, norm, factor)
            self.pass_on(leaf, zero, b.add(self.kept(group.use, weight, leaf), update))
        return self.closed(*draw)

    def _factors(self, timed: Node) -> dict[str, Node]:
        """Return the factor of all gradients, |Gamma|^2 = chi <J|J> chi being known."""
        b, squares = self._b, {}
        for weight in self._network.weights:
            if weight.name in self._global.seen and self._jacobian(weight) is not None:
                alone = b.mul(b.number(1 / self.height(weight)), self._overlaps((weight,)))
                applied = b.contract(alone, timed, len(timed.shape))
                squares[weight.name] = b.contract(timed, applied, len(timed.shape))
        found = self._global.of_squares(squares, self.number)
        for factor in found.values():
            self.name("clip", factor)
        return found

    # ------------------------------------------------------------------------ the untrained network

    def _decaying(self) -> dict[str, tuple[Node, Node]]:
        """Return for weights that decay what stands for (1 - lambda)^t, and that at every time."""
        b, one = self._b, self._b.number(1)
        found = {}
        for weight in self._network.weights:
            use = self._scales.by_name[weight.name].optimizer
            if weight.trained and decays(use):
                left = kept_by_step(b, use, weight, self.rounds)
                found[weight.name] = b.placeholder(one, f"kept {weight.name}"), left
        return found

    def _factor(self, name: str) -> Node:
        return self._shares[name][0] if name in self._shares else self._b.number(1)

    def _product(self, matrix: Matrix, transposed: bool, vector: Node) -> Node:
        return self._b.mul(self._factor(matrix.name), self._b.matmul(matrix, transposed, vector))

    def _known(self, node: Node) -> Node:
        """Return a node of the pass, with an axis of times in front where it differs."""
        return self._times.image(node) if self._times else node

    def _over_time(self, node: Node) -> Node:
        """Return a node of the pass, with an axis of times in front if there are several."""
        return self._times.per_input(node) if self._times else node

    def _now(self, node: Node) -> Node:
        """Return the row of the round."""
        return round_input(self._b, node) if self._times else node

    def _at_round(self, node: Node) -> Node:
        """Return what a scalar of the pass is in the round."""
        return self._now(self._known(node)) if self._times and self._times.depends(node) else node

    def _start(self) -> tuple[Node | None, tuple[Parameter, ...]]:
        """Return F in the round, and the parameter that draws it, where it is random."""
        b, own = self._b, self._pass.output.shape
        if not self._scales.output_is_random or (self._training.center and not self._times):
            return None, ()
        output = self._over_time(self._pass.output)
        draw = b.parameter(DRAW, np.random.default_rng(0).standard_normal(output.shape))
        assert isinstance(draw, Parameter)
        root = b.linear_algebra("root", b.inner(output, output))
        drawn = b.contract(draw, root, len(output.shape))
        self._recorder.bind("F", None, drawn)
        now = self._now(drawn)
        if self._training.center:
            now = b.sub(now, b.take(drawn, (0, *(None for _ in own))))
        return now, (draw,)

    # ---------------------------------------------------------------------------------- the updates

    def _groups(self) -> tuple[_Group, ...]:
        """Return the weights that move; a bound is that of a single one."""
        found: dict[tuple[OptimizerUse, Node, str, bool], list[Weight]] = {}
        bound = self._training.bound
        for weight in self._network.weights:
            scale = self._scales.by_name[weight.name]
            if self._moves(weight) and not self._bends(weight):
                own = weight.name if is_bounded(scale.optimizer) else ""
                among = bound is not None and weight.name in bound.weights
                key = (scale.optimizer, transplant(self._b, weight.lr), own, among)
                found.setdefault(key, []).append(weight)
        return tuple(
            _Group(f"u_{alike[0].name}" if len(found) > 1 else "u", use, tuple(alike))
            for (use, *_), alike in found.items()
        )

    def _moves(self, weight: Weight) -> bool:
        scale = self._scales.by_name[weight.name]
        return weight.trained and scale.moves and self._jacobian(weight) is not None

    def _bends(self, weight: Weight) -> bool:
        """Whether a weight moves by updates that are not linear."""
        use = self._scales.by_name[weight.name].optimizer
        return self._moves(weight) and not is_linear(without_bounds(use))

    def _moving(self, weight: Weight) -> "_EntrywiseUpdate | TangentOperator":
        """Return what updates have taken off a weight, with its gradients in the round."""
        jacobian = self._jacobian(weight)
        assert jacobian is not None
        terms = tuple(tuple(map(self._side_now, term)) for term in jacobian.terms)
        scale = self._scales.by_name[weight.name]
        use = scale.optimizer
        if acts_on_operators(use):
            return TangentOperator(self, weight, scale, jacobian)
        facing = facing_of(weight, scale.role, use, 1, self.height(weight))
        return _EntrywiseUpdate(self, weight, use, replace(jacobian, terms=terms), facing)

    def _side_now(self, side: Named) -> Named:
        if self._times is None or not self._times.depends(side.node):
            return side
        b, time = self._b, axes("time")
        unit = Named(round_input(b, b.constant(np.eye(self.rounds))), time)
        whole = Named(self._times.image(side.node), time + side.axes)
        return Named(contraction(b, side.axes, whole, unit), side.axes)

    def _jacobian(self, weight: Weight) -> Jacobian | None:
        found = self._layout.jacobian(self._gradients, weight.leaf)
        share = share_of(self._network, weight, self._scales.gradient)
        return None if found is None else found.scaled(self._b, share)

    def _kernel(self, group: _Group) -> Node:
        """Return the sum of <J|J> over the weights of a group, and give it a name."""
        kernel = self._overlaps(group.weights)
        self._recorder.bind(group.name.replace("u", "K", 1), None, kernel)
        return kernel

    def _overlaps(self, weights: tuple[Weight, ...]) -> Node:
        """Return the sum of <J|J> over weights, of all pairs of times."""
        time = axes("time") if self._times else ()

        def over_time(side: Named) -> Named:
            return Named(self._over_time(side.node), time + side.axes)

        parts = []
        for weight in weights:
            of = self._jacobian(weight)
            assert of is not None
            terms = tuple(tuple(map(over_time, term)) for term in of.terms)
            whole = Jacobian(terms, time + of.outputs, of.own)
            height = self._b.number(self.height(weight))
            parts.append(self._b.mul(height, overlap(self._b, whole, whole)))
        return reduce(self._b.add, parts)


class _EntrywiseUpdate:
    """U_t of one weight at the beginning of a round: a ket, or a function of two coordinates."""

    def __init__(
        self,
        of: OpenRound,
        weight: Weight,
        use: OptimizerUse,
        jacobian: Jacobian,
        facing: Facing,
    ) -> None:
        self._of = of
        self._facing = facing
        self._weight = weight
        self._use = use
        self._jacobian = jacobian
        leaf = weight.leaf
        coords: Coordinates
        shape: Shape
        if isinstance(leaf, Matrix):
            coords, shape = ((FREE, leaf.rows), (COLUMN, leaf.columns)), ()
        else:
            coords, shape = leaf.coords, leaf.shape
        self._moved = carried(of.builder, f"U_{weight.name}", coords, shape)

    def effect(self) -> Node:
        """Return <J|U>."""
        height = self._of.height(self._weight)
        return kernel_effect(self._of.builder, self._moved, self._jacobian, height)

    def descend(self, chi: Node, factors: Mapping[str, Node]) -> None:
        """Take one step along the gradient."""
        b, of, name = self._of.builder, self._of, self._weight.name
        gradient = Gradient(self._jacobian, chi).whole(b)
        of.name(f"Gamma_{name}", gradient)
        factor = factors.get(name)
        update = of.update(name, self._use, self._weight, gradient, None, factor, self._facing)
        kept = of.kept(self._use, self._weight, self._moved)
        of.pass_on(self._moved, b.number(0), b.add(kept, update))
