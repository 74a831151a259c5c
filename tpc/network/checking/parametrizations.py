"""`parametrization mup`, `mup(depth=a)`, `uniform(s)`, `custom(matrix=[a, b, c, d], ...)`."""

from difflib import get_close_matches
from typing import Literal

from tpc.diagnostics import Span
from tpc.diagnostics.training_faults import BadParametrization
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.options import exponents_of
from tpc.network.network import Exponents, Parametrization, WeightKind
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import number
from tpc.program.checking.values import BROKEN, Broken
from tpc.syntax import tree

PLAIN: tuple[Literal["ntp", "mup", "sp", "meanfield"], ...] = ("ntp", "mup", "sp", "meanfield")

UNIFORM = "write `uniform(0.5)`: 0 is mup, and 1/2 is ntp"

DEEP = "write `mup(depth=1/2)` for blocks L^(-1/2) of weights drawn anew, `mup(depth=1)` for 1 / L"

CUSTOM = (
    "write `custom(matrix=[0, 0.5, 1, 1], vector=[0, 0, 0, 1], scalar=[0, 0, 0, 0], out=1)`, the "
    "exponents a, b, c, d of each kind of weight and that of the output"
)


def parametrization_of(network: NetworkDraft, at: tree.Expression) -> Parametrization | Broken:
    """Return what `parametrization` says."""
    ctx = network.draft.ctx
    match at:
        case tree.Name(id=name) if name in PLAIN:
            return _plain(network, at)
        case tree.Call(function=tree.Name(id="mup"), arguments=(), primes=0):
            return _deep(network, at)
        case tree.Call(function=tree.Name(id="uniform"), primes=0):
            return _uniform(ctx, at)
        case tree.Call(function=tree.Name(id="custom"), primes=0):
            return _custom(network, at)
    found = at.function if isinstance(at, tree.Call) else at
    if not isinstance(found, tree.Name):
        return _refused(ctx, "a parametrization goes by its name", _names(), at.span)
    if found.id in (*PLAIN, "uniform", "custom"):
        hint = {"uniform": UNIFORM, "custom": CUSTOM}.get(found.id, f"write `{found.id}` alone")
        return _refused(ctx, f"`{found.id}` is not written like this", hint, at.span)
    similar = get_close_matches(found.id, [*PLAIN, "uniform", "custom"], n=1)
    hint = f"did you mean `{similar[0]}`?" if similar else _names()
    return _refused(ctx, f"there is no parametrization `{found.id}`", hint, found.span)


def _names() -> str:
    return f"there are {', '.join(PLAIN)}, uniform(s) and custom(...)"


def _refused(ctx: Context, problem: str, hint: str, span: Span) -> Broken:
    return ctx.report(BadParametrization(problem, hint), span)


def _plain(network: NetworkDraft, at: tree.Name) -> Parametrization | Broken:
    name = next(known for known in PLAIN if known == at.id)
    deep = [w.name for w in network.weights.values() if w and w.kind is WeightKind.MATRIX]
    if name == "meanfield" and deep:
        problem = f"`meanfield` is mup for one hidden layer, and `{deep[0]}` makes a second one"
        return _refused(network.draft.ctx, problem, "write `parametrization mup`", at.span)
    return Parametrization(name, span=at.span)


def _deep(network: NetworkDraft, at: tree.Call) -> Parametrization | Broken:
    """Return `mup(depth=a)`, of a network with weights in a loop over a depth."""
    ctx, names = network.draft.ctx, [keyword.name for keyword in at.keywords]
    if names != ["depth"]:
        return _refused(ctx, "`mup(...)` takes `depth`, the exponent of blocks", DEEP, at.span)
    exponent = _number(ctx, at.keywords[0].value, DEEP)
    if isinstance(exponent, Broken):
        return BROKEN
    if not 0.5 <= exponent <= 1:
        problem = f"blocks are scaled by L^(-1/2) to L^-1, not by L^({-exponent:g})"
        return _refused(ctx, problem, DEEP, at.keywords[0].span)
    if not any(w and w.depth is not None for w in network.weights.values()):
        hint = "declare weights in a loop over a `depth`, or write `mup`"
        problem = "`mup(depth=...)` is for weights in a loop over a depth, and there are none"
        return _refused(ctx, problem, hint, at.span)
    return Parametrization("mup", span=at.span, depth=exponent)


def _uniform(ctx: Context, at: tree.Call) -> Parametrization | Broken:
    if len(at.arguments) != 1 or at.keywords:
        return _refused(ctx, "`uniform` takes one number", UNIFORM, at.span)
    s = _number(ctx, at.arguments[0], UNIFORM)
    return s if isinstance(s, Broken) else Parametrization("uniform", s, span=at.span)


def _number(ctx: Context, at: tree.Expression, hint: str) -> float | Broken:
    fault = BadParametrization("an exponent is a number", hint)
    return number(ctx, evaluate(ctx, at), at.span, "an exponent", lambda _: fault)


def _custom(network: NetworkDraft, at: tree.Call) -> Parametrization | Broken:
    """Return `custom(...)`, which must have exponents for every weight without its own."""
    ctx = network.draft.ctx
    if at.arguments:
        return _refused(ctx, "exponents go by the kind of weight", CUSTOM, at.arguments[0].span)
    kinds: dict[str, Exponents | Broken] = {}
    out: float | Broken | None = None
    for keyword in at.keywords:
        name, span = keyword.name, keyword.span
        if name in kinds or (name == "out" and out is not None):
            return _refused(ctx, f"`{name}` is given twice", "give each once", span)
        if name == "out":
            out = _number(ctx, keyword.value, CUSTOM)
        elif name in [kind.value for kind in WeightKind]:
            four = exponents_of(ctx, keyword.value, "a list of exponents")
            if four is None:
                four = _refused(ctx, f"`{name}` has four exponents", CUSTOM, keyword.value.span)
            kinds[name] = four
        else:
            return _refused(ctx, f"there are no exponents `{name}`", CUSTOM, span)
    wanted = {w.kind.value for w in network.weights.values() if w and w.exponents is None}
    missing: list[str] = [kind.value for kind in WeightKind if kind.value in wanted - kinds.keys()]
    missing += ["out"] if out is None else []
    if missing:
        return _refused(ctx, f"`custom` does not say `{missing[0]}`", CUSTOM, at.span)
    found = {kind: four for kind, four in kinds.items() if isinstance(four, Exponents)}
    if len(found) < len(kinds) or out is None or isinstance(out, Broken):
        return BROKEN
    return Parametrization(
        "custom", 0.0, found.get("matrix"), found.get("vector"), found.get("scalar"), out, at.span
    )
