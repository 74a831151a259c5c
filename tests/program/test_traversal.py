"""Orders, folds and rewrites: what comes when, what is asked once, and how deep they go."""

from collections import Counter

import pytest

from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Node, operands
from tpc.program.traversal import dependents, fold, needed, rewrite, toposort, walk

DEEP = 20_000
"""Far beyond any limit of recursion."""


def a_chain(b: Builder, length: int) -> Node:
    """Return tanh of tanh of ... of a vector, each added to the one before."""
    node = b.initial_vector("v", "n", (), None, b.number(1))
    for _ in range(length):
        node = b.apply("tanh", b.add(node, node))
    return node


def words(word: str) -> list[str]:
    """Return a word without its first letter and without its last."""
    return [word[1:], word[:-1]] if word else []


def test_toposort_puts_everything_after_what_it_is_made_of() -> None:
    b = Builder()
    root = a_chain(b, 5)
    found = toposort((root,), operands)
    assert found == list(needed(b.nodes, (root,)))
    place = {node: index for index, node in enumerate(found)}
    assert all(place[part] < place[node] for node in found for part in operands(node))


def test_toposort_goes_through_first_operands_first() -> None:
    assert toposort(["ab", "cb"], words) == ["", "b", "a", "ab", "c", "cb"]


def test_toposort_does_not_look_below_what_is_known() -> None:
    asked: list[str] = []

    def below(word: str) -> list[str]:
        asked.append(word)
        return words(word)

    assert toposort(["abc"], below, {"ab"}) == ["", "c", "b", "bc", "abc"]
    assert "ab" not in asked and "a" not in asked


def test_walk_gives_each_item_once_before_its_parts() -> None:
    assert list(walk(["abc"], words)) == ["abc", "bc", "c", "", "b", "ab", "a"]


def test_walk_does_not_look_below_before_it_is_asked() -> None:
    def below(word: str) -> list[str]:
        raise AssertionError(word)

    assert next(walk(["abc"], below)) == "abc"


def test_fold_asks_for_each_value_once() -> None:
    asked: Counter[str] = Counter()

    def longest(word: str, of: dict[str, int]) -> int:
        asked[word] += 1
        return 1 + max(of[part] for part in words(word)) if word else 0

    assert fold(["abcd", "bcd"], longest, words)["abcd"] == 4
    assert set(asked.values()) == {1}


def test_folds_that_share_their_values_find_each_once() -> None:
    known = {"ab": 100}
    found = fold(["abc"], lambda word, of: sum(of[part] for part in words(word)), words, known)
    assert found is known
    assert found["abc"] == 100
    fold(
        ["abcd"], lambda word, of: 1 if word in ("abcd", "bcd", "cd", "d") else 1 // 0, words, found
    )


def test_a_rule_that_fails_keeps_the_values_before_it() -> None:
    known: dict[str, int] = {}
    with pytest.raises(ZeroDivisionError):
        fold(["abc"], lambda word, of: 1 // (3 - len(word)), words, known)
    assert known == {"": 0, "c": 0, "b": 0, "bc": 1, "a": 0, "ab": 1}


@pytest.mark.slow
def test_nothing_recurses() -> None:
    b = Builder()
    root = a_chain(b, DEEP)
    depth = fold(
        (root,), lambda n, of: 1 + max(map(of.__getitem__, operands(n)), default=0), operands
    )
    assert depth[root] == 2 * DEEP + 2
    assert sum(1 for _ in walk((root,), operands)) == 2 * DEEP + 2
    fresh = Builder()
    assert rewrite((root,), lambda _, node: node, fresh)[root] is fresh.nodes[-1]


def test_rewrite_replaces_what_a_rule_says() -> None:
    old, new = Builder(), Builder()
    root = a_chain(old, 2)

    def rule(_: Node, node: Node) -> Node:
        match node:
            case Elementwise(function="add", operands=(x, y)) if x is y:
                return new.mul(new.number(2), x)
            case _:
                return node

    image = rewrite((root,), rule, new)[root]
    v = new.initial_vector("v", "n", (), None, new.number(1))
    once = new.apply("tanh", new.mul(new.number(2), v))
    assert image is new.apply("tanh", new.mul(new.number(2), once))


def test_rewrite_starts_from_images() -> None:
    old, new = Builder(), Builder()
    x, y = (old.initial_vector(name, "n", (), None, old.number(1)) for name in "xy")
    one = new.number(1)
    stands = new.initial_vector("z", "n", (), None, one)
    images = {x: stands, y: stands}
    assert rewrite((old.add(x, y),), lambda _, node: node, new, images)[old.add(x, y)] is new.add(
        stands, stands
    )


def test_dependents_are_all_that_is_made_of_sources() -> None:
    b = Builder()
    x, y = (b.initial_vector(name, "n", (), None, b.number(1)) for name in "xy")
    product = b.mul(x, y)
    rest = b.exp(y)
    found = dependents(b.nodes, lambda node: node is x)
    assert found == {x, product}
    assert rest not in found
