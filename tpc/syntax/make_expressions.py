"""Reduced grammar rules -> expression nodes, one method for each rule of sections 4 and 5.

The parser calls these as it reduces, with the children in the order of the rule, every token
included and None for what is not there. No parse tree is ever made, and nothing here recurses.
"""

from dataclasses import replace
from typing import TypeAlias, cast

from lark import Token, Transformer, v_args

from tpc.syntax import tree
from tpc.syntax.tokens import span_of

Parts: TypeAlias = tuple[tree.Expression, ...]
Names: TypeAlias = tuple[tree.Name, ...]


def name_of(token: Token) -> tree.Name:
    """Return the name that a token spells."""
    return tree.Name(span_of(token), token.value)


@v_args(inline=True)
class MakeExpressions(Transformer[Token, tuple[tree.Statement, ...]]):
    """The callbacks of conditions and expressions."""

    def comparison(self, *chain: tree.Expression | Token) -> tree.Expression:
        """`a < b < c`, which is `(a < b) and (b < c)`."""
        operands = cast(Parts, chain[::2])
        operators = cast(tuple[Token, ...], chain[1::2])
        links = [
            self.binary(left, operator, right)
            for left, operator, right in zip(operands, operators, operands[1:], strict=False)
        ]
        result = links[0]
        for link in links[1:]:
            result = tree.Binary(result.span.to(link.span), "and", result, link)
        return result

    def binary(self, left: tree.Expression, operator: Token, right: tree.Expression) -> tree.Binary:
        """`left operator right`."""
        symbol = "^" if operator == "**" else operator.value
        span = left.span.to(right.span)
        return tree.Binary(span, cast(tree.BinaryOperator, symbol), left, right)

    def unary(self, operator: Token, operand: tree.Expression) -> tree.Unary:
        """`-x` or `not x`."""
        span = span_of(operator).to(operand.span)
        return tree.Unary(span, "-" if operator == "-" else "not", operand)

    def subscript(
        self, base: tree.Expression, _: Token, keys: tuple[tree.Expression, ...], end: Token
    ) -> tree.Subscript:
        """`h[l, t]`, `x[:, 0]`, `x[j]`."""
        return tree.Subscript(base.span.to(span_of(end)), base, keys)

    def transposed(self, operand: tree.Expression, end: Token) -> tree.Transposed:
        """`A.T`."""
        return tree.Transposed(operand.span.to(span_of(end)), operand)

    def steps(self, operand: tree.Expression, end: Token) -> tree.Steps:
        """`xi.step`."""
        return tree.Steps(operand.span.to(span_of(end)), operand)

    def keys(
        self, *items: tree.Expression | tree.Slice | Token
    ) -> tuple[tree.Expression | tree.Slice, ...]:
        """The keys of a subscript, without their commas."""
        return cast(tuple[tree.Expression | tree.Slice, ...], items[::2])

    def slice(self, *parts: tree.Expression | Token | None) -> tree.Slice:
        """`:`, `1:3`, `::2`."""
        bounds: list[tree.Expression | None] = [None]
        for part in parts:
            if isinstance(part, Token):
                bounds.append(None)
            elif part is not None:
                bounds[-1] = part
        spans = [span_of(p) if isinstance(p, Token) else p.span for p in parts if p is not None]
        start, stop, step = (*bounds, None)[:3]
        return tree.Slice(spans[0].to(spans[-1]), start, stop, step)

    def number(self, token: Token) -> tree.Number:
        """A literal; one that no double can hold becomes infinity, which `parse` reports."""
        whole = token.isdecimal() or token.replace("_", "").isdecimal()
        if whole and len(token) < 400:
            return tree.Number(span_of(token), int(token))
        return tree.Number(span_of(token), float(token))

    def name(self, token: Token) -> tree.Name:
        """A name, `pi` or `e`."""
        return name_of(token)

    def boolean(self, token: Token) -> tree.Boolean:
        """`true` or `false`."""
        return tree.Boolean(span_of(token), token == "true")

    def parenthesised(self, left: Token, inner: tree.Expression, right: Token) -> tree.Expression:
        """`(inner)`: the same node over a longer span."""
        return replace(inner, span=span_of(left).to(span_of(right)))

    def array(self, left: Token, *rest: tree.Expression | Token | None) -> tree.Array:
        """`[1, [2, 3]]`."""
        items = tuple(item for item in rest if item is not None and not isinstance(item, Token))
        return tree.Array(span_of(left).to(span_of(cast(Token, rest[-1]))), items)

    def bracket(
        self, left: Token, bra: tree.Expression, _: Token, ket: tree.Expression, right: Token
    ) -> tree.Bracket:
        """`<x|y>`."""
        return tree.Bracket(span_of(left).to(span_of(right)), bra, ket)

    def mean(
        self,
        keyword: Token,
        _: Token,
        coordinates: Names,
        _close: Token,
        _open: Token,
        body: tree.Expression,
        end: Token,
    ) -> tree.Mean:
        """`mean[j, l](body)`."""
        return tree.Mean(span_of(keyword).to(span_of(end)), coordinates, body)

    def function_name(self, function: Token) -> tree.Name:
        """`tanh`, an argument of `svd`."""
        return name_of(function)

    def call(
        self,
        function: Token,
        primes: Token | None,
        _: Token,
        *rest: tree.Expression | tree.Keyword | Token | None,
    ) -> tree.Call:
        """`f(x)`, `f'(x)`, `sum(x, axis=0)`, `load("X.npy")`."""
        span = span_of(function).to(span_of(cast(Token, rest[-1])))
        given = [item for item in rest if item is not None and not isinstance(item, Token)]
        positional = tuple(item for item in given if not isinstance(item, tree.Keyword))
        keywords = tuple(item for item in given if isinstance(item, tree.Keyword))
        return tree.Call(span, name_of(function), len(primes or ""), positional, keywords)

    def expressions(self, *items: tree.Expression | Token) -> Parts:
        """Expressions, without their commas."""
        return cast(Parts, items[::2])

    def text(self, token: Token) -> tree.Text:
        """A string."""
        return tree.Text(span_of(token), token.value[1:-1])

    def keyword(self, name: Token, _: Token, value: tree.Expression) -> tree.Keyword:
        """`axis=0`."""
        return tree.Keyword(span_of(name).to(value.span), name.value, value)

    def names(self, *items: Token) -> Names:
        """Names, without their commas."""
        return tuple(name_of(token) for token in items[::2])
