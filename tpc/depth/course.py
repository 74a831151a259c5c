"""The inputs of a tile over the depth: the same for all rounds, or the velocities of paths."""

from dataclasses import dataclass

import numpy as np

from tpc.depth.rounds import Equal, TileInputs
from tpc.kernels.plan import Array
from tpc.kernels.rounding import equal_inputs
from tpc.network.paths import velocities


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What the rounds of a tile take, over pieces of the depth.

    Attributes:
        times: Where pieces begin and end, from 0 to 1 or less.
        rows: Of each piece, of shape (pieces, rows) + that of an input.
        columns: The same of the second inputs.
        equal: Of each piece, the pairs that have been equal up to its end.
        before: The pairs that are equal before the first.
    """

    times: Array
    rows: Array
    columns: Array
    equal: tuple[Equal, ...]
    before: Equal

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return len(self.rows)

    def at(self, piece: int) -> TileInputs:
        """Return the inputs of a piece."""
        return TileInputs(self.rows[piece], self.columns[piece], self.equal[piece])

    @property
    def start(self) -> TileInputs:
        """What stands before the loop knows of the inputs."""
        return TileInputs(self.rows[0], self.columns[0], self.before)

    @property
    def end(self) -> TileInputs:
        """What stands behind the loop knows of them."""
        return self.at(-1)


def course(rows: Array, columns: Array, path: bool, times: Array) -> Course:
    """Return the inputs of a tile over pieces of the depth.

    Args:
        rows: The first inputs; vertices of paths.
        columns: The second ones.
        path: Whether they are paths.
        times: Where pieces begin and end, from 0 to 1.
    """
    pieces = len(times) - 1
    if not path:
        equal = equal_inputs(rows, columns)
        many = [np.broadcast_to(side, (pieces, *side.shape)) for side in (rows, columns)]
        return Course(times, many[0], many[1], (equal,) * pieces, equal)
    first, second = velocities(rows, times), velocities(columns, times)
    i, j = (places.ravel() for places in np.indices((len(rows), len(columns))))
    before, found = (i, j), []
    for one, other in zip(first, second, strict=True):
        same = (one[i] == other[j]).reshape(len(i), -1).all(axis=1)
        i, j = i[same], j[same]
        found.append((i, j))
    return Course(times, first, second, tuple(found), before)


def vertex_times(rows: Array, columns: Array, path: bool, end: float) -> Array:
    """Return the times of the vertices of all paths up to an end, or those of one piece."""
    found = [np.linspace(0, 1, side.shape[1] if path else 2) for side in (rows, columns)]
    times = np.minimum(np.sort(np.concatenate(found)), end)
    return np.asarray(times[np.diff(times, prepend=-1.0) > 1e-9])
