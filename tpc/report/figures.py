"""A verification -> a figure: the distance between finite widths and the limit, against the width.

The only user of matplotlib, through figure objects alone: nothing is shown, no global state is
touched.
"""

from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tpc.report.numbers import format_entry
from tpc.report.verification import farthest_rate
from tpc.simulation.result import Array, Comparison, Rate, Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
"""Distinct also to colour-blind eyes."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


def draw_convergence(verification: Verification) -> "Figure":
    """Draw |finite - limit| against the width, one line for each output, on logarithmic axes.

    Of an array it is the root mean square over entries. The thin dotted line of the same colour is
    one standard error, of finite values and limit together: a distance at or below it is noise,
    which falls as n^(-1/2) until the error of the limit is reached. What stands above it should
    fall as 1/n. Where rates have been fitted, the legend has the power of the most significant
    entry, and a second panel shows how far scalars fluctuate from trial to trial.
    """
    from matplotlib.figure import Figure

    rates = verification.rates
    fluctuating = [index for index, rate in enumerate(rates) if _fluctuates(rate)]
    figure = Figure(figsize=(12.0 if fluctuating else 7.5, 4.6), layout="constrained")
    axes = figure.add_subplot(1, 2 if fluctuating else 1, 1)
    widths = np.array(verification.widths, dtype=np.float64)
    curves = [_curve(found) for found in verification.comparisons]
    if rates:
        labels = [_power(rate) for rate in rates]
        curves = [replace(c, name=c.name + p) for c, p in zip(curves, labels, strict=True)]
    visible = [curve for curve in curves if curve.shown.any()]
    for index, curve in enumerate(visible):
        _draw_curve(axes, widths, curve, index)
    if visible:
        _draw_guides(axes, widths, max(float(c.height[c.shown].max()) for c in visible))
    for curve in curves:
        if not curve.shown.any():
            axes.plot([], [], linestyle="none", label=f"{curve.name}: {curve.why_not}")
    _label_axes(axes, verification, "| finite width - limit |, rms over entries")
    if fluctuating:
        second = figure.add_subplot(1, 2, 2)
        for place, index in enumerate(fluctuating):
            _draw_fluctuation(second, verification, index, place)
        _label_axes(second, verification, "standard deviation over trials, rms over entries")
        second.legend(frameon=False, fontsize="small")
        axes.legend(frameon=False, fontsize="small")
    else:
        figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure


def _label_axes(axes: "Axes", verification: Verification, words: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    names = [str(width) for width in verification.widths]
    axes.set_xticks(verification.widths, names, rotation=45 if len(names) > 7 else 0)
    axes.minorticks_off()
    axes.set_xlabel("width n")
    axes.set_ylabel(words)
    axes.grid(True, alpha=0.25)


def _power(rate: Rate) -> str:
    at = farthest_rate(rate)
    if not rate.significant[at]:
        return ""
    return f", p = {format_entry(rate.exponent, rate.exponent_stderr, at)}"


def _fluctuates(rate: Rate) -> bool:
    return bool(np.isfinite(rate.fluctuation).any())


def _draw_fluctuation(axes: "Axes", verification: Verification, index: int, place: int) -> None:
    """Draw the spread over trials of a scalar, with the power of its first entry."""
    found, rate = verification.comparisons[index], verification.rates[index]
    over = tuple(range(1, found.finite.ndim))
    spread = np.sqrt(verification.trials * np.mean(found.finite_stderr**2, axis=over))
    at = tuple(np.argwhere(np.isfinite(rate.fluctuation))[0])
    q = format_entry(rate.fluctuation, rate.fluctuation_stderr, at)
    axes.plot(
        verification.widths,
        spread,
        color=COLOURS[place % len(COLOURS)],
        marker=MARKERS[place % len(MARKERS)],
        markersize=5,
        linewidth=1.5,
        label=f"{found.output}: n^-{q}",
    )


def save_convergence(verification: Verification, path: str | PathLike[str]) -> None:
    """Draw the figure into a file, whose suffix says the format (png, svg, pdf).

    Raises:
        ValueError: There is no such format.
        OSError: The file cannot be written.
    """
    draw_convergence(verification).savefig(path, dpi=160)


@dataclass(frozen=True, slots=True)
class _Curve:
    """One line of the figure: distance and standard error, and where there is one to draw."""

    name: str
    height: Array
    error: Array
    shown: npt.NDArray[np.bool_]
    why_not: str


def _curve(found: Comparison) -> _Curve:
    over = tuple(range(1, found.finite.ndim))
    with np.errstate(invalid="ignore"):  # infinities have no distance
        height = np.sqrt(np.mean((found.finite - found.limit) ** 2, axis=over))
    error = np.sqrt(np.mean(found.finite_stderr**2 + found.limit_stderr**2, axis=over))
    rounding = 1e-13 * max(1.0, float(np.abs(found.limit).max(initial=0.0)))
    return _Curve(
        name=found.output if found.part == "value" else f"{found.output} {found.part}",
        height=height,
        error=error,
        shown=(height > rounding) & np.isfinite(height),
        why_not="exact" if (height <= rounding).all() else "not a number",
    )


def _draw_curve(axes: "Axes", widths: Array, curve: _Curve, index: int) -> None:
    colour = COLOURS[index % len(COLOURS)]
    axes.plot(
        widths[curve.shown],
        curve.height[curve.shown],
        color=colour,
        marker=MARKERS[index % len(MARKERS)],
        linestyle=("-", "--", "-.")[index // len(COLOURS) % 3],
        markersize=5,
        linewidth=1.5,
        label=curve.name,
    )
    noisy = curve.shown & (curve.error > 0)
    axes.plot(widths[noisy], curve.error[noisy], color=colour, linestyle=":", linewidth=1.0)


def _draw_guides(axes: "Axes", widths: Array, height: float) -> None:
    axes.plot([], [], color="black", linestyle=":", linewidth=1.0, label="one standard error")
    for power, words, style in ((-0.5, "$n^{-1/2}$", "--"), (-1.0, "$n^{-1}$", "-.")):
        axes.plot(
            widths,
            1.6 * height * (widths / widths[0]) ** power,
            color="#999999",
            linestyle=style,
            linewidth=1.1,
            label=words,
            zorder=1,
        )
