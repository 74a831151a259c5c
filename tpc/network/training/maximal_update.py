"""A network and its training -> the maximal update limit as a program.

The program is the finite computation in units in which everything stays of order one:

    f_t = avg(y_t),  chi_t = dLoss/df_t,
    v_{t+1} = (1 - lambda) v_t - eta Q_t(dv_0.chi_0, ..., dv_t.chi_t)
    W_{t+1} = (1 - lambda) W_t - (eta / n) Q_t(n g_0, ..., n g_t),  n g_s = Gamma_s(W)

with forward and backward passes at step t through the weights W_t and v_t, dots included. Weights
whose updates vanish as the width grows stay where they were, but for their decay.

Reference:
    Tensor Programs IVb, Theorems 2.9.25 and 2.9.30.
"""

from tpc.network.facing import facing_of
from tpc.network.forward_backward import BatchPass, differentiate
from tpc.network.losses import ErrorSignals, batch_shares, losses_of, of_data
from tpc.network.network import Network, Training, Weight
from tpc.network.noise import noises_of_rows
from tpc.network.scales import Classification
from tpc.network.training.descent import Descent
from tpc.network.training.global_bounds import GlobalFactor
from tpc.network.training.recorder import Recorder
from tpc.network.training.trained_weights import TrainedMatrix, TrainedTensor
from tpc.network.training.updates import gradients_of
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, InitialVector, Matrix, Node
from tpc.program.program import Program


def maximal_update(network: Network, scales: Classification) -> Program:
    """Unroll the training of a network whose features move.

    Args:
        network: With a `train` block.
        scales: Its parametrization, of r = 0: which draws and which updates the limit sees.
    """
    return _Unrolling(network, scales).program()


class _Unrolling:
    def __init__(self, network: Network, scales: Classification) -> None:
        assert network.training is not None
        self._network = network
        self._training: Training = network.training
        self._b = Builder()
        self._of = differentiate(self._b, network)
        self._inputs = self._b.constant(self._training.rows)
        self._errors = ErrorSignals(self._training)
        self._recorder = Recorder(network)
        self._factor = GlobalFactor(self._b, network, scales)
        self._uses = {scale.name: scale.optimizer for scale in scales.weights}
        self._matrices: dict[Matrix, TrainedMatrix] = {}
        self._tensors: dict[InitialVector | InitialScalar, TrainedTensor] = {}
        for weight in network.weights:
            self._start(weight, scales)

    def _start(self, weight: Weight, scales: Classification) -> None:
        b, scale = self._b, scales.by_name[weight.name]
        descent, height = None, float(self._network.height(weight))
        if weight.trained:
            facing = facing_of(weight, scale.role, scale.optimizer, 1, height)
            descent = Descent(b, scale.optimizer, weight, self._training.steps, facing)
        start, moves = b.number(1 if scale.starts else 0), scale.moves
        if isinstance(weight.leaf, Matrix):
            of = TrainedMatrix(b, weight.leaf, start, descent, moves, height)
            self._matrices[weight.leaf] = of
        else:
            value = weight.leaf if scale.starts else b.mul(start, weight.leaf)
            self._tensors[weight.leaf] = TrainedTensor(b, value, descent, moves)

    def program(self) -> Program:
        """Return the program."""
        b, training = self._b, self._training
        shares = batch_shares(training)
        start: Node | None = None
        for t in range(training.steps + 1):
            step = self._forward(t)
            outputs = b.mean(step.output) if step.output.coords else step.output
            start = outputs if start is None else start
            shown = b.sub(outputs, start) if training.center else outputs
            mine = of_data(b, training, shown)
            losses = losses_of(b, training, mine, b.constant(shares[t % len(shares)]))
            tracked = step.tracked({"f": mine, "loss": losses["loss"]})
            self._recorder.record(t, shown, tracked, losses)
            if t < training.steps:
                self._descend(t, step, shown)
        return self._recorder.program(b)

    def _forward(self, t: int) -> BatchPass:
        values: dict[Node, Node] = {leaf: tensor.value for leaf, tensor in self._tensors.items()}
        rows = self._inputs.shape[0]
        noises = noises_of_rows(self._b, self._network, rows, f"[{t}]")
        step = BatchPass(self._b, self._of, self._inputs, values, self._product, noises)
        self._recorder.bind_forward(t, step.image, values)
        return step

    def _product(self, matrix: Matrix, transposed: bool, vector: Node) -> Node:
        return self._matrices[matrix].product(transposed, vector)

    def _descend(self, t: int, step: BatchPass, outputs: Node) -> None:
        """Take one step with every weight, along gradients at the weights before it."""
        b = self._b
        chi = self._errors.at(b, outputs, self._training.batch(t))
        self._recorder.bind("chi", t, chi)
        gradients = step.total_gradients(chi)
        known = gradients_of(b, self._network, gradients)
        factors = self._factor.of_gradients(known, self._uses, t)
        for matrix, trained in self._matrices.items():
            trained.descend(known.get(matrix.name), t, factors.get(matrix.name))
        found: set[tuple[Node, Node]] = {*gradients.vectors.items(), *gradients.scalars.items()}
        totals: dict[Node, Node] = dict(found)
        for leaf, tensor in self._tensors.items():
            tensor.descend(totals.get(leaf), t, factors.get(leaf.name))
