"""Expectations E|x> and <x|y> of one limit: what is known of each, found once.

An expectation needs others: <x|y> with x and y functions of hats of W needs the covariances of
these hats, gain <x'|y'> for kets x' and y' from further up. Such chains are as long as a network
with tied weights is deep, so those at their start are found first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tpc.diagnostics import Span
from tpc.gaussian.refusal import InfiniteExpectation
from tpc.limit.closed_forms import ClosedForms
from tpc.limit.differences import of_difference
from tpc.limit.gaussians import Gaussians
from tpc.limit.limit_nodes import HermiteSeries, Integral
from tpc.limit.linear_parts import LinearParts
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Constant, Inner, Mean, Node, operands
from tpc.program.traversal import fold

Kets = TypeVar("Kets", bound=tuple[Node, ...])


class Integrals:
    """What is known of the expectations of kets, each asked for as (x,) or (x, y)."""

    def __init__(self, builder: Builder, plain: Callable[..., Node]) -> None:
        """Take the builder of the limit, and how it makes an expectation as it stands."""
        self._b = builder
        self._plain = plain
        self._forms = ClosedForms(builder)
        self._parts = LinearParts(builder, self._forms.gaussians, self.of)
        self._known: dict[tuple[Node, ...], Node | None] = {}
        self._serial: dict[Node, bool] = {}
        self._differences: dict[Node, bool] = {}

    def of(self, kets: tuple[Node, ...]) -> Node | None:
        """Return E|x> or <x|y> in closed forms and series, or None."""
        return fold((kets,), self._found, self._needs, self._known)[kets]

    @property
    def gaussians(self) -> Gaussians:
        """Which kets are Gaussian, and their covariances."""
        return self._forms.gaussians

    @property
    def unbounded(self) -> dict[Node, Span]:
        """The expectations whose second moment is infinite, and where they stand."""
        return {self._average(kets): span for kets, span in self._forms.unbounded.items()}

    @property
    def covariances(self) -> Mapping[Node, tuple[Node, Node]]:
        """The Gaussian kets of which a scalar is the covariance."""
        return self._without_factors(self._forms.gaussians.asked)

    @property
    def moments(self) -> Mapping[Node, tuple[Node, ...]]:
        """The kets of which a scalar in closed form is E|x> or <x|y>."""
        found: dict[Node, tuple[Node, ...]] = {}
        for kets, moment in self._known.items():
            if moment is not None:
                found.setdefault(moment, kets)
        for ket, mean in self._forms.gaussians.means():
            found.setdefault(mean, (ket,))
        return self._without_factors(found)

    def _without_factors(self, found: dict[Node, Kets]) -> dict[Node, Kets]:
        """Leave out scalars that are older than their kets, which may be made of them.

        Those of kets that no equation has are left out too.

        E|h + c> is c where |h> has mean zero, and <v|c v> is c: that says nothing about c.
        """
        made = {node: number for number, node in enumerate(self._b.nodes)}
        return {
            node: kets
            for node, kets in found.items()
            if made[node] > max(made[ket] for ket in kets)
            and not any(of_difference(ket, self._differences) for ket in kets)
        }

    def _needs(self, kets: tuple[Node, ...]) -> Sequence[tuple[Node, ...]]:
        if not all(ket.is_vector for ket in kets):
            return ()
        return self._forms.needs(kets) or self._parts.needs(kets)

    def _found(self, kets: tuple[Node, ...], _: object) -> Node | None:
        if not all(ket.is_vector for ket in kets):
            return None
        found = self._forms.mean(*kets) if len(kets) == 1 else self._forms.moment(*kets)
        serial = found is not None and self._uses_series(found)
        if found is None or serial:
            try:
                apart = self._parts.of(kets, alone=serial)
            except InfiniteExpectation:  # of a part: what is finite as a whole stays whole
                if kets in self._forms.guards or serial:
                    apart = None
                else:
                    apart = self._parts.of(kets, joined=True)
            if apart is not None:
                return apart
        if found is None:
            return self._guarded(kets, None)
        if not serial:
            return found
        return self._guarded(
            kets, self._plain(Integral, (), found.shape, self._average(kets), found)
        )

    def _guarded(self, kets: tuple[Node, ...], found: Node | None) -> Node | None:
        """Multiply an expectation by what refuses an infinite one, where it may be that."""
        guard = self._forms.guards.get(kets)
        if guard is None or isinstance(guard, Constant):
            return found
        return self._b.mul(guard, self._average(kets) if found is None else found)

    def _average(self, kets: tuple[Node, ...]) -> Node:
        """Return the expectation as it stands."""
        kind, over = (Mean, ((FREE,),)) if len(kets) == 1 else (Inner, ())
        shape = tuple(size for ket in kets for size in ket.shape)
        return self._plain(kind, (), shape, *kets, *over)

    def _uses_series(self, root: Node) -> bool:
        """Whether a scalar is made of series, other than by integrals that are."""

        def inside(node: Node) -> tuple[Node, ...]:
            through = node.is_scalar and not isinstance(node, Integral | Inner | Mean)
            return operands(node) if through else ()

        def rule(node: Node, serial: dict[Node, bool]) -> bool:
            return isinstance(node, HermiteSeries) or any(map(serial.__getitem__, inside(node)))

        return fold((root,), rule, inside, self._serial)[root]
