"""Kets on grids: arrays that know their directions.

An operation takes the union of its operands' directions, an expectation sums over those that its
kets have, so that each is a quadrature in as many dimensions as it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tpc.runtime.arrays import Array

if TYPE_CHECKING:
    from tpc.runtime.grids import GridNodes


class Ket(np.ndarray[Any, np.dtype[np.float64]]):
    """A ket on a grid: an array with one leading axis for each direction it depends on.

    Directions are orthonormal combinations of the Gaussians drawn so far. A ket that is
    affine in the Gaussians has `directions` None; its one leading axis holds coefficients,
    first of 1, then of each Gaussian. It gets directions where more is done with it.
    """

    nodes: GridNodes
    directions: tuple[int, ...] | None

    def __array_finalize__(self, source: Any) -> None:
        self.nodes = getattr(source, "nodes", None)  # type: ignore[assignment]
        self.directions = getattr(source, "directions", ())

    @property
    def lead(self) -> int:
        """How many axes stand before the constant ones."""
        return 1 if self.directions is None else len(self.directions)

    @property
    def array(self) -> Array:
        """The same as a plain array."""
        return self.view(np.ndarray)

    def along(self, directions: Sequence[int]) -> Array:
        """Return the values with axes of length 1 for further directions."""
        own, points = self.directions or (), len(self.nodes.points)
        axes = tuple(points if direction in own else 1 for direction in directions)
        return self.array.reshape(axes + self.shape[self.lead :])

    def __array_ufunc__(
        self,
        ufunc: Any,
        method: Any,
        *inputs: Any,
        **more: Any,
    ) -> Any:
        """Apply a function entry by entry, or along constant axes."""
        nodes = self.nodes
        if keeps_affine(ufunc, method, inputs):
            if ufunc in (np.add, np.subtract) and method == "__call__":
                inputs = tuple(nodes.as_affine(inputs))
            plain = [x.array if isinstance(x, Ket) else x for x in inputs]
            return nodes.ket(getattr(ufunc, method)(*plain, **more), None)
        placed = [nodes.on_grid(x) if isinstance(x, Ket) else x for x in inputs]
        kets = [x for x in placed if isinstance(x, Ket)]
        union = sorted({axis for ket in kets for axis in ket.directions or ()})
        arrays = [x.along(union) if isinstance(x, Ket) else x for x in placed]
        if method == "__call__":
            shape = shape_of_result(ufunc, [np.shape(array) for array in arrays])
            if not nodes.fits(shape):
                return nodes.refused(shape[len(union) :], len(union))
        return nodes.ket(getattr(ufunc, method)(*arrays, **more), tuple(union))

    def __array_function__(self, function: Any, types: Any, *given: Any) -> Any:
        """Keep the directions where NumPy forgets them, in np.tensordot(ket, array)."""
        found = super().__array_function__(function, types, *given)
        if isinstance(found, Ket):
            return found
        return self.nodes.ket(found, self.directions)


def keeps_affine(ufunc: Any, method: str, inputs: Sequence[Any]) -> bool:
    """Whether an operation on affine kets and plain arrays gives an affine ket."""
    are_kets = [isinstance(x, Ket) for x in inputs]
    if any(x.directions is not None for x in inputs if isinstance(x, Ket)):
        return False
    if method != "__call__":
        return method == "reduce" and ufunc is np.add
    if ufunc in (np.add, np.subtract, np.negative):
        return True
    if ufunc in (np.divide, np.matmul):
        return are_kets == [True, False]
    return ufunc is np.multiply and sum(are_kets) == 1


def shape_of_result(ufunc: Any, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape that a function of arrays will have."""
    if ufunc is np.matmul:
        return shapes[0][:-1] + shapes[1][1:]
    return np.broadcast_shapes(*shapes)
