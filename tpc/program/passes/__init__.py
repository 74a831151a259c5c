"""Passes over the program graph: each a function from a program to an equal, simpler program.

`normalise` names their order. Dead code goes first, since the other passes count what a program
needs. Averages are factored before matrices are pushed: what an average leaves behind are linear
combinations with scalar coefficients, which matrices then pass through. Laws of vectors come before
both, since products of what takes two values are linear in it. Both make expressions that
may exist already, so subexpressions are shared once more, and what nothing uses any longer is
dropped at the end.

    blocks -> drop_dead_code -> constant_kets -> laws_of_vectors -> share_subexpressions
                   -> factor_averages -> push_matrices -> share_subexpressions -> drop_dead_code
"""

from tpc.program.passes.blocks import blocks
from tpc.program.passes.constant_kets import constant_kets
from tpc.program.passes.drop_dead_code import drop_dead_code
from tpc.program.passes.factor_averages import factor_averages
from tpc.program.passes.laws_of_vectors import laws_of_vectors
from tpc.program.passes.push_matrices import push_matrices
from tpc.program.passes.share_subexpressions import share_subexpressions
from tpc.program.program import Program
from tpc.program.region import region_of

__all__ = [
    "blocks",
    "constant_kets",
    "drop_dead_code",
    "factor_averages",
    "laws_of_vectors",
    "normalise",
    "push_matrices",
    "share_subexpressions",
]


def normalise(program: Program) -> Program:
    """Return the program in the form that limits are derived from, equal at every width.

    A region has been normalised when it was made.
    """
    if region_of(program) is not None:
        return program
    for apply_pass in (
        blocks,
        drop_dead_code,
        constant_kets,
        laws_of_vectors,
        share_subexpressions,
        factor_averages,
        push_matrices,
        share_subexpressions,
        drop_dead_code,
    ):
        program = apply_pass(program)
    return program
