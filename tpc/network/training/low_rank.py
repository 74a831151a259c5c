"""Operators of low rank in the rounds of training: orthonormal kets and the array between them.

    U_t = sum over s, s' < t of |q_s> C_t[s, s'] <p_s'|

The kets of a gradient, in columns, are made orthonormal to those of all earlier rounds,

    |u_t> = sum over s < t of |q_s> R[s] + |q_t> S,   R[s] = <q_s|u_t>,   S.T S = <r_t|r_t>,

r_t the rest of u_t, taken twice so that rounding leaves nothing behind, S triangular: averages over
nodes determine kets and signs, so that replicates mean the same by them. Directions whose part of
u_t is rounding have columns of zeros, which cost nothing. So C and the states of optimizers keep
their meaning in later rounds.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from math import prod, sqrt

import numpy as np

from tpc.network.facing import facing_of, grows_below
from tpc.network.jacobians import Jacobian
from tpc.network.network import Weight, WeightKind
from tpc.network.optimizers.operators import SMALL_EIGENVALUE, Operator
from tpc.network.optimizers.rule import TINY
from tpc.network.optimizers.update import asks_norm, stages_of, starting_norm
from tpc.network.scales import WeightScale
from tpc.network.training.open_round import OpenRound
from tpc.program.backpropagation import MatrixUse
from tpc.program.builder import Builder
from tpc.program.nodes import Node, Shape
from tpc.program.products import Axes, Named, axes, contraction
from tpc.program.region import (
    carried,
    combination_over_rounds,
    earlier,
    inner_over_rounds,
    round_input,
)


class OrthonormalKets:
    """The kets |q_s> of one side."""

    def __init__(self, of: OpenRound, name: str, dim: str, columns: int) -> None:
        self._of = of
        self.columns = columns
        self._name = name
        self._leaf = earlier(of.builder, name, dim, (columns,))
        self._fresh: Node | None = None

    @property
    def shape(self) -> Shape:
        """The axes of rounds and columns."""
        return self._of.rounds, self.columns

    def inner(self, ket: Node) -> Node:
        """Return <q_s|x> of all earlier rounds."""
        return inner_over_rounds(self._of.builder, self._of.rounds, self._leaf, ket)

    def combination(self, weights: Node) -> Node:
        """Return the sum of |q_s> weights[s] over rounds so far."""
        b, earlier_ones = self._of.builder, combination_over_rounds
        total = earlier_ones(b, weights, self._leaf)
        if self._fresh is None:
            return total
        now = b.contract(self._unit(), weights)
        return b.add(total, b.contract(self._fresh, now))

    def take_in(self, ket: Node) -> Node:
        """Make a ket orthonormal to the earlier ones; return its coordinates in all of them."""
        b, of = self._of.builder, self._of
        known, rest = None, ket
        for _ in range(2):
            part = self.inner(rest)
            rest = b.sub(rest, combination_over_rounds(b, part, self._leaf))
            known = part if known is None else b.add(known, part)
        assert known is not None
        gram = b.inner(rest, rest)
        size = b.add(b.linear_algebra("trace", gram), b.reduce("sum", b.apply("square", known)))
        least = b.apply("max", b.mul(b.number(SMALL_EIGENVALUE), size), b.number(TINY**0.5))
        root = b.spectral("triangular_root", gram, 1, least)
        self._fresh = b.contract(rest, b.spectral("triangular_inverse", gram, 1, least))
        of.name(self._name, self._fresh)
        of.keep(self._leaf, self._fresh)
        unit = b.expand(self._unit(), (1, 2))
        return b.add(known, b.mul(unit, b.expand(root, (0,))))

    def _unit(self) -> Node:
        b = self._of.builder
        return round_input(b, b.constant(np.eye(self._of.rounds)))


class TangentOperator:
    """U_t of one weight in the operator regime, where kets are those of the untrained network.

    With G = <u|u> of the columns u of one side and R = sqrt(G), orthonormal kets are u pinv(R) and
    coordinates of u are R. So gradients and effects on outputs need R alone:

        Gamma = sum over a of R_left[:, a] chi_a R_right[:, a].T,
        <J_a|U> = R_left[a, :] C R_right[:, a],

    the first times the root of the rows over columns, and the second too.
    """

    def __init__(self, of: OpenRound, weight: Weight, scale: WeightScale, jacobian: Jacobian):
        self._of = of
        self._weight = weight
        self._scale = scale
        self._outputs, self._own = jacobian.outputs, jacobian.own
        b = of.builder
        sides = list(zip(*jacobian.terms, strict=True))
        self._axes, self._roots = [], []
        for side in sides:
            axis, rows = _roots(b, side)
            self._axes.append(axis)
            self._roots.append(rows)
        if len(sides) == 1:
            own = np.eye(prod(weight.shape)).reshape(weight.shape * 2)
            self._axes.append(axes("weight", len(weight.shape)))
            self._roots.append([Named(b.constant(own), self._own + self._axes[1])])
        shape = tuple(
            size for roots, axis in zip(self._roots, self._axes, strict=True)
            for size in (roots[0].sizes[a] for a in axis)
        )  # fmt: skip
        self._core = carried(b, f"C_{weight.name}", (), shape)
        self._root = sqrt(of.height(weight))

    def effect(self) -> Node:
        """Return <J|U>, times rows over columns."""
        b, (above, below) = self._of.builder, self._axes
        core = Named(b.mul(b.number(self._root), self._core), above + below)
        parts = [contraction(b, self._outputs, left, core, right) for left, right in self._pairs()]
        return reduce(b.add, parts)

    def descend(self, chi: Node, factors: Mapping[str, Node]) -> None:
        """Take one step along the gradient."""
        b, of = self._of.builder, self._of
        above, below = self._axes
        signals = Named(chi, self._outputs)
        parts = [
            contraction(b, above + below, left, signals, right) for left, right in self._pairs()
        ]
        gradient = b.mul(b.number(self._root), reduce(b.add, parts))
        factor = factors.get(self._weight.name)
        norm = starting_norm(b, self._scale.optimizer, self._weight)
        norm = norm and b.mul(b.number(self._root), norm)
        update = operator_update(of, self._weight, self._scale, gradient, len(above), factor, norm)
        kept = of.kept(self._scale.optimizer, self._weight, self._core)
        of.pass_on(self._core, b.number(0), b.add(kept, update))

    def _pairs(self) -> list[tuple[Named, Named]]:
        left, right = self._roots
        return list(zip(left, right, strict=True))


def _roots(b: Builder, side: Sequence[Named]) -> tuple[Axes, list[Named]]:
    """Return an axis for the columns of all terms, and for each term its rows of the root."""
    kets = side_by_side(b, [ket.node for ket in side])
    root = Operator(b, b.inner(kets, kets), 1).kept_power(b.number(0.5)).node
    axis, start, rows = axes("column"), 0, []
    for ket in side:
        shape, total = ket.node.shape, kets.shape[0]
        size = prod(shape)
        mine = b.constant(np.eye(total)[start : start + size].reshape(*shape, total))
        rows.append(Named(b.contract(mine, root), ket.axes + axis))
        start += size
    return axis, rows


def operator_update(
    of: OpenRound,
    weight: Weight,
    scale: WeightScale,
    gradient: Node,
    growing: int,
    factor: Node | None,
    norm: Node | None = None,
) -> Node:
    """Return eta lr Q_t of the array of an operator whose first axes are those that grow.

    Of an optimizer that acts on entries afterwards, what its first stage makes: no learning rate.
    """
    b, use = of.builder, scale.optimizer
    facing = facing_of(weight, scale.role, use, growing, of.height(weight))
    turned = weight.kind is not WeightKind.MATRIX and grows_below(scale.role, use)
    if turned:
        gradient = Operator(b, gradient, growing).T.node
    seen = norm if asks_norm(use) else None
    if (stages := stages_of(use)) is not None:
        name = weight.name
        update = of.direction(name, use, gradient, None, factor, facing, seen, stages[0])
    else:
        update = of.update(weight.name, use, weight, gradient, None, factor, facing, seen)
    of.watch_spectra(weight.name, use, gradient, update)
    return Operator(b, update, facing.rows).T.node if turned else update


def columns_of(uses: Sequence[MatrixUse], rows: int) -> int:
    """Return how many columns the gradient of a matrix has, over uses, inputs and own axes."""
    return sum(rows * prod(use.operand.shape) for use in uses)


def side_by_side(b: Builder, kets: Sequence[Node]) -> Node:
    """Return the columns of some kets as one axis."""
    kets = [ket if ket.shape else b.expand(ket, (0,)) for ket in kets]
    if len(kets) == 1 and len(kets[0].shape) == 1:
        return kets[0]
    total, start, parts = sum(prod(ket.shape) for ket in kets), 0, []
    for ket in kets:
        size = prod(ket.shape)
        place = np.zeros((size, total))
        place[np.arange(size), start + np.arange(size)] = 1
        chosen = b.constant(place.reshape(*ket.shape, total))
        parts.append(b.contract(ket, chosen, len(ket.shape)))
        start += size
    return reduce(b.add, parts)
