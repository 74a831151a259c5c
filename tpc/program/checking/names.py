"""Binding: single assignment of names and of family members.

That no reserved word is bound has been seen to by the parser.
"""

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import BoundTwice, FamilyMixed
from tpc.program.checking.context import Context
from tpc.program.checking.families import arity_fault, written
from tpc.program.checking.values import BROKEN, Definition, Family, ReadoutName, Value
from tpc.syntax import tree


class Names:
    """The names of a program while it is built.

    Attributes:
        lines: The line of each binding of a plain name.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.lines: dict[str, int] = {}

    def free(self, name: tree.Name) -> bool:
        """Whether a name may be bound as a plain name; otherwise report why not."""
        ctx = self._ctx
        known = ctx.names.get(name.id)
        if known is None:
            return True
        if isinstance(known, Family):
            fault = FamilyMixed(name.id, "a family", "a plain name", known.line)
            ctx.report(fault, name.span)
        else:
            fault_twice = BoundTwice(name.id, name.id, self.lines[name.id])
            ctx.report(fault_twice, name.span)
        return False

    def bind(self, name: tree.Name, value: Value | ReadoutName | Definition) -> None:
        """Bind a plain name that is free."""
        self._ctx.names[name.id] = value
        self.lines[name.id] = name.span.line

    def family(self, name: tree.Name, arity: int) -> Family | None:
        """Return the family to bind a member of, or report why there is none."""
        ctx = self._ctx
        known = ctx.names.get(name.id)
        if known is None:
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
                self.bind(target.name, BROKEN)
