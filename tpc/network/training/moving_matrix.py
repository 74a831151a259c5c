"""W_t in a round of training, with what earlier rounds have added to it.

    W_t z = kept_t W_0 z - U_t z

Where Q is linear in the gradients, U_t is a sum over earlier rounds of stacked kets, with
coefficients that are linear in unit vectors as the updates are in the gradients,

    U_t = sum over s < t of c_ts |dh_s><x_s|,   c_{t+1} = (1 - lambda) c_t + eta Q_t(e_0, ..., e_t).

Where Q acts on operators, U_t is of low rank, |q> C_t <p| between orthonormal kets (`low_rank.py`).
Else it is a function of two coordinates that goes from round to round, with the states of Q,

    U_{t+1} = (1 - lambda) U_t + eta Q_t(Gamma_0, ..., Gamma_t),    U_t z = mean[j](U_t * z[j]).
"""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Protocol

import numpy as np

from tpc.network.facing import facing_of
from tpc.network.jacobians import Layout
from tpc.network.network import OptimizerUse, Weight
from tpc.network.optimizers.every_step import is_linear
from tpc.network.optimizers.update import (
    acts_on_operators,
    decays,
    graft_of,
    sees_weight,
    stages_of,
)
from tpc.network.scales import WeightScale
from tpc.network.training.descent import without_bounds
from tpc.network.training.low_rank import OrthonormalKets, columns_of, operator_update, side_by_side
from tpc.network.training.open_round import OpenRound
from tpc.network.training.updates import COLUMN, Gradient, kernel_product
from tpc.program.backpropagation import Gradients, MatrixUse
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Matrix, Node
from tpc.program.products import axes
from tpc.program.reapply import transplant
from tpc.program.region import Carried, Earlier, carried, earlier, round_input, sum_over_rounds


class MovingMatrix:
    """W_t in a round."""

    def __init__(
        self,
        of: OpenRound,
        weight: Weight,
        scale: WeightScale,
        uses: Sequence[tuple[str, MatrixUse]],
    ) -> None:
        """Take a matrix at the beginning of a round.

        Args:
            of: The round.
            weight: The matrix.
            scale: Its parametrization.
            uses: Its products for one input, with what the text calls them.
        """
        assert isinstance(weight.leaf, Matrix)
        self._of = of
        self._matrix = weight.leaf
        b = of.builder
        self._start = b.number(1 if scale.starts else 0)
        self._weight, self._use = weight, scale.optimizer
        shrinks = weight.trained and decays(scale.optimizer) and scale.starts
        self._kept = of.carried(f"kept_{weight.name}", self._start) if shrinks else self._start
        self._names = [name for name, _ in uses]
        self._update: _Update | None = None
        if weight.trained and scale.moves and uses:
            kind = _kind_of(scale.optimizer)
            self._update = kind(of, weight, scale, [use for _, use in uses])

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        b = self._of.builder
        product = b.mul(self._kept, b.matmul(self._matrix, transposed, vector))
        return self._update.taken_off(product, transposed, vector) if self._update else product

    def descend(self, gradients: Gradients, factor: Node | None) -> None:
        """Pass on what it is after a step."""
        of = self._of
        if isinstance(self._kept, Carried):
            of.pass_on(self._kept, self._start, of.kept(self._use, self._weight, self._kept))
        if self._update is None:
            return
        uses = gradients.matrices[self._matrix]
        for at, (name, use) in enumerate(zip(self._names, uses, strict=True), 1):
            of.name(f"d{name}", use.cotangent)
            of.name(f"{self._matrix.name}_{at}", use.operand)
        b = of.builder
        norm = b.mul(self._kept, transplant(b, self._weight.init))
        self._update.descend(gradients, factor, norm)


class _Update(Protocol):
    """U_t at the beginning of a round."""

    def __init__(
        self, of: OpenRound, weight: Weight, scale: WeightScale, uses: Sequence[MatrixUse]
    ) -> None: ...

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""

    def descend(self, gradients: Gradients, factor: Node | None, norm: Node) -> None:
        """Pass U_{t+1} on; the norm is |W_t|."""


