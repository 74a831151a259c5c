"""The check of readouts (language.md, section 5): linear in fresh initial vectors of mean zero.

A readout of e has a centred Gaussian limit with covariance <e|e> where e, expanded into monomials,
is linear in a set V of mean-zero initial vectors, with coefficients that depend on none of V:

    e = sum over v in V of  (coefficient independent of V) * v

So V must hit every monomial of e exactly once, and no vector of V may occur anywhere else: twice in
a monomial, in a nonlinearity, a MatMul, an average or a denominator.
"""

from dataclasses import dataclass, replace

from tpc.diagnostics.program_faults import ReadoutNotGaussian
from tpc.program.checking.context import Workshop
from tpc.program.checking.expansion import Kind, expand, is_polynomial, region_of
from tpc.program.nodes import InitialVector, Node, operands
from tpc.program.program import Output, OutputKind

PATIENCE = 10_000
"""So many choices are tried for V before a readout is refused."""

LONG = 40
"""A longer piece of text is cut in a message."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Which initial vectors each node depends on, as bit masks in order of making."""

    vectors: tuple[InitialVector, ...]
    masks: dict[Node, int]

    def names(self, mask: int) -> list[str]:
        """Return the names in a mask."""
        return [v.name for index, v in enumerate(self.vectors) if mask >> index & 1]


def check_readouts(
    shop: Workshop, outputs: tuple[Output, ...], nodes: tuple[Node, ...]
) -> tuple[Output, ...]:
    """Return the outputs, readouts with V; report those without a centred Gaussian limit.

    Args:
        shop: Takes the reports, and knows the text.
        outputs: The outputs of the program.
        nodes: The graph in topological order.
    """
    if not any(output.kind is OutputKind.READOUT for output in outputs):
        return outputs
    dependence = dependence_of(nodes)
    checked = []
    for output in outputs:
        if output.kind is OutputKind.READOUT:
            chosen = choose(_factors(output.node, dependence).kinds)
            problem = problem_of(output.node, dependence, shop.text)
            if problem:
                why, short = problem
                shop.reports.add(ReadoutNotGaussian(output.name, why, short), output.span)
            elif chosen is not None:
                output = replace(output, fresh=tuple(dependence.names(chosen)))
        checked.append(output)
    return tuple(checked)


def dependence_of(nodes: tuple[Node, ...]) -> Dependence:
    """Return what every node depends on, through anything."""
    vectors: list[InitialVector] = []
    masks: dict[Node, int] = {}
    for node in nodes:
        mask = 0
        for operand in operands(node):
            mask |= masks[operand]
        if isinstance(node, InitialVector):
            mask |= 1 << len(vectors)
            vectors.append(node)
        masks[node] = mask
    return Dependence(tuple(vectors), masks)


@dataclass(frozen=True, slots=True)
class _Factors:
    """What the expansion of a readout is made of.

    Attributes:
        fresh: Initial vectors of mean zero.
        elsewhere: All other factors, and denominators.
        kinds: The kinds of monomials.
    """

    fresh: tuple[InitialVector, ...]
    elsewhere: tuple[Node, ...]
    kinds: list[Kind]


def _factors(node: Node, dependence: Dependence) -> _Factors:
    region, denominators = region_of(node)
    factors = [part for part in region if not is_polynomial(part)]
    fresh = [part for part in factors if isinstance(part, InitialVector) and part.mean is None]
    masks = dependence.masks
    elsewhere = [part for part in factors if part not in fresh] + denominators
    entangled = 0
    for part in elsewhere:
        entangled |= masks[part]
    bits = {vector: masks[vector] for vector in fresh if not masks[vector] & entangled}
    return _Factors(tuple(fresh), tuple(elsewhere), sorted(expand(region, bits)))


def problem_of(node: Node, dependence: Dependence, text: str) -> tuple[str, str] | None:
    """Return why a sum over the width is not Gaussian in the limit, in long and in short."""
    factors = _factors(node, dependence)
    fresh, elsewhere, kinds = factors.fresh, factors.elsewhere, factors.kinds
    masks = dependence.masks
    if choose(kinds) is not None:
        return None
    if any(kind == (0, 0) for kind in kinds):
        for vector in fresh:
            for part in elsewhere:
                if masks[part] & masks[vector]:
                    found = _excerpt(part, text)
                    why = f"it is not linear in `{vector.name}`, on which `{found}` depends"
                    return why, f"`{found}` depends on `{vector.name}`"
        short = "needs a factor of mean zero in every term"
        return "a term has no initial vector of mean zero as a factor", short
    for once, many in kinds:
        if many and not once:
            name = dependence.names(many)[0]
            return f"it is not linear in `{name}`", f"`{name}` is multiplied by itself"
    involved = 0
    for once, many in kinds:
        involved |= once | many
    names = " and ".join(f"`{name}`" for name in dependence.names(involved))
    return f"it is linear in no choice of {names}", "the terms do not share a choice"


def choose(kinds: list[Kind]) -> int | None:
    """Return a set V, as a mask, that hits each monomial exactly once, or None.

    A search over choices with propagation: a monomial with one possible factor left decides it,
    and a chosen factor excludes the others of its monomials.
    """
    excluded = 0
    for _, many in kinds:
        excluded |= many
    waiting = [(0, excluded)]
    for _ in range(PATIENCE):
        if not waiting:
            return None
        settled = _propagate(kinds, *waiting.pop())
        if settled is None:
            continue
        chosen, excluded = settled
        open_kind = next((once for once, _ in kinds if not once & chosen), None)
        if open_kind is None:
            return chosen
        options = open_kind & ~excluded
        first = options & -options
        waiting.append((chosen, excluded | first))
        waiting.append((chosen | first, excluded))
    return None


def _propagate(kinds: list[Kind], chosen: int, excluded: int) -> tuple[int, int] | None:
    """Draw all conclusions from a choice; None where it contradicts itself."""
    before = None
    while before != (chosen, excluded):
        before = (chosen, excluded)
        for once, _ in kinds:
            hit = once & chosen
            if not hit:
                options = once & ~excluded
                if not options:
                    return None
                if options & (options - 1) == 0:
                    chosen |= options
                    hit = options
            if hit:
                excluded |= once & ~hit
            if hit & (hit - 1) or chosen & excluded:
                return None
    return chosen, excluded


def _excerpt(node: Node, text: str) -> str:
    written = " ".join(node.span.text(text).split())
    return written if len(written) <= LONG else f"{written[: LONG - 3]}..."
