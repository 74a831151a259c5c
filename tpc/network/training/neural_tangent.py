"""A network and its training -> the neural tangent limit as a program.

    f_{t+1} = F_{t+1} - sum over weights W of <J_{t+1}(W)|U_{t+1}(W)>
    U_{t+1}(W) = (1 - lambda) U_t(W) + eta Q_t(Gamma_0, ..., Gamma_t),   Gamma_s = J_s(W) . chi_s

All kets are those of the untrained network, dots included. With weight decay those at time t belong
to the network whose weights are multiplied by (1 - lambda)^t, all times sharing one draw, and F_t
is the readout of that network [Theorem 2.10.3, where f_0 is printed for F_{t+1}]. F is jointly
Gaussian over rows and times with covariance <y_s|y_t>; its draw is a parameter of standard normals.

Reference:
    Tensor Programs IVb, Theorem 2.9.23, Remark 2.9.21; Theorem 2.10.3 with decay.
"""

import numpy as np

from tpc.network.facing import facing_of
from tpc.network.forward_backward import BatchPass, differentiate
from tpc.network.jacobians import Jacobian, Layout, each_output
from tpc.network.losses import ErrorSignals, batch_shares, losses_of, of_data
from tpc.network.network import Network, Training, Weight
from tpc.network.noise import noises_of_rows
from tpc.network.scales import Classification
from tpc.network.training.descent import Descent
from tpc.network.training.global_bounds import GlobalFactor
from tpc.network.training.recorder import Recorder
from tpc.network.training.updates import Gradient, Update, update_of
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node, Parameter
from tpc.program.program import Program

DRAW = "output_draw"
"""The parameter of standard normals that the output before training is made of."""


def neural_tangent(network: Network, scales: Classification) -> Program:
    """Unroll the training of a network whose features do not move.

    Args:
        network: With a `train` block; its readout has a Gaussian limit.
        scales: Its parametrization, of r > 0: which updates move the outputs.
    """
    return _Unrolling(network, scales).program()


def share_of(network: Network, weight: Weight, gradient: float) -> float:
    """Return what gradients have as a factor, since the widths of weight and readout differ.

    With A the exponent of gradients, Q sees m^(1-A) N^(A-1) J for a weight of width m and a readout
    of width N, and the output moves by as much again.
    """
    return float(float(network.share(weight)) ** (1 - gradient))


class _Untrained:
    """The untrained network at one time: its kets, their gradients."""

    def __init__(
        self,
        b: Builder,
        step: BatchPass,
        seed: Node,
        layout: Layout,
        network: Network,
        gradient: float,
    ) -> None:
        self.step = step
        self.output = step.output
        found = step.gradients(seed)
        jacobians = ((w, layout.jacobian(found, w.leaf)) for w in network.weights)
        self.jacobians: dict[str, Jacobian] = {
            w.name: of.scaled(b, share_of(network, w, gradient)) for w, of in jacobians if of
        }


