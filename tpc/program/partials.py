"""What elementwise functions are made of: the texts of `tpc.functions` as graphs.

A derivative is made of the same functions, so that it can be differentiated, printed and compiled
in turn; so is a function that is defined by others.
"""

import ast
from collections.abc import Mapping
from functools import cache

from tpc.functions import DEFINED, FUNCTIONS
from tpc.program.builder import Builder
from tpc.program.nodes import Node


class NotDifferentiable(Exception):
    """The derivative asked for, of a delta or an indicator, is no function."""


def partial(b: Builder, function: str, arguments: tuple[Node, ...], slot: int) -> Node:
    """Return the partial derivative of `function` in one argument, as a graph.

    Raises:
        NotDifferentiable: The function is `delta` or `equal`.
    """
    known = FUNCTIONS[function]
    if not known.derivatives:
        raise NotDifferentiable(function)
    named = dict(zip(known.arguments, arguments, strict=True))
    return _graph(b, _parsed(known.derivatives[slot]), named)


def call(b: Builder, function: str, argument: Node) -> Node:
    """Return a function of one argument, of `tpc.functions`, as what it is made of."""
    if function in DEFINED:
        return _graph(b, _parsed(DEFINED[function]), {"x": argument})
    return b.apply(function, argument)


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _graph(b: Builder, written: ast.expr, named: Mapping[str, Node]) -> Node:
    """Return what an expression stands for."""
    match written:
        case ast.Constant(value=int() | float() as value):
            return b.number(value)
        case ast.Name(id=name):
            return named[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return b.number(-value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return b.neg(_graph(b, operand, named))
        case ast.BinOp(left=left, op=sign, right=right):
            make = {
                ast.Add: b.add, ast.Sub: b.sub, ast.Mult: b.mul, ast.Div: b.div, ast.Pow: b.pow,
            }[type(sign)]  # fmt: skip
            return make(_graph(b, left, named), _graph(b, right, named))
        case ast.Call(func=ast.Name(id=name), args=args):
            return b.apply(name, *(_graph(b, argument, named) for argument in args))
        case _:
            raise AssertionError(f"{ast.dump(written)} in the text of a function")