class _StackedUpdate:
    """The kets of earlier rounds and their coefficients."""

    def __init__(
        self, of: OpenRound, weight: Weight, scale: WeightScale, uses: Sequence[MatrixUse]
    ) -> None:
        self._of = of
        self._weight = weight
        self._use = scale.optimizer
        self._zero = of.builder.constant(np.zeros(of.rounds))
        self._factors = of.carried(f"c_{weight.name}", self._zero)
        self._sides = [self._sides_of(at, use) for at, use in enumerate(uses)]

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""
        b = self._of.builder
        for sides in self._sides:
            left, right = reversed(sides) if transposed else sides
            moved = sum_over_rounds(b, self._factors, left, right, vector)
            height = self._of.height(self._weight) if transposed else 1.0
            product = b.sub(product, b.mul(b.number(height), moved))
        return product

    def descend(self, gradients: Gradients, factor: Node | None, norm: Node) -> None:
        """Let later rounds see the gradient of this one."""
        b, of, matrix = self._of.builder, self._of, self._weight.leaf
        assert isinstance(matrix, Matrix)
        for sides, use in zip(self._sides, gradients.matrices[matrix], strict=True):
            kets = (use.cotangent, use.operand)
            for leaf, ket in zip(sides, reversed(kets) if use.transposed else kets, strict=True):
                of.keep(leaf, ket)
        unit = round_input(b, b.constant(np.eye(of.rounds)))
        name = f"c_{self._weight.name}"
        update = of.update(name, self._use, self._weight, unit, factor=factor)
        kept = of.kept(self._use, self._weight, self._factors)
        of.pass_on(self._factors, self._zero, b.add(kept, update))

    def _sides_of(self, at: int, use: MatrixUse) -> tuple[Earlier, Earlier]:
        """Return what stands for the two sides of a use in earlier rounds."""
        shape = (self._of.rows, *use.operand.shape)
        b, matrix = self._of.builder, self._weight.leaf
        assert isinstance(matrix, Matrix)
        return (
            earlier(b, f"left {at} of {matrix.name}", matrix.rows, shape),
            earlier(b, f"right {at} of {matrix.name}", matrix.columns, shape),
        )


class _LowRankUpdate:
    """Orthonormal kets of both sides, and the array between them."""

    def __init__(
        self, of: OpenRound, weight: Weight, scale: WeightScale, uses: Sequence[MatrixUse]
    ) -> None:
        matrix, columns = weight.leaf, columns_of(uses, of.rows)
        assert isinstance(matrix, Matrix)
        self._of = of
        self._weight = weight
        self._scale = scale
        self._left = OrthonormalKets(of, f"q_{weight.name}", matrix.rows, columns)
        self._right = OrthonormalKets(of, f"p_{weight.name}", matrix.columns, columns)
        shape = self._left.shape + self._right.shape
        self._core = carried(of.builder, f"C_{weight.name}", (), shape)
        self._root = sqrt(of.height(weight))

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""
        b, left, right = self._of.builder, self._left, self._right
        core, root = b.mul(b.number(1 / self._root), self._core), self._root
        if transposed:
            left, right, core = right, left, b.permute(self._core, (2, 3, 0, 1))
            core = b.mul(b.number(root), core)
        weights = b.contract(core, right.inner(vector), 2)
        return b.sub(product, left.combination(weights))

    def descend(self, gradients: Gradients, factor: Node | None, norm: Node) -> None:
        """Take one step along the gradient."""
        b, of = self._of.builder, self._of
        update = self.core_update(gradients, factor, norm)
        kept = of.kept(self._scale.optimizer, self._weight, self._core)
        of.pass_on(self._core, b.number(0), b.add(kept, update))

    def core_update(self, gradients: Gradients, factor: Node | None, norm: Node) -> Node:
        """Return what the optimizer makes of the array of the gradient."""
        b, of, matrix = self._of.builder, self._of, self._weight.leaf
        assert isinstance(matrix, Matrix)
        kets = [
            (found.operand, found.cotangent)
            if found.transposed
            else (found.cotangent, found.operand)
            for found in gradients.matrices[matrix]
        ]
        lefts, rights = zip(*kets, strict=True)
        above = self._left.take_in(side_by_side(b, lefts))
        below = self._right.take_in(side_by_side(b, rights))
        if graft_of(self._scale.optimizer):
            entries = _entries(b, gradients, matrix)
            norm = of.graft_norm(self._weight, self._scale, entries, factor) or norm
        gradient = b.contract(above, b.permute(below, (2, 0, 1)))
        gradient = b.mul(b.number(self._root), gradient)
        of.name(f"G_{self._weight.name}", gradient)
        norm = b.mul(b.number(self._root), norm)
        return operator_update(of, self._weight, self._scale, gradient, 2, factor, norm)

    def whole(self, core: Node) -> Node:
        """Return the entries of an operator between the kets."""
        b, right = self._of.builder, self._right
        size = prod(right.shape)
        unit = b.constant(np.eye(size).reshape(*right.shape, size))
        core = b.mul(b.number(1 / self._root), core)
        left = self._left.combination(b.contract(core, unit, 2))
        return b.reduce("sum", b.mul(left, b.row(right.combination(unit), COLUMN)))


