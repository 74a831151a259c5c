"""Dims that are split: their vectors become vectors of the parts, with one more constant axis.

Coordinates are exchangeable, so that k n' entries are k vectors of n' entries, iid where the whole
is. A matrix becomes k, or k x k, independent blocks:

    split(x) = x,   W x = (W_a x)_a or sum over b of W_b x_b,   avg(x) = sum over a of avg(x_a) / k

with an axis a for each coordinate of the dim, in front of the constant ones. After it there is
neither `split` nor `merge`.
"""

from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from tpc.diagnostics import ProgramError
from tpc.diagnostics.limit_faults import DependentBlocks
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.ensembles import has_independent_entries, spell
from tpc.program.nodes import Coordinates, Matrix, Node, operands
from tpc.program.passes.rebuild import rebuild, roots
from tpc.program.program import OutputKind, Program
from tpc.program.reapply import reapply
from tpc.program.traversal import needed


def blocks(program: Program) -> Program:
    """Return the program without `split` and `merge`.

    Raises:
        ProgramError: TP366, a matrix whose blocks depend on one another.
    """
    while True:
        found = [_dims_of(node) for node in program.nodes if isinstance(node, op.Split | op.Merge)]
        if not found:
            return program
        whole, part, count = max(found, key=lambda dims: program.dims[dims[0]].ratio)
        program = _Division(program, whole, part, count).program()


def _dims_of(node: op.Split | op.Merge) -> tuple[str, str, int]:
    """Return the dim of the whole, that of the parts, and how many parts there are."""
    if isinstance(node, op.Split):
        return node.operand.dim, node.dim, node.count
    return node.dim, node.operand.dim, node.operand.shape[0]


