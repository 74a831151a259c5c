"""The one way through graphs: their order, and values that follow from those of operands.

    toposort(roots, operands)           all that the roots are made of, each after its operands
    walk(roots, operands)               the same, each before its operands, as far as one wants
    fold(roots, rule, operands)         a value for each, from the values of its operands
    rewrite(roots, rule, builder)       an image for each, made of the images of its operands
    needed(nodes, roots)                what the roots are made of, as it is ordered in a graph
    dependents(nodes, is_source)        what is made of sources

Nothing here recurses: graphs are up to 10,000 levels deep. Any items that can be hashed are walked
alike: nodes by their operands or by some of them, pairs of nodes, the parts of a tree.
"""

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands

Item = TypeVar("Item", bound=Hashable)
Value = TypeVar("Value")


def toposort(
    roots: Iterable[Item], below: Callable[[Item], Sequence[Item]], known: Container[Item] = ()
) -> list[Item]:
    """Return everything that some items are made of, each after what it is made of.

    Args:
        roots: Where to start.
        below: Gives what an item is made of, as far as the caller wants to look.
        known: Items to leave out, and not to look below.

    Returns:
        The items, depth first, those of the first operand of an item first.

    >>> toposort(["abc"], lambda word: [word[1:], word[:-1]] if word else [])
    ['', 'c', 'b', 'bc', 'a', 'ab', 'abc']
    """
    found: list[Item] = []
    entered: set[Item] = set()
    open_items: list[Item] = []
    waiting: list[Any] = list(roots)[::-1]
    while waiting:
        item = waiting.pop()
        if item is _ALL_BELOW:
            found.append(open_items.pop())
        elif item not in entered and item not in known:
            entered.add(item)
            open_items.append(item)
            waiting.append(_ALL_BELOW)
            waiting += reversed(below(item))
    return found


_ALL_BELOW = object()
"""Says that all has been found that the last open item is made of."""


def walk(roots: Iterable[Item], below: Callable[[Item], Sequence[Item]]) -> Iterator[Item]:
    """Yield everything that some items are made of, once each, before what it is made of.

    Args:
        roots: Where to start.
        below: Gives what an item is made of. It is asked after the item has been dealt with.
    """
    seen: set[Item] = set()
    waiting = list(roots)[::-1]
    while waiting:
        item = waiting.pop()
        if item not in seen:
            seen.add(item)
            yield item
            waiting += reversed(below(item))


def fold(
    roots: Iterable[Item],
    rule: Callable[[Item, dict[Item, Value]], Value],
    below: Callable[[Item], Sequence[Item]],
    known: dict[Item, Value] | None = None,
) -> dict[Item, Value]:
    """Return a value for everything that some items are made of.

    Args:
        roots: Where to start.
        rule: Makes the value of an item from the values so far, in which all that `below` gives
            have theirs.
        below: Gives what an item is made of.
        known: Values to start from. The new ones are added to them, so that folds which share them
            find each value once.

    Returns:
        The values by item, in `known` where it is given.

    >>> depth = fold(["abc"], lambda word, of: of[word[1:]] + 1 if word else 0, lambda w: [w[1:]])
    >>> depth["abc"]
    3
    """
    values = {} if known is None else known
    for item in toposort(roots, below, values):
        if item not in values:  # a rule may find further values by itself
            values[item] = rule(item, values)
    return values


def rewrite(
    roots: Iterable[Node],
    rule: Callable[[Node, Node], Node],
    builder: Builder,
    images: dict[Node, Node] | None = None,
) -> dict[Node, Node]:
    """Return what everything that some nodes are made of becomes in the graph of a builder.

    Args:
        roots: Where to start.
        rule: Takes a node and its copy, whose operands are images; returns its image.
        builder: Makes the copies.
        images: Images to start from, as those of leaves are; the new ones are added to them.

    Returns:
        The images by node.
    """

    def image(node: Node, known: dict[Node, Node]) -> Node:
        builder.span = node.span
        return rule(node, builder.copy(node, known))

    return fold(roots, image, operands, images)


def needed(nodes: Iterable[Node], roots: Iterable[Node]) -> tuple[Node, ...]:
    """Return those nodes of a graph that some of them are made of, in the order of the graph."""
    found = set(walk(roots, operands))
    return tuple(node for node in nodes if node in found)


def dependents(nodes: Iterable[Node], is_source: Callable[[Node], bool]) -> set[Node]:
    """Return the sources and all that is made of them.

    Args:
        nodes: A graph in topological order.
        is_source: Whether a node is a source.
    """
    found: set[Node] = set()
    for node in nodes:
        if is_source(node) or not found.isdisjoint(operands(node)):
            found.add(node)
    return found
