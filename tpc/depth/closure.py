"""Training at infinite depth in the Gaussian closure: blocks phi(W x), linear optimizers.

All kets are linear in the Gaussians U, v, dB and dB~ of a round. With I = (t, row) and s < t,

    dx_I  = dB_I + sum over J of k1_IJ m_IJ d_J dtau,         m_IJ = ell_IJ - eta chi_J C_IJ
    -dd_I = dB~_I + sum over J with s <= t of r_IJ (k1_IJ x_J + k2_IJ x_I) dtau
                  + sum over J of D_IJ (m_IJ k11_IJ - eta chi_J k1_IJ) x_J dtau
                  + sum over J of D_IJ m_IJ k12_IJ x_I dtau
    Cov(dB) = k dtau,  Cov(dB~) = k1 D dtau,  C = <x|x>,  D = <d|d>

with the derivatives k1 = dk/dC_IJ, k11 = dk1/dC_IJ, k2 = 2 dk/dC_II, k12 = 2 dk1/dC_II, ell the
coefficient of x_I on dB~_J and r that of d_I on dB_J at the same depth. These anticipate: x at one
depth has dB~ of all depths. So kets are vectors of coefficients, of which K cells have 1/K each.
Of linear blocks K cells are the network of depth K, at infinite width.

Reference:
    Tensor Programs VI, Proposition 4.4. Its Claim E.1 lacks k2 and the terms with m_IJ, which are
        the gradient that flows through the scalars k1(C).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tpc.depth.gains import Gain
from tpc.kernels.plan import Array


@dataclass(frozen=True, slots=True)
class Learning:
    """What the steps of a linear optimizer leave in the weights.

    Attributes:
        taken: How much of the gradient of step s has been taken off before step t, T + 1 x T.
    """

    taken: Array

    def off(self, step: int, chi: Array) -> Array:
        """Return the coefficient of each gradient of the steps before one, by step and row."""
        return np.asarray(self.taken[step, :step, None] * chi[:step])


@dataclass(frozen=True, slots=True)
class Closure:
    """A deep network and its training.

    Attributes:
        first: What the state before the loop is of the first weights, rows x columns.
        variances: Of their columns.
        out: The multiplier of the readout's weight, and its variance.
        gain: What one cell adds.
        cells: K.
        data: How many of the rows have targets; they come first.
        inputs: What training leaves in each column of the first weights, T + 1 x T x columns.
        matrices: The same of the loop's, over their variance.
        readout: The same of the readout's.
        signals: Gives chi of the data rows from f of all rows and the step.
    """

    first: Array
    variances: Array
    out: tuple[float, float]
    gain: Gain
    cells: int
    data: int
    inputs: Array
    matrices: Learning
    readout: Learning
    signals: Callable[[Array, int], Array]


@dataclass(frozen=True, slots=True)
class Found:
    """Outputs of all rows at all steps, and <x|x> behind the loop."""

    f: Array
    second: Array


def floats_of(steps: int, rows: int, data: int, cells: int) -> int:
    """Return how many floats a training takes."""
    forth, back = (steps + 1) * rows, steps * data
    return (cells + 1) * cells * (forth + back) ** 2


def solved(closure: Closure, steps: int) -> Found:
    """Return what training comes to with K cells."""
    sweep = _Sweep(closure, steps)
    outputs = []
    for step in range(steps + 1):
        outputs.append(sweep.forward(step))
        if step < steps:
            sweep.chi[step] = closure.signals(outputs[-1], step)
            sweep.backward(step)
    last, rows = sweep.x[-1], len(closure.first)
    second = [
        sweep.inner(last[at : at + rows], last[at : at + rows])
        for at in range(0, len(last), rows)
    ]  # fmt: skip
    return Found(np.array(outputs), np.array(second))


class _Sweep:
    """Coefficients of x and d of all cells: on the first weights, v, dB by cell, dB~ by cell.

    Attributes:
        x: Of cells x (step, row) x Gaussians.
        d: Of cells x (step, data row) x Gaussians.
        chi: By step and data row.
    """

    def __init__(self, closure: Closure, steps: int) -> None:
        self._of, self._cells = closure, closure.cells
        self._rows, self._data = len(closure.first), closure.data
        cells, self._forth, self._back = self._cells, (steps + 1) * self._rows, steps * self._data
        self._outer = closure.first.shape[1] + 1
        size = self._outer + cells * (self._forth + self._back)
        self.x = np.zeros((cells + 1, self._forth, size))
        self.d = np.zeros((cells + 1, self._back, size))
        self.chi = np.zeros((steps, self._data))
        self._variances = np.append(closure.variances, closure.out[1])
        self._noise = np.zeros((cells, self._forth, self._forth))
        self._back_noise = np.zeros((cells, self._back, self._back))
        self._k1 = np.zeros((cells, self._forth, self._forth))
        self._k11, self._k2, self._k12, self._moved = (np.zeros_like(self._k1) for _ in range(4))

    def inner(self, left: Array, right: Array) -> Array:
        """Return <x|y> of kets, by their covariances."""
        outer, cut = self._outer, self._outer + self._cells * self._forth
        total = (left[:, :outer] * self._variances) @ right[:, :outer].T
        for part, noise in ((slice(outer, cut), self._noise), (slice(cut, None), self._back_noise)):
            x, y = (side[:, part].reshape(len(side), self._cells, -1) for side in (left, right))
            seen = np.matmul(x.transpose(1, 0, 2), noise)
            total = total + np.tensordot(seen, y.transpose(1, 0, 2), ((0, 2), (0, 2)))
        return np.asarray(total)

    def forward(self, step: int) -> Array:
        """Take the state through all cells; return f of all rows."""
        rows, x, d = slice(step * self._rows, (step + 1) * self._rows), self.x, self.d
        x[0, rows] = self._first(step)
        past = self._places(step)
        for cell in range(self._cells):
            known = x[cell, : rows.stop]
            second = self.inner(x[cell, rows], known)
            # Variances of earlier rows are those of their own cells.
            self._gains(cell, rows, second)
            answers = x[cell, rows, self._second_part(cell)][:, : step * self._data]
            taken = self._of.matrices.off(step, self.chi).ravel()
            moved = answers - taken * second[:, past]
            self._moved[cell, rows][:, past] = moved
            x[cell + 1, rows] = x[cell, rows]
            x[cell + 1, rows] += (self._k1[cell, rows][:, past] * moved) @ d[cell + 1, : len(past)]
            own = np.arange(rows.start, rows.stop)
            x[cell + 1, own, self._outer + cell * self._forth + own] += 1
        multiplier = self._of.out[0]
        return multiplier * self.inner(x[-1, rows], self._readout(step)[None])[:, 0]

    def _gains(self, cell: int, rows: slice, second: Array) -> None:
        of = self._of.gain
        before = self.x[cell, : rows.start]
        variances = np.array([self.inner(ket[None], ket[None])[0, 0] for ket in before])
        variances = np.append(variances, np.diagonal(second[:, rows]))
        found = of.at(variances[rows], variances, second, rows.start)
        whole = slice(0, rows.stop)
        for into, value in ((self._noise, found.k), (self._k1, found.k1)):
            into[cell, rows, whole] = value
            into[cell, whole, rows] = value.T
        for into, value in ((self._k11, found.k11), (self._k2, found.k2), (self._k12, found.k12)):
            into[cell, rows, whole] = value

    def backward(self, step: int) -> None:
        """Take the cotangents of the data rows back through all cells."""
        own = np.arange(step * self._data, (step + 1) * self._data)
        rows = step * self._rows + np.arange(self._data)
        past, upto = self._places(step), self._places(step + 1)
        x, d, count = self.x, self.d, len(self._places(step))
        d[-1, own] = self._of.out[0] * self._readout(step)
        for cell in reversed(range(self._cells)):
            at = np.ix_(rows, past)
            second = self.inner(d[cell + 1, own], d[cell + 1, : own[-1] + 1])
            noise = self._k1[cell][np.ix_(rows, upto)] * second
            self._back_noise[cell, own, : own[-1] + 1] = noise
            self._back_noise[cell, : own[-1] + 1, own] = noise
            answers = d[cell + 1][own][:, self._outer + cell * self._forth + upto]
            moved, taken = self._moved[cell][at], self._of.matrices.off(step, self.chi).ravel()
            sides = answers * self._k1[cell][np.ix_(rows, upto)]
            sides[:, :count] += second[:, :count] * (
                moved * self._k11[cell][at] - taken * self._k1[cell][at]
            )
            through = (answers * self._k2[cell][np.ix_(rows, upto)]).sum(axis=1)
            through += (second[:, :count] * moved * self._k12[cell][at]).sum(axis=1)
            d[cell, own] = (
                d[cell + 1, own] + sides @ x[cell, upto] + through[:, None] * x[cell, rows]
            )
            d[cell, own, self._outer + self._cells * self._forth + cell * self._back + own] += 1

    def _places(self, step: int) -> Array:
        """Return the places of the data rows of the steps before one among all rows."""
        steps = np.arange(step)[:, None] * self._rows
        return np.asarray((steps + np.arange(self._data)).ravel())

    def _second_part(self, cell: int) -> slice:
        """Return where dB~ of a cell stands."""
        start = self._outer + self._cells * self._forth + cell * self._back
        return slice(start, start + self._back)

    def _first(self, step: int) -> Array:
        """Return the state of all rows before the loop."""
        first, data = self._of.first, self._data
        found = np.zeros((self._rows, self.x.shape[2]))
        found[:, : self._outer - 1] = first
        for s in range(step):
            weights = self._of.inputs[step, s] * first
            overlaps = weights @ first[:data].T * self.chi[s]
            found -= overlaps @ self.d[0, s * data : (s + 1) * data]
        return found

    def _readout(self, step: int) -> Array:
        """Return v."""
        found = np.zeros(self.x.shape[2])
        found[self._outer - 1] = 1
        taken = self._of.readout.off(step, self.chi).ravel()
        return np.asarray(found - self._of.out[0] * taken @ self.x[-1, self._places(step)])
