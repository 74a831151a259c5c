"""Hermite series -> calls of functions that a generated module defines.

Each series becomes one function of the variances, covariances, means and constants in it, named
after the functions that it integrates; the same series elsewhere in the program is another call.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sympy import Expr, Symbol

from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.form_names import name_of_mean
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.statement import WIDTH
from tpc.functions import FUNCTIONS
from tpc.gaussian.numpy_text import functions_used, to_numpy
from tpc.limit.nodes import CUW, MU, MW, QU, QW, HermiteSeries, U, W

Key: TypeAlias = tuple[Expr, Expr | None, tuple[Symbol, ...]]
"""Both functions and the symbols of a series."""

_NAMES = {function.name: function.text for function in FUNCTIONS.values()}
"""How the functions of the language are written."""


class SeriesFunctions:
    """The functions of one module, in the order of their first call.

    Attributes:
        definitions: Their source by name.
        used: The arithmetic of closed forms that they call.
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
        functions = [f for left, right, _ in self._names for f in (left, right) if f is not None]
        self.used = frozenset(name for f in functions for name in functions_used(f, _NAMES))

    def call(self, node: HermiteSeries, operands: Sequence[Code]) -> Code:
        """Write a series as a call."""
        integrals = "single_integral" if node.right is None else "pair_integral"
        functions = [f for f in (node.left, node.right) if f is not None]
        calls = {integrals, *(name for f in functions for name in _calls(f))}
        listed = ", ".join(["nodes", *(operand.text for operand in operands)])
        return joined(f"{self._names[_key(node)]}({listed})", ATOM, operands, tuple(sorted(calls)))


def _key(node: HermiteSeries) -> Key:
    return node.left, node.right, node.symbols


def _integrand(node: HermiteSeries) -> Expr:
    return node.left if node.right is None else node.left * node.right


def _calls(function: Expr) -> list[str]:
    """Return the parts of the preamble that a function calls."""
    words = re.findall(r"(\w+)\(", str(function))
    return [word for word in words if word in FUNCTIONS and FUNCTIONS[word].needs_part]


def _definition(name: str, node: HermiteSeries) -> str:
    """Write the function with the functions that it integrates inside."""
    rows = ["nodes: GridNodes", *(f"{symbol.name}: Array" for symbol in node.symbols)]
    head = f"def {name}({', '.join(rows)}) -> Array:"
    if len(head) > WIDTH:
        head = "\n".join([f"def {name}(", *(f"    {row}," for row in rows), ") -> Array:"])
    doc = textwrap.wrap(f'"""Return E[{_integrand(node)}] by Hermite series.', WIDTH - 4)
    lines = [*doc, '"""'] if len(doc) > 1 else [f'{doc[0]}"""']
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
    end = ["single_integral"] if len(sides) == 1 else ["pair_integral"]
    arguments = ["nodes", *sides, *([CUW.name] if len(sides) == 2 else [])]
    lines += ["", f"return {end[0]}({', '.join(arguments)})"]
    return "\n".join([head, *(f"    {line}".rstrip() for line in lines)])


def _function(name: str, function: Expr, own: Symbol, constants: Sequence[Symbol]) -> list[str]:
    """Write one function of an array and of constants."""
    names = {own: "x"} | {symbol: f"s{i}" for i, symbol in enumerate(constants, 1)}
    arguments = ", ".join(f"{argument}: Array" for argument in names.values())
    text = to_numpy(function, names, _NAMES)
    lines = [f"return {text}"]
    if len(text) > WIDTH - 15:
        lines = ["# fmt: off", "return (", *textwrap.wrap(text, WIDTH - 12), ")", "# fmt: on"]
    return [f"def {name}({arguments}) -> Array:", *(f"    {line}" for line in lines)]
