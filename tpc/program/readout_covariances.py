"""Readouts -> their covariance given everything but the vectors that they are linear in.

A readout f = n^(-1/2) sum over a of e_a is linear in initial vectors V that nothing else of it
depends on, e_a = sum over v in V and entries c of v of  x_ac v_ac. Given all x, f is normal with

    K = sum over v, c, d of Cov(v)_cd <x_c|x_d>,

at every finite width. So E f f^T = E K and E f_i^4 = 3 E K_ii^2: K has the same averages as f and
less noise. The x are found by putting 1 for one entry of one v, and 0 for all others.

Reference:
    Tensor Programs I, Corollary 5.5 (in the limit).
"""

from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from tpc.program.builder import Builder
from tpc.program.nodes import InitialVector, Node, operands
from tpc.program.passes.rebuild import rebuild
from tpc.program.program import Output, OutputKind, Program
from tpc.program.traversal import dependents, toposort

MOST_ENTRIES = 64
"""A readout that is linear in more entries keeps its own f f^T."""


def with_readout_covariances(program: Program) -> tuple[Program, frozenset[str]]:
    """Return the program whose readouts are their K, and the names of these."""
    builder = Builder()
    copied = rebuild(program, builder, lambda _, node: node)
    outputs, known = [], set()
    for output in copied.outputs:
        if output.kind is OutputKind.READOUT and _is_small(output, copied):
            covariance = _covariance(builder, output, copied)
            output = replace(output, kind=OutputKind.SCALAR, node=covariance)
            known.add(output.name)
        outputs.append(output)
    made = replace(copied, outputs=tuple(outputs), nodes=tuple(builder.nodes))
    return made, frozenset(known)


def _fresh(output: Output, program: Program) -> list[InitialVector]:
    return [
        node
        for node in program.nodes
        if isinstance(node, InitialVector) and node.name in output.fresh
    ]


def _is_small(output: Output, program: Program) -> bool:
    fresh = _fresh(output, program)
    return bool(fresh) and sum(prod(vector.shape) for vector in fresh) <= MOST_ENTRIES


def _covariance(b: Builder, output: Output, program: Program) -> Node:
    """Return K, of shape k + k."""
    fresh = _fresh(output, program)
    cone = _cone(output.node, set(fresh))
    total = b.number(0)
    for vector in fresh:
        entries = list(np.ndindex(vector.shape))
        coefficients = [_coefficient(b, cone, fresh, vector, entry) for entry in entries]
        for (c, x), (d, y) in product(enumerate(coefficients), repeat=2):
            if vector.covariance.shape:
                weight = b.take(vector.covariance, entries[c] + entries[d])
            elif c == d:
                weight = vector.covariance
            else:
                continue
            total = b.add(total, b.mul(weight, b.inner(x, y)))
    return total


def _cone(node: Node, fresh: set[InitialVector]) -> list[Node]:
    """Return what depends on fresh vectors, from them to the node."""
    below = toposort((node,), operands)
    found = dependents(below, fresh.__contains__)
    return [part for part in below if part in found]


def _coefficient(
    b: Builder,
    cone: list[Node],
    fresh: list[InitialVector],
    vector: InitialVector,
    entry: tuple[int, ...],
) -> Node:
    """Return e with 1 for one entry of one vector, and 0 for all others."""
    images: dict[Node, Node] = {}
    for v in fresh:
        value = np.zeros(v.shape)
        if v is vector:
            value[entry] = 1.0
        # It keeps the growing axis, though nothing depends on it.
        images[v] = b.add(b.mul(b.number(0), v), b.constant(value))
    for node in cone:
        if node in images:
            continue
        known = images | {part: part for part in operands(node) if part not in images}
        images[node] = b.copy(node, known)
    return images[cone[-1]]
