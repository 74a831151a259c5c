"""The derivative of a loss in the output of one example, as a graph: d loss(f, y) / df."""

from dataclasses import dataclass

import numpy as np

from tpc.network.backpropagation import backpropagate
from tpc.network.network import Training
from tpc.network.optimizers.transplant import transplant
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, Node


@dataclass(frozen=True, slots=True)
class LossDerivative:
    """A graph for one example, to be mapped over batches.

    Attributes:
        output: Stands for f.
        target: Stands for y.
        derivative: Of the shape of f; the number it is where the loss does not depend on f.
    """

    output: InitialScalar
    target: Node
    derivative: Node


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
    return LossDerivative(output, target, found.get(output, start))
