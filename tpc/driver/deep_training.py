"""Training at infinite depth: by closed equations, or networks of a few depths and their limit.

Stages:
    training_in_depth   Network  -> whether training has a limit, with its warnings
    flow_training       Network  -> its Gaussian closure, where that is the limit
    at each depth       Network  -> its training at infinite width, a loop over steps
    in_depth            results  -> their limit in the depth, with its error
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from tpc.depth.extrapolation import in_depth
from tpc.depth.flow_training import flow_training
from tpc.depth.training import is_linear_in_state, training_in_depth
from tpc.diagnostics import ProgramError, UsageError
from tpc.diagnostics.data_faults import NotFinite
from tpc.driver.emitted import Effort
from tpc.driver.shown_results import ShownEvaluation
from tpc.network.checking.build import build_network
from tpc.network.network import Network
from tpc.network.optimizers.every_step import is_linear
from tpc.simulation.parameters import resolve_parameters
from tpc.syntax.parse import parse_source

CELLS, LINEAR_CELLS = (8, 16, 32), (32, 64, 128)
"""The depths that are extrapolated; and where all of a cell is products of matrices."""

CELL_SAMPLES, CELL_PAIR_SAMPLES = 2**18, 2**12
"""Nodes of each, unless told otherwise: extrapolation takes noise twice; and where optimizers are
not linear in the gradients, which takes averages over pairs."""


def usual_samples(network: Network) -> int:
    """Return how many nodes a cell has."""
    training = network.training
    assert training is not None
    uses = (training.optimizer, *(use for _, use in training.own_optimizers))
    return CELL_SAMPLES if all(map(is_linear, uses)) else CELL_PAIR_SAMPLES


def is_infinite(network: Network) -> bool:
    """Whether a network has a loop over an infinite depth."""
    return network.depth is not None and bool(network.depth.loops)


def of_depth(network: Network, depth: float) -> Network:
    """Return the same network at another depth."""
    return build_network(parse_source(network.source, network.name), depth)


def trained_in_depth(
    network: Network,
    cells: Sequence[int] | None,
    params: dict[str, object],
    train: Callable[[Network], Any],
    effort: Effort,
) -> Any:
    """Train a network of infinite depth: by its flow where it has one and no cells are asked for.

    Args:
        network: With a `train` block and a loop over an infinite depth.
        cells: The depths that are extrapolated.
        params: Values of params.
        train: Trains a network of finite depth at infinite width.
        effort: How.

    Raises:
        ProgramError: As in `training_in_depth`.
        UsageError: There are fewer than three depths.
    """
    closed = cells is None and effort.method == "auto"
    found = trained_by_flow(network, params, effort.seed) if closed else None
    return found or trained_by_cells(network, cells, params, train)


def trained_by_flow(network: Network, params: dict[str, object], seed: int) -> Any:
    """Train a network of infinite depth by its closed equations; None where these do not hold.

    Returns:
        A `Result`.

    Raises:
        ProgramError: As in `training_in_depth`; numbers overflow.
    """
    training = network.training
    assert training is not None
    known = resolve_parameters(network, params)
    checked = training_in_depth(network, training.steps, known)
    flow = flow_training(network, checked, known)
    if flow is None:
        return None
    depths = LINEAR_CELLS if is_linear_in_state(checked.parts) else CELLS
    with np.errstate(all="ignore"):
        found = [flow.of_cells(cells) for cells in depths]
    readout = network.readout
    if not all(np.isfinite(value).all() for own in found for value in own.values()):
        fault = NotFinite(readout.name, readout.name, "an overflow")
        raise ProgramError.of(network, (fault, readout.span))
    values: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name in found[0]:
        stacked = np.stack([own[name] for own in found])
        values[name], errors[name] = in_depth(depths, stacked, np.zeros_like(stacked))
    shown = {name: value for name, value in known.items() if name != checked.parts.loop.length.name}
    return ShownEvaluation(
        values, errors, "flow", dict.fromkeys(values, "flow"), 0, seed, shown, {},
        checked.warnings, network.name, "train", frozenset(), True, inf,
    )  # fmt: skip


def trained_by_cells(
    network: Network,
    cells: Sequence[int] | None,
    params: dict[str, object],
    train: Callable[[Network], Any],
) -> Any:
    """Train a network of infinite depth.

    Args:
        network: With a `train` block and a loop over an infinite depth.
        cells: The depths that are extrapolated; `CELLS` if None.
        params: Values of params.
        train: Trains a network of finite depth at infinite width.

    Returns:
        The result of the deepest one, with limits in the place of its values.

    Raises:
        ProgramError: As in `training_in_depth`.
        UsageError: There are fewer than three depths.
    """
    depths = tuple(sorted(set(cells or CELLS)))
    if len(depths) < 3:
        raise UsageError(f"{len(depths)} depths of cells: a limit in depth needs three")
    training, depth = network.training, network.depth
    assert training is not None and depth is not None
    known = resolve_parameters(network, params)
    checked = training_in_depth(network, training.steps, known)
    found = [train(_with_steps(of_depth(network, own), training.steps)) for own in depths]
    values: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name in found[-1].values:
        values[name], errors[name] = in_depth(
            depths,
            np.stack([result.values[name] for result in found]),
            np.stack([result.stderr[name] for result in found]),
        )
    texts = [*checked.warnings, *(text for result in found for text in result.warnings)]
    methods = dict.fromkeys(values, "cells")
    return replace(
        found[-1], values=values, stderr=errors, method="cells", methods=methods,
        warnings=tuple(dict.fromkeys(texts)), depth=inf,
    )  # fmt: skip


def _with_steps(network: Network, steps: int) -> Network:
    training = network.training
    assert training is not None
    return replace(network, training=replace(training, steps=steps))