def _kind_of(use: OptimizerUse) -> "type[_Update]":
    """Return how an optimizer changes matrices."""
    if stages_of(use) is not None:
        return _RowsUpdate
    if acts_on_operators(use):
        return _LowRankUpdate
    return _StackedUpdate if is_linear(without_bounds(use)) else _KernelUpdate


class _KernelUpdate:
    """A function of two coordinates."""

    def __init__(
        self, of: OpenRound, weight: Weight, scale: WeightScale, uses: Sequence[MatrixUse]
    ) -> None:
        matrix = weight.leaf
        assert isinstance(matrix, Matrix)
        self._of = of
        self._weight = weight
        self._use = scale.optimizer
        self._facing = facing_of(weight, scale.role, scale.optimizer, 1, of.height(weight))
        self._zero = of.builder.number(0)
        coords = ((FREE, matrix.rows), (COLUMN, matrix.columns))
        self._moved = carried(of.builder, f"U_{weight.name}", coords, ())

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""
        b = self._of.builder
        height = self._of.height(self._weight)
        return b.sub(product, kernel_product(b, self._moved, transposed, vector, height))

    def descend(self, gradients: Gradients, factor: Node | None, norm: Node) -> None:
        """Take one step along the gradient."""
        b, of, name = self._of.builder, self._of, self._weight.name
        assert isinstance(self._weight.leaf, Matrix)
        gradient = _entries(b, gradients, self._weight.leaf)
        of.name(f"Gamma_{name}", gradient)
        seen = norm if sees_weight(self._use) else None
        update = of.update(
            name, self._use, self._weight, gradient, None, factor, self._facing, seen
        )
        kept = of.kept(self._use, self._weight, self._moved)
        of.pass_on(self._moved, self._zero, b.add(kept, update))


def _entries(b: Builder, gradients: Gradients, matrix: Matrix) -> Node:
    """Return a gradient as a function of two coordinates."""
    jacobian = Layout(axes("input"), (), ()).jacobian(gradients, matrix)
    assert jacobian is not None
    return Gradient(jacobian, b.number(1)).whole(b)


class _RowsUpdate(_KernelUpdate):
    """The same, of an operator of low rank whose entries an optimizer acts on afterwards."""

    def __init__(
        self, of: OpenRound, weight: Weight, scale: WeightScale, uses: Sequence[MatrixUse]
    ) -> None:
        super().__init__(of, weight, scale, uses)
        self._operator = _LowRankUpdate(of, weight, scale, uses)

    def descend(self, gradients: Gradients, factor: Node | None, norm: Node) -> None:
        """Take one step along the gradient."""
        stages, of = stages_of(self._use), self._of
        assert stages is not None
        whole = self._operator.whole(self._operator.core_update(gradients, factor, norm))
        update = of.update(
            self._weight.name, self._use, self._weight, whole, facing=self._facing, rule=stages[1]
        )
        kept = of.kept(self._use, self._weight, self._moved)
        of.pass_on(self._moved, self._zero, of.builder.add(kept, update))
