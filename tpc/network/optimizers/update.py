"""A use of an optimizer, `adam(lr=0.2, clip=1)` -> its update function as a graph.

    w <- (1 - decay) w - lr * factor * n^-c Q_t(n^d g_0, ..., n^d g_t)

`advance` gives Q_t and the states after step t from g_t and the states before; g_t is a node of any
coordinates: a ket, the two-coordinate kernel of a matrix, an array that a finite network holds.
With |X| = sqrt(E ||X||^2) [Def. 2.10.7], `normalize` makes X / |X| of the direction X and then
`clip=theta` makes X / max(1, |X| / theta).

Reference:
    Tensor Programs IVb, equation (2.4); Section 2.10.1 (decay), equation (2.50); Section 2.10.2
        (clipping and normalisation), Definition 2.10.7.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.averages import Averages, GrownAverages
from tpc.network.optimizers.declared import advance_declared
from tpc.network.optimizers.rule import Moment, positive
from tpc.network.optimizers.table import COMMON_FLAGS, COMMON_OPTIONS, RULES
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.reapply import transplant


def known_options(use: OptimizerUse) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the numeric options that a use may give, and of its flags."""
    common = (*COMMON_OPTIONS, "clip")
    if use.declared is not None:
        own = tuple(option.name for option, _ in use.declared.options)
        return (*common, *own), tuple(COMMON_FLAGS)
    rule = RULES[use.name]
    return (*common, *rule.options, *rule.aliases), (*COMMON_FLAGS, *rule.flags)


def initial_states(b: Builder, use: OptimizerUse) -> tuple[Node, ...]:
    """Return the states before the first step: numbers, which broadcast against a gradient."""
    if use.declared is not None:
        return tuple(b.number(value) for _, value, _ in use.declared.states)
    return tuple(b.number(0) for _ in RULES[use.name].states)


def state_names(use: OptimizerUse) -> tuple[str, ...]:
    """Return the names of the states."""
    if use.declared is not None:
        return tuple(state.name for state, _, _ in use.declared.states)
    return tuple(RULES[use.name].states)


def advance(
    b: Builder,
    use: OptimizerUse,
    gradient: Node,
    states: tuple[Node, ...],
    step: int | Node,
    averages: Averages | None = None,
) -> tuple[Node, tuple[Node, ...]]:
    """Return the direction of a step and the states after it.

    Args:
        b: Makes the nodes.
        use: The optimizer and its options.
        gradient: g_t, already multiplied by n^d.
        states: As `initial_states` or the step before returned them.
        step: t, from 0; a number, or a scalar of shape ().
        averages: Of tensors like the gradient; `GrownAverages(b)` unless told otherwise.

    Returns:
        Q_t after normalisation and clipping, without learning rate and decay; the next states.
    """
    averages = averages or GrownAverages(b)
    options = numeric_options(b, use)
    if use.declared is not None:
        number = step if isinstance(step, Node) else b.number(step)
        direction, after = advance_declared(b, use.declared, gradient, states, number, options)
    else:
        count = b.add(step, b.number(1)) if isinstance(step, Node) else b.number(step + 1)
        moment = Moment(b, gradient, states, count, options, flags_of(use), averages)
        direction, after = RULES[use.name].advance(moment)
    return _bounded(b, use, direction, options, averages), after


def learning_rate(b: Builder, use: OptimizerUse) -> Node:
    """Return `lr`, a scalar node of shape ()."""
    return numeric_options(b, use)["lr"]


def decay(b: Builder, use: OptimizerUse) -> Node | None:
    """Return the share of a weight that each step takes away, or None where none is asked for."""
    return numeric_options(b, use)["decay"] if "decay" in dict(use.options) else None


def is_bounded(use: OptimizerUse) -> bool:
    """Whether the use clips or normalises its updates."""
    return "clip" in dict(use.options) or flags_of(use)["normalize"]


def numeric_options(b: Builder, use: OptimizerUse) -> Mapping[str, Node]:
    """Return every numeric option of a use as a node of `b`, defaults included."""
    values: dict[str, Node] = {name: b.number(value) for name, value in COMMON_OPTIONS.items()}
    aliases: Mapping[str, str] = {}
    if use.declared is not None:
        values |= {option.name: b.number(value) for option, value in use.declared.options}
    else:
        rule = RULES[use.name]
        values |= {name: b.number(value) for name, value in rule.options.items()}
        aliases = rule.aliases
    for name, given in use.options:
        if isinstance(given, Node):
            values[aliases.get(name, name)] = transplant(b, given)
    return MappingProxyType(values)


def flags_of(use: OptimizerUse) -> Mapping[str, bool]:
    """Return every option of a use that is true or false, defaults included."""
    own = {} if use.declared is not None else RULES[use.name].flags
    given = {name: value for name, value in use.options if isinstance(value, bool)}
    return MappingProxyType({**COMMON_FLAGS, **own, **given})


def _bounded(
    b: Builder,
    use: OptimizerUse,
    direction: Node,
    options: Mapping[str, Node],
    averages: Averages,
) -> Node:
    """Return the direction normalised and clipped, as far as the use asks for it."""
    if flags_of(use)["normalize"]:
        direction = b.div(direction, positive(b, averages.norm(direction)))
    if "clip" in options:
        excess = b.div(averages.norm(direction), options["clip"])
        direction = b.div(direction, b.apply("max", b.number(1), excess))
    return direction
