"""What an optimizer is: options with defaults, states, and one step as a graph.

    Q_t(g_0, ..., g_t) is the direction of step t, where (direction_t, states_{t+1}) is a function
    of (g_t, states_t, t), entry by entry but for what `Averages` gives.

Where a formula divides zero by zero the direction is zero: `quotient` and `inverse_root` see to it.

Reference:
    Tensor Programs IVb, Section 2.1, equation (2.1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tpc.network.optimizers.averages import Averages
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Node

TINY = 1e-300
"""What stands for a zero below the line; its root, 1e-150, is far below any gradient."""

Numbers: TypeAlias = Mapping[str, Node]
"""The numeric options of a use, scalar nodes of shape ()."""


@dataclass(frozen=True, slots=True)
class Facing:
    """How the operator of a weight lies, in units in which everything stays of order one.

    Attributes:
        rows: How many of the first axes of its array are those of rows.
        shape_scale: sqrt(rows / columns), without its power of n.
        unwidened: sqrt(max(1, rows / columns)), in the same way.
        largest: sqrt(max(rows, columns)), in the same way.
        columns: The number of columns, in the same way: 1 where they grow.
        turned: Whether the first growing axis is that of columns.
    """

    rows: int = 1
    shape_scale: float = 1.0
    unwidened: float = 1.0
    largest: float = 1.0
    columns: float = 1.0
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """What one step of an optimizer sees.

    Attributes:
        builder: Makes the nodes.
        gradient: g_t, of any coordinates and shape.
        states: Before the step.
        count: How many steps there are with this one, t + 1; a scalar of shape ().
        options: Numeric options by name.
        flags: Options that are true or false.
        averages: Of tensors like the gradient.
        words: Options that are words.
        facing: How the operator of the weight lies.
        weight_norm: |w|, the norm of the weight, or that of the step of a graft, where the rule
            asks for it.
    """

    builder: Builder
    gradient: Node
    states: tuple[Node, ...]
    count: Node
    options: Numbers
    flags: Mapping[str, bool]
    averages: Averages
    words: Mapping[str, str] = field(default_factory=dict)
    facing: Facing = Facing()
    weight_norm: Node | None = None


Advance: TypeAlias = Callable[[Moment], tuple[Node, tuple[Node, ...]]]
"""Returns the direction and the states after the step."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An optimizer.

    Attributes:
        name: As in `optimizer NAME(...)`.
        formula: Its direction, in words of mathematics, for documents.
        advance: One step.
        states: The names of its states, all 0 before the first step.
        options: Its own numeric options and their defaults.
        flags: Its own options that are true or false, with their defaults.
        aliases: Other names of its options.
        words: Its own options that may be a word, the words with the default first; the empty word
            stands for a number.
        sees_weight: Whether it asks for the norm of the weight.
        eps_degree: 2 where `eps` stands beside squares of gradients, else 1.
        stages: Of a rule that acts on an operator and then on its entries: the rules of the two.
    """

    name: str
    formula: str
    advance: Advance
    states: tuple[str, ...] = ()
    options: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sees_weight: bool = False
    eps_degree: int = 1
    stages: "tuple[Rule, Rule] | None" = None


def blend(b: Builder, weight: Node, old: Node, new: Node) -> Node:
    """Return weight * old + (1 - weight) * new, an exponential average."""
    fresh = b.mul(b.sub(b.number(1), weight), new)
    return fresh if is_zero(old) else b.add(b.mul(weight, old), fresh)


def fade(b: Builder, weight: Node, old: Node, new: Node) -> Node:
    """Return weight * old + new."""
    return new if is_zero(old) else b.add(b.mul(weight, old), new)


def unbiased(b: Builder, weight: Node, average: Node, count: Node) -> Node:
    """Return an exponential average that started at zero, divided by 1 - weight^(t + 1)."""
    return b.div(average, b.sub(b.number(1), b.pow(weight, count)))


def root(b: Builder, second: Node, eps: Node) -> Node:
    """Return sqrt(v + eps^2), kept from zero unless eps is known to be positive."""
    if isinstance(eps, Constant) and float(eps.value) > 0:
        return b.apply("sqrt", b.add(second, b.apply("square", eps)))
    shifted = second if is_zero(eps) else b.add(second, b.apply("square", eps))
    return b.apply("sqrt", b.apply("max", shifted, b.number(TINY)))


def positive(b: Builder, below: Node) -> Node:
    """Return what stands below the line, kept from zero."""
    return b.apply("max", below, b.number(TINY**0.5))


def trust_ratio(at: Moment, below: Node) -> Node:
    """Return |w| / |r| for a norm |r|, or 1 where one of the norms is 0; |w| is 1 if unknown."""
    b, above = at.builder, at.weight_norm
    if above is None:
        return b.div(b.number(1), positive(b, below))
    kept = b.mul(b.apply("sign", above), b.apply("sign", below))
    ratio = b.div(above, positive(b, below))
    return b.add(b.mul(kept, ratio), b.sub(b.number(1), kept))


def is_zero(node: Node) -> bool:
    """Whether a node is the number 0, or an array of zeros."""
    return isinstance(node, Constant) and not node.value.any()
