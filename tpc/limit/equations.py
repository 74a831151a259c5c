"""The equations of a limit, in program order: what text, LaTeX and code are printed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tpc.diagnostics import Span
from tpc.limit.limit_nodes import Hat
from tpc.program.nodes import InitialVector, Node
from tpc.program.program import OutputKind, Program
from tpc.program.region import Region

DotForm: TypeAlias = Literal["derivative", "stein"]


@dataclass(frozen=True, slots=True)
class InitialKet:
    """|v> ~ N(mean, covariance), independent of every other initial ket."""

    name: str
    node: InitialVector
    span: Span


@dataclass(frozen=True, slots=True)
class HatEquation:
    """hat(W x): Gaussian, Cov(hat(W x), hat(W y)) = gain <x|y> for itself and each of `earlier`.

    Attributes:
        name: The product's name: as bound in the program, else made from what it multiplies.
        node: The hat.
        earlier: The earlier hats of the same matrix side, in order.
        span: The product's source text.
    """

    name: str
    node: Hat
    earlier: tuple[Hat, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DotTerm:
    """One term |y> <nabla_{W.T y}|x> of a dot.

    Attributes:
        hat: The hat of the earlier product W.T y on the other side.
        ket: |y>.
        bra: <nabla_{W.T y}|x>, a scalar node whose axes are named in `derive`: the expectation of
            a derivative (its tied and pinned axes left out) or a `SteinBra`.
        node: The ket contracted with the bra.
    """

    hat: Hat
    ket: Node
    bra: Node
    node: Node


@dataclass(frozen=True, slots=True)
class DotEquation:
    """dot(W x) = gain * sum of |y> <nabla_{W.T y}|x> over the earlier products W.T y.

    Attributes:
        name: The name of the product W x.
        node: The dot as a ket.
        hat: The hat of the same product.
        form: How the bras are computed.
        terms: In the order of the earlier products; those whose bra vanishes are left out. In a
            region there are none: the dot is a `RoundDot`.
        span: The product's source text.
    """

    name: str
    node: Node
    hat: Hat
    form: DotForm
    terms: tuple[DotTerm, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class KetEquation:
    """|name> = an expression of kets and scalars; `node` is that expression."""

    name: str
    node: Node
    span: Span


@dataclass(frozen=True, slots=True)
class ScalarEquation:
    """The limit of a scalar: name = an expression of expectations and scalars.

    In regions also a function of two coordinates that has a name.
    """

    name: str
    node: Node
    span: Span


Equation: TypeAlias = InitialKet | HatEquation | DotEquation | KetEquation | ScalarEquation


@dataclass(frozen=True, slots=True)
class LimitOutput:
    """What an evaluator returns under a name.

    Attributes:
        parts: For a scalar ("value", c); for a vector ("mean", E|x>) and ("cov", <x|x> less the
            product of means); for a readout ("cov", <e|e>).
    """

    name: str
    kind: OutputKind
    parts: tuple[tuple[str, Node], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RoundsEquation:
    """The equations of a region, said once for all rounds.

    Attributes:
        node: The region, its body in kets.
        first: The place of the first one in the limit.
        last: The place behind the last one.
    """

    node: Region
    first: int
    last: int

    def times(self, place: int) -> int:
        """Return how often the equation at a place holds: in every round, if it is a region's."""
        return self.node.body.rounds if self.first <= place < self.last else 1

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers of the first round and of the last."""
        return self.node.body.first, self.node.body.last


@dataclass(frozen=True, slots=True)
class Limit:
    """The infinite-width limit of a program.

    Attributes:
        program: The program as it was derived from, after its passes.
        equations: In program order.
        outputs: In program order.
        names: The name of every node that an equation defines.
        dialect: The program's dialect, as written.
        covariances: The Gaussian kets of which a scalar is the covariance, where closed forms need
            it.
        moments: The ket of which a scalar in closed form is the expectation, or the two of which it
            is <x|y>.
        rounds: Which equations are those of a region, if any are.
        unbounded: The expectations without a closed form whose second moment is infinite at a pole.
    """

    program: Program
    equations: tuple[Equation, ...]
    outputs: tuple[LimitOutput, ...]
    names: Mapping[Node, str]
    dialect: str
    covariances: Mapping[Node, tuple[Node, Node]] = field(default_factory=dict)
    moments: Mapping[Node, tuple[Node, ...]] = field(default_factory=dict)
    rounds: RoundsEquation | None = None
    unbounded: frozenset[Node] = frozenset()
