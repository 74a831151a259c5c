"""Steps of a path that is the input: `xi.step[l]` in a loop over a depth.

Over L rounds the step l is xi((l + 1) / L) - xi(l / L), an entry of the input. Over infinitely many
it is one part in L of the velocity of the path, which is the input then.
"""

from tpc.diagnostics import Span
from tpc.diagnostics.depth_faults import PathUsed
from tpc.program.checking.context import Context
from tpc.program.checking.values import Broken, Path
from tpc.program.nodes import Node, Placeholder


def step_of(ctx: Context, path: Path, key: int, span: Span) -> Node | Broken:
    """Return the step of a path in a round.

    Args:
        ctx: Where it is evaluated.
        path: The path.
        key: The number of the round.
        span: Where it stands.
    """
    depths, builder = ctx.shop.depths, ctx.building(span)
    depth, here = depths.around[-1] if depths.around else (depths.free, None)

    def refuse(why: str) -> Broken:
        return ctx.report(PathUsed(span.text(ctx.shop.text), why), span)

    if not depth:
        return refuse("no depth is declared before it")
    if path.depth not in ("", depth):
        return refuse(f"loops over `{path.depth}` take the steps of this path")
    infinite = depth in depths.counts
    if infinite and key != here:
        return refuse(f"at infinite depth `{depth}` a round takes its own step")
    rounds = depths.counts[depth] if infinite else depths.numbers[depth]
    if not 0 <= key < rounds:
        return refuse(f"there are rounds 0 to {rounds - 1}")
    if path.input is None:
        shape = path.shape if infinite else (rounds, *path.shape)
        made = builder.make(Placeholder, (), shape, path.name)
        assert isinstance(made, Placeholder)
        path.depth, path.input = depth, made
    if infinite:
        return builder.div(path.input, depths.lengths[depth])
    return builder.take(path.input, (key, *(None for _ in path.shape)))
