"""Families, names that are bound once for each static key: `h[l, t]`."""

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import FamilyArity, UnknownMember
from tpc.diagnostics.program_faults import ReadoutUsed
from tpc.program.checking.context import Context
from tpc.program.checking.sorts import integer
from tpc.program.checking.values import BROKEN, Broken, Family, ReadoutName, Value


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
