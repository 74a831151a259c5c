"""A use of an optimizer, `adam(lr=0.2, clip=1)` -> its update function as a graph.

    w <- (1 - decay) w - lr * factor * n^-c Q_t(n^d g_0, ..., n^d g_t)

Options may contain t. A gradient is clipped to +-`clip_value` first, then it takes the factor of
all gradients (`global_bounds.py`).

`advance` gives Q_t and the states after step t from g_t and the states before; g_t is a node of any
coordinates: a ket, the two-coordinate kernel of a matrix, an array that a finite network holds; for
optimizers of operators the array of an `Operator`.
With |X| = sqrt(E ||X||^2) [Def. 2.10.7], `normalize` makes X / |X| of the direction X and then
`clip=theta` makes X / max(1, |X| / theta). Of an operator `spectral_normalize` makes X / s_1 and
`spectral_clip=theta` makes its singular values min(s, theta).

Reference:
    Tensor Programs IVb, equation (2.4); Section 2.10.1 (decay), equation (2.50); Section 2.10.2
        (clipping and normalisation), Definition 2.10.7.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tpc.network.network import OptimizerUse, Weight
from tpc.network.optimizers.averages import Averages, GrownAverages
from tpc.network.optimizers.declared import advance_declared, declared_forgets
from tpc.network.optimizers.matrix_rules import GRAFTS, MATRIX_RULES
from tpc.network.optimizers.operators import Operator
from tpc.network.optimizers.rule import Facing, Moment, Rule, positive
from tpc.network.optimizers.table import ALL_RULES, BOUNDS, COMMON_FLAGS, COMMON_OPTIONS
from tpc.program.builder import Builder
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.nodes import Matrix, Node, Parameter, Placeholder, operands
from tpc.program.reapply import transplant
from tpc.program.traversal import walk


def acts_on_operators(use: OptimizerUse) -> bool:
    """Whether an optimizer sees the gradient of a weight as an operator."""
    spectral = flags_of(use)["spectral_normalize"] or "spectral_clip" in dict(use.options)
    if use.declared is not None:
        return spectral or use.declared.block is not None
    by_entries = words_of(use).get("norm", "spectral") != "spectral"
    return spectral or (use.name in MATRIX_RULES and not by_entries)


def without_spectral_bounds(use: OptimizerUse) -> OptimizerUse:
    """Return a use that does not bound singular values."""
    bounds = ("spectral_clip", "spectral_normalize")
    return replace(use, options=tuple(x for x in use.options if x[0] not in bounds))


def forgets_sizes(use: OptimizerUse) -> bool:
    """Whether singular values of updates jump where those of gradients vanish."""
    if not acts_on_operators(use):
        return False
    options = numeric_options(Builder(), use, 0)
    if use.declared is not None:
        return declared_forgets(use.declared, options)
    if "p" in options:
        return float(at_defaults(options["p"])) <= 0
    if words_of(use).get("steps") == "exact" or use.name == "scion":
        return True
    return use.name in ("shampoo", "soap") and float(at_defaults(options["eps"])) == 0


def sees_weight(use: OptimizerUse) -> bool:
    """Whether an optimizer asks for the norm of the weight."""
    return use.declared is None and ALL_RULES[use.name].sees_weight


def starting_norm(b: Builder, use: OptimizerUse, weight: Weight) -> Node | None:
    """Return |w| before training for an optimizer that asks for it, of a matrix that of entries."""
    if not sees_weight(use):
        return None
    if isinstance(weight.leaf, Matrix):
        return transplant(b, weight.init)
    return GrownAverages(b).norm(weight.leaf)


def stages_of(use: OptimizerUse) -> tuple[Rule, Rule] | None:
    """Return the rules of an operator and then of its entries, where an optimizer has two."""
    return None if use.declared is not None else ALL_RULES[use.name].stages


def graft_of(use: OptimizerUse) -> OptimizerUse | None:
    """Return the optimizer of entries whose norm an update takes, where there is one."""
    found = dict(use.options).get("graft")
    if isinstance(found, OptimizerUse):
        return found
    return OptimizerUse(found, (), None, use.span) if found in GRAFTS else None


def sees_entries(use: OptimizerUse) -> bool:
    """Whether an optimizer of operators needs all entries of a matrix as well."""
    return stages_of(use) is not None or graft_of(use) is not None


def asks_norm(use: OptimizerUse) -> bool:
    """Whether a step asks for a norm: of the weight, or of the step of a graft."""
    return sees_weight(use) or graft_of(use) is not None


def eps_degree(use: OptimizerUse) -> int:
    """Return 2 where `eps` stands beside squares of gradients, else 1."""
    return 1 if use.declared is not None else ALL_RULES[use.name].eps_degree


def known_options(use: OptimizerUse) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the numeric options that a use may give, and of its flags."""
    common = (*COMMON_OPTIONS, *BOUNDS)
    if use.declared is not None:
        own = tuple(option.name for option, _ in use.declared.options)
        return (*common, *own), tuple(COMMON_FLAGS)
    rule = ALL_RULES[use.name]
    return (*common, *rule.options, *rule.aliases), (*COMMON_FLAGS, *rule.flags)


