"""Hats, dots and bras -> calls on the record of all products with one side of a matrix.

h = products_W.hat(x)                        hat(W x), jointly Gaussian with the earlier ones
dot_k = products_WT.dot(products_W)          the sum of |y> <nabla_{W y}|x>, by Stein's lemma
bras_x = products_WT.bras(products_W)        every one of those bras
"""

from dataclasses import dataclass, field

from tpc.codegen.expressions import ATOM, PRODUCT, SIGN, Code, joined
from tpc.codegen.scope import Scope
from tpc.codegen.sides import Side, dependent_hats, label, other_side, side_of
from tpc.codegen.statement import WIDTH, Speech
from tpc.codegen.words import in_rounds
from tpc.codegen.writing_order import Reading, samples_operand
from tpc.limit.limit_nodes import Hat, RoundDot, SteinBra, SteinDot
from tpc.program.nodes import Inner, Node
from tpc.program.region import is_fresh

MANY_COLUMNS = 512
"""A matrix side of more columns gives inner products of its operands by their coordinates."""


@dataclass(frozen=True, slots=True)
class _Record:
    """The products with one side so far.

    Attributes:
        name: The variable.
        hats: The hats in order.
        operands: The place of the first product of each ket.
    """

    name: str
    hats: list[Hat] = field(default_factory=list)
    operands: dict[Node, int] = field(default_factory=dict)

    @property
    def code(self) -> Code:
        """Its code."""
        return Code(self.name, ATOM, frozenset({self.name}))


class HatWriter:
    """Writes hats, and what Stein's lemma says of their partners, into a scope."""

    def __init__(self, scope: Scope, reading: Reading, speech: Speech) -> None:
        self._scope = scope
        self._reading = reading
        self._spell = speech.expression
        self._dependent = dependent_hats(reading.limit)
        self._records: dict[Side, _Record] = {}
        self._in_loop = False
        self._bras: dict[tuple[Hat, tuple[Hat, ...]], list[SteinBra]] = {}
        for node in reading.nodes:
            if isinstance(node, SteinBra):
                self._bras.setdefault((node.hat, node.hats), []).append(node)

    def loop(self, scope: Scope, reading: Reading, speech: Speech) -> "HatWriter":
        """Return the writer of a loop's hats, whose products go on from round to round."""
        for node in reading.nodes:
            if isinstance(node, Hat) and not is_fresh(node.matrix):
                self._record(node, self._scope.code[node.gain], in_loop=True)
        writer = HatWriter(scope, reading, speech)
        writer._in_loop = True  # places of products are those of one round
        writer._records = {side: _Record(record.name) for side, record in self._records.items()}
        return writer

    def hat(self, node: Hat) -> None:
        """Write a hat: from <x|x>, from samples of |x>, or beside earlier hats of its matrix."""
        scope, gain = self._scope, self._scope.code[node.gain]
        if not samples_operand(node, self._reading.columns):
            if len(scope.code[node.second].text) > WIDTH // 2:
                scope.store(node.second, scope.code[node.second])
            second = scope.code[node.second]
            covariance = f"{gain.at(PRODUCT)} * {second.at(SIGN)}"
            covariance = second.text if gain.text == "1" else covariance
            text = f"nodes.gaussian({covariance}, {node.shape or '()'})"
            scope.store(node, joined(text, ATOM, [second, gain]))
            return
        ket = scope.code[node.operand]
        if side_of(node) not in self._reading.columns:
            scope.store(node, joined(f"nodes.hat({gain.text}, {ket.text})", ATOM, [ket, gain]))
            return
        record = self._record(node, gain)
        record.operands.setdefault(node.operand, len(record.hats))
        record.hats.append(node)
        given = [ket]
        if node in self._dependent and other_side(node) in self._records:
            given.append(self._records[other_side(node)].code)
        text = f"{record.name}.hat({', '.join(code.text for code in given)})"
        scope.store(node, joined(text, ATOM, [*given, record.code]))

    def _record(self, node: Hat, gain: Code, in_loop: bool = False) -> _Record:
        """Return the record of a hat's side, written before its first hat.

        In a loop with room for the columns of all rounds.
        """
        side = side_of(node)
        if side not in self._records:
            said = label(side)
            name = self._scope.identifiers.make(f"products {in_rounds(said)}")
            columns = self._reading.columns[side]
            room = f", {columns}" if in_loop else ""
            text = f'nodes.products({gain.text}, "{said}"{room})'
            code = joined(text, ATOM, [gain])
            self._scope.bind(name, code, 2 * columns, f"all products {said} @ x")
            self._records[side] = _Record(name)
        return self._records[side]

    def inner(self, node: Inner) -> Code | None:
        """Return <x|y> by coordinates where a matrix has multiplied both, with many columns."""
        for side, record in self._records.items():
            places = record.operands
            many = self._reading.columns[side] > MANY_COLUMNS and not self._in_loop
            if many and node.left in places and node.right in places:
                text = f"{record.name}.inner({places[node.left]}, {places[node.right]})"
                return Code(text, ATOM, record.code.reads)
        return None

    def dot(self, node: SteinDot | RoundDot) -> None:
        """Write the sum over all products of the other side."""
        code = self._by_stein("dot", node.hat)
        self._scope.fit(node, (), lambda _: code)

    def bras(self, node: SteinBra) -> None:
        """Write the bras of one ket in all hats at once; each is an item of the list."""
        scope = self._scope
        product = self._reading.names[node.hat].removeprefix("hat ")
        target = scope.identifiers.make(f"bras {product}")
        side = label(side_of(node.hats[0]))
        said = self._spell(node.operand)
        comment = f"the bras <nabla|x> in every hat of {side} so far, x = {said}"
        scope.bind(target, self._by_stein("bras", node.hat), 0, comment)
        for bra in self._bras[node.hat, node.hats]:
            scope.code[bra] = Code(f"{target}[{bra.position}]", ATOM, frozenset({target}))

    def _by_stein(self, method: str, hat: Hat) -> Code:
        """Write a call on the products of a hat's side, with those of the other side."""
        own, other = self._records[side_of(hat)], self._records[other_side(hat)]
        position = own.hats.index(hat)
        which = "" if position == len(own.hats) - 1 else f", {position}"
        text = f"{own.name}.{method}({other.name}{which})"
        return Code(text, ATOM, own.code.reads | other.code.reads)
