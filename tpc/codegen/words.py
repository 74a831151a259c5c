"""What the nodes of a limit are called in code, and what comments say of them."""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tpc.codegen.statement import Speech
from tpc.limit.equations import DotEquation, Equation, HatEquation, Limit
from tpc.limit.limit_nodes import SteinBra
from tpc.program.nodes import Constant, Inner, Node, Parameter
from tpc.program.region import ROUND

Remark: TypeAlias = tuple[Equation | Node | str, ...]
"""What a comment says, one after the other."""


def find_names(
    limit: Limit, lines: Mapping[Node, int], read: Callable[[Node], Node]
) -> dict[Node, str]:
    """Name hats, dots and bras after their products, bound nodes as bound.

    Args:
        limit: The limit.
        lines: The source line under which each node is computed.
        read: Returns what an integral is computed as.
    """
    names: dict[Node, str] = dict(limit.names)
    dotted = {e.hat for e in limit.equations if isinstance(e, DotEquation)}
    product_of = {e.node: e.name for e in limit.equations if isinstance(e, HatEquation)}
    for equation in limit.equations:
        if isinstance(equation, HatEquation):
            prefix = "hat " if equation.node in dotted else ""
            names.setdefault(equation.node, prefix + equation.name)
            operand = names.get(equation.node.operand, equation.name)
            if not isinstance(equation.node.second, Inner | Constant):
                names.setdefault(equation.node.second, f"moment {operand}")
        if isinstance(equation, DotEquation):
            if lines.get(equation.node) == equation.span.line:
                names.setdefault(equation.node, f"dot {equation.name}")
            for term in equation.terms:
                if not is_plain(term.bra):
                    names.setdefault(term.bra, f"bra {product_of[term.hat]} in {equation.name}")
    for covariance, kets in limit.covariances.items():
        known = dict.fromkeys(names[ket] for ket in kets if ket in names)
        if not is_plain(covariance):
            names.setdefault(covariance, " ".join(["cov", *known]))
    for output in limit.outputs:
        for part, node in output.parts:
            if part != "value" and not is_plain(node):
                names.setdefault(node, f"{part} {output.name}")
    for node, name in tuple(names.items()):
        names.setdefault(read(node), name)
    return names


def find_remarks(
    limit: Limit, lines: Mapping[Node, int], read: Callable[[Node], Node]
) -> dict[Node, Remark]:
    """Return what stands above the variables that equations and outputs ask for.

    Args:
        limit: The limit.
        lines: The source line under which each node is computed.
        read: Returns what an integral is computed as.
    """
    remarks: dict[Node, Remark] = {}
    for equation in limit.equations:
        node = read(equation.node)
        if lines.get(node) == equation.span.line and not is_plain(node):
            # The ket of a product without dot is its hat: both equations say it.
            remarks[node] = (*remarks.get(node, ()), equation)
    dots = (equation for equation in limit.equations if isinstance(equation, DotEquation))
    for bra in (term.bra for dot in dots for term in dot.terms):
        if not is_plain(bra) and not isinstance(bra, SteinBra):
            remarks.setdefault(read(bra), (bra,))
    for output in limit.outputs:
        for part, node in output.parts:
            if not is_plain(node):
                said = (f"output {output.name}: {part}",) if part != "value" else ()
                remarks.setdefault(read(node), said)
    return remarks


def say(remark: Remark, speech: Speech) -> str:
    """Return the text of a remark."""
    said = []
    for subject in remark:
        match subject:
            case str():
                said.append(subject)
            case Node():
                said.append(speech.expression(subject))
            case _:
                said.append(speech.equation(subject))
    return "\n".join(said)


def in_rounds(name: str) -> str:
    """Return what a value of the round t is called inside its loop: `h` for `h[t]`.

    >>> in_rounds("hat W h[1,t]"), in_rounds("v[t+1]"), in_rounds("a[t,2]"), in_rounds("d[9-t]")
    ('hat W h[1]', 'v next', 'a[2]', 'd')
    """
    found = re.fullmatch(rf"(.*?)([\[,])(\d+-)?{ROUND}([+-]\d+)?([\],])(.*)", name)
    if found is None:
        return name
    before, opening, _, shift, closing, after = found.groups()
    word = {"+1": " next", "-1": " before"}.get(shift, f" {shift}" if shift else "")
    kept = {("[", ","): "[", (",", "]"): "]", (",", ","): ","}.get((opening, closing), "")
    return before + kept + after + word


def is_plain(node: Node) -> bool:
    """Whether a node is a number or a parameter, which needs no variable of its own."""
    return isinstance(node, Constant | Parameter)
