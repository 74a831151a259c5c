"""Reduced grammar rules -> nodes of networks and training, one method for each rule.

See `make_expressions` for how the parser calls these.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from lark import Token, v_args

from tpc.diagnostics import Span
from tpc.syntax import tree
from tpc.syntax.make_expressions import MakeExpressions, name_of
from tpc.syntax.tokens import span_of

Statements: TypeAlias = tuple[tree.Statement, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a weight, from bracket to bracket."""

    span: Span
    keywords: tuple[tree.Keyword, ...]


@dataclass(frozen=True, slots=True)
class States:
    """The states of an optimizer."""

    keywords: tuple[tree.Keyword, ...]


@dataclass(frozen=True, slots=True)
class Updates:
    """The block of an optimizer."""

    lines: tuple[tree.Assign | tree.For | tree.Return, ...]


@v_args(inline=True)
class MakeTraining(MakeExpressions):
    """The callbacks of networks: inputs, weights, `train` blocks, declared optimizers."""

    def input(self, keyword: Token, path: Token | None, declared: tree.Declared) -> tree.InputDecl:
        """`input xi[10]`, `input path xi[2]`."""
        span = span_of(keyword).to(declared.span)
        return tree.InputDecl(span, declared, path is not None)

    def weight(
        self,
        keyword: Token,
        names: tuple[tree.Declared, ...],
        _: Token | None,
        rows: Token | None,
        _x: Token | None,
        columns: Token | None,
        options: Options | None,
    ) -> tree.WeightDecl:
        """`weight U[10] : n`, `weight W : n x n (init=0)`, `weight g (start=1)`."""
        last = columns or rows
        end = options.span if options else span_of(last) if last else names[-1].span
        return tree.WeightDecl(
            span_of(keyword).to(end),
            names,
            name_of(rows) if rows else None,
            name_of(columns) if columns else None,
            options.keywords if options else (),
        )

    def options(self, left: Token, *rest: tree.Keyword | Token) -> Options:
        """`(init=0, lr=2)`."""
        assert isinstance(rest[-1], Token)
        return Options(span_of(left).to(span_of(rest[-1])), _keywords(rest))

    # ------------------------------------------------------------------------------------- training

    def train(self, keyword: Token, readout: Token, colon: Token, body: Statements) -> tree.Train:
        """`train f:` and its block; the span is that of the header."""
        return tree.Train(span_of(keyword).to(span_of(colon)), name_of(readout), body)

    def settings(self, *items: tree.Statement | Token) -> Statements:
        """The lines of a `train` block, without line ends and indentation."""
        return statements_of(items)

    def setting(self, keyword: Token, *values: tree.Expression | Token) -> tree.Setting:
        """`steps 20`, `data X, Y`."""
        given = tuple(value for value in values if not isinstance(value, Token))
        word = cast(tree.SettingWord, keyword.value)
        return tree.Setting(span_of(keyword).to(given[-1].span), word, given)

    def reduction(self, token: Token) -> tree.Name:
        """`sum` or `mean`, behind `reduce`."""
        return name_of(token)

    def choose_optimizer(
        self,
        keyword: Token,
        weights: tuple[tree.Expression, ...] | None,
        _: Token | None,
        use: tree.Expression,
    ) -> tree.OptimizerChoice:
        """`optimizer adam(lr=0.2)` or `optimizer v: sgd(lr=1)`."""
        return tree.OptimizerChoice(span_of(keyword).to(use.span), weights or (), use)

    def global_bound(
        self,
        keyword: Token,
        value: tree.Expression,
        _: Token | None,
        weights: tuple[tree.Expression, ...] | None,
    ) -> tree.GlobalBound:
        """`clip_global 1 over W, V` or `normalize_global true`."""
        word = cast(Literal["clip_global", "normalize_global"], keyword.value)
        span = span_of(keyword).to((weights or (value,))[-1].span)
        return tree.GlobalBound(span, word, value, weights or ())

    def schedule(self, keyword: Token, *rest: tree.Expression | tree.Keyword) -> tree.Schedule:
        """`schedule warmup(10), cosine(100, floor=0.1)`."""
        options = _keywords(rest)
        factors = tuple(x for x in rest if not isinstance(x, Token | tree.Keyword) and x)
        last = (options or factors)[-1]
        return tree.Schedule(span_of(keyword).to(last.span), factors, options)

    def track(
        self, keyword: Token, target: tree.Target, _: Token, value: tree.Expression
    ) -> tree.Track:
        """`track K = <x|x>`."""
        return tree.Track(span_of(keyword).to(value.span), target, value)

    def optimizer(self, keyword: Token, name: Token, _: Token, *rest: object) -> tree.OptimizerDef:
        """`optimizer heavy(g; m=0; beta=0.9):` and its block; the span is that of the header."""
        matrix, gradient, *behind = rest
        assert isinstance(gradient, Token)
        states = next((part for part in behind if isinstance(part, States)), States(()))
        colon, body = behind[-2:]
        assert isinstance(colon, Token) and isinstance(body, Updates)
        return tree.OptimizerDef(
            span_of(keyword).to(span_of(colon)),
            name_of(name),
            name_of(gradient),
            states.keywords,
            _keywords(tuple(behind)),
            body.lines,
            matrix is not None,
        )

    def states(self, *items: tree.Keyword | Token) -> States:
        """The states of an optimizer with their first values."""
        return States(_keywords(items))

    def updates(self, *items: tree.Assign | tree.For | tree.Return | Token) -> Updates:
        """The block of an optimizer."""
        return Updates(tuple(item for item in items if not isinstance(item, Token)))

    def update(self, line: tree.Assign | tree.For, *_: Token) -> tree.Assign | tree.For:
        """A binding or a loop in the block of an optimizer, without the end of its line."""
        return line

    def rounds(self, *items: tree.Assign | tree.For | Token) -> Statements:
        """The block of a loop in that of an optimizer."""
        return statements_of(items)

    def result(self, keyword: Token, value: tree.Expression, _: Token) -> tree.Return:
        """`return direction`."""
        return tree.Return(span_of(keyword).to(value.span), value)


def statements_of(items: tuple[tree.Statement | Token, ...]) -> Statements:
    """Return the statements of a block, without line ends and indentation."""
    return tuple(item for item in items if not isinstance(item, Token))


def _keywords(items: tuple[object, ...]) -> tuple[tree.Keyword, ...]:
    return tuple(item for item in items if isinstance(item, tree.Keyword))
