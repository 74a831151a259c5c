"""Statements -> the same, each marked with the nodes that need it.

An expectation that has a Hermite series is an average of kets on random nodes and a number on
grids: two statements bind it. Kets that nothing else needs are computed on random nodes alone,
the variances of a series on grids alone.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

from tpc.codegen.statement import Mode, Statement


def mark_modes(body: Iterable[Statement], returned: Iterable[str]) -> tuple[Statement, ...]:
    """Mark the statements of a function.

    Args:
        body: The statements in order; those with a mode are for it alone.
        returned: The variables that the function's result reads.
    """
    statements, results = list(body), list(returned)
    if not results or not any(statement.mode for statement in statements):
        return tuple(statements)
    needed: list[set[int]] = []
    for mode in get_args(Mode)[1:]:
        live, found = set(results), set()
        for index in range(len(statements) - 1, -1, -1):
            statement = statements[index]
            if statement.mode not in ("", mode):
                continue
            # Products of a matrix with earlier operands decide the later ones.
            if statement.target in live or statement.updates in live:
                found.add(index)
                live |= statement.reads
        needed.append(found)
    marked = []
    for index, statement in enumerate(statements):
        match tuple(index in found for found in needed):
            case True, True:
                marked.append(statement)
            case True, False:
                marked.append(replace(statement, mode="sampled"))
            case False, True:
                marked.append(replace(statement, mode="integrated"))
    return tuple(marked)
