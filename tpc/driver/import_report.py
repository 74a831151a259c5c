"""What a parametrization says of a model, in the names of its own tensors.

A tensor of the model is drawn with entries c n^b; the parametrization, with multipliers of 1, asks
for c n^init and a learning rate that goes like n^rate. So a model of width n that is to train like
one of width n0 multiplies tensors by (n / n0)^(init - b) and learning rates by (n / n0)^rate.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tpc.diagnostics import UsageError
from tpc.driver import compiler
from tpc.driver.shown import ShownNetwork
from tpc.importing.translate import Translated
from tpc.network.criteria import shown
from tpc.network.forms import Practice, practice
from tpc.network.roles import Role
from tpc.network.scales import Classification, WeightScale
from tpc.report.classification import Table, text_table


@dataclass(frozen=True, slots=True)
class TensorScale:
    """A tensor of the model under a parametrization.

    Attributes:
        tensor: Its name in the model.
        role: What it is to the network.
        constant: c, as it is drawn now; the start where it is a constant.
        now: b; None where it starts at a constant.
        wanted: What the parametrization asks for, with multiplier 1.
        width: The width that powers are of, as a multiple of the model's.
    """

    tensor: str
    role: Role
    constant: str
    now: Fraction | None
    wanted: Practice
    width: Fraction


@dataclass(frozen=True, slots=True)
class Report:
    """A parametrization of a model.

    Attributes:
        tensors: In the order of the network.
        classification: Of the network.
        optimizer: As it was asked for.
        notes: Of the import.
    """

    tensors: tuple[TensorScale, ...]
    classification: Classification
    optimizer: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return report_text(self)


def report(
    translated: Translated, network: ShownNetwork, optimizer: str, parametrization: str
) -> Report:
    """Return what a parametrization says of a model.

    Args:
        translated: The model as a network.
        network: The network.
        optimizer: As in `tpc classify`.
        parametrization: As there.

    Raises:
        UsageError: There is no such optimizer or parametrization, or it does not suit the network.
    """
    found = compiler.classify(network, optimizer, parametrization)
    seen: dict[str, TensorScale] = {}
    weights = {weight.name: weight for weight in network.weights}
    for scale in found.weights:
        tensor = translated.pieces[scale.name].tensor
        if tensor not in seen:
            dim = network.dim_of(weights[scale.name])
            width = dim.ratio / network.dims["n"].ratio
            seen[tensor] = _tensor(translated, tensor, scale, found, width)
    return Report(tuple(seen.values()), found, optimizer, translated.notes)


def _tensor(
    translated: Translated, tensor: str, scale: WeightScale, of: Classification, width: Fraction
) -> TensorScale:
    wanted = practice(scale, of, "multiplier 1")
    drawn = translated.scales.get(tensor)
    if drawn is None or not drawn.constant:
        constant = "as drawn" if drawn is None else f"{drawn.mean:g}"
        return TensorScale(tensor, scale.role, constant, None, wanted, width)
    return TensorScale(tensor, scale.role, drawn.text, drawn.power, wanted, width)


def report_text(found: Report) -> str:
    """Return a table for the terminal, tensors of blocks in one row, and the notes."""
    heads = ("parameter", "role", "init now", "init", "learning rate", "eps", "weight decay")
    rows: dict[tuple[str, ...], None] = {}
    for each in found.tensors:
        n = _width(each.width)
        wanted = each.wanted
        cells = (
            re.sub(r"\.\d+\.", ".*.", each.tensor),
            each.role.value,
            _product(each.constant, each.now, n if each.role is not Role.VECTOR else "n"),
            each.constant
            if each.now is None
            else _product(each.constant, wanted.init, n if each.role is not Role.VECTOR else "n"),
            _product("", wanted.rate, n),
            "" if wanted.eps is None else _product("", wanted.eps, n),
            _product("", wanted.decay, n),
        )
        rows[cells] = None
    chosen = found.classification.parametrization.name
    lines = [
        f"{chosen} with {found.optimizer}: {found.classification.regime.value}",
        "",
        text_table(Table(heads, tuple(rows))),
    ]
    lines += ["", *(f"! {note}" for note in found.notes)] if found.notes else []
    kinds = dict.fromkeys(
        re.sub(r"\[[\d,]+\]", "[...]", f"{each.condition}: {each.found}")
        for each in found.classification.violations
    )
    lines += ["", *(f"x {kind}" for kind in kinds)] if kinds else []
    return "\n".join(lines) + "\n"


def _width(ratio: Fraction) -> str:
    if ratio == 1:
        return "n"
    top = "n" if ratio.numerator == 1 else f"{ratio.numerator} n"
    return f"({top})" if ratio.denominator == 1 else f"({top} / {ratio.denominator})"


def _product(constant: str, power: Fraction | float | None, width: str) -> str:
    """Return c n^p as a person would write it."""
    if not power:
        return constant or "1"
    spelled = width if power == 1 else f"{width}^{shown(float(power))}"
    return spelled if constant in ("", "1") else f"{constant} {spelled}"


# -------------------------------------------------------------------------------------- in practice


def width_of(translated: Translated, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the width of a model by the shapes of its tensors.

    Raises:
        UsageError: No tensor of the network is there, or shapes say different widths.
    """
    widths = set()
    for piece in translated.pieces.values():
        if piece.tensor not in shapes:
            raise UsageError(f"not the imported model: it has no tensor `{piece.tensor}`")
        for size, axis in zip(shapes[piece.tensor], piece.axes, strict=True):
            ratio = Fraction(1)
            for factor in axis:
                ratio *= factor.ratio
            if any(factor.grows for factor in axis):
                widths.add(Fraction(size) / ratio)
    if len(widths) != 1 or next(iter(widths)).denominator != 1:
        raise UsageError("the model's tensors are not of one width")
    return int(widths.pop())


def param_groups(
    found: Report, parameters: Iterator[tuple[str, Any]], lr: float, growth: float
) -> list[dict[str, Any]]:
    """Return groups of parameters for an optimizer of PyTorch, those of one rate together.

    Args:
        found: The report.
        parameters: The model's, by name.
        lr: The learning rate at the base width.
        growth: The model's width by the base width.
    """
    rates = {each.tensor: growth ** float(each.wanted.rate) for each in found.tensors}
    groups: dict[float, list[Any]] = {}
    for name, parameter in parameters:
        groups.setdefault(lr * rates.get(name, 1.0), []).append(parameter)
    return [{"params": members, "lr": rate} for rate, members in groups.items()]


def factors(found: Report, growth: float) -> dict[str, float]:
    """Return what each tensor is to be multiplied by.

    Args:
        found: The report.
        growth: The model's width by the base width, at which it stays as it is.
    """
    return {
        each.tensor: growth ** (each.wanted.init - float(each.now))
        for each in found.tensors
        if each.now is not None
    }
