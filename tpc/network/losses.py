"""A loss -> its error signals chi = dL/df, as a graph.

The loss of one example is differentiated once, d loss(f, y) / df, and mapped over batches, whose
losses are added, or averaged. In training, chi is zero outside of the batch:

    chi_t[row] = d loss(f_t[row], y[row]) / df, summed over the batch, or divided by its size

What is recorded is the loss of the step's batch, `loss`, and that of all data rows, `loss_all`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tpc.network.batching import lower
from tpc.network.network import Array, Training
from tpc.program.backpropagation import backpropagate
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, InitialScalar, Node
from tpc.program.reapply import transplant


@dataclass(frozen=True, slots=True)
class LossDerivative:
    """A graph for one example, to be mapped over batches.

    Attributes:
        output: Stands for f.
        target: Stands for y.
        derivative: Of the shape of f; the number it is where the loss does not depend on f.
        averages: Whether the losses of a batch are averaged.
    """

    output: InitialScalar
    target: Node
    derivative: Node
    averages: bool

    def signals(self, b: Builder, outputs: Node, targets: Node) -> Node:
        """Return chi for each example of a batch, of the shape of the outputs."""
        size = outputs.shape[0]
        batched = {self.output: outputs, self.target: targets}
        chi = lower(b, (self.derivative,), size, batched)[self.derivative]
        if chi.shape != outputs.shape:  # a loss that is linear in the output
            chi = b.mul(b.constant(np.ones(outputs.shape)), chi)
        return b.div(chi, b.number(size)) if self.averages else chi


def differentiate_loss(training: Training) -> LossDerivative:
    """Return the derivative of the loss of a `train` block."""
    b = Builder()
    start = b.constant(np.zeros(training.output.shape))
    output = b.initial_scalar(training.output.name, start)
    assert isinstance(output, InitialScalar)
    target = b.placeholder(training.target, training.target.name)
    stand_ins: dict[Node, Node] = {training.output: output, training.target: target}
    loss = transplant(b, training.loss, stand_ins)
    found = backpropagate(b, loss, (output,), b.number(1)).scalars
    averages = training.reduce == "mean"
    return LossDerivative(output, target, found.get(output, start), averages)


def of_data(b: Builder, training: Training, outputs: Node) -> Node:
    """Return the outputs of data rows, which come first."""
    rows, total = len(training.inputs), outputs.shape[0]
    return outputs if rows == total else b.contract(b.constant(np.eye(rows, total)), outputs)


def losses_of(b: Builder, training: Training, outputs: Node, shares: Node) -> dict[str, Node]:
    """Return `loss` and `loss_all`.

    Args:
        b: Makes the nodes.
        training: The `train` block.
        outputs: f of data rows.
        shares: What the loss of each of them counts for in the step's batch.
    """
    targets = b.constant(training.targets)
    known: dict[Node, Node] = {training.output: outputs, training.target: targets}
    b.adopt([training.output, training.target])
    loss = transplant(b, training.loss)
    by_row = lower(b, (loss,), len(training.inputs), known)[loss]
    total = b.reduce("sum", by_row)
    if training.reduce == "mean":
        total = b.div(total, b.number(len(training.inputs)))
    counts = np.full(len(training.inputs), _share(training, len(training.inputs)))
    whole = isinstance(shares, Constant) and np.array_equal(shares.value, counts)
    return {"loss": total if whole else b.contract(shares, by_row), "loss_all": total}


def batch_shares(training: Training) -> Array:
    """Return what the loss of each data row counts for in each round: 0 outside of the batch.

    There are rows for the rounds up to where batches begin again.
    """
    period = min(len(training.cycle), training.steps + 1)
    shares = np.zeros((period, len(training.inputs)))
    for step, share in enumerate(shares):
        rows = training.batch(step)
        np.add.at(share, list(rows), _share(training, len(rows)))
    return shares


def _share(training: Training, size: int) -> float:
    return 1 / size if training.reduce == "mean" else 1.0


class ErrorSignals:
    """The derivative of a loss in the output of one example, to be mapped over batches."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._loss = differentiate_loss(training)

    def at(self, b: Builder, outputs: Node, rows: Sequence[int]) -> Node:
        """Return chi for all rows.

        Args:
            b: Makes the nodes.
            outputs: f of all rows, of shape (R,) + the shape of the output.
            rows: Those of the batch.
        """
        count, total = len(rows), outputs.shape[0]
        chosen = np.zeros((count, total))
        chosen[np.arange(count), rows] = 1.0
        whole = tuple(rows) == tuple(range(total))
        mine = outputs if whole else b.contract(b.constant(chosen), outputs)
        targets = b.constant(self._training.targets[list(rows)])
        chi = self._loss.signals(b, mine, targets)
        return chi if whole else b.contract(b.constant(chosen.T), chi)
