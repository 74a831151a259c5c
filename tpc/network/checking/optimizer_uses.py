"""Uses of optimizers, `adam(lr=0.2)`: which optimizer, and its options."""

from difflib import get_close_matches

from tpc.diagnostics.training_faults import BadOptimizerOption, BadSetting, UnknownOptimizer
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.steps import time_in, timed
from tpc.network.network import OptimizerUse, OptionValue
from tpc.network.optimizers.table import ALL_RULES, BOTH_BOUNDS, out_of_range, out_of_shape
from tpc.network.optimizers.update import known_options, known_words
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import flag
from tpc.program.checking.values import BROKEN, Broken
from tpc.program.nodes import Node
from tpc.syntax import tree

FORM = "`optimizer adam(lr=0.1)`"

MEANT = {
    "learning_rate": "lr", "eta": "lr", "wd": "weight_decay", "epsilon": "eps",
    "momentum": "beta", "clip_norm": "clip", "rho": "a",
}  # fmt: skip
"""What other names of options usually mean."""

OTHER_RULES = {
    ("sgd", "momentum"): "momentum(lr=0.1, beta=0.9)",
    ("sgd", "nesterov"): "nesterov(lr=0.1, beta=0.9)",
    ("momentum", "nesterov"): "nesterov(lr=0.1, beta=0.9)",
}
"""Optimizers that are options of others elsewhere."""


def use_of(network: NetworkDraft, at: tree.Expression) -> OptimizerUse | Broken:
    """Return an optimizer with its options."""
    ctx = network.draft.ctx
    keywords: tuple[tree.Keyword, ...] = ()
    match at:
        case tree.Name():
            name = at
        case tree.Call(function=function, primes=0, arguments=()):
            name, keywords = function, at.keywords
        case tree.Call(arguments=(first, *_)):
            fault = BadSetting("optimizer", "options by name", "one without", FORM)
            return ctx.report(fault, first.span)
        case _:
            fault = BadSetting("optimizer", "the name of one", "an expression", FORM)
            return ctx.report(fault, at.span)
    if name.id not in ALL_RULES and name.id not in network.optimizers:
        return ctx.report(UnknownOptimizer(name.id, _suggestion(network, name.id)), name.span)
    declared = network.optimizers.get(name.id)
    if name.id in network.optimizers and declared is None:
        return BROKEN
    bare = OptimizerUse(name.id, (), declared, at.span)
    options = _options(network, bare, keywords)
    return (
        options
        if isinstance(options, Broken)
        else OptimizerUse(name.id, options, declared, at.span, time_in(*dict(options).values()))
    )


NO_LIMIT = {
    "dion": "its limit is random: a random start picks another subspace at every width",
    "psgd": "its limit is random: it draws fresh probes in every step",
    "sophia": "its limit is random: it draws labels or probes in every step",
    "muonsphere": "it has no limit here: spectral norms of weights are no finite program; power "
    "iterations from a given vector are one",
}
"""Optimizers that are known by name but have no limit, and why."""


BLOCKS = ("blocks", "block_size")

BLOCKED = (
    "has no limit of its own: blocks of a fixed size are no algebra of low rank",
    "of a fixed number b x b of blocks each has the Grams of the whole, so that an update of "
    "degree 0 is b times that of one block: change `lr`",
)
"""Why a matrix is not cut into blocks, and what to do."""


REFUSED = {
    ("basis", "earlier"): (
        "of earlier gradients leaves the present one outside: it falls in an eigenspace whose "
        "basis is an accident",
        "write `basis=current`",
    ),
}
"""Words of options that have no limit, or none here: the reason, and what to write."""


def _suggestion(network: NetworkDraft, name: str) -> str:
    if name.lower() in NO_LIMIT:
        return NO_LIMIT[name.lower()]
    known = [*ALL_RULES, *network.optimizers]
    similar = get_close_matches(name.lower(), known, n=1)
    if similar:
        return f"did you mean `{similar[0]}`?"
    return f"there are {', '.join(known)}; declare others by `optimizer {name}(g): ...`"


