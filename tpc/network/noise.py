"""Noise of a network, for one row -> that of all rows: independent draws of one law."""

from collections.abc import Mapping

import numpy as np

from tpc.network.network import Network
from tpc.program.builder import Builder
from tpc.program.nodes import InitialVector, Node


def noises_of_rows(b: Builder, network: Network, rows: int, mark: str) -> dict[Node, Node]:
    """Return what stands for each noise, of shape (M,) + k.

    Args:
        b: Makes the nodes; it has those of the network.
        network: The network.
        rows: The number M of rows.
        mark: What tells these draws apart from others, behind the name.
    """
    return {noise: _of_rows(b, noise, rows, mark) for noise in network.noises}


def _of_rows(b: Builder, noise: InitialVector, rows: int, mark: str) -> Node:
    rank, mean, covariance = len(noise.shape), noise.mean, noise.covariance
    shape = (rows, *noise.shape)
    if mean is not None:
        mean = b.mul(b.constant(np.ones(shape)), mean)
    if covariance.shape:
        alike = np.eye(rows).reshape(rows, *(1,) * rank, rows, *(1,) * rank)
        covariance = b.mul(b.constant(alike), b.expand(covariance, (0, 1 + rank)))
    name = f"{noise.name}{mark}"
    return b.initial_vector(name, noise.dim, shape, mean, covariance, noise.ensemble)


def noises_of_one(b: Builder, network: Network, mark: str) -> Mapping[Node, Node]:
    """Return what stands for each noise at another row."""
    return {
        noise: b.initial_vector(
            f"{noise.name}{mark}", noise.dim, noise.shape, noise.mean, noise.covariance,
            noise.ensemble,
        )
        for noise in network.noises
    }  # fmt: skip
