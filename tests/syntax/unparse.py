"""Syntax tree -> program text, the inverse of `parse` up to spans, blanks and comments."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import TypeAlias, assert_never

from tpc.syntax import tree

Simple: TypeAlias = (
    tree.Title
    | tree.Dialect
    | tree.DimDecl
    | tree.DepthDecl
    | tree.ConstDecl
    | tree.ParamDecl
    | tree.ScalarDecl
    | tree.VectorDecl
    | tree.NoiseDecl
    | tree.MatrixDecl
    | tree.Def
    | tree.Assign
    | tree.Output
    | tree.Readout
    | tree.InputDecl
    | tree.WeightDecl
    | tree.TrainLine
)

_INDENT = "    "

_PRECEDENCE = {
    "or": 0, "and": 1, "not": 2,
    "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
    "+": 4, "-": 4,
    "*": 5, "/": 5, "@": 5, "//": 5, "%": 5,
    "^": 7,
}  # fmt: skip
"""Of every operator, from the loosest; unary minus stands between the products and the power."""

_COMPARISON, _SUM, _SIGN, _POWER, _POSTFIX = 3, 4, 6, 7, 8


def unparse(source: tree.Source) -> str:
    """Write a program, four blanks to a block and no more parentheses than it needs."""
    return "".join(f"{line}\n" for line in _lines(source.statements, ""))


def unparse_expression(expression: tree.Expression) -> str:
    """Write an expression, without line breaks."""
    return _text(expression, 0)


def _lines(statements: tuple[tree.Statement, ...], margin: str) -> Iterator[str]:
    for statement in statements:
        match statement:
            case tree.For(variable=variable, iterable=iterable, body=body):
                yield f"{margin}for {variable.id} in {_text(iterable, _SUM)}:"
                yield from _lines(body, margin + _INDENT)
            case tree.If(branches=branches, otherwise=otherwise):
                words = chain(["if"], repeat("elif"))
                for keyword, branch in zip(words, branches, strict=False):
                    yield f"{margin}{keyword} {_text(branch.condition, 0)}:"
                    yield from _lines(branch.body, margin + _INDENT)
                if otherwise:
                    yield f"{margin}else:"
                    yield from _lines(otherwise, margin + _INDENT)
            case tree.Train(readout=readout, body=body):
                yield f"{margin}train {readout.id}:"
                yield from _lines(body, margin + _INDENT)
            case tree.OptimizerDef():
                yield from _optimizer(statement, margin)
            case _:
                yield margin + _simple(statement)


def _optimizer(statement: tree.OptimizerDef, margin: str) -> Iterator[str]:
    parts = [f"matrix {statement.gradient.id}" if statement.of_operators else statement.gradient.id]
    if statement.states or statement.options:
        parts.append(f" {_keywords(statement.states)}".rstrip())
    if statement.options:
        parts.append(f" {_keywords(statement.options)}")
    yield f"{margin}optimizer {statement.name.id}({';'.join(parts)}):"
    for line in statement.body:
        if isinstance(line, tree.Return):
            yield f"{margin}{_INDENT}return {_text(line.value, _SUM)}"
        else:
            yield from _lines((line,), margin + _INDENT)


def _simple(statement: Simple) -> str:
    match statement:
        case tree.Title(text=text):
            return f'program "{text}"'
        case tree.Dialect(name=name):
            return f"dialect {name.id}"
        case tree.DimDecl(name=name, value=value):
            return f"dim {name.id}{_behind(' = ', value)}"
        case tree.DepthDecl(name=name, value=value):
            return f"depth {name.id}{_behind(' = ', value)}"
        case tree.ConstDecl(name=name, value=value):
            return f"const {name.id} = {_text(value, _SUM)}"
        case tree.ParamDecl(name=name, value=value):
            return f"param {name.id} = {_text(value, _SUM)}"
        case tree.ScalarDecl(names=names, limit=limit):
            return f"scalar {_declared(names)}{_behind(' -> ', limit)}"
        case tree.VectorDecl(names=names, dim=dim, law=law):
            return f"vector {_declared(names)} : {dim.id}{_law(law)}"
        case tree.NoiseDecl(names=names, dim=dim, law=law):
            return f"noise {_declared(names)} : {dim.id}{_law(law)}"
        case tree.MatrixDecl(names=names, rows=rows, columns=columns, law=law):
            return f"matrix {_declared(names)} : {rows.id} x {columns.id}{_law(law)}"
        case tree.Def(name=name, parameters=parameters, body=body):
            return f"def {name.id}({_names(parameters)}) = {_text(body, _SUM)}"
        case tree.Assign(target=target, value=value):
            return f"{_target(target)} = {_text(value, _SUM)}"
        case tree.Output(target=target, value=value):
            return f"output {_target(target)}{_behind(' = ', value)}"
        case tree.Readout(target=target, value=value):
            return f"readout {_target(target)} = {_text(value, _SUM)}"
        case tree.InputDecl(declared=declared, path=path):
            return f"input {'path ' if path else ''}{_declared((declared,))}"
        case tree.WeightDecl():
            return _weight(statement)
        case tree.Setting(word=word, values=values):
            return f"{word} {_list(values)}"
        case tree.OptimizerChoice(weights=weights, use=use):
            return f"optimizer {_list(weights)}{': ' if weights else ''}{_text(use, _SUM)}"
        case tree.GlobalBound(word=word, value=value, weights=weights):
            return f"{word} {_text(value, _SUM)}{' over ' if weights else ''}{_list(weights)}"
        case tree.Schedule(factors=factors, options=options):
            items = [_list(factors), *(f"{x.name}={_text(x.value, _SUM)}" for x in options)]
            return f"schedule {', '.join(items)}"
        case tree.Track(target=target, value=value):
            return f"track {_target(target)} = {_text(value, _SUM)}"
        case _:
            assert_never(statement)


def _weight(statement: tree.WeightDecl) -> str:
    dims = f" : {statement.rows.id}" if statement.rows else ""
    columns = f" x {statement.columns.id}" if statement.columns else ""
    options = f" ({_keywords(statement.options)})" if statement.options else ""
    return f"weight {_declared(statement.names)}{dims}{columns}{options}"


def _behind(sign: str, value: tree.Expression | None) -> str:
    return "" if value is None else sign + _text(value, _SUM)


def _names(names: tuple[tree.Name, ...]) -> str:
    return ", ".join(name.id for name in names)


def _declared(names: tuple[tree.Declared, ...]) -> str:
    return ", ".join(declared.name.id + _shape(declared.shape) for declared in names)


def _target(target: tree.Target) -> str:
    return target.name.id + _shape(target.keys)


def _shape(keys: tuple[tree.Expression, ...]) -> str:
    return f"[{_list(keys)}]" if keys else ""


def _law(law: tree.Law | None) -> str:
    match law:
        case None:
            return ""
        case tree.Normal(mean=mean, covariance=covariance):
            return f" ~ normal({_list((mean, covariance))})"
        case tree.Ensemble(name=name, arguments=arguments):
            return f" ~ {name.id}" + (f"({_list(arguments)})" if arguments else "")


def _list(items: tuple[tree.Expression | tree.Slice, ...]) -> str:
    return ", ".join(_slice(i) if isinstance(i, tree.Slice) else _text(i, _SUM) for i in items)


def _slice(item: tree.Slice) -> str:
    bounds = (item.start, item.stop, item.step)
    start, stop, step = ("" if bound is None else _text(bound, _SUM) for bound in bounds)
    return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"


def _keywords(keywords: tuple[tree.Keyword, ...]) -> str:
    return ", ".join(f"{keyword.name}={_text(keyword.value, _SUM)}" for keyword in keywords)


def _text(expression: tree.Expression, binding: int) -> str:
    """Write an expression, in parentheses where it binds less tightly than `binding`."""
    match expression:
        case tree.Binary():
            return _binary(expression, binding)
        case tree.Unary(operator=operator, operand=operand):
            own = _SIGN if operator == "-" else _PRECEDENCE["not"]
            sign = "-" if operator == "-" else "not "
            return _closed(sign + _text(operand, own), own < binding)
        case tree.Number(value=value):
            return repr(value)
        case tree.Text(value=text):
            return f'"{text}"'
        case tree.Name(id=name):
            return name
        case tree.Boolean(value=value):
            return "true" if value else "false"
        case tree.Array(items=items):
            return f"[{_list(items)}]"
        case tree.Subscript(base=base, keys=keys):
            return f"{_text(base, _POSTFIX)}[{_list(keys)}]"
        case tree.Transposed(operand=operand):
            return f"{_text(operand, _POSTFIX)}.T"
        case tree.Steps(operand=operand):
            return f"{_text(operand, _POSTFIX)}.step"
        case tree.Bracket(left=left, right=right):
            return f"<{_text(left, _SUM)}|{_text(right, _SUM)}>"
        case tree.Mean(coordinates=coordinates, body=body):
            return f"mean[{_names(coordinates)}]({_text(body, _SUM)})"
        case tree.Call(function=function, primes=primes, arguments=arguments, keywords=keywords):
            given = [_list(arguments)] if arguments else []
            given += [_keywords(keywords)] if keywords else []
            return f"{function.id}{primes * chr(39)}({', '.join(given)})"
        case _:
            assert_never(expression)


def _binary(expression: tree.Binary, binding: int) -> str:
    """Write a chain of left operands in a loop, since it may be thousands long.

    All parentheses round left operands open at the far left.
    """
    pieces: list[str] = []
    opened = 0
    node: tree.Expression = expression
    while isinstance(node, tree.Binary):
        own = _PRECEDENCE[node.operator]
        if own < binding:
            opened += 1
            pieces.append(")")
        right = _SIGN if own == _POWER else own + 1
        pieces.append(f" {node.operator} {_text(node.right, right)}")
        binding = own + 1 if own in (_COMPARISON, _POWER) else own
        node = node.left
    return "(" * opened + _text(node, binding) + "".join(reversed(pieces))


def _closed(text: str, parenthesised: bool) -> str:
    return f"({text})" if parenthesised else text