def _options(
    network: NetworkDraft, use: OptimizerUse, keywords: tuple[tree.Keyword, ...]
) -> tuple[tuple[str, OptionValue], ...] | Broken:
    ctx = network.draft.ctx
    numeric, flags = known_options(use)
    aliases = ALL_RULES[use.name].aliases if use.declared is None else {}
    found: dict[str, OptionValue] = {}
    sound = True
    for keyword in keywords:
        name = aliases.get(keyword.name, keyword.name)
        value = _value(network, use, keyword, numeric, flags)
        if name in found:
            fault = BadOptimizerOption(keyword.name, "is given twice", "give each option once")
            value = ctx.report(fault, keyword.span)
        if isinstance(value, Broken):
            sound = False
        else:
            found[name] = value
        if {"decay", "weight_decay"} <= found.keys():
            hint = "`decay` is a step's own share, `weight_decay` is times the learning rate"
            ctx.report(
                BadOptimizerOption("weight_decay", "is given with `decay`", hint), keyword.span
            )
            return BROKEN
        if found.get("constrained") is True and not {"decay", "weight_decay"}.isdisjoint(found):
            hint = "`constrained=true` is `weight_decay=1`: write one of the two"
            ctx.report(BadOptimizerOption(keyword.name, "is given twice", hint), keyword.span)
            return BROKEN
        if "clip" in found and found.get("normalize") is True:
            hint = "a normalised update has size 1: write one of the two"
            ctx.report(BadOptimizerOption("clip", BOTH_BOUNDS, hint), keyword.span)
            return BROKEN
    if found.get("constrained") is True:
        found["weight_decay"] = ctx.building(use.span).number(1)
    return tuple(found.items()) if sound else BROKEN


def _value(
    network: NetworkDraft,
    use: OptimizerUse,
    at: tree.Keyword,
    numeric: tuple[str, ...],
    flags: tuple[str, ...],
) -> OptionValue | Broken:
    """Return the value of an option."""
    ctx, words = network.draft.ctx, known_words(use).get(at.name, ())
    if isinstance(at.value, tree.Name) and at.value.id in words:
        return at.value.id
    if isinstance(at.value, tree.Name | tree.Call):
        word = at.value.id if isinstance(at.value, tree.Name) else at.value.function.id
        if (at.name, word) in REFUSED and use.declared is None:
            fault = BadOptimizerOption(at.name, *REFUSED[at.name, word])
            return ctx.report(fault, at.value.span)
    if isinstance(at.value, tree.Call) and at.value.function.id in {*words} & {*ALL_RULES}:
        return use_of(network, at.value)
    if words and at.name not in numeric:
        known_ones = ", ".join(f"`{word}`" for word in words if word)
        fault = BadOptimizerOption(at.name, f"is one of {known_ones}", "")
        return ctx.report(fault, at.value.span)
    if at.name in flags:

        def no_flag(found: str) -> BadOptimizerOption:
            problem = f"is `true` or `false`, not {found}"
            return BadOptimizerOption(at.name, problem, f"write `{at.name}=true`")

        return flag(ctx, evaluate(ctx, at.value), at.value.span, no_flag)
    if at.name in BLOCKS and at.name not in numeric:
        return ctx.report(BadOptimizerOption(at.name, *BLOCKED), at.span)
    if at.name not in numeric:
        known = sorted({*numeric, *flags, *known_words(use)})
        meant = MEANT.get(at.name)
        similar = [meant] if meant in known else get_close_matches(at.name, known, n=1)
        hint = f"did you mean `{similar[0]}`?" if similar else f"it has {', '.join(known)}"
        if (use.name, at.name) in OTHER_RULES:
            hint = f"that is another one: `{OTHER_RULES[use.name, at.name]}`"
        fault = BadOptimizerOption(at.name, f"is no option of `{use.name}`", hint)
        return ctx.report(fault, at.span)
    node = timed(ctx, at.value, f"the option `{at.name}`")
    if isinstance(node, Broken):
        return BROKEN
    problem = _problem(use, at.name, node)
    if problem:
        return ctx.report(BadOptimizerOption(at.name, problem, ""), at.value.span)
    return node


def _problem(use: OptimizerUse, name: str, node: Node) -> str:
    """Return what is wrong with the value of an option, or the empty string."""
    declared = use.declared is not None
    if problem := out_of_shape(declared, name, node.shape):
        return problem
    if time_in(node) is not None:  # looked at when the number of steps is known
        return ""
    if name == "every" and float(at_defaults(node)) != 1:
        return "is 1: roots of earlier statistics are not kept, the present ones are always taken"
    values = map(float, at_defaults(node).flat)
    return next(filter(None, (out_of_range(use.name, declared, name, x) for x in values)), "")
