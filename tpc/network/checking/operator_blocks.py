"""Expressions in the block of an optimizer of operators, `optimizer Q(matrix G; m=0): ...`.

    X + Y   X - Y   c * X   X / c   X @ Y   X.T         with matching sides
    svd(X, f)   msign(X)   schatten(X, p)   power(S, p, eps)
    norm(X)   spectral(X)   nuclear(X)   trace(X)   <X|Y>      numbers

G is left x right, G @ G.T is left x left. Numbers are made of these, of options, `t`, `lr` and
`shape_scale`, as in other blocks: what makes a number of operators is taken out first, and a name
for it put in its place. A state that starts at 0 has the sides that its update gives it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TypeAlias, cast

from tpc.diagnostics import Span
from tpc.diagnostics.training_faults import BadOperator
from tpc.network.network import OperatorFunction, OperatorStep, Sides
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.names import key_tuple, member
from tpc.program.checking.values import BROKEN, Broken, Family
from tpc.program.nodes import Node, Placeholder
from tpc.syntax import tree

Sort: TypeAlias = Sides | None
"""The sides of an operator; None of a number."""

GRADIENT = Sides("left", "right")

UNKNOWN = Sides("", "")

OPERATORS = {"svd": 2, "msign": 1, "schatten": 2, "power": 3}
"""Functions of an operator that give one, with their numbers of arguments."""

NUMBERS = {"norm": 1, "spectral": 1, "nuclear": 1, "trace": 1}
"""Those that give a number."""

ENTRYWISE = "what works entry by entry is an entrywise optimizer: declare `optimizer {}(g; ...)`"


def sort_of(at: tree.Expression, look: Callable[[str], Sort]) -> Sort:
    """Return whether an expression is an operator, as far as names tell, and its sides."""
    match at:
        case tree.Name(id=name) | tree.Subscript(base=tree.Name(id=name)):
            return look(name)
        case tree.Transposed(operand=operand):
            found = sort_of(operand, look)
            return found.turned if found else None
        case tree.Unary(operator="-", operand=operand):
            return sort_of(operand, look)
        case tree.Binary(operator="@", left=left, right=right):
            x, y = (sort_of(side, look) or UNKNOWN for side in (left, right))
            return Sides(x.above, y.below, x.shifted and y.shifted)
        case tree.Binary(operator="+" | "-" | "*" | "/" as sign, left=left, right=right):
            sorts = [sort_of(side, look) for side in (left, right)]
            known = [sort for sort in sorts if sort and sort != UNKNOWN]
            if known or (sign in "+-" and None in sorts):
                return known[0] if known else None
            return UNKNOWN if UNKNOWN in sorts else None
        case tree.Call(function=tree.Name(id="power"), arguments=(operand, *_)):
            found = sort_of(operand, look) or UNKNOWN
            return replace(found, shifted=True)
        case tree.Call(function=tree.Name(id=name), arguments=(operand, *_)) if name in OPERATORS:
            return sort_of(operand, look) or UNKNOWN
        case _:
            return None


def sides_of_states(at: tree.OptimizerDef) -> dict[str, Sort]:
    """Return the sides of each state, from what a step makes of the gradient and of the others."""
    states: dict[str, Sort] = {state.name: UNKNOWN for state in at.states}
    while True:
        known: dict[str, Sort] = {at.gradient.id: GRADIENT, **states}
        _assign(at.body, known)
        found = {name: known[name] for name in states}
        if found == states:
            return {name: None if sort == UNKNOWN else sort for name, sort in found.items()}
        states = found


def _assign(body: tuple[tree.Syntax, ...], known: dict[str, Sort]) -> None:
    for line in body:
        if isinstance(line, tree.Assign):
            known[line.target.name.id] = sort_of(line.value, known.get)
        elif isinstance(line, tree.For):
            _assign(line.body, known)


@dataclass(slots=True)
class OperatorExpressions:
    """Evaluates expressions, and gathers what is done to operators.

    Attributes:
        name: Of the optimizer.
        ctx: Sees the names of the block.
        number: Returns the graph of a number that is made of names, or reports what is none.
        sides: Of what stands for operators.
        numbers: What stands for numbers that are made of operators.
        steps: In order.
    """

    name: str
    ctx: Context
    number: Callable[[tree.Expression], Node | Broken]
    sides: dict[Node, Sides]
    numbers: list[Placeholder] = field(default_factory=list)
    steps: list[OperatorStep] = field(default_factory=list)

    def value(self, at: tree.Expression) -> Node | Broken:
        """Return what stands for an operator, or the graph of a number."""
        if sort_of(at, self._look) is None:
            plain = self._plain(at)
            return plain if isinstance(plain, Broken) else self.number(plain)
        match at:
            case tree.Name(id=name):
                return cast(Node, self.ctx.names[name])
            case tree.Subscript(base=tree.Name(id=name), keys=keys):
                family = self.ctx.names[name]
                assert isinstance(family, Family)
                values = [(evaluate(self.ctx, key), key.span) for key in keys if not
                          isinstance(key, tree.Slice)]  # fmt: skip
                known = key_tuple(self.ctx, values)
                if isinstance(known, Broken):
                    return BROKEN
                return cast("Node | Broken", member(self.ctx, family, known, at.span))
            case tree.Transposed(operand=operand):
                return self._made("transpose", at, [self.value(operand)])
            case tree.Unary(operand=operand):
                minus = self.ctx.building(at.span).number(-1)
                return self._made("*", at, [self.value(operand), minus])
            case tree.Binary(operator=sign, left=left, right=right):
                sides = [self.value(side) for side in (left, right)]
                if sign == "*" and sort_of(left, self._look) is None:
                    sides.reverse()
                return self._made(cast(OperatorFunction, sign), at, sides)
            case tree.Call(function=function):
                return self._call(at, function.id)
            case _:
                raise AssertionError(at)

    def _look(self, name: str) -> Sort:
        entity = self.ctx.names.get(name)
        if isinstance(entity, Family):
            entity = next(iter(entity.members.values()), None)
        return self.sides.get(entity) if isinstance(entity, Node) else None

    def _call(self, at: tree.Call, name: str) -> Node | Broken:
        """Return what a function makes of an operator."""
        wanted = {**OPERATORS, **NUMBERS}[name]
        if len(at.arguments) != wanted or at.keywords:
            form = {"svd": "svd(X, tanh)", "schatten": "schatten(X, 1/2)"}
            hint = (
                f"write `{form.get(name, 'power(S, -1/4, eps)' if wanted == 3 else name + '(X)')}`"
            )
            return self._report(f"`{name}` takes {wanted} arguments", hint, at.span)
        operator = self.value(at.arguments[0])
        if name != "svd":
            rest = [self.value(argument) for argument in at.arguments[1:]]
            return self._made(cast(OperatorFunction, name), at, [operator, *rest])
        function = at.arguments[1]
        if not isinstance(function, tree.Name):
            return self._report(
                "`svd` takes a function of one positive number by its name",
                "write `svd(X, tanh)`, or `def f(s) = ...` and `svd(X, f)`", function.span,
            )  # fmt: skip
        singular = self.ctx.building(at.span).make(Placeholder, (), (), f"s of {self.name}")
        assert isinstance(singular, Placeholder)
        call = tree.Call(at.span, function, 0, (tree.Name(at.span, singular.name),), ())
        self.ctx.names[singular.name] = singular
        found = evaluate(self.ctx, call)
        del self.ctx.names[singular.name]
        if isinstance(found, Broken):
            return BROKEN
        values = self.ctx.node(cast(Node, found), at.span)
        return self._made("svd", at, [operator], (singular, values))

    def _plain(self, at: tree.Expression) -> tree.Expression | Broken:
        """Return an expression without operators: names stand for the numbers made of them."""
        match at:
            case tree.Bracket(left=left, right=right):
                sides = [self.value(side) for side in (left, right)]
                return self._named("inner", at, sides)
            case tree.Call(function=tree.Name(id=name)) if name in NUMBERS:
                if name not in self.ctx.names:
                    made = self._call(at, name)
                    return made if isinstance(made, Broken) else self._name(made, at.span)
        if sort_of(at, self._look) is not None:
            problem = "an operator has no entries here"
            return self._report(problem, ENTRYWISE.format(self.name), at.span)
        return self._rebuilt(at)

    def _rebuilt(self, at: tree.Expression) -> tree.Expression | Broken:
        """Return an expression of plain parts."""
        changes: dict[str, object] = {}
        for of in fields(at):
            held = getattr(at, of.name)
            parts = held if isinstance(held, tuple) else (held,)
            plain = [self._plain(x) if _is_expression(x) else x for x in parts]
            if any(isinstance(part, Broken) for part in plain):
                return BROKEN
            changes[of.name] = tuple(plain) if isinstance(held, tuple) else plain[0]
        if isinstance(at, tree.Call):
            changes["function"] = at.function
        return replace(at, **changes)  # type: ignore[arg-type]

    def _named(
        self, function: OperatorFunction, at: tree.Expression, operands: list[Node | Broken]
    ) -> tree.Expression | Broken:
        made = self._made(function, at, operands)
        return made if isinstance(made, Broken) else self._name(made, at.span)

    def _name(self, made: Node, span: Span) -> tree.Name:
        assert isinstance(made, Placeholder)
        self.ctx.names[made.name] = made
        return tree.Name(span, made.name)

    def _made(
        self,
        function: OperatorFunction,
        at: tree.Expression,
        operands: list[Node | Broken],
        values: tuple[Placeholder, Node] | None = None,
    ) -> Node | Broken:
        """Return what stands for the result of an operation, or report why there is none."""
        known = tuple(operand for operand in operands if not isinstance(operand, Broken))
        if len(known) < len(operands):
            return BROKEN
        sorts = [self.sides.get(operand) for operand in known]
        problem, hint = _problem(function, sorts)
        if problem:
            return self._report(problem, hint.format(self.name), at.span)
        text = f"operation {len(self.steps)} of {self.name}"
        result = self.ctx.building(at.span).make(Placeholder, (), (), text)
        assert isinstance(result, Placeholder)
        self.steps.append(OperatorStep(result, function, known, values))
        sides = _sides(function, sorts)
        if sides is None:
            self.numbers.append(result)
        else:
            self.sides[result] = sides
        return result

    def _report(self, problem: str, hint: str, span: Span) -> Broken:
        return self.ctx.report(BadOperator(problem, hint), span)


def _is_expression(part: object) -> bool:
    return isinstance(part, tree.Expression)


def _sides(function: OperatorFunction, sorts: list[Sort]) -> Sort:
    """Return the sides of a result."""
    first, *rest = (sort or UNKNOWN for sort in sorts)
    match function:
        case "norm" | "spectral" | "nuclear" | "trace" | "inner":
            return None
        case "@":
            return Sides(first.above, rest[0].below, first.shifted and rest[0].shifted)
        case "transpose":
            return first.turned
        case "power":
            return replace(first, shifted=True)
        case _:
            return first


def _problem(function: OperatorFunction, sorts: list[Sort]) -> tuple[str, str]:
    """Return what is wrong with the operands of an operation, and a hint; or empty strings."""
    x, *others = sorts
    y = others[0] if others else None
    if any(sort and sort.shifted for sort in sorts) and function not in _OF_SHIFTED:
        return "`power` stands inside of products only", "write `power(S, p, eps) @ X`"
    match function:
        case "+" | "-" | "inner" if x is None or y is None:
            return "an operator and a number are no sum", ENTRYWISE
        case "+" | "-" | "inner" if x != y:
            return f"operators of other sides: {_text(x)} and {_text(y)}", "transpose one, `X.T`"
        case "*" if x and y:
            return (
                "`*` multiplies operators by numbers",
                "write `X @ Y` for the product; " + ENTRYWISE,
            )
        case "/" if y or x is None:
            return "an operator stands below the line", ENTRYWISE
        case "@" if x is None or y is None:
            return "`@` multiplies two operators", "write `c * X` for a number c"
        case "@" if x and y and x.below != y.above:
            return (
                f"the sides of a product do not match: {_text(x)} and {_text(y)}",
                "write `X @ Y.T`",
            )
        case "power" | "trace" if x and x.above != x.below:
            return (
                f"`{function}` takes a square operator, and this is {_text(x)}",
                "write `X @ X.T`",
            )
        case "norm" | "spectral" | "nuclear" | "trace" | "svd" | "msign" | "schatten" | "power" if (
            x is None or any(others)
        ):
            return f"`{function}` takes an operator, then numbers", "the gradient is an operator"
    return "", ""


_OF_SHIFTED = ("@", "transpose", "*", "/")
"""What may be done to an operator with a multiple of the identity in it."""


def _text(sides: Sort) -> str:
    return f"{sides.above} x {sides.below}" if sides else "a number"
