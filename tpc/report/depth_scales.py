"""How a network goes with its depth -> text and JSON, beside the classification of its width."""

from fractions import Fraction

from tpc.depth.phases import Phase
from tpc.depth.scales import DepthScales, WeightInDepth
from tpc.report.numbers import Json

FACTS = {
    "one": (
        "Of blocks of one matrix Tensor Programs VI calls alpha = 1/2 optimal: features at two "
        "depths differ most, |x(tau + e) - x(tau)| ~ e^(1/2) against e at alpha = 1."
    ),
    "linearised": (
        "Blocks are linearised: at alpha < 1 products of the updates of two matrices of a block "
        "vanish. The limit exists and learns features."
    ),
    "dispute": (
        "The literature differs: Tensor Programs VI calls no alpha transferable for blocks of two "
        "and more matrices, CompleteP calls alpha = 1 the one whose blocks are not linearised and "
        "which transfers in transformers. Both are right of the limits."
    ),
    "unchecked": "Powers of biases, gains and tied weights have not been checked in training.",
}


def depth_to_text(found: DepthScales) -> str:
    """Return the lines and the table of a depth."""
    lines = [f"In depth, {found.depth} → ∞: {_headline(found)}", *found.words]
    if found.phase is not None:
        lines += phase_lines(found.phase)
    if found.weights:
        lines += ["", *_table(found), ""]
        lines += [_update(weight, found.depth) for weight in found.weights if weight.off]
    lines += facts(found)
    return "\n".join(lines).rstrip("\n") + "\n"


def _headline(found: DepthScales) -> str:
    if found.alpha is None:
        return found.verdict
    blocks = "one matrix" if found.block == 1 else f"{found.block} matrices"
    power = f"{found.depth}^-alpha with alpha = {found.alpha}"
    return f"{found.verdict}, branch {power}, blocks of {blocks}"


def _table(found: DepthScales) -> list[str]:
    rows = [("weight", "place", "multiplier", "init", "learning rate", "eps", "weight decay")]
    for weight in found.weights:
        branch = Fraction(0) if weight.place == "outside" else found.alpha or Fraction(0)
        eps = "" if weight.eps is None else _power(found.depth, weight.eps)
        cells = _power(found.depth, -branch), "1", _power(found.depth, weight.rate), eps, "1"
        rows.append((weight.name, weight.place, *cells))
    kept = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in kept]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*kept, strict=True)
    ]


def _power(depth: str, exponent: Fraction) -> str:
    if exponent == 0:
        return "1"
    return depth if exponent == 1 else f"{depth}^{exponent}"


def _update(weight: WeightInDepth, depth: str) -> str:
    size = "too large: they add up to" if weight.off > 0 else "too small: they add up to"
    name = f"as written, updates of {weight.name} are {size} {_power(depth, weight.off)}"
    return f"{name}; take `mup(depth=...)` or `lr={_power(depth, weight.rate)}`"


def facts(found: DepthScales) -> list[str]:
    """Return what is known of a depth, the disagreements of the literature too."""
    if not found.weights or found.alpha is None:
        return []
    keys = []
    if found.block == 1 and not found.tied:
        keys = ["one"] if found.alpha == Fraction(1, 2) else []
    elif not found.tied:
        keys = ["linearised", "dispute"] if found.alpha < 1 else ["dispute"]
    others = [
        weight
        for weight in found.weights
        if weight.place == "tied" or (weight.place == "inside" and weight.kind.value != "matrix")
    ]
    return [FACTS[key] for key in [*keys, *(["unchecked"] if others else [])]]


def phase_lines(phase: Phase) -> list[str]:
    """Return what is to say of a fixed point."""
    lines = [f"{phase.name} phase: chi1 = {phase.chi1:.10g}, chi_c = {phase.chi_c:.10g}"]
    if phase.growth is not None:
        lines.append(f"variances go like {phase.growth:.10g}^l; relative to them:")
    lines.append(f"q* = {phase.q:.10g}, c* = {phase.c:.10g}")
    same, other = phase.tangent
    match phase.name:
        case "ordered":
            lines.append(f"correlations go to 1 like {phase.chi1:.6g}^l")
            lines += (
                []
                if same is None
                else [f"the tangent kernel of the state is {same:.10g} everywhere"]
            )
        case "critical":
            p = phase.exponent
            if p is not None:
                power, share = 1 / (p - 1), (p - 1) / (2 * p - 1)
                lines.append(
                    f"correlations go to 1 like l^-{power:g}; the tangent kernel grows like l on "
                    f"the diagonal, and is {share:.4g} of it elsewhere"
                )
        case _:
            lines.append(f"correlations go to c* like {phase.chi_c:.6g}^l")
            lines.append(
                f"the tangent kernel of the state grows like {phase.chi1:.6g}^l on the diagonal"
                + ("" if other is None else f", and is {other:.10g} elsewhere")
            )
    return [*lines, f"as a classifier: {phase.classifier}"]


def depth_to_json(found: DepthScales) -> dict[str, Json]:
    """Return the object `depth` of `tpc classify --json`."""
    phase = found.phase
    return {
        "depth": "infinite",
        "verdict": found.verdict,
        "about": [*found.words, *facts(found)],
        "alpha": None if found.alpha is None else float(found.alpha),
        "block_depth": found.block,
        "tied": found.tied,
        "weights": [_weight_to_json(weight, found) for weight in found.weights],
        "phase": None if phase is None else _phase_to_json(phase),
    }


def _weight_to_json(weight: WeightInDepth, of: DepthScales) -> dict[str, Json]:
    branch = of.alpha if weight.place != "outside" and of.alpha is not None else Fraction(0)
    return {
        "name": weight.name,
        "place": weight.place,
        "multiplier": -float(branch),
        "init": 0.0,
        "learning_rate": float(weight.rate),
        "eps": None if weight.eps is None else float(weight.eps),
        "weight_decay": 0.0,
        "off": float(weight.off),
    }


def _phase_to_json(phase: Phase) -> dict[str, Json]:
    same, other = phase.tangent
    return {
        "name": phase.name,
        "growth": phase.growth,
        "q": phase.q,
        "c": phase.c,
        "chi1": phase.chi1,
        "chi_c": phase.chi_c,
        "exponent": phase.exponent,
        "kappa_0": phase.vote,
        "kappa_slope_0": phase.slope,
        "ntk": [same, other],
        "classifier": phase.classifier,
        "alpha": phase.alpha,
    }
