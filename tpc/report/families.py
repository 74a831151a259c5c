"""Families in tables: `W[0..11]` is one row where all members have the same cells."""

import re
from collections.abc import Callable, Hashable, Iterable
from math import prod
from typing import TypeVar

from tpc.network.network import Network

Member = TypeVar("Member")

_MEMBER = re.compile(r"(\w+)\[(\d+(?:,\d+)*)\]")


def grouped(
    members: Iterable[Member], name: Callable[[Member], str], cells: Callable[[Member], Hashable]
) -> list[tuple[str, tuple[Member, ...]]]:
    """Return the rows of a table, each with what it is called and the members that it is for.

    Args:
        members: In order; a row stands where its first member does.
        name: What a member is called, `W[3]`.
        cells: What its row says of it.
    """
    rows: dict[Hashable, list[Member]] = {}
    for member in members:
        found = _MEMBER.fullmatch(name(member))
        key = (found[1], found[2].count(",")) if found else name(member)
        rows.setdefault((key, cells(member)), []).append(member)
    shown: list[tuple[str, tuple[Member, ...]]] = []
    for row in rows.values():
        whole = family_name(list(map(name, row)))
        shown += [(whole, tuple(row))] if whole else [(name(one), (one,)) for one in row]
    return shown


def family_name(names: list[str]) -> str:
    """Return `W[0..11]` for all members with keys in some ranges, else the empty string.

    >>> family_name(["W[0,2]", "W[0,3]", "W[1,2]", "W[1,3]"])
    'W[0..1,2..3]'
    """
    if len(names) == 1:
        return names[0]
    found = [_MEMBER.fullmatch(name) for name in names]
    keys = [tuple(map(int, member[2].split(","))) for member in found if member]
    axes = [(min(axis), max(axis)) for axis in zip(*keys, strict=True)]
    if prod(last - first + 1 for first, last in axes) != len(set(keys)) or not found[0]:
        return ""
    ranges = (f"{first}..{last}" if last > first else f"{first}" for first, last in axes)
    return f"{found[0][1]}[{','.join(ranges)}]"


def whole_family(name: str, network: Network) -> str:
    """Return `W[0..L - 1]` for the weights of all rounds of an infinite loop."""
    if network.depth is None or not network.depth.loops:
        return name
    last = len(network.depth.loops[0].bound) - 1
    return name.replace(f"[0..{last}]", f"[0..{network.depth.name} - 1]")
