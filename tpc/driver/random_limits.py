"""Gradients that vanish in the limit alone, under optimizers of operators that forget sizes.

A finite network has an error signal chi_t,a of the order n^(-1/2) where that of the limit is 0. An
update that makes all singular values of a gradient one size makes of it a random direction of full
size, so that the limit is random. A row of chi_t that is 0 at every width does no harm.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import ProgramError
from tpc.diagnostics.limit_faults import RandomLimit
from tpc.network.losses import ErrorSignals
from tpc.network.network import Network, OptimizerUse
from tpc.network.optimizers.update import forgets_sizes
from tpc.network.roles import Role, roles_of
from tpc.network.scales import Classification, Regime
from tpc.program.builder import Builder
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.readouts import dependence_of, problem_of
from tpc.simulation.training.passes import Loss

ERRORS = 5.0
"""An error signal so many standard errors from 0 counts as 0."""


def forgetful(scales: Classification) -> list[OptimizerUse]:
    """Return the uses that move weights by updates that forget the sizes of gradients."""
    return [w.optimizer for w in scales.weights if w.moves and forgets_sizes(w.optimizer)]


def row_without_error(network: Network) -> int | None:
    """Return the number of a row of the first batch, from 1, whose error vanishes in the limit.

    There the output starts at zero, if it is a Gaussian over the root of the width. One that starts
    at zero at every width has a gradient of zero at every width, which does no harm.
    """
    training = network.training
    assert training is not None
    readout = network.readout
    always = all(
        float(at_defaults(weight.init)) == 0
        for weight in network.weights
        if roles_of(network)[weight.name] is Role.OUTPUT
    )
    gaussian = problem_of(readout.node, dependence_of(network.nodes), network.source) is None
    if training.center or always or not gaussian:
        return None
    b = Builder()
    zero = b.constant(np.zeros((len(training.rows), *readout.node.shape)))
    rows = training.batches[0]
    chi = at_defaults(ErrorSignals(training).at(b, zero, rows)).reshape(len(training.rows), -1)
    return next((row + 1 for row in rows if not chi[row].all()), None)


def refuse_random_limits(network: Network, scales: Classification, result: Any) -> None:
    """Refuse a limit that has been computed if an error signal of it may be 0.

    Args:
        network: Which has been trained.
        scales: Its parametrization.
        result: The `Result` of its training.

    Raises:
        ProgramError: TP332.
    """
    training = network.training
    assert training is not None
    found = forgetful(scales) if scales.regime is Regime.FEATURE_LEARNING else []
    if not found:
        return
    name, loss = network.readout.name, Loss(training)
    f, off = result[name], ERRORS * result.stderr[name]
    given = {key: np.asarray(value) for key, value in result.params.items()}
    for step in range(training.steps):
        at = list(training.batch(step))
        low, high = (
            loss.signals(end[step, at], training.targets[at], given) for end in (f - off, f + off)
        )
        row = _row_across_zero(low, high, at)
        if row is not None:
            faults = ((RandomLimit(row, step, use.name), use.span) for use in found)
            raise ProgramError.of(network, *faults)


def _row_across_zero(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], rows: Sequence[int]
) -> int | None:
    """Return the number of a row, from 1, of which all signals may be 0, but not at every width."""
    low, high = low.reshape(len(rows), -1), high.reshape(len(rows), -1)
    across = (low * high <= 0).all(axis=1) & ((low != 0) | (high != 0)).any(axis=1)
    return next((row + 1 for row, is_across in zip(rows, across, strict=True) if is_across), None)
