"""The options of weights: `init` or `start`, `mult`, `lr`, `train`, `abcd` and `law`."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from tpc.diagnostics.network_faults import BadOption, BadOptionValue
from tpc.network.network import Exponents, WeightKind
from tpc.program.checking.context import Context
from tpc.program.checking.ensembles import IID_LAWS, law_ensemble
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.laws import limit_of, parametric
from tpc.program.checking.names import Draft
from tpc.program.checking.sorts import flag, static
from tpc.program.checking.values import BROKEN, Broken, show_shape
from tpc.program.ensembles import GAUSSIAN, Ensemble
from tpc.program.nodes import Node, Shape
from tpc.syntax import tree

FORMS = {
    "init": "`init=0.5`, the standard deviation of the tensor",
    "mult": "`mult=0.1`, the factor in front of it",
    "lr": "`lr=2`, the factor of its learning rate",
    "train": "`train=false`, to leave it as it is",
    "abcd": "`abcd=[0, 0.5, 1, 1]`, its own exponents",
    "start": "`start=1`, where a scalar-like or vector-like weight begins",
    "law": "`law=uniform`, the law of its entries",
}
"""Every option with an example."""

MEANT = {"variance": "init", "var": "init", "std": "init", "sd": "init", "scale": "mult"}
"""What other names of options usually mean."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options that the weights of one declaration share; see `tpc.network.network.Weight`."""

    init: Node
    mult: Node
    lr: Node
    trained: bool
    exponents: Exponents | None
    ensemble: Ensemble = GAUSSIAN
    starts: bool = False


def read_options(draft: Draft, at: tree.WeightDecl, kind: WeightKind) -> Options | Broken:
    """Return the options of a declaration, the value of `start` aside."""
    ctx = draft.ctx
    written: dict[str, tree.Keyword] = {}
    sound = True
    for option in at.options:
        fault = _misplaced(option.name, kind, written)
        if fault is not None:
            ctx.report(fault, option.span)
            sound = False
        written.setdefault(option.name, option)
    starts = kind is WeightKind.SCALAR or "start" in written
    default = {"init": 0.0 if starts else 1.0}
    ensemble = _law(draft, written.get("law"), kind)
    init, mult, lr = (
        _factor(ctx, written.get(name), default.get(name, 1.0)) for name in ("init", "mult", "lr")
    )
    trained = _flag(ctx, written.get("train"))
    exponents = _exponents(ctx, written.get("abcd"))
    if isinstance(init, Broken) or isinstance(mult, Broken) or isinstance(lr, Broken):
        return BROKEN
    if isinstance(trained, Broken) or isinstance(exponents, Broken) or not sound:
        return BROKEN
    if isinstance(ensemble, Broken):
        return BROKEN
    return Options(init, mult, lr, trained, exponents, ensemble, starts)


def start_of(ctx: Context, at: tree.WeightDecl, name: str, shape: Shape) -> Node | Broken:
    """Return where a scalar-like or vector-like weight begins."""
    found = next((option.value for option in at.options if option.name == "start"), None)
    return limit_of(ctx, found, name, shape)


def _misplaced(name: str, kind: WeightKind, written: dict[str, tree.Keyword]) -> BadOption | None:
    """Return what is wrong with an option, whatever its value is."""
    if name not in FORMS:
        similar = [MEANT[name]] if name in MEANT else get_close_matches(name, FORMS, n=1)
        hint = f"did you mean {FORMS[similar[0]]}?" if similar else f"there are {', '.join(FORMS)}"
        return BadOption(name, "no option of a weight", hint)
    if name in written:
        return BadOption(name, "given twice", "give each option once")
    if name == "law" and kind is WeightKind.SCALAR:
        return BadOption(name, "no option of a scalar-like weight", "it begins at a number")
    if name == "start" and kind is WeightKind.MATRIX:
        hint = "its entries are random, with the standard deviation `init`"
        return BadOption(name, f"no option of a {kind.value}-like weight", hint)
    if name == "init" and kind is WeightKind.SCALAR:
        hint = "it begins at a number: `start=0.5`"
        return BadOption(name, "no option of a scalar-like weight", hint)
    return None


def _factor(ctx: Context, at: tree.Keyword | None, default: float) -> Node | Broken:
    """Return a number that may be made of params."""
    if at is None:
        return ctx.shop.builder.number(default)
    node = parametric(ctx, at.value, f"the option `{at.name}`")
    if isinstance(node, Broken):
        return BROKEN
    if node.shape:
        found = f"an array of shape {show_shape(node.shape)}"
        return _bad_value(ctx, at, "a number", found)
    value = float(at_defaults(node))
    if not np.isfinite(value):
        return _bad_value(ctx, at, "a finite number", f"{value}")
    if at.name == "init" and value < 0:
        return _bad_value(ctx, at, "a standard deviation, at least 0", f"{value:g}")
    return node


def _law(draft: Draft, at: tree.Keyword | None, kind: WeightKind) -> Ensemble | Broken:
    """Return the law of a weight's entries, `uniform` or `student_t(5)`."""
    if at is None:
        return GAUSSIAN
    value = at.value
    match value:
        case tree.Name():
            law = tree.Ensemble(value.span, value, ())
        case tree.Call(function=name, arguments=arguments, keywords=(), primes=0):
            law = tree.Ensemble(value.span, name, arguments)
        case _:
            return _bad_value(draft.ctx, at, "the name of a law", "something else")
    found = law_ensemble(draft, law, integer=kind is WeightKind.VECTOR)
    if found is None:
        return _bad_value(draft.ctx, at, f"one of {', '.join(IID_LAWS)}", f"`{law.name.id}`")
    return found


def _flag(ctx: Context, at: tree.Keyword | None) -> bool | Broken:
    if at is None:
        return True
    value = evaluate(ctx, at.value)
    return flag(ctx, value, at.value.span, lambda found: _fault(at, "`true` or `false`", found))


def _exponents(ctx: Context, at: tree.Keyword | None) -> Exponents | Broken | None:
    if at is None:
        return None
    found = exponents_of(ctx, at.value, f"the option `{at.name}`")
    if found is None:
        return _bad_value(ctx, at, "a list of four numbers", _length(at.value))
    return found


def exponents_of(ctx: Context, at: tree.Expression, what: str) -> Exponents | Broken | None:
    """Return four static numbers as a, b, c, d; None where they are not four numbers."""
    known = static(ctx, evaluate(ctx, at), at.span, what)
    if isinstance(known, Broken):
        return BROKEN
    if known.shape != (4,):
        return None
    assert isinstance(known.value, np.ndarray)
    return Exponents(*map(float, known.value))


def _length(at: tree.Expression) -> str:
    return f"{len(at.items)} of them" if isinstance(at, tree.Array) else "something else"


def _bad_value(ctx: Context, at: tree.Keyword, wanted: str, found: str) -> Broken:
    return ctx.report(_fault(at, wanted, found), at.value.span)


def _fault(at: tree.Keyword, wanted: str, found: str) -> BadOptionValue:
    return BadOptionValue(at.name, wanted, found, FORMS[at.name])
