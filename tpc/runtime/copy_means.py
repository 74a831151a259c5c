"""Means over iid copies that do not separate: averages over pairs of samples, or of nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.runtime.grids import GridNodes, Ket
from tpc.runtime.random_nodes import Nodes

Array = npt.NDArray[np.float64]

# <part mean_over_copies>


def mean_over_copies(
    nodes: Nodes,
    body: Callable[..., Array],
    free: Sequence[Array],
    copies: Sequence[Sequence[Array]],
    onto: Array | None = None,
    arrays: Sequence[Any] = (),
) -> Array:
    """Average body(*free, *copies) over iid copies, for every sample of the free kets.

    A copy is the samples in another order. Random samples leave out the pairs in which a
    copy is the free sample itself, so that no ket meets itself. With `onto`, a ket of the
    first copy, the body is an operator without constant axes and this is its product with
    that ket. With pair arrays there is one copy, and the body takes them too.
    """
    if isinstance(nodes, GridNodes):
        return mean_on_grids(nodes, body, free, copies, onto, arrays)
    samples = nodes.samples
    partners = [nodes.partners(c) for c in range(len(copies))]
    shuffled: list[Array] = []
    for partner, kets in zip(partners, copies, strict=True):
        shuffled += [ket[partner][None] for ket in kets]
    places = [np.argsort(partner) for partner in partners if nodes.apart]
    weights = None
    if nodes.weights is not None:
        weights = np.prod([nodes.weights[partner] for partner in partners], axis=0)
        weights = weights / weights.mean()
    rows = max(1, PAIRS_IN_BLOCK // samples)
    flat = None if onto is None else onto.reshape(samples, -1)
    sums: list[Array] = []
    for start in range(0, samples, rows):
        index = np.arange(start, min(start + rows, samples))
        block = slice(start, start + rows)
        pairs = [array.block(block, slice(None)) for array in arrays]
        values = body(*(ket[index, None] for ket in free), *shuffled, *pairs)
        if weights is not None:
            values = (values.T * weights[:, None]).T
        for place in places:
            values[index - start, place[index]] = 0
        sums.append(values.sum(axis=1) if flat is None else values @ flat)
    total = np.concatenate(sums) / (samples - len(places))
    return total if onto is None else total.reshape(onto.shape)


def mean_on_grids(
    nodes: GridNodes,
    body: Callable[..., Array],
    free: Sequence[Array],
    copies: Sequence[Sequence[Array]],
    onto: Array | None,
    arrays: Sequence[Any] = (),
) -> Array:
    """Average over copies whose directions are new ones, beyond those of the free kets."""

    def moved(ket: Array, copy: int) -> Ket:
        assert isinstance(ket, Ket)
        ket = nodes.on_grid(ket)
        assert ket.directions is not None
        return nodes.ket(ket.array, tuple(copy * COPY + d for d in ket.directions))

    placed = [moved(ket, c) for c, kets in enumerate(copies, 1) for ket in kets]
    values = body(*free, *placed, *(array.whole for array in arrays))
    if onto is not None:
        factor = moved(onto, 1)
        values = values[(..., *[None] * (factor.ndim - factor.lead))] * factor
    assert isinstance(values, Ket)
    kept = tuple(d for d in values.directions or () if d < COPY)
    return nodes.ket(nodes.sum_over(values, kept), kept)


COPY = 2**32
"""What is added to the directions of a copy."""

PAIRS_IN_BLOCK = 2**17
"""How many pairs of samples are held at a time: a block should stay in cache."""

# <part inner_of_pairs>


def inner_of_pairs(left: Array, right: Array) -> Array:
    """Sum the products of a free ket and a copy over their last axis, for every pair."""
    if isinstance(left, Ket):
        products: Array = (left * right).sum(axis=-1)
        return products
    return np.asarray(left[:, 0] @ right[0].T)
