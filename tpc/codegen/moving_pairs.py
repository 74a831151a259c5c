"""Functions of two samples that go from round to round -> a function that takes a step with them.

def step_U_W(t, dh2, x1_j, m_W, v_W, U_W):      stands before the loop
...
return m_W_next, v_W_next, U_W_next

move_pairs(step_U_W, (t,), (dh2,), (x1,), (m_W, v_W, U_W))

What depends on each other, as the states of an optimizer and the update of a matrix do, is made
together, pair by pair.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from tpc.codegen.copies import argument_name, definition, inner_of_pair, tuple_of
from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.loop_statements import Loop
from tpc.codegen.scope import Scope
from tpc.codegen.statement import Statement, call_lines
from tpc.functions import FUNCTIONS
from tpc.program.nodes import Constant, Elementwise, Node, Parameter, Row, operands
from tpc.program.region import NEXT, Body, Carried, Carry, is_round_number, is_schedule
from tpc.program.traversal import toposort, walk


@dataclass(frozen=True, slots=True, eq=False)
class PairStep:
    """Functions of two samples that are made together.

    Attributes:
        carries: How each goes from round to round.
        body: That of the region.
    """

    carries: tuple[Carry, ...]
    body: Body

    @property
    def results(self) -> tuple[Node, ...]:
        """What they are after the step."""
        return tuple(carry.following for carry in self.carries)

    @property
    def leaves(self) -> tuple[Node, ...]:
        """What they are made of: numbers, kets, rows, and the functions themselves."""
        return tuple(n for n in toposort(self.results, self.below) if not self.below(n))

    @property
    def kets(self) -> tuple[Node, ...]:
        """What must be computed before the step."""
        return tuple(n.operand if isinstance(n, Row) else n for n in self.leaves)

    def below(self, node: Node) -> tuple[Node, ...]:
        """Return what a node is made of inside of the step."""
        if len(node.coords) == 2:
            pair = inner_of_pair(node)
            return pair if pair is not None else operands(node)
        return operands(node) if is_schedule(node) else ()


def pair_steps(body: Body) -> tuple[PairStep, ...]:
    """Return the steps of a region; what reads a function of two samples is in the step of it."""
    carries = [carry for carry in body.carries if is_carried_pair(carry.leaf)]
    groups: list[tuple[set[Node], list[Carry]]] = []
    for carry in carries:
        inside = walk([carry.following], _inside)
        leaves: set[Node] = {carry.leaf, *(n for n in inside if isinstance(n, Carried))}
        together = [carry]
        for group in [g for g in groups if not g[0].isdisjoint(leaves)]:
            groups.remove(group)
            leaves, together = leaves | group[0], together + group[1]
        groups.append((leaves, together))
    place = {carry: at for at, carry in enumerate(carries)}
    ordered = (sorted(together, key=lambda carry: place[carry]) for _, together in groups)
    return tuple(PairStep(tuple(together), body) for together in ordered)


def is_carried_pair(node: Node) -> bool:
    """Whether a node is a function of two samples at the beginning of a round."""
    return isinstance(node, Carried) and len(node.coords) == 2


def write_step(step: PairStep, loop: Loop, scope: Scope) -> None:
    """Write the function before the loop, and its call in the round."""
    leaves = [n for n in step.leaves if not isinstance(n, Constant | Parameter)]
    arrays = [carry.leaf for carry in step.carries]
    numbers = [n for n in leaves if n.is_scalar]
    free, rows = [n for n in leaves if n.is_vector], [n for n in leaves if isinstance(n, Row)]
    order = toposort(step.results, step.below)
    uses = Counter(part for node in order for part in step.below(node))
    inner = scope.function(uses)
    in_place = {c.following: c.leaf for c in step.carries if _changes_in_place(c, uses)}
    arguments = []
    for leaf in [*numbers, *free, *rows, *arrays]:
        argument = inner.identifiers.make(_argument(leaf, scope, step.body))
        arguments.append(argument)
        inner.code[leaf] = Code(argument, reads=frozenset({argument}))
    for place, node in enumerate(order):
        later = {part for after in order[place + 1 :] for part in step.below(after)}
        if node in in_place:
            _change(node, in_place[node], inner)
        elif node not in inner.code and not _overwrite(node, later | {*step.results}, inner):
            _write_inside(node, inner, scope)
    result = tuple_of([inner.code[n] for n in step.results])
    if len(step.results) > 1:
        result = replace(result, text=result.text[1:-1])
    last = scope.names[step.carries[-1].leaf]
    function = loop.outer.identifiers.make(f"step {last}")
    names = [f"{scope.names[carry.leaf]}[{NEXT}]" for carry in step.carries]
    comment = f"{', '.join(names)}, pair by pair"
    loop.outer.append(definition(function, arguments, inner, result, "", comment))
    given = [
        tuple_of([scope.code[n.operand if isinstance(n, Row) else n] for n in part])
        for part in (numbers, free, rows, arrays)
    ]
    _call(function, given, scope, comment)


def _changes_in_place(carry: Carry, uses: Counter[Node]) -> bool:
    """Whether a function is added to, perhaps after it has been multiplied, and not read again."""
    match carry.following:
        case Elementwise(function="add" | "sub", operands=(first, second)):
            own = _factor(first, carry.leaf) is not None or first is carry.leaf
            return own and uses[carry.leaf] == 1 and carry.leaf is not second
        case _:
            return False


def _factor(node: Node, leaf: Node) -> Node | None:
    """Return the number that multiplies a function of two samples, if a node is that."""
    match node:
        case Elementwise(function="mul", operands=(factor, kept)):
            return factor if kept is leaf and factor.is_scalar else None
        case _:
            return None


def _change(node: Node, leaf: Node, inner: Scope) -> None:
    """Write `m *= 0.9` and `m += 0.1 * g` for the m that follows on m."""
    assert isinstance(node, Elementwise)
    first, second = node.operands
    own, rest, factor = inner.code[leaf], inner.code[second], _factor(first, leaf)
    sign, margin = "+" if node.function == "add" else "-", " " * inner.indent
    lines = [] if factor is None else [f"{margin}{own.text} *= {inner.code[factor].text}"]
    lines.append(f"{margin}{own.text} {sign}= {rest.text}")
    reads = own.reads | rest.reads
    inner.append(Statement("", tuple(lines), reads, 0, comment=inner.comment(node)))
    inner.code[node] = own


def _overwrite(node: Node, later: Set[Node], inner: Scope) -> bool:
    """Write `a *= b` and `np.sqrt(a, out=a)` for an a of which nothing is made that is read later.

    Memory for new values is what steps would take longest over.
    """
    if not isinstance(node, Elementwise) or not _is_moved(node):
        return False
    first, *others = node.operands
    sign = _SIGNS.get(node.function)
    if others and not _is_moved(first) and node.function in ("add", "mul"):
        first, others = others[0], [first]
    own, ufunc = inner.code[first], FUNCTIONS[node.function].text.partition("({})")[0]
    if not _is_moved(first) or first in {*others, *later}:
        return False
    if not (sign or (not others and ufunc.startswith("np."))):
        return False
    comment = inner.comment(node) if inner.names.get(first) else ""
    if not own.text.isidentifier():
        inner.store(first, own)
        own = inner.code[first]
    elif any(own.text in inner.code[part].reads for part in later & inner.code.keys()):
        return False
    margin, rest = " " * inner.indent, [inner.code[other] for other in others]
    change = f"{sign}= {rest[0].text}" if sign else ""
    line = f"{own.text} {change}" if sign else f"{ufunc}({own.text}, out={own.text})"
    reads = joined(line, ATOM, [own, *rest]).reads
    inner.append(Statement("", (margin + line,), reads, 0, comment=comment))
    inner.code[node] = own
    return True


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def _is_moved(node: Node) -> bool:
    """Whether a node is an array of pairs in the step: one that depends on a ket of the round."""
    pairs = len(node.coords) == 2 and not node.shape and not isinstance(node, Carried)
    return pairs and any(isinstance(part, Row) for part in walk([node], operands))


def _write_inside(node: Node, inner: Scope, scope: Scope) -> None:
    pair = inner_of_pair(node)
    if isinstance(node, Parameter):
        inner.code[node] = scope.code[node]
    elif pair is None:
        inner.operation(node)
    else:
        inner.fit(node, pair, _inner_product)


def _inner_product(both: Sequence[Code]) -> Code:
    return joined(f"nodes.inner_of_pairs({both[0].text}, {both[1].text})", ATOM, both)


def _call(function: str, given: Sequence[Code], scope: Scope, comment: str) -> None:
    texts = ", ".join([function, *(code.text for code in given)])
    lines = call_lines(f"{' ' * scope.indent}move_pairs({texts})")
    reads = frozenset({function}).union(*(code.reads for code in given))
    scope.append(Statement("", lines, reads, 0, scope.banner, comment))


def _argument(leaf: Node, scope: Scope, body: Body) -> str:
    if is_round_number(leaf, body):
        return "t"
    return scope.names.get(leaf, "factor") if leaf.is_scalar else argument_name(leaf, scope.names)


def _inside(node: Node) -> tuple[Node, ...]:
    return tuple(part for part in operands(node) if len(part.coords) == 2)
