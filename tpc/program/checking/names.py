"""The program while its statements are executed, and the names that they bind.

Names and members of families, names with keys, `h[l, t]`, are bound once. That no reserved word is
bound has been seen to by the parser; `tpc.program.checking.build` freezes the program.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import BoundTwice, FamilyArity, FamilyMixed, UnknownMember
from tpc.diagnostics.program_faults import ReadoutUsed
from tpc.program.checking.context import Context
from tpc.program.checking.depths import RoundsOf
from tpc.program.checking.loop_scopes import LoopScope
from tpc.program.checking.sorts import integer
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    Definition,
    Family,
    Path,
    ReadoutName,
    Value,
)
from tpc.program.nodes import Matrix, Node, Parameter
from tpc.program.program import Binding, Dim, Output
from tpc.syntax import tree


def written(name: str, keys: tuple[int, ...]) -> str:
    """Write a member as results show it, without blanks; a plain name has no keys."""
    return f"{name}[{','.join(map(str, keys))}]" if keys else name


def key_tuple(ctx: Context, values: list[tuple[Value, Span]]) -> tuple[int, ...] | Broken:
    """Return evaluated keys as integers."""
    keys = [integer(ctx, value, span, "a family's key", "an integer") for value, span in values]
    known = tuple(key for key in keys if not isinstance(key, Broken))
    return known if len(known) == len(keys) else BROKEN


def arity_fault(family: Family, found: int) -> FamilyArity:
    """Return the fault of a family with the wrong number of keys."""
    return FamilyArity(family.name, _keys(family.arity), _keys(found), family.line)


def _keys(count: int) -> str:
    return {0: "no key", 1: "1 key"}.get(count, f"{count} keys")


def member(ctx: Context, family: Family, keys: tuple[int, ...], span: Span) -> Value | ReadoutName:
    """Return a member of a family; of a readout too, for `output`."""
    value = family.members.get(keys)
    if value is not None:
        return value
    if family.broken:
        return BROKEN
    if len(keys) != family.arity:
        return ctx.report(arity_fault(family, len(keys)), span)
    bound = [written(family.name, known) for known in list(family.members)[-3:]]
    advice = f"bound last: {', '.join(bound)}" if bound else ""
    return ctx.report(UnknownMember(written(family.name, keys), advice), span)


def member_value(ctx: Context, family: Family, keys: tuple[int, ...], span: Span) -> Value:
    """Return a member of a family for an expression."""
    found = member(ctx, family, keys, span)
    if isinstance(found, ReadoutName):
        return ctx.report(ReadoutUsed(written(family.name, keys)), span)
    return found


class Names:
    """The names of a program while it is built.

    Attributes:
        lines: The line of each binding of a plain name.
        scopes: The loops around, outermost first.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.lines: dict[str, int] = {}
        self.scopes: list[LoopScope] = []
        self._fresh: dict[str, Family] = {}
        self._shown: set[str] = set()

    def free(self, name: tree.Name) -> bool:
        """Whether a name may be bound as a plain name; otherwise report why not."""
        ctx = self._ctx
        known = ctx.names.get(name.id)
        if known is None or (self.scopes and known is self._fresh.get(name.id)):
            return True
        if isinstance(known, Family):
            fault = FamilyMixed(name.id, "a family", "a plain name", known.line)
            ctx.report(fault, name.span)
        else:
            fault_twice = BoundTwice(name.id, name.id, self.lines[name.id])
            ctx.report(fault_twice, name.span)
        return False

    def bind(self, name: tree.Name, value: Value | ReadoutName | Definition | Path) -> None:
        """Bind a plain name that is free."""
        self._ctx.names[name.id] = value
        self.lines[name.id] = name.span.line

    def bind_local(self, name: tree.Name, value: Value | Definition) -> str:
        """Bind a free name until the innermost round ends; return how results show it."""
        self.bind(name, value)
        scope = next((scope for scope in reversed(self.scopes) if scope.is_long), None)
        if scope is None:
            return name.id
        scope.local.append(name.id)
        stem, shown, count = name.id, written(name.id, self._keys()), 1
        while shown in self._shown:
            count += 1
            shown = written(f"{stem}_{count}", self._keys())
        self._shown.add(shown)
        return shown

    def bind_fresh(self, name: tree.Name, value: Value) -> None:
        """Bind a tensor that is drawn in a round; after the loop it is a member of a family."""
        self.bind(name, value)
        if self._in_rounds():
            self.scopes[-1].fresh[name.id] = value, name.span

    def shown_fresh(self, name: str) -> str:
        """Return what a tensor that is drawn in a round is called where all of them stand."""
        return written(name, self._keys()) if self._in_rounds() else name

    def _in_rounds(self) -> bool:
        return any(scope.is_long for scope in self.scopes)

    def _keys(self) -> tuple[int, ...]:
        return tuple(scope.key for scope in self.scopes)

    def end_round(self) -> None:
        """Forget what the innermost round has bound."""
        scope, names = self.scopes[-1], self._ctx.names
        variables = ",".join(scope.variable for scope in self.scopes)
        for name in scope.local:
            if isinstance(names.pop(name), Broken):
                scope.broken.append(name)
            said = f"`{name}` ends with its round of the loop in line {scope.line}; bind a family"
            self._ctx.shop.ended[name] = f"{said}, `{name}[{variables}] = ...`"
        for name, (value, span) in scope.fresh.items():
            names.pop(name, None)
            line = span.line
            family = self._fresh.setdefault(name, Family(name, len(self.scopes), line))
            self.bind_member(family, self._keys(), value, span)
        scope.local.clear()

    def end_loop(self) -> None:
        """Forget the innermost loop; its fresh tensors are families from now on."""
        scope = self.scopes.pop()
        self._ctx.names.update({name: self._fresh[name] for name in scope.fresh})
        self._ctx.names.update(dict.fromkeys(scope.broken, BROKEN))

    def family(self, name: tree.Name, arity: int) -> Family | None:
        """Return the family to bind a member of, or report why there is none."""
        ctx = self._ctx
        known = ctx.names.get(name.id)
        if known is None and name.id not in ctx.shop.ended:
            known = ctx.names[name.id] = Family(name.id, arity, name.span.line)
        if not isinstance(known, Family):
            line = self.lines[name.id]
            ctx.report(FamilyMixed(name.id, "a plain name", "a family", line), name.span)
            return None
        return known

    def bind_member(
        self, family: Family, keys: tuple[int, ...], value: "Value | ReadoutName", span: Span
    ) -> bool:
        """Bind a member, or report why it cannot be bound."""
        if len(keys) != family.arity:
            self._ctx.report(arity_fault(family, len(keys)), span)
            return False
        if keys in family.members:
            name = written(family.name, keys)
            self._ctx.report(BoundTwice(name, family.name, family.lines[keys]), span)
            return False
        family.members[keys] = value
        family.lines[keys] = span.line
        return True

    def give_up(self, target: tree.Target) -> None:
        """Make a target known but broken, so that nothing that uses it complains."""
        known = self._ctx.names.get(target.name.id)
        if isinstance(known, Family):
            known.broken = True
        elif known is None:
            if target.keys:
                family = Family(target.name.id, len(target.keys), target.span.line, broken=True)
                self._ctx.names[target.name.id] = family
            else:
                self.bind_local(target.name, BROKEN)


@dataclass(slots=True)
class Draft:
    """What has been declared and bound so far.

    Attributes:
        ctx: The context of the statements; its names are the program's.
        names: Binds them.
        title: Of the `program` statement.
        dialect: The declared one, with its place.
        dims: By name, in order.
        free: The free dim.
        network: In the file of a network, executes what is said there only, and refuses what may
            not be said there; whether it has done so.
        depth_loops: The loops around over infinite depths, outermost first.
    """

    ctx: Context
    names: Names
    title: str = ""
    dialect: tree.Name | None = None
    dims: dict[str, Dim] = field(default_factory=dict)
    free: str = ""
    matrices: list[Matrix] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)
    network: Callable[[tree.Statement], bool] | None = None
    depth_loops: list[RoundsOf] = field(default_factory=list)

    def record(self, name: str, node: Node, span: Span) -> None:
        """Take a binding into the program."""
        rounds = tuple((scope.line, scope.key) for scope in self.names.scopes)
        self.bindings.append(Binding(name, node, span, rounds))
