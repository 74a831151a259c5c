"""The arrays and numbers of a `train` block: inputs, targets, steps, batches."""

from math import lcm

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import TooLong
from tpc.diagnostics.training_faults import BadBatch, BadData, BadSetting, BadTargets
from tpc.network.checking.loss import Loss
from tpc.network.network import Array
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import flag, integer, static
from tpc.program.checking.values import BROKEN, Broken, Path, Static, show_shape
from tpc.program.nodes import Placeholder, Shape
from tpc.syntax import tree

MOST_STEPS = 1_000_000
"""More steps are not unrolled."""


def array_of(ctx: Context, at: tree.Expression, what: str) -> Array | Broken:
    """Return a static array of finite numbers."""
    known = static(ctx, evaluate(ctx, at), at.span, what)
    if isinstance(known, Broken):
        return BROKEN
    array = np.array(known.value, dtype=np.float64)
    if not np.isfinite(array).all():
        return ctx.report(BadSetting(what, "finite numbers", "infinity", "finite ones"), at.span)
    array.setflags(write=False)
    return array


def check_inputs(
    ctx: Context, found: Array, given: Placeholder, what: str, at: tree.Expression
) -> bool:
    """Whether an array holds rows of the shape of the input; otherwise report it."""
    shape = given.shape
    if found.ndim and found.shape[1:] == shape:
        return True
    hint = f"each row is one input, and `{given.name}` has shape {show_shape(shape)}"
    if found.shape == shape:
        hint = "one input makes an array of one row: put it in brackets"
    elif found.ndim == 2 and found.shape[:1] == shape:
        hint = "its columns are the inputs: transpose it by `.T`"
    fault = BadData(what, show_shape(found.shape), rows_of(None, shape), hint)
    ctx.report(fault, at.span)
    return False


def check_paths(ctx: Context, found: Array, path: Path, what: str, at: tree.Expression) -> bool:
    """Whether an array holds the vertices of paths; otherwise report it."""
    if found.ndim == 2 + len(path.shape) and found.shape[2:] == path.shape and found.shape[1] > 1:
        return True
    wanted = rows_of(None, (0, *path.shape)).replace("0", "vertices", 1)
    hint = f"each row is one path, at least two vertices of shape {show_shape(path.shape)}"
    ctx.report(BadData(what, show_shape(found.shape), wanted, hint), at.span)
    return False


def check_targets(
    ctx: Context, found: Array, rows: int | None, shape: Shape, at: tree.Expression
) -> bool:
    """Whether an array holds a target of the shape of the output for each row of inputs."""
    if found.ndim and found.shape[1:] == shape and rows in (None, found.shape[0]):
        return True
    hint = f"each row is the target of one input, of the shape {show_shape(shape)} of the output"
    if found.ndim and found.shape[-1] == 1 and found.shape[1:-1] == shape:
        hint = "drop its last axis by an index: `Y[:, 0]`"
    elif found.ndim and found.shape[1:] == shape:
        hint = f"there are {rows} inputs"
    fault = BadData("targets", show_shape(found.shape), rows_of(rows, shape), hint)
    ctx.report(fault, at.span)
    return False


def rows_of(rows: int | None, shape: Shape) -> str:
    """Write the shape of rows of a shape."""
    sizes = [str(rows) if rows is not None else "M", *map(str, shape)]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def check_labels(ctx: Context, loss: Loss, targets: Array, span: Span) -> None:
    """Report targets that a loss cannot have."""
    if loss.name != "logistic" or np.isin(targets, (-1.0, 1.0)).all():
        return
    wrong = targets[~np.isin(targets, (-1.0, 1.0))].flat[0]
    hint = "labels 0 and 1 become -1 and 1 by `2 * Y - 1`"
    fault = BadTargets("logistic", "takes targets -1 and 1", f"one of these is {wrong:g}", hint)
    ctx.report(fault, span)


def steps_of(ctx: Context, at: tree.Expression) -> int | Broken:
    """Return a positive number of steps."""
    steps = integer(ctx, evaluate(ctx, at), at.span, "the number of steps", "positive", 1)
    if not isinstance(steps, Broken) and steps > MOST_STEPS:
        return ctx.report(TooLong("the number of steps", MOST_STEPS), at.span)
    return steps


def flag_of(ctx: Context, at: tree.Expression) -> bool | Broken:
    """Return what `center` says."""

    def fault(found: str) -> BadSetting:
        return BadSetting("center", "`true` or `false`", found, "`center true`")

    return flag(ctx, evaluate(ctx, at), at.span, fault)


# ------------------------------------------------------------------------------------------ batches


def batch_of(
    ctx: Context, at: tree.Expression
) -> int | tuple[tuple[int, ...], ...] | Broken | None:
    """Return the size of a batch, or the rows of each one; None is `full`."""
    if isinstance(at, tree.Name) and at.id == "full":
        return None
    if isinstance(at, tree.Array) and at.items:
        # Batches may differ in size, so that the list need not be an array.
        batches = [_rows(ctx, evaluate_static(ctx, item), item.span) for item in at.items]
    else:
        known = evaluate_static(ctx, at)
        if isinstance(known, Static) and not known.shape:
            return integer(ctx, known, at.span, "the size of a batch", "a positive integer", 1)
        if isinstance(known, Broken):
            return BROKEN
        rows = np.atleast_1d(np.asarray(known.value))
        batches = [_rows(ctx, Static(row), at.span) for row in rows]
    sound = tuple(batch for batch in batches if not isinstance(batch, Broken))
    return sound if len(sound) == len(batches) else BROKEN


def evaluate_static(ctx: Context, at: tree.Expression) -> Static | Broken:
    """Return a static rows are read from."""
    advice = "write `batch full`, `batch 10` or `batch [[0, 1], [2, 3]]`"
    return static(ctx, evaluate(ctx, at), at.span, "a batch", advice)


def _rows(ctx: Context, known: Static | Broken, span: Span) -> tuple[int, ...] | Broken:
    """Return the rows of one batch."""
    if isinstance(known, Broken):
        return BROKEN
    rows = np.asarray(known.value, dtype=np.float64)
    if rows.ndim != 1 or not rows.size or (rows != np.rint(rows)).any():
        form = "`batch [[0, 1], [2, 3]]`, a list of rows for each batch"
        found = f"an array of shape {show_shape(rows.shape)}" if rows.ndim else "a number"
        found = "fractions" if rows.ndim == 1 and rows.size else found
        return ctx.report(BadSetting("batch", "lists of rows", found, form), span)
    return tuple(map(int, rows))


def cycle_of_batches(
    ctx: Context, batch: int | tuple[tuple[int, ...], ...] | None, rows: int, span: Span
) -> tuple[tuple[int, ...], ...] | Broken:
    """Return batches up to where they begin again; report rows that the data do not have."""
    if isinstance(batch, tuple):
        for listed in batch:
            problem = _problem(listed, rows)
            if problem:
                return ctx.report(BadBatch(problem, rows), span)
    elif batch is not None and batch > rows:
        return ctx.report(BadBatch(f"a batch of {batch} rows is larger than the data", rows), span)
    if isinstance(batch, tuple):
        return batch
    size = rows if batch is None else batch
    starts = range(0, lcm(size, rows), size)
    return tuple(tuple((start + at) % rows for at in range(size)) for start in starts)


def _problem(listed: tuple[int, ...], rows: int) -> str:
    for position, row in enumerate(listed):
        if not 0 <= row < rows:
            return f"there is no row {row}"
        if row in listed[:position]:
            return f"the row {row} stands twice in one batch"
    return ""