def known_words(use: OptimizerUse) -> Mapping[str, tuple[str, ...]]:
    """Return the words that options of a use may be, those by default first."""
    return {} if use.declared is not None else ALL_RULES[use.name].words


def words_of(use: OptimizerUse) -> Mapping[str, str]:
    """Return every option of a use that may be a word; the empty word where it is a number."""
    given = {name: value if isinstance(value, str) else "" for name, value in use.options}
    known = known_words(use)
    return MappingProxyType({name: given.get(name, words[0]) for name, words in known.items()})


def initial_states(b: Builder, use: OptimizerUse, rule: Rule | None = None) -> tuple[Node, ...]:
    """Return the states before the first step: numbers, which broadcast against a gradient."""
    if rule is not None:
        return tuple(b.number(0) for _ in rule.states)
    if use.declared is not None:
        return tuple(b.number(value) for _, value, _ in use.declared.states)
    return tuple(b.number(0) for _ in ALL_RULES[use.name].states)


def state_names(use: OptimizerUse, rule: Rule | None = None) -> tuple[str, ...]:
    """Return the names of the states."""
    if rule is not None:
        return tuple(rule.states)
    if use.declared is not None:
        return tuple(state.name for state, _, _ in use.declared.states)
    return tuple(ALL_RULES[use.name].states)


def advance(
    b: Builder,
    use: OptimizerUse,
    gradient: Node,
    states: tuple[Node, ...],
    step: int | Node,
    averages: Averages | None = None,
    factor: Node | None = None,
    facing: Facing | None = None,
    weight_norm: Node | None = None,
    rule: Rule | None = None,
) -> tuple[Node, tuple[Node, ...]]:
    """Return the direction of a step and the states after it.

    Args:
        b: Makes the nodes.
        use: The optimizer and its options.
        gradient: g_t, already multiplied by n^d.
        states: As `initial_states` or the step before returned them.
        step: t, from 0; a number, or a scalar of shape ().
        averages: Of tensors like the gradient; `GrownAverages(b)` unless told otherwise.
        factor: That of all gradients, a scalar of shape ().
        facing: How the operator of the weight lies, for optimizers that act on operators.
        weight_norm: |w|, for those that see it, or the norm of the step of a graft.
        rule: A stage of the optimizer's rule, for it alone.

    Returns:
        Q_t after normalisation and clipping, without learning rate and decay; the next states.
    """
    averages, facing = averages or GrownAverages(b), facing or Facing()
    options = numeric_options(b, use, step)
    gradient = clipped(b, options, gradient)
    gradient = gradient if factor is None else b.mul(factor, gradient)
    if use.declared is not None:
        number = step if isinstance(step, Node) else b.number(step)
        direction, after = advance_declared(
            b, use.declared, gradient, states, number, options, facing
        )
    else:
        count = b.add(step, b.number(1)) if isinstance(step, Node) else b.number(step + 1)
        moment = Moment(
            b, gradient, states, count, options, flags_of(use), averages,
            words_of(use), facing, weight_norm,
        )  # fmt: skip
        direction, after = (rule or ALL_RULES[use.name]).advance(moment)
    direction = _bounded(b, use, direction, options, averages)
    return _spectrally_bounded(use, Operator(b, direction, facing.rows), options), after


