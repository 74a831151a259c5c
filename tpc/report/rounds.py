"""What the limit of a region says of products: hats, dots, and what earlier rounds have added.

|W x[t]>^ ~ N(0, <x[t]|x[t]>),   Cov(|W x[t]>^, |W x[s]>^) = <x[t]|x[s]>
|W x[t]>. = sum over s of |y[s]><nabla_{W.T y[s]}|x[t]>
|W[t]| x[t] = |W x[t]> - sum over s of c_W[t][s] |dh[s]><x[s]|x[t]>
|W[t]| x[t] = |W x[t]> - E over copies of U_W[t] |x[t]>,   U_W[t+1] = U_W[t] + ...
"""

from dataclasses import replace

from tpc.limit.equations import DotEquation, HatEquation, Limit, ScalarEquation
from tpc.limit.limit_nodes import Hat
from tpc.program.nodes import Constant, Elementwise, Mean, Node, Row, operands
from tpc.program.region import Carried, Carry, RoundInput, SumOverRounds, is_identity
from tpc.program.traversal import walk
from tpc.report.constants import number
from tpc.report.equations_in_words import Relation, Remark, read, relations
from tpc.report.formula import Formula, Ket, Name, Product
from tpc.report.reading import EquationReader

_UNIT: Remark = (", ", Name("e[t]"), " the unit vector of step ", Name("t"))


def products_of(limit: Limit) -> tuple[Relation, ...]:
    """Return the equations of products in any round, of a limit that has a region."""
    rounds = limit.rounds
    assert rounds is not None
    reader, found = read(limit), list[Relation]()
    moved = _moved(rounds.node.body.nodes)
    starts = {carry.following: carry for carry in rounds.node.body.carries}
    said = False
    for equation in limit.equations[rounds.first : rounds.last]:
        match equation:
            case HatEquation(node=hat):
                found += relations(equation, reader)
                if not any(isinstance(e, DotEquation) and e.hat is hat for e in limit.equations):
                    found += _whole(hat, moved, reader)
            case DotEquation(hat=hat):
                found += relations(equation, reader)
                found += _whole(hat, moved, reader)
            case ScalarEquation(node=node) if node in starts or node.coords:
                first, *rest = relations(equation, reader)
                inside = walk([node], operands) if node.is_scalar and not said else ()
                unit = any(map(_is_unit, inside))
                said = said or unit
                also = _start(starts[node], reader) if node in starts else ()
                found += [replace(first, remark=_UNIT if unit else (), also=also), *rest]
            case _:
                pass
    return tuple(found)


def _is_unit(node: Node) -> bool:
    table = node.table if isinstance(node, RoundInput) else None
    return isinstance(table, Constant) and is_identity(table.value)


def _start(carry: Carry, reader: EquationReader) -> tuple[tuple[tuple[Formula, ...], Formula], ...]:
    """Return what a factor is before the first step."""
    name, initial = reader.of(carry.leaf), carry.initial
    if not (isinstance(name, Name) and isinstance(initial, Constant)):
        return ()
    first = Name(name.text.replace("[t]", "[0]"))
    return (((first,), number(float(initial.value.flat[0]))),)


def _moved(nodes: tuple[Node, ...]) -> dict[Node, Node]:
    """Return what products become with the updates of earlier rounds, by their operands."""
    found: dict[Node, Node] = {}
    for node in nodes:
        match node:
            case Elementwise(function="sub", operands=(_, SumOverRounds(operand=operand))):
                found[operand] = node
            case Elementwise(function="sub", operands=(_, Mean(operand=Elementwise() as moved))):
                kernel, row = moved.operands[0], moved.operands[-1]
                if len(kernel.coords) == 2 and isinstance(row, Row):
                    found[row.operand] = node
    return found


def _whole(hat: Hat, moved: dict[Node, Node], reader: EquationReader) -> list[Relation]:
    if hat.operand not in moved or isinstance(hat.operand, Carried):
        return []
    matrix: Formula = Name(f"|{hat.matrix.name}[t]|{'.T' if hat.transposed else ''}")
    left = Product("contract", (matrix, Ket(reader.name_ket(hat.operand))))
    return [Relation((left,), "=", reader.own(moved[hat.operand]))]
