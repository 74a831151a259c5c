"""One step of training as a round of a region, while its graph is being made."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tpc.network.batching import lower
from tpc.network.forward_backward import BatchPass
from tpc.network.losses import batch_shares, differentiate_loss, losses_of, of_data
from tpc.network.network import Network, OptimizerUse, Training, Weight
from tpc.network.optimizers.averages import Averages, GrownAverages
from tpc.network.optimizers.rule import Facing, Rule
from tpc.network.optimizers.update import (
    advance,
    decay,
    forgets_sizes,
    graft_of,
    initial_states,
    learning_rate,
    starting_norm,
    state_names,
)
from tpc.network.scales import WeightScale
from tpc.network.training.descent import shrunk
from tpc.network.training.recorder import EIGENVALUES, SINGULAR_VALUES, Recorder
from tpc.program.builder import Builder
from tpc.program.exchange import Unfolding
from tpc.program.nodes import (
    FREE,
    Elementwise,
    Node,
    Parameter,
    Spectral,
    Stack,
    operands,
)
from tpc.program.program import Output
from tpc.program.region import (
    NEXT,
    ROUND,
    Carried,
    Carry,
    Earlier,
    Record,
    Round,
    carried,
    round_input,
    round_number,
)
from tpc.program.traversal import toposort, walk


class OpenRound:
    """The nodes of one round, and what goes on from it to the next."""

    def __init__(self, network: Network) -> None:
        assert network.training is not None
        self._network = network
        self._training: Training = network.training
        self._b = Builder()
        self._recorder = Recorder(network)
        self._carries: list[Carry] = []
        self._records: list[Record] = []

    @property
    def builder(self) -> Builder:
        """Makes the nodes."""
        return self._b

    @property
    def rounds(self) -> int:
        """How many rounds there are: one before each update, and one after the last."""
        return self._training.steps + 1

    @property
    def rows(self) -> int:
        """How many inputs the passes are for."""
        return len(self._training.rows)

    @property
    def number(self) -> Node:
        """The number of the round."""
        return round_number(self._b, self.rounds)

    def height(self, weight: Weight) -> float:
        """Return the rows of a matrix by its columns; 1 of a vector."""
        return float(self._network.height(weight))

    def kept(self, use: OptimizerUse, weight: Weight, value: Node) -> Node:
        """Return what weight decay leaves of a value."""
        return shrunk(self._b, decay(self._b, use, weight, self.number), value)

    def name(self, name: str, node: Node) -> None:
        """Name a value of the round unless it has a name."""
        self._recorder.bind(name, ROUND, node)

    def watch_spectra(self, name: str, use: OptimizerUse, gradient: Node, update: Node) -> None:
        """Record the spectra that an update leans on: those that it forgets, those of bases."""
        forgets, b = forgets_sizes(use), self._b
        found = walk((update,), lambda node: () if node is gradient else operands(node))
        spectral = [node for node in found if isinstance(node, Spectral)]
        for node in spectral:
            if node.function == "svd_apply" and forgets:
                spectrum = b.spectral("singular_values", node.operand, node.rows)
                self._recorder.watch(f"{SINGULAR_VALUES}{name}", spectrum)
                return
        sides = {node.operand: node.rows for node in spectral if node.function == "eigenvectors"}
        for side, (operand, rows) in zip(("left", "right"), sides.items(), strict=False):
            spectrum = b.spectral("eigenvalues", operand, rows)
            self._recorder.watch(f"{EIGENVALUES}{name}_{side}", spectrum)

    def keep(self, leaf: Earlier, ket: Node) -> None:
        """Let later rounds look back at a ket."""
        assert leaf.coords == ket.coords and leaf.shape == ket.shape
        self._records.append(Record(leaf, ket))

    def carried(self, name: str, initial: Node) -> Carried:
        """Return the value of a name at the beginning of the round."""
        return carried(self._b, name, initial.coords, initial.shape)

    def pass_on(self, leaf: Node, initial: Node, following: Node) -> None:
        """Say what the round makes of a carried value."""
        assert isinstance(leaf, Carried)
        self._recorder.bind(leaf.name, ROUND, leaf)
        self._recorder.bind(leaf.name, NEXT, following)
        self._carries.append(Carry(leaf, initial, following))

    def update(
        self,
        name: str,
        use: OptimizerUse,
        weight: Weight,
        gradient: Node,
        averages: Averages | None = None,
        factor: Node | None = None,
        facing: Facing | None = None,
        weight_norm: Node | None = None,
        rule: Rule | None = None,
    ) -> Node:
        """Return eta lr Q_t of a gradient, and pass the states of the optimizer on.

        Args:
            name: Of the weight, for those of the states.
            use: The optimizer.
            weight: The weight.
            gradient: A ket, the coordinates of one, a function of two coordinates, or the array of
                an operator.
            averages: As in `advance`.
            factor: As in `advance`.
            facing: As in `advance`.
            weight_norm: As in `advance`; by default that before training.
            rule: As in `advance`.
        """
        if weight_norm is None:
            weight_norm = starting_norm(self._b, use, weight)
        direction = self.direction(name, use, gradient, averages, factor, facing, weight_norm, rule)
        rate = learning_rate(self._b, use, weight, self.number)
        self._b.span = use.span  # where options come from elsewhere
        return _scaled(self._b, rate, direction)

    def direction(
        self,
        name: str,
        use: OptimizerUse,
        gradient: Node,
        averages: Averages | None = None,
        factor: Node | None = None,
        facing: Facing | None = None,
        weight_norm: Node | None = None,
        rule: Rule | None = None,
    ) -> Node:
        """Return Q_t of a gradient, and pass the states of the optimizer on, as in `update`."""
        b, number = self._b, self.number
        b.span = use.span
        names = [f"{state}_{name}" for state in state_names(use, rule)]
        after = starts = initial_states(b, use, rule)
        while True:  # until each state is of the type that a step makes it
            found = tuple(map(self._state, names, after))
            states = tuple(state for _, state in found)
            direction, after = advance(
                b, use, gradient, states, number, averages, factor, facing, weight_norm, rule
            )
            if [(x.coords, x.shape) for x in states] == [(x.coords, x.shape) for x in after]:
                break
        for (leaf, state), start, following in zip(found, starts, after, strict=True):
            self.pass_on(leaf, start, following if leaf is state else _at_free(b, following))
        return direction

    def graft_norm(
        self, weight: Weight, scale: WeightScale, gradient: Node, factor: Node | None
    ) -> Node | None:
        """Return the norm of the step that an optimizer's graft takes, where it has one."""
        graft = graft_of(scale.optimizer)
        if graft is None:
            return None
        name = f"{graft.name}_{weight.name}"
        return GrownAverages(self._b).norm(self.direction(name, graft, gradient, None, factor))

    def _state(self, name: str, like: Node) -> tuple[Carried, Node]:
        """Return what is carried for a state of some type, and the state; perhaps a row of it."""
        coordinate, dim = like.coords[0] if like.coords else (FREE, "")
        if len(like.coords) == 1 and coordinate != FREE:
            leaf = carried(self._b, name, ((FREE, dim),), like.shape)
            return leaf, self._b.row(leaf, coordinate)
        leaf = carried(self._b, name, like.coords, like.shape)
        return leaf, leaf

    def shares(self) -> Node:
        """Return what the loss of each data row counts for in the round."""
        shares = batch_shares(self._training)
        if len(shares) == 1:
            return self._b.constant(shares[0])
        return round_input(self._b, self._b.constant(shares))

    def record(self, outputs: Node, made: BatchPass, image: Callable[[Node], Node]) -> None:
        """Record outputs of all rows, losses, and what is tracked, by its image in the round."""
        b, training = self._b, self._training
        mine = of_data(b, training, outputs)
        losses = losses_of(b, training, mine, self.shares())
        tracked = made.tracked({"f": mine, "loss": losses["loss"]})
        self._recorder.record(ROUND, outputs, {k: image(x) for k, x in tracked.items()}, losses)

    def error_signals(self, outputs: Node) -> Node:
        """Return chi for all rows, zero outside of the batch."""
        b, training = self._b, self._training
        rows, total = len(training.inputs), outputs.shape[0]
        mine = of_data(b, training, outputs)
        loss = differentiate_loss(training)
        batched = {loss.output: mine, loss.target: b.constant(training.targets)}
        chi = lower(b, (loss.derivative,), rows, batched)[loss.derivative]
        if chi.shape != mine.shape:  # a loss that is linear in the output
            chi = b.mul(b.constant(np.ones(mine.shape)), chi)
        if (batch_shares(training) != 1).any():
            share = self.shares()
            self._recorder.bind("batch", ROUND, share)
            axes = tuple(range(1, len(mine.shape)))
            chi = b.mul(b.expand(share, axes), chi)
        chosen = np.eye(total, rows)
        chi = chi if rows == total else b.contract(b.constant(chosen), chi)
        self._recorder.bind("chi", ROUND, chi)
        return chi

    def closed(self, *extra: Parameter) -> Round:
        """Return the round, with params that are its own."""
        program = self._recorder.program(self._b, *extra)
        recorded = tuple(_of_one_round(output) for output in program.outputs)
        program = replace(program, outputs=recorded)
        made = Round(program, self.rounds, tuple(self._carries), tuple(self._records))
        ordered = toposort([*made.roots, *program.nodes], operands)
        place = {node: at for at, node in enumerate(ordered)}
        first = sorted(self._carries, key=lambda carry: place[carry.leaf])
        needed = [*(carry.initial for carry in first), *ordered]
        return replace(made, program=replace(program, nodes=tuple(toposort(needed, operands))))


def _scaled(b: Builder, factor: Node, node: Node) -> Node:
    """Return a number times a node, of which the numbers below the line are taken together."""
    match node:
        case Elementwise(function="div", operands=(above, below)) if below.coords:
            return b.div(_scaled(b, factor, above), below)
        case Elementwise(function="div", operands=(above, below)) if not below.shape:
            return _scaled(b, b.div(factor, below), above)
        case _:
            return b.mul(factor, node)


def _at_free(b: Builder, node: Node) -> Node:
    """Return a function of one bound coordinate as a ket."""
    ((coordinate, _),) = node.coords
    return Unfolding(b).exchanged(node, coordinate)


def _of_one_round(output: Output) -> Output:
    assert isinstance(output.node, Stack)
    return replace(output, node=output.node.operands[0])
