"""A loss -> its error signals chi = dL/df, as a graph.

The loss of one example is differentiated once, d loss(f, y) / df, and mapped over batches, whose
losses are added, or averaged. In training, chi is zero outside of the batch:

    chi_t[row] = d loss(f_t[row], y[row]) / df, summed over the batch, or divided by its size
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tpc.network.backpropagation import backpropagate
from tpc.network.batching import lower
from tpc.network.network import Training
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, Node
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
