"""Expectations in closed form -> calls of functions that a generated module defines.

Each closed form becomes one function of the variances, covariances and means in it, named after
what it is the expectation of; the same form elsewhere in the program, in other symbols, is another
call. A form that is plain arithmetic stands where it is used.
"""

from collections.abc import Iterable, Sequence

from sympy import Expr, Function, Symbol, preorder_traversal

from tpc.codegen.expressions import ATOM, POWER, PRODUCT, SUM, Code, joined
from tpc.codegen.form_names import name_of_mean
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.source import docstring, head, result
from tpc.gaussian.numpy_text import to_numpy
from tpc.limit.nodes import ClosedForm, Diagonal

SHORTEST = 10
"""How many nodes the tree of a form may have that stands where it is used."""


class ClosedFormFunctions:
    """The functions of one module, in the order of their first call.

    Attributes:
        definitions: Their source by name.
    """

    def __init__(self, nodes: Iterable[ClosedForm], identifiers: Identifiers) -> None:
        shortest: dict[Expr, ClosedForm] = {}
        for node in nodes:
            if not _is_plain(node.expression):
                known = shortest.setdefault(numbered(node), node)
                if len(str(node.integrand)) < len(str(known.integrand)):
                    shortest[numbered(node)] = node
        self._names = {
            key: identifiers.make(name_of_mean(node.integrand)) for key, node in shortest.items()
        }
        self.definitions = {
            self._names[key]: _definition(self._names[key], node) for key, node in shortest.items()
        }

    def call(self, node: ClosedForm, operands: Sequence[Code]) -> Code:
        """Write a closed form as a call, or as it is."""
        if _is_plain(node.expression):
            return _inline(node, operands)
        listed = ", ".join(operand.text for operand in operands)
        return joined(f"{self._names[numbered(node)]}({listed})", ATOM, operands)


def numbered(node: ClosedForm) -> Expr:
    """Return a form with its symbols numbered in order, so that equal forms are equal."""
    new = (Symbol(f"x{i}", **symbol.assumptions0) for i, symbol in enumerate(node.symbols))
    return node.expression.xreplace(dict(zip(node.symbols, new, strict=True)))


def _is_plain(form: Expr) -> bool:
    """Whether a form is short, and has no functions."""
    return not form.has(Function) and sum(1 for _ in preorder_traversal(form)) <= SHORTEST


def _inline(node: ClosedForm, operands: Sequence[Code]) -> Code:
    form = node.expression
    names = dict(zip(node.symbols, (operand.at(ATOM) for operand in operands), strict=True))
    level = SUM if form.is_Add else POWER if form.is_Pow else PRODUCT
    return joined(to_numpy(form, names), level, operands)


def write_diagonal(node: Diagonal, operands: Sequence[Code]) -> Code:
    """Write the diagonal of equal labels."""
    (operand,) = operands
    subscripts = node.subscripts.replace("...", "")
    return joined(f'np.einsum("{subscripts}", {operand.text})', ATOM, [operand])


def _definition(name: str, node: ClosedForm) -> str:
    arguments = [f"{symbol.name}: Array" for symbol in node.symbols]
    said = f"Return E[{node.integrand}], q and c variances and covariances."
    lines = [*docstring(said), *result(to_numpy(node.expression), 4)]
    return "\n".join([*head(name, arguments), *(f"    {line}" for line in lines)])