@dataclass(slots=True)
class _Division:
    """One dim, in the place of which there are vectors of another one."""

    of: Program
    whole: str
    part: str
    count: int
    b: Builder = field(default_factory=Builder)
    images: dict[Node, Node] = field(default_factory=dict)
    matrices: dict[tuple[Matrix, int, int], Matrix] = field(default_factory=dict)

    def program(self) -> Program:
        """Return the program."""

        def rule(node: Node, copied: Node) -> Node:
            self.images[node] = image = self._image(node, copied)
            return image

        found = rebuild(self.of, self.b, rule)
        outputs = tuple(
            replace(after, node=self._one(before.node, after.node))
            if before.kind is not OutputKind.SCALAR
            else after
            for before, after in zip(self.of.outputs, found.outputs, strict=True)
        )
        kept = [m for m in found.matrices if self.whole not in (m.rows, m.columns)]
        matrices = (*kept, *self.matrices.values())
        found = replace(found, outputs=outputs, matrices=matrices)
        return replace(found, nodes=needed(self.b.nodes, roots(found)))

    def _one(self, node: Node, image: Node) -> Node:
        """Return one of the parts of an output, which are alike."""
        return self._part(image, 0) if self._axes(node) else image

    def _axes(self, node: Node) -> list[str]:
        """Return the coordinates that are axes now, in their order."""
        return [name for name, dim in node.coords if dim == self.whole]

    def _part(self, image: Node, place: int) -> Node:
        return self.b.take(image, (place, *(None,) * (len(image.shape) - 1)))

    def _coords(self, node: Node) -> Coordinates:
        return tuple((name, self.part if d == self.whole else d) for name, d in node.coords)

    def _image(self, node: Node, copied: Node) -> Node:
        parts = operands(node)
        own = self._axes(node)
        if not own and not any(map(self._axes, parts)):
            return copied
        b, images = self.b, self.images
        match node:
            case op.Split(operand=x) | op.Merge(operand=x) if own != self._axes(x):
                return images[x]
            case op.InitialVector():
                return self._initial(node)
            case op.MatMul():
                return self._product(node)
            case op.Elementwise():
                return b.apply(node.function, *(self._aligned(x, node) for x in parts))
            case op.Contract(right=right) if not self._axes(right):
                return b.contract(images[node.left], images[right], node.axes)
            case op.Row(operand=x, coordinate=coordinate):
                return b.row(images[x], coordinate)
            case op.Exchange(operand=x, coordinate=coordinate):
                image = b.exchange(images[x], coordinate)
                rest = range(2, len(image.shape))
                return b.permute(image, (1, 0, *rest)) if len(own) == 2 else image
            case op.Mean(operand=x, over=over):
                summed = tuple(i for i, name in enumerate(self._axes(x)) if name in over)
                total = b.reduce("sum", images[x], summed) if summed else images[x]
                return b.mean(b.mul(b.number(self.count ** -len(summed)), total), over)
            case op.Inner(left=x, right=y):
                sums = (
                    b.inner(self._part(images[x], a), self._part(images[y], a))
                    for a in range(self.count)
                )
                return b.mul(b.number(1 / self.count), reduce(b.add, sums))
            case _:
                return reapply(b, node, [images[part] for part in parts], len(own))

    def _aligned(self, x: Node, node: op.Elementwise) -> Node:
        """Give an operand all axes of a result that it broadcasts to."""
        image, own = self.images[x], self._axes(x)
        if not own and not x.shape:
            return image
        lead = [i for i, name in enumerate(self._axes(node)) if name in own]
        rank = len(self._axes(node)) + len(node.shape)
        present = {*lead, *range(rank - len(x.shape), rank)}
        return self.b.expand(image, tuple(i for i in range(rank) if i not in present))

    def _initial(self, node: op.InitialVector) -> Node:
        b, k, rank = self.b, self.count, len(node.shape)
        mean, covariance = node.mean, self.images[node.covariance]
        shape = (k, *node.shape)
        level = None if mean is None else b.mul(b.constant(np.ones(shape)), self.images[mean])
        if covariance.shape:
            alike = np.eye(k).reshape(k, *(1,) * rank, k, *(1,) * rank)
            covariance = b.mul(b.constant(alike), b.expand(covariance, (0, 1 + rank)))
        return b.initial_vector(node.name, self.part, shape, level, covariance, node.ensemble)

    def _product(self, node: op.MatMul) -> Node:
        """Return a product with blocks: a part for each part of the result, a sum over the rest."""
        b, matrix, x = self.b, node.matrix, self.images[node.operand]
        if not has_independent_entries(matrix.ensemble):
            fault = DependentBlocks(matrix.name, spell(matrix.ensemble), self.whole)
            raise ProgramError.of(self.of, (fault, node.span))
        inside = self.count if node.operand.dim == self.whole else 1
        outside = self.count if node.dim == self.whole else 1
        found = []
        for a in range(outside):
            terms = []
            for c in range(inside):
                block = self._block(matrix, *((c, a) if node.transposed else (a, c)))
                given = self._part(x, c) if inside > 1 or self._axes(node.operand) else x
                terms.append(b.matmul(block, node.transposed, given))
            found.append(reduce(b.add, terms))
        if not self._axes(node):
            return found[0]
        spread = [b.expand(part, (0,)) for part in found]
        places = np.eye(outside).reshape(outside, outside, *(1,) * len(node.shape))
        made = (b.mul(b.constant(at), part) for at, part in zip(places, spread, strict=True))
        return reduce(b.add, made)

    def _block(self, matrix: Matrix, row: int, column: int) -> Matrix:
        key = matrix, row, column
        if key not in self.matrices:
            places = ((row, matrix.rows), (column, matrix.columns))
            keys = ",".join(str(place) for place, dim in places if dim == self.whole)
            stem, bracket, before = matrix.name.rstrip("]").partition("[")
            name = f"{stem}[{before},{keys}]" if bracket else f"{stem}[{keys}]"
            variance, dim = self.images[matrix.variance], matrix.variance_dim
            if dim == self.whole:
                variance = self.b.mul(self.b.number(1 / self.count), variance)
            rows, columns, dim = (
                self.part if d == self.whole else d for d in (matrix.rows, matrix.columns, dim)
            )
            self.matrices[key] = Matrix(
                name, rows, columns, variance, dim, matrix.span, matrix.ensemble
            )
        return self.matrices[key]
