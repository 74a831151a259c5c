"""Warns of tables under optimizers of operators with a factor of the shape.

Where inputs are one-hot, U @ xi looks up a column of U. Here it is n x V; libraries store such a
table V x n, and its sqrt(rows / columns) has another power of n.
"""

import numpy as np

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.cautions import TableByShape
from tpc.network.facing import scale_power
from tpc.network.network import Network
from tpc.network.optimizers.update import words_of
from tpc.network.roles import Role, roles_of


def table_warnings(network: Network) -> list[Diagnostic]:
    """Return a warning for each table whose layout matters and is not said."""
    training = network.training
    if training is None or not _one_hot(training.inputs):
        return []
    roles, found = roles_of(network), []
    size = training.inputs.shape[1:]
    for weight in network.weights:
        use = training.optimizer_of(weight.name)
        is_table = roles[weight.name] is Role.VECTOR and weight.shape[-len(size) :] == size
        if not (is_table and weight.trained) or words_of(use).get("layout") != "":
            continue
        if scale_power(Role.VECTOR, use) != 0 and words_of(use).get("scale") != "match_rms":
            found.append(Diagnostic.of(TableByShape(weight.name, use.name), use.span))
    return found


def _one_hot(inputs: np.ndarray) -> bool:
    flat = inputs.reshape(len(inputs), -1)
    ones = (flat == 1).sum(axis=1) == 1
    return flat.shape[1] > 1 and bool(ones.all() and ((flat == 0) | (flat == 1)).all())
