"""Expectations in closed form -> calls of functions that a generated module defines.

Each closed form becomes one function of the variances, covariances and means in it, named after
what it is the expectation of; the same form elsewhere in the program is another call.
"""

import re
import textwrap
from collections.abc import Sequence
from string import ascii_lowercase

from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.statement import WIDTH
from tpc.gaussian.numpy_text import functions_used, to_numpy
from tpc.limit.nodes import ClosedForm, Diagonal

Key = tuple[object, tuple[object, ...]]


class ClosedFormFunctions:
    """The functions of one module, in the order of their first call."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._names: dict[Key, str] = {}
        self.definitions: dict[str, str] = {}
        self.used: set[str] = set()

    def call(self, node: ClosedForm, operands: Sequence[Code]) -> Code:
        """Write a closed form as a call, and its function if it is new."""
        key = (node.expression, node.symbols)
        if key not in self._names:
            words = dict.fromkeys(re.findall(r"[A-Za-z]+(?=\()", str(node.integrand)))
            name = self._identifiers.make(" ".join(["mean of", *words] if words else ["moment"]))
            self._names[key] = name
            self.definitions[name] = _definition(name, node)
            self.used |= set(functions_used(node.expression))
        listed = ", ".join(operand.text for operand in operands)
        return joined(f"{self._names[key]}({listed})", ATOM, operands)


def write_diagonal(node: Diagonal, operands: Sequence[Code]) -> Code:
    """Write the diagonal of equal labels."""
    (operand,) = operands
    letters = {label: ascii_lowercase[i] for i, label in enumerate(sorted(set(node.labels)))}
    before = "".join(letters[label] for label in node.labels)
    after = "".join(sorted(set(before)))
    text = f'np.einsum("{before}->{after}", {operand.text})'
    return joined(text, ATOM, [operand])


def _definition(name: str, node: ClosedForm) -> str:
    arguments = ", ".join(f"{symbol.name}: Array" for symbol in node.symbols)
    head = f"def {name}({arguments}) -> Array:"
    if len(head) > WIDTH:
        rows = [f"    {symbol.name}: Array," for symbol in node.symbols]
        head = "\n".join([f"def {name}(", *rows, ") -> Array:"])
    said = f"Return E[{node.integrand}], q and c variances and covariances."
    doc = textwrap.wrap(f'"""{said}', WIDTH - 4, subsequent_indent="")
    doc = [*doc, '"""'] if len(doc) > 1 else [f'{doc[0]}"""']
    text = to_numpy(node.expression)
    lines = [f"return {text}"]
    if len(text) > WIDTH - 11:
        lines = ["# fmt: off", "return (", *textwrap.wrap(text, WIDTH - 8), ")", "# fmt: on"]
    return "\n".join([head, *(f"    {line}" for line in [*doc, *lines])])
