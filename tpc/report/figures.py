"""A verification -> a figure: the distance between finite widths and the limit, against the width.

The only user of matplotlib, through figure objects alone: nothing is shown, no global state is
touched.
"""

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tpc.simulation.result import Array, Comparison, Verification

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
    fall as 1/n.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    widths = np.array(verification.widths, dtype=np.float64)
    curves = [_curve(found) for found in verification.comparisons]
    visible = [curve for curve in curves if curve.shown.any()]
    for index, curve in enumerate(visible):
        _draw_curve(axes, widths, curve, index)
    if visible:
        _draw_guides(axes, widths, max(float(c.height[c.shown].max()) for c in visible))
    for curve in curves:
        if not curve.shown.any():
            axes.plot([], [], linestyle="none", label=f"{curve.name}: {curve.why_not}")
    axes.set_xticks(widths, [str(width) for width in verification.widths])
    axes.minorticks_off()
    axes.set_xlabel("width n")
    axes.set_ylabel("| finite width - limit |, rms over entries")
    axes.grid(True, alpha=0.25)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure


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
