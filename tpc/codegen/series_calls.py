"""Hermite series -> calls of functions that a generated module defines.

Each series becomes one function of the variances, covariances, means and constants in it, named
after the functions that it integrates; the same series elsewhere in the program is another call.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sympy import Expr, Symbol

from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.form_names import name_of_mean
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.source import docstring, head, result
from tpc.gaussian.numpy_text import to_numpy
from tpc.limit.nodes import CUW, MU, MW, QU, QW, HermiteSeries, U, W

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
                self.definitions[name] = _definition(name, node)

    def call(self, node: HermiteSeries, operands: Sequence[Code]) -> Code:
        """Write a series as a call."""
        listed = ", ".join(["nodes", *(operand.text for operand in operands)])
        return joined(f"{self._names[_key(node)]}({listed})", ATOM, operands)


def _key(node: HermiteSeries) -> Key:
    return node.left, node.right, node.symbols


def _integrand(node: HermiteSeries) -> Expr:
    return node.left if node.right is None else node.left * node.right


def _definition(name: str, node: HermiteSeries) -> str:
    """Write the function with the functions that it integrates inside."""
    lines = docstring(f"Return E[{_integrand(node)}] by Hermite series.")
    sides = []
    written: dict[str, str] = {}
    for letter, function, own, q, m in (("f", node.left, U, QU, MU), ("g", node.right, W, QW, MW)):
        if function is None:
            continue
        constants = [s for s in node.symbols if s in function.free_symbols]
        text = "\n".join(_function("{}", function, own, constants))
        if text not in written:
            written[text] = letter
            lines += ["", *_function(letter, function, own, constants)]
        mean = m.name if m in node.symbols else "0.0"
        listed = [written[text], q.name, mean, *(constant.name for constant in constants)]
        sides.append(f"[{', '.join(listed)}]")
    called, covariance = ("single_integral", []) if len(sides) == 1 else ("pair_integral", [CUW])
    listed = ["nodes", *sides, *(symbol.name for symbol in covariance)]
    lines += ["", f"return {called}({', '.join(listed)})"]
    arguments = ["nodes: GridNodes", *(f"{symbol.name}: Array" for symbol in node.symbols)]
    return "\n".join([*head(name, arguments), *(f"    {line}".rstrip() for line in lines)])


def _function(name: str, function: Expr, own: Symbol, constants: Sequence[Symbol]) -> list[str]:
    """Write one function of an array and of constants."""
    names = {own: "x"} | {symbol: f"s{i}" for i, symbol in enumerate(constants, 1)}
    arguments = [f"{argument}: Array" for argument in names.values()]
    lines = result(to_numpy(function, names), 8)
    return [*head(name, arguments), *(f"    {line}" for line in lines)]
