"""Forward and backward passes of a finite network over a batch, planned once for each batch size.

    f = n^-a_out * sum over the n-axis of y,   chi = dL/df,
    dL/dW = n^-a_out * (sum over inputs of chi * d sum(y) / dW).

`backpropagate` gives N_W d avg(y) / dW, with the width N_W of a vector or the columns of a matrix,
and d avg(y) / dc of scalars; so the first are to be multiplied by n / N_W.
"""

from collections.abc import Mapping

import numpy as np

from tpc.network.forward_backward import BatchPass, Differentiated
from tpc.network.losses import batch_shares, differentiate_loss, losses_of
from tpc.network.network import Network, Training
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node, Placeholder
from tpc.simulation.engines import Operator
from tpc.simulation.result import Array
from tpc.simulation.training.batch_evaluation import Evaluation, Given
from tpc.simulation.training.tensors import FiniteGradient

Params = Mapping[str, Array]
Sizes = Mapping[str, int]


def stand_ins(b: Builder, network: Network, rows: int) -> dict[Node, Node]:
    """Return what stands for the noises of all rows."""
    return {
        noise: b.make(Placeholder, noise.coords, (rows, *noise.shape), f"{noise.name} of {rows}")
        for noise in network.noises
    }


class Forward:
    """What is recorded at a step: y of all rows, and tracked scalars."""

    def __init__(self, b: Builder, differentiated: Differentiated, size: int, sizes: Sizes) -> None:
        """Plan the pass over `size` inputs with dims of these sizes."""
        network = differentiated.network
        self._inputs = b.make(Placeholder, (), (size, *network.input.shape), "all inputs")
        self.noises = stand_ins(b, network, size)
        batch = BatchPass(b, differentiated, self._inputs, noises=self.noises)
        training = network.training
        assert training is not None
        self._names = [track.name for track in training.tracks]
        rows = len(training.inputs)
        self._outputs = b.make(Placeholder, (), (rows, *network.readout.node.shape), "outputs")
        self._loss = b.make(Placeholder, (), (), "loss of the step")
        tracked = batch.tracked({"f": self._outputs, "loss": self._loss})
        late = {track.name for track in training.tracks if track.given}
        self._early = [name for name in self._names if name not in late]
        self._late = [name for name in self._names if name in late]
        self._evaluation = Evaluation(
            (batch.output, *(tracked[name] for name in self._early)), sizes
        )
        self._behind = Evaluation([tracked[name] for name in self._late], sizes)

    @property
    def products(self) -> dict[Matrix, tuple[int, int]]:
        """How many vectors every matrix, and its transpose, multiplies."""
        totals, more = dict(self._evaluation.products), self._behind.products
        for matrix, (there, back) in more.items():
            known = totals.get(matrix, (0, 0))
            totals[matrix] = (known[0] + there, known[1] + back)
        return totals

    def compute(
        self, inputs: Array, weights: Given, params: Params
    ) -> tuple[Array, dict[str, Array]]:
        """Return the sum of y over the n-axis, and the tracked scalars that need no more."""
        y, *tracks = self._evaluation.compute({**weights, self._inputs: inputs}, params)
        return y.sum(axis=0), dict(zip(self._early, tracks, strict=True))

    def tracks(
        self, inputs: Array, weights: Given, params: Params, outputs: Array, loss: Array
    ) -> dict[str, Array]:
        """Return the tracked scalars that are made of outputs of data rows and of the loss."""
        if not self._late:
            return {}
        given = {**weights, self._inputs: inputs, self._outputs: outputs, self._loss: loss}
        return dict(zip(self._late, self._behind.compute(given, params), strict=True))


