"""A first look over a file: which names it binds anywhere, and where it writes `mean`.

Nothing is resolved here. The survey serves messages (a name that is bound further down), the rule
that a coordinate's name differs from every other one, and the dialect of the text as written.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tpc.diagnostics import Span
from tpc.syntax import tree


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file binds.

    Attributes:
        bound: Every name that is bound anywhere but as a coordinate, with its first place.
        coordinates: Every name that some `mean` binds.
        means: The place of each `mean`.
    """

    bound: dict[str, Span]
    coordinates: frozenset[str]
    means: tuple[Span, ...]


def survey(source: tree.Source) -> Survey:
    """Look over a file."""
    bound: dict[str, Span] = {}
    coordinates: set[str] = set()
    means: list[Span] = []
    for statement in statements_within(source.statements):
        for name in names_bound(statement):
            bound.setdefault(name.id, name.span)
        for part in tree.walk(*expressions_of(statement)):
            if isinstance(part, tree.Mean):
                means.append(part.span)
                coordinates.update(name.id for name in part.coordinates)
    return Survey(bound, frozenset(coordinates), tuple(means))


def statements_within(statements: tuple[tree.Statement, ...]) -> Iterator[tree.Statement]:
    """Yield statements and those in their blocks, in the order of the text."""
    for statement in statements:
        yield statement
        match statement:
            case tree.For(body=body):
                yield from statements_within(body)
            case tree.If(branches=branches, otherwise=otherwise):
                for branch in branches:
                    yield from statements_within(branch.body)
                yield from statements_within(otherwise)
            case tree.Train(body=body):
                yield from statements_within(body)


def names_bound(statement: tree.Statement) -> tuple[tree.Name, ...]:
    """Return the names that a statement itself binds, parameters of a `def` included."""
    match statement:
        case (
            tree.DimDecl(name=name)
            | tree.DepthDecl(name=name)
            | tree.ConstDecl(name=name)
            | tree.ParamDecl(name=name)
        ):
            return (name,)
        case (
            tree.ScalarDecl(names=declared)
            | tree.VectorDecl(names=declared)
            | tree.NoiseDecl(names=declared)
            | tree.MatrixDecl(names=declared)
            | tree.WeightDecl(names=declared)
        ):
            return tuple(one.name for one in declared)
        case tree.InputDecl(declared=declared_one):
            return (declared_one.name,)
        case tree.OptimizerDef(name=name):
            return (name,)
        case tree.Def(name=name, parameters=parameters):
            return (name, *parameters)
        case tree.Assign(target=target) | tree.Readout(target=target):
            return (target.name,)
        case tree.Output(target=target, value=value):
            return () if value is None else (target.name,)
        case tree.For(variable=variable):
            return (variable,)
        case _:
            return ()


def expressions_of(statement: tree.Statement) -> tuple[tree.Expression, ...]:
    """Return the expressions of a statement in which a `mean` may stand."""
    match statement:
        case tree.Assign(value=value) | tree.Readout(value=value) | tree.Def(body=value):
            return (value,)
        case tree.Output(value=value) if value is not None:
            return (value,)
        case tree.Track(value=value):
            return (value,)
        case _:
            return ()
