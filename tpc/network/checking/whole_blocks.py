"""What lines of a `train` block say of several weights: roles, a common norm, clipped entries.

    optimizer matrices: sgd(lr=0.3)     the weights of a role; a weight's own line comes first
    clip_global 1 over W, outputs       gradients times min(1, theta / nu), nu their common norm

Roles are known once the network is: `resolve` puts the weights in the place of their names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tpc.diagnostics.training_faults import BadSetting, NotAWeight
from tpc.network.checking.draft import NetworkDraft, TrainBlock
from tpc.network.checking.steps import (
    check_use,
    not_positive,
    problem_over_steps,
    setting_of_steps,
    time_in,
)
from tpc.network.network import GlobalBound, Network, OptimizerUse
from tpc.network.roles import Role, roles_of
from tpc.program.builder import Builder
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import flag, integer
from tpc.program.checking.values import Broken
from tpc.program.nodes import Node
from tpc.syntax import tree

ROLES = {
    "outputs": (Role.OUTPUT,),
    "matrices": (Role.MATRIX,),
    "vectors": (Role.VECTOR, Role.OUTPUT),
    "scalars": (Role.SCALAR,),
}
"""What a role stands for, the narrower of two first."""


@dataclass(frozen=True, slots=True)
class Among:
    """`over W, outputs`: names that have been looked at, of weights and of roles.

    Attributes:
        names: Those of weights.
        roles: Those of roles.
    """

    names: tuple[str, ...]
    roles: tuple[str, ...]


def among(network: NetworkDraft, names: Iterable[tree.Expression]) -> Among:
    """Return the weights and roles that names stand for; report those of neither."""
    weights: list[str] = []
    roles: list[str] = []
    for at in names:
        name = written_weight(network, at)
        members = network.groups.get(name, (name,))
        if network.weights.keys() >= set(members):
            weights += members
        elif name in ROLES:
            roles.append(name)
        else:
            groups = (group for group in network.groups if "[" not in group)
            known = ", ".join((*groups, *ROLES))
            fault = NotAWeight(name, "is no weight of this network", f"there are {known}")
            network.draft.ctx.report(fault, at.span)
    return Among(tuple(weights), tuple(roles))


def written_weight(network: NetworkDraft, at: tree.Expression) -> str:
    """Return what names one weight or several, `W` or `W[2]`, without blanks."""
    ctx = network.draft.ctx
    match at:
        case tree.Subscript(base=tree.Name(id=name), keys=keys) if name in network.groups:
            known = (
                integer(ctx, evaluate(ctx, key), key.span, "a family's key", "an integer")
                for key in keys
                if not isinstance(key, tree.Slice)
            )
            return f"{name}[{','.join(str(key) for key in known)}]"
        case _:
            return at.span.text(ctx.shop.text)


def global_bound(network: NetworkDraft, block: TrainBlock, at: tree.GlobalBound) -> None:
    """Set what bounds the common norm of gradients."""
    ctx, form = network.draft.ctx, "`clip_global 1` or `normalize_global true`"
    other = {"clip_global": "normalize_global", "normalize_global": "clip_global"}[at.word]
    if other in block.places:
        fault = BadSetting(at.word, f"the place of `{other}`", "one beside it", form)
        ctx.report(fault, at.span)
        return
    over = among(network, at.weights)
    threshold: Node | None = None
    if at.word == "normalize_global":
        value = evaluate(ctx, at.value)
        asked = flag(ctx, value, at.value.span, lambda x: BadSetting(at.word, "a flag", x, form))
        if asked is not True:
            return
    else:
        found = setting_of_steps(ctx, at.word, at.value, form)
        if isinstance(found, Broken):
            return
        threshold = found
    time = time_in(threshold) if threshold is not None else None
    block.bound = GlobalBound(threshold, over.names, at.span, time)
    block.bound_roles = over.roles


def check_over_steps(ctx: Context, block: TrainBlock, steps: int) -> None:
    """Report thresholds and options that leave their range in one of the steps."""
    bound = block.bound
    thresholds = {"clip_value": block.clip_value, "clip_global": bound and bound.threshold}
    for word, threshold in thresholds.items():
        found = problem_over_steps(threshold, steps, not_positive) if threshold else ""
        if found:
            fault = BadSetting(word, "a positive number", found, f"`{word} 1`")
            ctx.report(fault, block.places[word])
    uses = (block.optimizer, *block.own_optimizers.values(), *block.role_optimizers.values())
    for use in uses:
        if use is not None:
            check_use(ctx, in_block(ctx.building(use.span), use, block), steps)


def in_block(b: Builder, use: OptimizerUse, block: TrainBlock) -> OptimizerUse:
    """Return an optimizer with what the block says of all gradients and learning rates."""
    options = dict(use.options)
    if block.schedule is not None:
        lr = options.get("lr", b.number(1))
        assert isinstance(lr, Node)
        options["lr"] = b.mul(lr, block.schedule)
        decay = options.get("decay")
        if block.schedules_decay and isinstance(decay, Node):
            options["decay"] = b.mul(decay, block.schedule)
    if block.clip_value is not None:
        options["clip_value"] = block.clip_value
    return replace(use, options=tuple(options.items()), time=time_in(*options.values()))


def resolve(network: Network, draft: NetworkDraft) -> Network:
    """Return a network whose `train` block names weights in the place of roles.

    Weights without an optimizer are reported.
    """
    training, block, ctx = network.training, draft.block, draft.draft.ctx
    if training is None or block is None:
        return network
    used = block.role_optimizers or block.bound_roles
    roles = roles_of(network) if used else {}
    own, bound = dict(training.own_optimizers), training.bound
    for name in ROLES:
        use = block.role_optimizers.get(name)
        if use is not None:
            whole = in_block(ctx.building(use.span), use, block)
            own |= {w: whole for w, role in roles.items() if role in ROLES[name] and w not in own}
    for weight in network.weights:
        if block.optimizer is None and weight.trained and weight.name not in own:
            hint = "write `optimizer adam(lr=0.1)`, for all weights without one of their own"
            ctx.report(NotAWeight(weight.name, "has no optimizer", hint), training.span)
    if bound is not None:
        wanted = {role for name in block.bound_roles for role in ROLES[name]}
        everyone = not bound.weights and not wanted
        names = {w.name for w in network.weights if everyone or roles.get(w.name) in wanted}
        order = [w.name for w in network.weights if w.name in names | set(bound.weights)]
        bound = replace(bound, weights=tuple(order))
    resolved = replace(training, own_optimizers=tuple(own.items()), bound=bound)
    return replace(network, training=resolved)
