"""Outputs of all rows at one step -> error signals chi = dLoss / df, zero outside of the batch.

chi_t[row] = d loss(f_t[row], y[row]) / df, summed over the batch, or divided by its size
"""

from collections.abc import Sequence

import numpy as np

from tpc.network.losses import differentiate_loss
from tpc.network.network import Training
from tpc.program.builder import Builder
from tpc.program.nodes import Node


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
