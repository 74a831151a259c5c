"""Expectations in closed form and Hermite series -> calls of functions that a module defines.

Each closed form or series becomes one function of the variances, covariances, means and constants
in it, named after what it is the expectation of; the same elsewhere in the program, in other
symbols, is another call. A form that is plain arithmetic stands where it is used.
"""

import textwrap
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sympy import Expr, Function, Symbol, preorder_traversal

from tpc.codegen.expressions import ATOM, POWER, PRODUCT, SUM, Code, joined
from tpc.codegen.identifiers import Identifiers, name_of_mean
from tpc.codegen.statement import WIDTH
from tpc.gaussian.kinks import kinks_of
from tpc.gaussian.numpy_text import to_numpy
from tpc.limit.limit_nodes import CUW, MU, MW, QU, QW, ClosedForm, Diagonal, HermiteSeries, U, W

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


Key: TypeAlias = tuple[Expr, Expr | None, tuple[Symbol, ...]]
"""Both functions and the symbols of a series."""


class SeriesFunctions:
    """The functions of one module, in the order of their first call.

    Attributes:
        definitions: Their source by name.
    """

    def __init__(self, nodes: Iterable[HermiteSeries], identifiers: Identifiers) -> None:
        self._names: dict[Key, str] = {}
        self.definitions: dict[str, str] = {}
        for node in nodes:
            key = _key(node)
            if key not in self._names:
                name = identifiers.make(name_of_mean(_integrand(node)))
                self._names[key] = name
                self.definitions[name] = _series_definition(name, node)

    def call(self, node: HermiteSeries, operands: Sequence[Code]) -> Code:
        """Write a series as a call."""
        listed = ", ".join(["nodes", *(operand.text for operand in operands)])
        return joined(f"{self._names[_key(node)]}({listed})", ATOM, operands)


def _key(node: HermiteSeries) -> Key:
    return node.left, node.right, node.symbols


def _integrand(node: HermiteSeries) -> Expr:
    return node.left if node.right is None else node.left * node.right


def _series_definition(name: str, node: HermiteSeries) -> str:
    """Write the function with the functions that it integrates inside."""
    lines = docstring(f"Return E[{_integrand(node)}] by {_way(node)}.")
    sides = []
    written: dict[str, str] = {}
    for letter, function, own, q, m in (("f", node.left, U, QU, MU), ("g", node.right, W, QW, MW)):
        if function is None:
            continue
        constants = [s for s in node.symbols if s in function.free_symbols]
        text = "\n".join(_function("{}", function, own, constants))
        kinks = kinks_of(function, own)
        if text not in written:
            written[text] = letter
            lines += ["", *_function(letter, function, own, constants)]
            if kinks:
                written[text] = f"{letter}_split"
                lines += ["", *_kinks(f"{letter}_kinks", kinks, own, constants)]
                lines += ["", f"{letter}_split = Kinked({letter}, {letter}_kinks)"]
        mean = m.name if m in node.symbols else "0.0"
        listed = [written[text], q.name, mean, *(constant.name for constant in constants)]
        sides.append(f"[{', '.join(listed)}]")
    called, covariance = ("single_integral", []) if len(sides) == 1 else ("pair_integral", [CUW])
    listed = ["nodes", *sides, *(symbol.name for symbol in covariance)]
    lines += ["", f"return {called}({', '.join(listed)})"]
    arguments = ["nodes: GridNodes", *(f"{symbol.name}: Array" for symbol in node.symbols)]
    return "\n".join([*head(name, arguments), *(f"    {line}".rstrip() for line in lines)])


def _way(node: HermiteSeries) -> str:
    """Return how an expectation is computed."""
    sides = (node.left, U), (node.right, W)
    kinked = any(function and kinks_of(function, own) for function, own in sides)
    return "sums split at kinks" if kinked else "Hermite series"


def _kinks(name: str, kinks: Sequence[Expr], own: Symbol, constants: Sequence[Symbol]) -> list[str]:
    """Write what changes its sign where a function has kinks."""
    names, arguments = _arguments(own, constants)
    text = f"return [{', '.join(to_numpy(kink, names) for kink in kinks)}]"
    line = head(name, arguments)
    line[-1] = line[-1].replace("-> Array", "-> list[Array]")
    return [*line, f"    {text}"]


def _arguments(own: Symbol, constants: Sequence[Symbol]) -> tuple[dict[Symbol, str], list[str]]:
    names = {own: "x"} | {symbol: f"s{i}" for i, symbol in enumerate(constants, 1)}
    return names, [f"{argument}: Array" for argument in names.values()]


def _function(name: str, function: Expr, own: Symbol, constants: Sequence[Symbol]) -> list[str]:
    """Write one function of an array and of constants."""
    names, arguments = _arguments(own, constants)
    lines = result(to_numpy(function, names), 8)
    return [*head(name, arguments), *(f"    {line}" for line in lines)]


def head(name: str, arguments: Sequence[str]) -> list[str]:
    """Return the lines that begin a function of arrays."""
    line = f"def {name}({', '.join(arguments)}) -> Array:"
    if len(line) <= WIDTH:
        return [line]
    return [f"def {name}(", *(f"    {argument}," for argument in arguments), ") -> Array:"]


def docstring(text: str) -> list[str]:
    """Return a docstring."""
    lines = textwrap.wrap(f'"""{text}', WIDTH - 4)
    return [*lines, '"""'] if len(lines) > 1 else [f'{lines[0]}"""']


def result(text: str, indent: int) -> list[str]:
    """Return the lines that return an expression, inside a function that is indented."""
    if len(text) <= WIDTH - indent - len("return "):
        return [f"return {text}"]
    lines = textwrap.wrap(text, WIDTH - indent - 4)
    return ["# fmt: off", "return (", *(f"    {line}" for line in lines), ")", "# fmt: on"]
