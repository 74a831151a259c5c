"""A classification -> text, LaTeX, JSON: the exponents of weights and what they mean in practice.

Rows are made once and printed in three ways. Powers of n stand in front of the constants that the
program names: `n^-1/2` under `init` is a standard deviation of init / sqrt(n).
"""

from dataclasses import dataclass
from math import isinf

from tpc.network.criteria import shown
from tpc.network.forms import FORMS, Form, Practice, practice
from tpc.network.global_norms import global_norm
from tpc.network.optimizers.update import acts_on_operators, words_of
from tpc.network.roles import Role
from tpc.network.scales import Classification, Regime, WeightScale, near
from tpc.report.families import grouped, whole_family
from tpc.report.numbers import Json

MEANINGS = {
    Regime.FEATURE_LEARNING: "features move and the output follows an average over the width",
    Regime.OPERATOR: "features stay as drawn and the output moves by a fixed operator",
    Regime.TRIVIAL: "the output stays as it was at initialisation",
    Regime.UNFAITHFUL: "update functions see gradients that vanish or blow up with the width",
    Regime.UNSTABLE: "something blows up with the width",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text under headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def classification_to_json(found: Classification, program_name: str) -> dict[str, Json]:
    """Return the one object that `tpc classify --json` prints."""
    regimes = {violation.regime for violation in found.violations}
    return {
        "program": program_name,
        "command": "classify",
        "parametrization": speak(found),
        "optimizer": _optimizers(found),
        "perceptron": found.depth is not None,
        "hidden_layers": found.depth,
        "regime": found.regime.value,
        "stable": Regime.UNSTABLE not in regimes,
        "faithful": Regime.UNFAITHFUL not in regimes,
        "trivial": Regime.TRIVIAL in regimes,
        "feature_learning": found.regime is Regime.FEATURE_LEARNING,
        "r": _number(found.r),
        "a_out": found.out,
        "output_gradient": found.gradient,
        "violations": [
            {"makes": v.regime.value, "condition": v.condition, "found": v.found}
            for v in found.violations
        ],
        "weights": [
            _family_to_json(whole_family(name, found.network), family, found)
            for name, family in grouped(
                found.weights,
                lambda weight: weight.name,
                lambda weight: repr({**_weight_to_json(weight, found), **_SINGLE}),
            )
        ],
    }


def classification_to_text(found: Classification) -> str:
    """Return tables for the terminal."""
    parts = [_headline(found), text_table(exponent_table(found)), _verdict(found)]
    for form in FORMS:
        parts.append(f"In practice, with {form}:\n" + text_table(practice_table(found, form)))
        parts += _at_a_constant_rate(found, form)
    return "\n\n".join([*parts, *_notes(found)]) + "\n"


def classification_to_latex(found: Classification) -> str:
    """Return tables for a paper."""
    parts = [f"% {_headline(found)}", _latex_table(exponent_table(found))]
    parts += [f"% {line}" for line in _verdict(found).splitlines()]
    for form in FORMS:
        parts += [f"% in practice, with {form}", _latex_table(practice_table(found, form))]
    return "\n".join(parts) + "\n"


def speak(found: Classification) -> str:
    """Return the name of a parametrization with its argument."""
    chosen = found.parametrization
    return f"uniform({shown(chosen.s)})" if chosen.name == "uniform" else chosen.name


# ------------------------------------------------------------------------------------------ tables


def exponent_table(found: Classification) -> Table:
    """Return a, b, c, d and r of every weight."""
    has_limit = found.regime not in (Regime.UNSTABLE, Regime.UNFAITHFUL)

    def cells(weight: WeightScale) -> tuple[str, ...]:
        r = "" if isinf(weight.r) else shown(weight.r)
        return (*(shown(x) for x in _exponents(weight)), r, _in_limit(weight, has_limit))

    families = grouped(found.weights, lambda w: w.name, lambda w: (w.role, cells(w)))
    rows = [
        (whole_family(name, found.network), _role(family), *cells(family[0]))
        for name, family in families
    ]
    rows.append(("output", "", shown(found.out), "", "", "", "", ""))
    return Table(("weight", "role", "a", "b", "c", "d", "r", "in the limit"), tuple(rows))


def practice_table(found: Classification, form: Form) -> Table:
    """Return multiplier, init, learning rate and so on, as powers of n."""
    rows = [
        (weight, practice(weight, found, form), found.width_of(weight.name))
        for weight in found.weights
    ]
    families = grouped(rows, lambda row: row[0].name, lambda row: row[1:])
    practices = [family[0][1:] for _, family in families]
    training = found.network.training
    bounded = training is not None and training.bound is not None
    columns = {
        "multiplier": [_power(p.multiplier, n) for p, n in practices],
        "init": [_power(p.init, n) for p, n in practices],
        "learning rate": [_power(p.rate, n) for p, n in practices],
        "eps": [_power(p.eps, n) for p, n in practices],
        "gradient in Q": [_power(p.gradient, n) for p, n in practices],
        "clip norm at": [_power(p.threshold, n) for p, n in practices],
        "gradient norm": [_power(p.norm, n) if bounded else "" for p, n in practices],
        "weight decay": [_power(p.decay, n) for p, n in practices],
    }
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    names = [whole_family(name, found.network) for name, _ in families]
    return Table(("weight", *kept), tuple(zip(names, *kept.values(), strict=True)))


def _role(family: tuple[WeightScale, ...]) -> str:
    role, layers = family[0].role.value, [w.layer for w in family if w.layer is not None]
    if len(layers) > 1:
        return f"{role}, layers {min(layers)} to {max(layers)}"
    return f"{role}, layer {layers[0]}" if layers else role


def _exponents(weight: WeightScale) -> tuple[float, float, float, float]:
    e = weight.written
    return e.a, e.b, e.c - weight.lowered, e.d


def _in_limit(weight: WeightScale, has_limit: bool) -> str:
    if not has_limit:
        return ""
    words = [word for word, holds in (("drawn", weight.starts), ("moves", weight.moves)) if holds]
    return ", ".join(words) or "vanishes"


def _power(exponent: float | None, width: str) -> str:
    if exponent is None:
        return ""
    match shown(exponent):
        case "0":
            return "1"
        case "1":
            return width
        case text:
            return f"{width}^{text}"


# ------------------------------------------------------------------------------------------- words


def _headline(found: Classification) -> str:
    what = "a network that is no perceptron"
    if found.depth is not None:
        layers = "layer" if found.depth == 1 else "layers"
        what = f"a perceptron of {found.depth} hidden {layers}"
    return f"{found.network.name}: {what}, {speak(found)} with {_optimizers(found)}"


def _verdict(found: Classification) -> str:
    lines = [f"{found.regime.value}: {MEANINGS[found.regime]}"]
    size = f"r* = {shown(found.r)}, A = {shown(found.gradient)}"
    lines.append(f"{size} (features move by n^-r*, gradients of the output are n^-A)")
    lines += [f"not {_property(v.regime)}: {v.found}" for v in found.violations]
    return "\n".join(lines)


def _property(regime: Regime) -> str:
    match regime:
        case Regime.UNSTABLE:
            return "stable"
        case Regime.UNFAITHFUL:
            return "faithful"
        case _:
            return "nontrivial"


def _notes(found: Classification) -> list[str]:
    notes = []
    if any(weight.lowered for weight in found.weights):
        notes.append(
            "c is lowered by 1/2 for each growing axis: updates are divided by Frobenius norms."
        )
    notes.append(
        "Weight decay: that of libraries, whose factor in a step is 1 - rate * weight_decay. "
        "That of `decay`, 1 - decay, has no n."
    )
    if any(w.role is not Role.MATRIX and acts_on_operators(w.optimizer) for w in found.weights):
        notes.append(
            "Vector-like weights are n x d for optimizers of operators, output-like ones e x n; "
            "`layout=transposed` exchanges the two, as for tables V x n."
        )
    if found.network.training and (bound := found.network.training.bound):
        norm = global_norm(found, bound.weights)
        sees = ", ".join(norm.seen)
        notes.append(
            f"The common norm of gradients sees {sees}; as trained here it is of size "
            f"{_power(norm.kappa, found.network.dim.name)}, and so are thresholds of `clip_global`."
        )
    if any(weight.role is Role.OUTPUT for weight in found.weights):
        notes.append("The multiplier of output-like weights holds that of the output.")
    if len(found.network.dims) > 1:
        notes.append("The powers of a matrix are those of its columns, of a vector of its entries.")
    return notes


def _at_a_constant_rate(found: Classification, form: Form) -> list[str]:
    """Return a line that says by which powers of n updates go wrong where rates stay, if any do."""
    wrong = []
    rows = [(weight, practice(weight, found, form).rate) for weight in found.weights]
    for name, family in grouped(rows, lambda row: row[0].name, lambda row: row[1]):
        weight, rate = family[0]
        if not isinf(weight.r) and not near(rate, 0):
            scale = words_of(weight.optimizer).get("scale", "none")
            convention = f" ({scale})" if scale != "none" else ""
            size = _power(abs(rate), found.width_of(weight.name))
            wrong.append(f"{name}{convention} {size} too {'small' if rate > 0 else 'large'}")
    return [f"At a constant learning rate updates are: {', '.join(wrong)}"] if wrong else []


def _optimizers(found: Classification) -> str:
    names = dict.fromkeys(weight.optimizer.name for weight in found.weights)
    return ", ".join(names)


# ---------------------------------------------------------------------------------------- printing


def text_table(table: Table) -> str:
    """Return a table for the terminal."""
    lines = [table.headings, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _latex_table(table: Table) -> str:
    rows = [" & ".join(table.headings) + r" \\ \hline"]
    rows += [" & ".join(map(_latex_cell, row)) + r" \\" for row in table.rows]
    body = "\n".join(f"  {row}" for row in rows)
    return f"\\begin{{tabular}}{{l{'l' * (len(table.headings) - 1)}}}\n{body}\n\\end{{tabular}}"


def _latex_cell(cell: str) -> str:
    base, hat, power = cell.partition("^")
    if hat and base.isidentifier():
        return f"${base}^{{{power}}}$"
    if cell == "n" or cell.lstrip("-").replace("/", "").isdigit():
        return f"${cell}$"
    return cell.replace("_", r"\_")


_SINGLE: dict[str, Json] = {"name": "", "layer": None}
"""What tells the members of a family apart."""


def _family_to_json(
    name: str, family: tuple[WeightScale, ...], of: Classification
) -> dict[str, Json]:
    """Return what all weights of a row have in common, and the layer of each."""
    found, layers = _weight_to_json(family[0], of), [weight.layer for weight in family]
    layer: Json = list(layers) if len(family) > 1 and any(layers) else layers[0]
    return {**found, "name": name, "layer": layer}


def _weight_to_json(weight: WeightScale, of: Classification) -> dict[str, Json]:
    a, b, c, d = _exponents(weight)
    return {
        "name": weight.name,
        "role": weight.role.value,
        "layer": weight.layer,
        "width": of.width_of(weight.name),
        "a": a,
        "b": b,
        "c": c,
        "d": d,
        "r": _number(weight.r),
        "drawn": weight.starts,
        "moves": weight.moves,
        "optimizer": weight.optimizer.name,
        "practice": {form: _practice_to_json(practice(weight, of, form)) for form in FORMS},
    }


def _practice_to_json(found: Practice) -> dict[str, Json]:
    return {
        "multiplier": found.multiplier,
        "init": found.init,
        "learning_rate": found.rate,
        "eps": found.eps,
        "gradient": found.gradient,
        "clip": found.threshold,
        "gradient_norm": found.norm,
        "weight_decay": found.decay,
    }


def _number(value: float) -> float | None:
    return None if isinf(value) else value