class _Unrolling:
    def __init__(self, network: Network, scales: Classification) -> None:
        assert network.training is not None
        self._network = network
        self._scales = scales
        self._training: Training = network.training
        self._b = b = Builder()
        self._inputs = b.constant(self._training.rows)
        rows, shape = self._inputs.shape[0], network.readout.node.shape
        self._outputs = (rows, *shape)
        seed, self._layout = each_output(rows, shape, network.couples_inputs)
        self._seed = b.constant(seed)
        self._of = differentiate(b, network, seed.shape[1 : seed.ndim - len(shape)])
        self._errors = ErrorSignals(self._training)
        self._recorder = Recorder(network)
        self._global = GlobalFactor(b, network, scales)
        self._decaying: dict[str, Descent] = {}
        self._uses = {scale.name: scale.optimizer for scale in scales.weights}
        self._updates: dict[str, Update] = {}
        self._known: _Untrained | None = None
        for weight in network.weights:
            self._start(weight)

    def _start(self, weight: Weight) -> None:
        b, scale = self._b, self._scales.by_name[weight.name]
        if not weight.trained:
            return
        height = float(self._network.height(weight))
        facing = facing_of(weight, scale.role, scale.optimizer, 1, height)
        descent = Descent(b, scale.optimizer, weight, self._training.steps, facing)
        if descent.decays:
            self._decaying[weight.name] = descent
        if scale.moves:
            self._updates[weight.name] = update_of(b, descent, height)

    def program(self) -> Program:
        """Return the program."""
        b, training = self._b, self._training
        shares = batch_shares(training)
        nets = [self._untrained(t) for t in range(training.steps + 1)]
        start, extra = self._starts(nets)
        for t, net in enumerate(nets):
            self._recorder.bind_forward(t, net.step.image, self._values(t))
            outputs = start[t]
            for name, update in self._updates.items():
                effect = update.effect(net.jacobians[name]) if name in net.jacobians else None
                outputs = outputs if effect is None else b.sub(outputs, effect)
            mine = of_data(b, training, outputs)
            losses = losses_of(b, training, mine, b.constant(shares[t % len(shares)]))
            tracked = net.step.tracked({"f": mine, "loss": losses["loss"]})
            self._recorder.record(t, outputs, tracked, losses)
            if t < training.steps:
                chi = self._errors.at(b, outputs, training.batch(t))
                self._recorder.bind("chi", t, chi)
                gradients = {name: Gradient(of, chi) for name, of in net.jacobians.items()}
                factors = self._global.of_gradients(gradients, self._uses, t)
                for name, update in self._updates.items():
                    if name in net.jacobians:
                        update.descend(gradients[name], t, factors.get(name))
        return self._recorder.program(b, *extra)

    @property
    def _changes(self) -> bool:
        """Whether the untrained network is another one at every step."""
        return bool(self._decaying or self._network.noises)

    def _untrained(self, t: int) -> _Untrained:
        """Return the untrained network at a time; without weight decay there is but one."""
        if self._known is None or self._changes:
            names = {weight.leaf: weight.name for weight in self._network.weights}

            def product(matrix: Matrix, transposed: bool, vector: Node) -> Node:
                factor = self._factor(names[matrix], t)
                return self._b.mul(factor, self._b.matmul(matrix, transposed, vector))

            noises = noises_of_rows(self._b, self._network, self._outputs[0], f"[{t}]")
            step = BatchPass(self._b, self._of, self._inputs, self._values(t), product, noises)
            self._known = _Untrained(
                self._b, step, self._seed, self._layout, self._network, self._scales.gradient
            )
        return self._known

    def _values(self, t: int) -> dict[Node, Node]:
        return {
            weight.leaf: self._b.mul(self._factor(weight.name, t), weight.leaf)
            for weight in self._network.weights
            if not isinstance(weight.leaf, Matrix)
        }

    def _factor(self, name: str, t: int) -> Node:
        if not t or name not in self._decaying:
            return self._b.number(1)
        return self._decaying[name].left(t)

    def _starts(self, nets: list[_Untrained]) -> tuple[list[Node], tuple[Parameter, ...]]:
        """Return F at every time, and the parameter that draws it where it is random."""
        b, shape = self._b, self._outputs
        zero = b.constant(np.zeros(shape))
        times = len(nets) if self._changes else 1
        if not self._scales.output_is_random or (self._training.center and times == 1):
            return [zero] * len(nets), ()
        draw = b.parameter(DRAW, np.random.default_rng(0).standard_normal((times, *shape)))
        assert isinstance(draw, Parameter)
        rank = len(shape)
        blocks = [[b.inner(x.output, y.output) for y in nets[:times]] for x in nets[:times]]
        covariance = b.stack(tuple(b.stack(tuple(row)) for row in blocks))
        order = (0, *range(2, 2 + rank), 1, *range(2 + rank, 2 + 2 * rank))
        root = b.linear_algebra("root", b.permute(covariance, order))
        drawn = b.contract(draw, root, 1 + rank)
        starts = [b.take(drawn, (t,)) for t in range(times)]
        if self._training.center:
            starts = [b.sub(start, starts[0]) for start in starts]
        return (starts if self._changes else starts * len(nets)), (draw,)
