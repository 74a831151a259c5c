"""Reduced grammar rules -> statement nodes, one method for each rule of sections 1 to 3.

See `make_expressions` for how the parser calls these.
"""

from lark import Token, v_args

from tpc.syntax import tree
from tpc.syntax.make_expressions import Names, Parts, name_of
from tpc.syntax.make_training import MakeTraining, Statements, statements_of
from tpc.syntax.tokens import span_of


@v_args(inline=True)
class MakeTree(MakeTraining):
    """The callbacks of the whole grammar."""

    # ------------------------------------------------------------------------------------- programs

    def start(self, *statements: tree.Statement) -> Statements:
        """All statements of a file."""
        return statements

    def title(self, keyword: Token, text: Token, _: Token) -> tree.Title:
        """`program "a title"`."""
        return tree.Title(span_of(keyword).to(span_of(text)), text.value[1:-1])

    def statement(self, statement: tree.Statement, _: Token | None = None) -> tree.Statement:
        """A statement, without the end of its line."""
        return statement

    # --------------------------------------------------------------------------------- declarations

    def dialect(self, keyword: Token, name: Token, plus: Token | None) -> tree.Dialect:
        """`dialect netsort+`, whose name holds the `+`."""
        span = span_of(name).to(span_of(plus or name))
        return tree.Dialect(
            span_of(keyword).to(span), tree.Name(span, name.value + ("+" if plus else ""))
        )

    def dim(
        self, keyword: Token, name: Token, _: Token | None, value: tree.Expression | None
    ) -> tree.DimDecl:
        """`dim n` or `dim m = 2 * n`."""
        span = span_of(keyword).to(value.span if value else span_of(name))
        return tree.DimDecl(span, name_of(name), value)

    def depth(
        self, keyword: Token, name: Token, _: Token | None, value: tree.Expression | None
    ) -> tree.DepthDecl:
        """`depth L` or `depth L = 64`."""
        span = span_of(keyword).to(value.span if value else span_of(name))
        return tree.DepthDecl(span, name_of(name), value)

    def const(
        self, keyword: Token, name: Token, _: Token, value: tree.Expression
    ) -> tree.ConstDecl:
        """`const X = ...`."""
        return tree.ConstDecl(span_of(keyword).to(value.span), name_of(name), value)

    def param(
        self, keyword: Token, name: Token, _: Token, value: tree.Expression
    ) -> tree.ParamDecl:
        """`param sw = 1.5`."""
        return tree.ParamDecl(span_of(keyword).to(value.span), name_of(name), value)

    def scalar(
        self,
        keyword: Token,
        names: tuple[tree.Declared, ...],
        _: Token | None,
        limit: tree.Expression | None,
    ) -> tree.ScalarDecl:
        """`scalar c0, c1[2] -> [0, 1]`."""
        span = span_of(keyword).to((limit or names[-1]).span)
        return tree.ScalarDecl(span, names, limit)

    def vector(
        self,
        keyword: Token,
        names: tuple[tree.Declared, ...],
        _: Token,
        dim: Token,
        law: tree.Law | None,
    ) -> tree.VectorDecl:
        """`vector u[2], v : n ~ normal(0, 1)`."""
        span = span_of(keyword).to(law.span if law else span_of(dim))
        return tree.VectorDecl(span, names, name_of(dim), law)

    def noise(
        self,
        keyword: Token,
        names: tuple[tree.Declared, ...],
        _: Token,
        dim: Token,
        law: tree.Law | None,
    ) -> tree.NoiseDecl:
        """`noise r : n ~ bernoulli(0.9)`."""
        span = span_of(keyword).to(law.span if law else span_of(dim))
        return tree.NoiseDecl(span, names, name_of(dim), law)

    def matrix(
        self,
        keyword: Token,
        names: tuple[tree.Declared, ...],
        _: Token,
        rows: Token,
        _x: Token,
        columns: Token,
        law: tree.Law | None,
    ) -> tree.MatrixDecl:
        """`matrix W, V[3] : n x m ~ normal(0, 1 / m)`."""
        span = span_of(keyword).to(law.span if law else span_of(columns))
        return tree.MatrixDecl(span, names, name_of(rows), name_of(columns), law)

    def law(
        self,
        tilde: Token,
        _normal: Token,
        _: Token,
        mean: tree.Expression,
        _comma: Token,
        covariance: tree.Expression,
        end: Token,
    ) -> tree.Normal:
        """`~ normal(mean, covariance)`."""
        return tree.Normal(span_of(tilde).to(span_of(end)), mean, covariance)

    def ensemble(
        self,
        tilde: Token,
        name: Token,
        _: Token | None,
        arguments: tuple[tree.Expression, ...] | None,
        end: Token | None,
    ) -> tree.Ensemble:
        """`~ orthogonal(scale)`, `~ rademacher`."""
        span = span_of(tilde).to(span_of(end or name))
        return tree.Ensemble(span, name_of(name), arguments or ())

    def definition(
        self,
        keyword: Token,
        name: Token,
        _: Token,
        parameters: Names,
        _close: Token,
        _equal: Token,
        body: tree.Expression,
    ) -> tree.Def:
        """`def swish(z) = z * sigmoid(z)`."""
        return tree.Def(span_of(keyword).to(body.span), name_of(name), parameters, body)

    def several_declared(self, *items: tree.Declared) -> tuple[tree.Declared, ...]:
        """Declared names, without their commas."""
        return items[::2]

    def declared(
        self, name: Token, _: Token | None, shape: Parts | None, end: Token | None
    ) -> tree.Declared:
        """`u[2]`, a name with its constant shape."""
        return tree.Declared(span_of(name).to(span_of(end or name)), name_of(name), shape or ())

    # ----------------------------------------------------------------------------------- statements

    def assign(self, target: tree.Target, _: Token, value: tree.Expression) -> tree.Assign:
        """`target = value`."""
        return tree.Assign(target.span.to(value.span), target, value)

    def output(
        self, keyword: Token, target: tree.Target, _: Token | None, value: tree.Expression | None
    ) -> tree.Output:
        """`output c` or `output K = <x|x>`."""
        return tree.Output(span_of(keyword).to((value or target).span), target, value)

    def readout(
        self, keyword: Token, target: tree.Target, _: Token, value: tree.Expression
    ) -> tree.Readout:
        """`readout f = v * x`."""
        return tree.Readout(span_of(keyword).to(value.span), target, value)

    def target(
        self, name: Token, _: Token | None, keys: Parts | None, end: Token | None
    ) -> tree.Target:
        """`h` or `h[l, t]`."""
        return tree.Target(span_of(name).to(span_of(end or name)), name_of(name), keys or ())

    # --------------------------------------------------------------------------------------- blocks

    def loop(
        self,
        keyword: Token,
        variable: Token,
        _: Token,
        iterable: tree.Expression,
        colon: Token,
        body: Statements,
    ) -> tree.For:
        """`for t in range(3):` and its block; the span is that of the header."""
        return tree.For(span_of(keyword).to(span_of(colon)), name_of(variable), iterable, body)

    def choice(self, *parts: tree.Branch | Statements | None) -> tree.If:
        """The branches of one `if`; the span is that of the first header."""
        *branches, otherwise = parts
        all_branches = tuple(part for part in branches if isinstance(part, tree.Branch))
        last = otherwise if isinstance(otherwise, tuple) else ()
        return tree.If(all_branches[0].span, all_branches, last)

    def branch(
        self, keyword: Token, condition: tree.Expression, colon: Token, body: Statements
    ) -> tree.Branch:
        """`if condition:` or `elif condition:` and its block; the span is that of the header."""
        return tree.Branch(span_of(keyword).to(span_of(colon)), condition, body)

    def otherwise(self, _: Token, _colon: Token, body: Statements) -> Statements:
        """`else:` and its block."""
        return body

    def block(self, *items: tree.Statement | Token) -> Statements:
        """The statements of a block, without line ends and indentation."""
        return statements_of(items)
