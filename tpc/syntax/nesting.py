"""How deep expressions nest, so that later stages may recurse over them.

A level is a step from a node to one of its parts. The left operand of an operator is no step:
chains like `a + b + c`, of any length, stand on one level, and later stages walk them in a loop.
Nor are parentheses, which make no nodes.
"""

from collections.abc import Iterator
from typing import assert_never

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.syntax_faults import NestedTooDeep
from tpc.syntax import tree

MAX_NESTING = 100
"""How many levels an expression may have below its first."""


def deep_places(statements: tuple[tree.Statement, ...]) -> list[Diagnostic]:
    """Return a diagnostic for each expression of a program that is nested too deep."""
    found = []
    for root in _expressions(statements):
        pending: list[tuple[tree.Expression, int]] = [(root, 0)]
        while pending:
            node, level = pending.pop()
            if level > MAX_NESTING:
                found.append(Diagnostic.of(NestedTooDeep(MAX_NESTING), node.span))
                break
            pending.extend(_parts(node, level))
    return found


def _parts(node: tree.Expression, level: int) -> Iterator[tuple[tree.Expression, int]]:
    """Yield the parts of an expression with their levels."""
    match node:
        case tree.Number() | tree.Text() | tree.Name() | tree.Boolean():
            pass
        case tree.Binary(left=left, right=right):
            yield left, level
            yield right, level + 1
        case tree.Unary(operand=operand) | tree.Transposed(operand=operand):
            yield operand, level + 1
        case tree.Bracket(left=left, right=right):
            yield left, level + 1
            yield right, level + 1
        case tree.Mean(body=body):
            yield body, level + 1
        case tree.Array(items=items):
            for item in items:
                yield item, level + 1
        case tree.Subscript(base=base, keys=keys):
            yield base, level + 1
            for key in keys:
                if not isinstance(key, tree.Colon):
                    yield key, level + 1
        case tree.Call(arguments=arguments, keywords=keywords):
            for argument in arguments:
                yield argument, level + 1
            for keyword in keywords:
                yield keyword.value, level + 1
        case _:
            assert_never(node)


def _expressions(statements: tuple[tree.Statement, ...]) -> Iterator[tree.Expression]:
    """Yield every outermost expression of a program."""
    for statement in statements:
        match statement:
            case tree.Title() | tree.Dialect():
                pass
            case tree.ConstDecl(value=value) | tree.ParamDecl(value=value):
                yield value
            case tree.DimDecl(value=value):
                yield from () if value is None else (value,)
            case tree.ScalarDecl(names=names, limit=limit):
                for declared in names:
                    yield from declared.shape
                yield from () if limit is None else (limit,)
            case tree.VectorDecl(names=names, law=law):
                for declared in names:
                    yield from declared.shape
                yield from _law(law)
            case tree.MatrixDecl(law=law):
                yield from _law(law)
            case tree.Def(body=body):
                yield body
            case (
                tree.Assign(target=target, value=value)
                | tree.Readout(target=target, value=value)
                | tree.Track(target=target, value=value)
            ):
                yield from target.keys
                yield value
            case tree.Output(target=target, value=result):
                yield from target.keys
                yield from () if result is None else (result,)
            case (
                tree.InputDecl()
                | tree.WeightDecl()
                | tree.Setting()
                | tree.OptimizerChoice()
                | tree.OptimizerDef()
            ):
                yield from _expressions_of_networks(statement)
            case tree.Train(body=block):
                yield from _expressions(block)
            case tree.For(iterable=iterable, body=block):
                yield iterable
                yield from _expressions(block)
            case tree.If(branches=branches, otherwise=otherwise):
                for branch in branches:
                    yield branch.condition
                    yield from _expressions(branch.body)
                yield from _expressions(otherwise)
            case _:
                assert_never(statement)


def _expressions_of_networks(
    statement: tree.InputDecl
    | tree.WeightDecl
    | tree.Setting
    | tree.OptimizerChoice
    | tree.OptimizerDef,
) -> Iterator[tree.Expression]:
    match statement:
        case tree.InputDecl(declared=declared):
            yield from declared.shape
        case tree.WeightDecl(names=names, options=options):
            for declared in names:
                yield from declared.shape
            yield from (option.value for option in options)
        case tree.Setting(values=values):
            yield from values
        case tree.OptimizerChoice(use=use):
            yield use
        case tree.OptimizerDef(states=states, options=options, body=lines):
            yield from (keyword.value for keyword in (*states, *options))
            for line in lines:
                if isinstance(line, tree.Assign):
                    yield from line.target.keys
                yield line.value
        case _:
            assert_never(statement)


def _law(law: tree.Law | None) -> Iterator[tree.Expression]:
    match law:
        case tree.Normal(mean=mean, covariance=covariance):
            yield mean
            yield covariance
        case tree.Ensemble(arguments=arguments):
            yield from arguments