class Backward:
    """The gradients of a batch."""

    def __init__(self, b: Builder, differentiated: Differentiated, size: int, sizes: Sizes) -> None:
        """Plan the passes over `size` inputs with dims of these sizes."""
        self._sizes = sizes
        network = differentiated.network
        readout = network.readout.node
        self._inputs = b.make(Placeholder, (), (size, *network.input.shape), "batch")
        self._signals = b.make(Placeholder, (), (size, *readout.shape), "error signals")
        self.noises = stand_ins(b, network, size)
        batch = BatchPass(b, differentiated, self._inputs, noises=self.noises)
        found = batch.total_gradients(self._signals)
        self._weights = [weight for weight in network.weights if weight.trained]
        self._uses = {matrix: uses for matrix, uses in found.matrices.items() if uses}
        self._found: dict[Node, Node] = dict(found.vectors.items())
        self._found.update(found.scalars.items())
        wanted = [x for uses in self._uses.values() for u in uses for x in (u.cotangent, u.operand)]
        self._evaluation = Evaluation((*wanted, *self._found.values()), sizes)

    @property
    def products(self) -> dict[Matrix, tuple[int, int]]:
        """How many vectors every matrix, and its transpose, multiplies."""
        return self._evaluation.products

    def compute(
        self, inputs: Array, signals: Array, weights: Given, params: Params
    ) -> dict[str, FiniteGradient]:
        """Return the sum over inputs of signals * N_W d avg(y) / dW, by weight; N_W = 1 of scalars.

        Args:
            inputs: Those of the batch.
            signals: chi n^-a_out, for each of them.
            weights: The value of every weight's leaf.
            params: The values of params.
        """
        given = {**weights, self._inputs: inputs, self._signals: signals}
        values = iter(self._evaluation.compute(given, params))
        gradients: dict[str, FiniteGradient] = {}
        factors = {
            matrix: [(use.transposed, next(values), next(values)) for use in uses]
            for matrix, uses in self._uses.items()
        }
        sums = {leaf: next(values) for leaf in self._found}
        for weight in self._weights:
            leaf = weight.leaf
            if isinstance(leaf, Matrix) and leaf in factors:
                gradients[weight.name] = _outer(factors[leaf])
            elif not isinstance(leaf, Matrix) and leaf in sums:
                gradients[weight.name] = FiniteGradient(sums[leaf])
            else:
                gradients[weight.name] = _nothing(leaf, weights[leaf], self._sizes)
        return gradients


def _outer(uses: list[tuple[bool, Array, Array]]) -> FiniteGradient:
    """Return the sum over uses of dh z.T, or z dh.T where transposed, as one product."""
    pairs = [(z, dh) if transposed else (dh, z) for transposed, dh, z in uses]
    flat = [[part.reshape(len(part), -1) for part in side] for side in zip(*pairs, strict=True)]
    left, right = (np.concatenate(parts, axis=1) for parts in flat)
    return FiniteGradient(left, right)


def _nothing(leaf: Matrix | Node, value: Array | Operator, sizes: Sizes) -> FiniteGradient:
    """Return the gradient of a weight on which the output does not depend."""
    if isinstance(leaf, Matrix):
        left, right = (np.zeros((sizes[dim], 0)) for dim in (leaf.rows, leaf.columns))
        return FiniteGradient(left, right)
    return FiniteGradient(np.zeros_like(value))


class Loss:
    """The error signals chi = dL/df of a batch, and losses."""

    def __init__(self, training: Training) -> None:
        """Differentiate the loss of one example."""
        self._loss = differentiate_loss(training)
        self._shares = batch_shares(training)
        b, rows = Builder(), len(training.inputs)
        self._outputs = b.make(Placeholder, (), (rows, *training.output.shape), "outputs")
        self._counts = b.make(Placeholder, (), (rows,), "shares")
        found = losses_of(b, training, self._outputs, self._counts)
        self._values = Evaluation((found["loss"], found["loss_all"]))
        self._plans: dict[int, tuple[Node, Node, Evaluation]] = {}

    def values(self, outputs: Array, step: int, params: Params) -> dict[str, Array]:
        """Return `loss` and `loss_all`, from the outputs of data rows."""
        shares = self._shares[step % len(self._shares)]
        given: Given = {self._outputs: outputs, self._counts: shares}
        return dict(zip(("loss", "loss_all"), self._values.compute(given, params), strict=True))

    def signals(self, outputs: Array, targets: Array, params: Params) -> Array:
        """Return chi for each input of a batch."""
        size = len(outputs)
        if size not in self._plans:
            b, shape = Builder(), outputs.shape
            f, y = (b.make(Placeholder, (), shape, name) for name in "fy")
            self._plans[size] = f, y, Evaluation((self._loss.signals(b, f, y),))
        f, y, evaluation = self._plans[size]
        return evaluation.compute({f: outputs, y: targets}, params)[0]
