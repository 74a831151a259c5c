"""The names that formulas bring up themselves: which there are, and which are not yet defined."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tpc.program.nodes import Node

Other = TypeVar("Other")
"""What else waits to be defined."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an expression over iid copies a node stands.

    Attributes:
        copy: Which copy kets are: 0 for none.
        bound: The number of the copy at each bound coordinate.
        deepest: The largest number in use.
    """

    copy: int = 0
    bound: tuple[tuple[str, int], ...] = ()
    deepest: int = 0


TOP = Place()


class LocalNames(Generic[Other]):
    """The local names of one limit, numbered as they come.

    A node gets its name once. It is defined where it is first used, and again after `start_over`.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[tuple[Node, Place], str] = {}
        self._defined: set[tuple[Node, Place]] = set()
        self._pending: list[tuple[Node, Place] | Other] = []

    def get(self, node: Node, place: Place = TOP) -> str | None:
        """Return the name of a node, if it has one."""
        return self._names.get((node, place))

    def name(self, node: Node, place: Place = TOP) -> str:
        """Return the name of a node, a new one if need be, and have it defined."""
        name = self._names.setdefault((node, place), f"{self._prefix}{len(self._names) + 1}")
        self.define(node, place)
        return name

    def is_defined(self, node: Node) -> bool:
        """Whether a node has been defined, or waits for it."""
        return (node, TOP) in self._defined

    def define(self, node: Node, place: Place = TOP) -> None:
        """Have a node defined unless it has been."""
        if (node, place) not in self._defined:
            self._defined.add((node, place))
            self._pending.append((node, place))

    def add(self, other: Other) -> None:
        """Have something else defined."""
        self._pending.append(other)

    def forget(self, node: Node) -> None:
        """Take a node as defined."""
        self._pending = [pending for pending in self._pending if pending != (node, TOP)]

    def pending(self) -> Iterator[tuple[Node, Place] | Other]:
        """Yield what waits to be defined; what comes up meanwhile waits behind it."""
        while self._pending:
            yield self._pending.pop(0)

    def start_over(self) -> None:
        """Forget what has been defined."""
        self._defined.clear()
        self._pending.clear()