def clipped(b: Builder, options: Mapping[str, Node], gradient: Node) -> Node:
    """Return a gradient with its entries clipped, as far as the options ask for it."""
    if "clip_value" not in options:
        return gradient
    theta = options["clip_value"]
    return b.apply("min", b.apply("max", gradient, b.neg(theta)), theta)


def learning_rate(b: Builder, use: OptimizerUse, weight: Weight, step: int | Node) -> Node:
    """Return `lr` of a step times the weight's own factor, a scalar node of shape ()."""
    return b.mul(numeric_options(b, use, step)["lr"], transplant(b, weight.lr))


def decay(b: Builder, use: OptimizerUse, weight: Weight, step: int | Node) -> Node | None:
    """Return the share of a weight that a step takes away, or None where none is asked for."""
    options = numeric_options(b, use, step)
    if "weight_decay" in options:
        return b.mul(learning_rate(b, use, weight, step), options["weight_decay"])
    return options["decay"] if "decay" in dict(use.options) else None


def decays(use: OptimizerUse) -> bool:
    """Whether weights are multiplied by less than 1 in each step."""
    return not {"decay", "weight_decay"}.isdisjoint(dict(use.options))


def is_bounded(use: OptimizerUse) -> bool:
    """Whether the use clips or normalises its updates."""
    return "clip" in dict(use.options) or flags_of(use)["normalize"]


def numeric_options(b: Builder, use: OptimizerUse, step: int | Node = 0) -> Mapping[str, Node]:
    """Return every numeric option of a use in a step as a node of `b`, defaults included."""
    values: dict[str, Node] = {name: b.number(value) for name, value in COMMON_OPTIONS.items()}
    aliases: Mapping[str, str] = {}
    if use.declared is not None:
        values |= {option.name: b.number(value) for option, value in use.declared.options}
    else:
        rule = ALL_RULES[use.name]
        values |= {name: b.constant(np.array(value)) for name, value in rule.options.items()}
        aliases = rule.aliases
    for name, given in use.options:
        if isinstance(given, Node):
            values[aliases.get(name, name)] = at_step(b, given, use.time, step)
    return MappingProxyType(values)


def at_step(b: Builder, value: Node, time: Placeholder | None, step: int | Node) -> Node:
    """Return what a number made of params and t is in a step; a number where it has no params."""
    if time is None:
        return transplant(b, value)
    if isinstance(step, Node):
        return transplant(b, value, {time: step})
    return folded(b, transplant(b, value, {time: b.number(step)}))


def folded(b: Builder, value: Node) -> Node:
    """Return a value made of statics and params as a constant, where it has no params."""
    has_params = any(isinstance(part, Parameter) for part in walk((value,), operands))
    return value if has_params else b.constant(at_defaults(value))


def kept_by_step(b: Builder, use: OptimizerUse, weight: Weight, times: int) -> Node:
    """Return what weight decay has left of a weight at each time, of shape (times,)."""
    if use.time is None:
        share = decay(b, use, weight, 0)
        assert share is not None
        return b.pow(b.sub(b.number(1), share), b.constant(np.arange(times)))
    left = [b.number(1)]
    for step in range(times - 1):
        share = decay(b, use, weight, step)
        assert share is not None
        left.append(b.mul(left[-1], b.sub(b.number(1), share)))
    return folded(b, b.stack(tuple(left)))


def flags_of(use: OptimizerUse) -> Mapping[str, bool]:
    """Return every option of a use that is true or false, defaults included."""
    own = {} if use.declared is not None else ALL_RULES[use.name].flags
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


def _spectrally_bounded(
    use: OptimizerUse, direction: Operator, options: Mapping[str, Node]
) -> Node:
    """Return the direction with bounded singular values, as far as the use asks for it."""
    if flags_of(use)["spectral_normalize"]:
        direction = direction.normalized()
    if "spectral_clip" in options:
        direction = direction.clipped(options["spectral_clip"])
    return direction.node
