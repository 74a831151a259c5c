"""Declarations: dims, constants, parameters, initial scalars, vectors and matrices.

    matrix A : n x m ~ normal(0, s / m)      entries iid N(0, s/m), s static or parametric
    matrix O : n x n ~ orthogonal(s)         and other laws, `ensembles.py`
    matrix S : n x n ~ goe(s / n)            (G_S + G_S.T) / sqrt(2), with G_S normal
    vector z[2] : n ~ normal(mu, C)          rows iid N(mu, C); a number C is C times the identity
    vector r : n ~ bernoulli(p)              and other laws, `vector_laws.py`

What a faulty declaration would bind counts as known but broken.
"""

from fractions import Fraction
from math import inf

import numpy as np

from tpc.diagnostics.cautions import ShapeOfRound
from tpc.diagnostics.depth_faults import BadDepth, SecondDepth
from tpc.diagnostics.sort_faults import BadDim, NotADim, SecondFreeDim
from tpc.program.checking.depths import ROUNDS
from tpc.program.checking.ensembles import law_of_matrix
from tpc.program.checking.expressions.evaluate import evaluate, evaluate_whole
from tpc.program.checking.laws import limit_of
from tpc.program.checking.names import Draft
from tpc.program.checking.sorts import integer, small, static
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    DimProduct,
    MatrixArray,
    ScaledMatrix,
    Static,
    describe,
)
from tpc.program.checking.vector_laws import law_of_vector
from tpc.program.nodes import Matrix, Node, Parameter, Shape
from tpc.program.program import Dim
from tpc.syntax import tree


def declare_dim(draft: Draft, at: tree.DimDecl) -> None:
    """Declare the free dim, or a multiple of a declared one."""
    ratio = _free_ratio(draft, at) if at.value is None else _ratio(draft, at, at.value)
    if not draft.names.free(at.name):
        return
    if isinstance(ratio, Broken):
        draft.names.bind(at.name, BROKEN)
        return
    if at.value is None and not draft.free:
        draft.free = at.name.id
    draft.dims[at.name.id] = Dim(at.name.id, ratio, at.span)
    draft.ctx.shop.ratios[at.name.id] = float(ratio)
    draft.names.bind(at.name, DimProduct(Fraction(1), ((at.name.id, 1),)))


def _free_ratio(draft: Draft, at: tree.DimDecl) -> Fraction:
    if draft.free and draft.free != at.name.id:
        draft.ctx.report(SecondFreeDim(at.name.id, draft.free), at.name.span)
    return Fraction(1)


def _ratio(draft: Draft, at: tree.DimDecl, value: tree.Expression) -> Fraction | Broken:
    match evaluate(draft.ctx, value):
        case Broken():
            return BROKEN
        case DimProduct(coefficient=Fraction() as factor, powers=((name, 1),)) if factor > 0:
            return factor * draft.dims[name].ratio
        case _:
            name = at.name.id
            # The first dim is the free one, which has no number: it is chosen at run time.
            example = f"dim {name} = 2 * {draft.free}" if draft.free else f"dim {name}"
            return draft.ctx.report(BadDim(name, example), value.span)


def declare_depth(draft: Draft, at: tree.DepthDecl) -> None:
    """Declare a depth: the free one, a number, or a multiple of the free one."""
    if draft.names.free(at.name):
        draft.names.bind(at.name, _depth(draft, at))


def _depth(draft: Draft, at: tree.DepthDecl) -> Static | Node | Broken:
    ctx, depths, name = draft.ctx, draft.ctx.shop.depths, at.name.id
    value = None if at.value is None else evaluate(ctx, at.value)
    if isinstance(value, Broken):
        return BROKEN
    if at.value is not None and isinstance(value, Node) and depths.within(value):
        count = evaluate(ctx.counting(), at.value)
        assert isinstance(count, Static)
        whole = integer(ctx, count, at.value.span, "a depth", "a positive integer", 1)
        return BROKEN if isinstance(whole, Broken) else depths.bind_infinite(name, value, whole)
    if value is not None and not isinstance(value, Static):
        return ctx.report(BadDepth(describe(value)), at.span)
    if depths.free and value is None:
        return ctx.report(SecondDepth(name, depths.free), at.name.span)
    if not depths.free:
        depths.free = name
        if depths.asked is not None:
            value = None if depths.asked == inf else Static(int(depths.asked))
    if value is None:
        return depths.bind_infinite(name, ctx.building(at.span).parameter(name, 64.0), ROUNDS)
    whole = integer(ctx, value, at.span, "a depth", "a positive integer", 1)
    if isinstance(whole, Broken):
        return BROKEN
    if name == depths.free:
        depths.number = whole
    depths.numbers[name] = whole
    return Static(whole)


def declare_const(draft: Draft, at: tree.ConstDecl) -> None:
    """Declare a static."""
    advice = f"without `const`, `{at.name.id} = ...` may hold a param or a scalar"
    value = static(draft.ctx, evaluate_whole(draft.ctx, at.value), at.value.span, "a const", advice)
    if draft.names.free(at.name):
        draft.names.bind_local(at.name, value)


def declare_param(draft: Draft, at: tree.ParamDecl) -> None:
    """Declare a run-time parameter with its default."""
    ctx, what = draft.ctx, "the default of a param"
    default = static(ctx, evaluate(ctx, at.value), at.value.span, what)
    if not draft.names.free(at.name):
        return
    if isinstance(default, Static):
        parameter = ctx.building(at.span).parameter(at.name.id, default.value)
        assert isinstance(parameter, Parameter)
        draft.parameters.append(parameter)
        draft.names.bind(at.name, parameter)
    else:
        draft.names.bind(at.name, BROKEN)


def declare_scalars(draft: Draft, at: tree.ScalarDecl) -> None:
    """Declare initial scalars with their limits."""
    ctx = draft.ctx
    for declared in at.names:
        name, shape = declared.name.id, shape_of(draft, declared)
        limit = BROKEN if isinstance(shape, Broken) else limit_of(ctx, at.limit, name, shape)
        if not draft.names.free(declared.name):
            continue
        if isinstance(limit, Broken):
            draft.names.bind(declared.name, BROKEN)
            continue
        scalar = ctx.building(declared.span).initial_scalar(name, limit)
        draft.names.bind(declared.name, scalar)
        draft.record(name, scalar, at.span)


def declare_vectors(draft: Draft, at: tree.VectorDecl | tree.NoiseDecl) -> list[Node]:
    """Declare initial vectors with the laws of their rows, and return them."""
    ctx, known_dim, made = draft.ctx, is_dim(draft, at.dim), list[Node]()
    for declared in at.names:
        name, shape = declared.name.id, shape_of(draft, declared)
        law = BROKEN if isinstance(shape, Broken) else law_of_vector(draft, at.law, name, shape)
        if not draft.names.free(declared.name):
            continue
        if not known_dim or isinstance(shape, Broken) or isinstance(law, Broken):
            draft.names.bind_fresh(declared.name, BROKEN)
            continue
        builder = ctx.building(declared.span)
        shown = draft.names.shown_fresh(name)
        vector = builder.initial_vector(
            shown, at.dim.id, shape, law.mean, law.covariance, law.ensemble
        )
        draft.names.bind_fresh(declared.name, vector)
        draft.record(shown, vector, at.span)
        made.append(vector)
    return made


def declare_matrices(draft: Draft, at: tree.MatrixDecl) -> None:
    """Declare random matrices; the variance of their entries is 1 / columns unless given."""
    known_dims = all([is_dim(draft, at.rows), is_dim(draft, at.columns)])
    law = law_of_matrix(draft, at)
    for declared in at.names:
        name, shape = declared.name, shape_of(draft, declared)
        if not draft.names.free(name):
            continue
        if not known_dims or isinstance(law, Broken) or isinstance(shape, Broken):
            draft.names.bind_fresh(name, BROKEN)
            continue
        rows, columns = at.rows.id, at.columns.id
        members = []
        for shown in names_of_members(draft.names.shown_fresh(name.id), shape):
            of = f"{_unused(draft, 'G_')}{shown}" if law.symmetric else shown
            matrix = Matrix(of, rows, columns, law.variance, law.dim, at.span, law.ensemble)
            draft.matrices.append(matrix)
            symmetric = shown if law.symmetric else ""
            members.append(ScaledMatrix(matrix, False, Static(1), symmetric))
        draft.names.bind_fresh(name, MatrixArray(shape, tuple(members)) if shape else members[0])


def _unused(draft: Draft, prefix: str) -> str:
    """Return a prefix with which no name of the file begins."""
    while any(name.startswith(prefix) for name in draft.ctx.shop.survey.bound):
        prefix += "_"
    return prefix


def names_of_members(name: str, shape: Shape) -> list[str]:
    """Return the names of what an array consists of, `W[0,2]`, the last axis running fastest."""
    stem, bracket, keys = name.partition("[")
    before = f"{keys[:-1]}," if bracket else ""
    places = (",".join(map(str, place)) for place in np.ndindex(shape))
    return [f"{stem}[{before}{place}]" for place in places] if shape else [name]


def is_dim(draft: Draft, name: tree.Name) -> bool:
    """Whether a name is that of a sound dim; otherwise it has been reported."""
    if name.id in draft.dims:
        return True
    known = draft.ctx.names.get(name.id)
    if known is None:
        advice = "" if draft.free else f"declare the width before it is used: `dim {name.id}`"
        draft.ctx.unknown(name.id, name.span, advice=advice)
    elif not isinstance(known, Broken):
        draft.ctx.report(NotADim(name.id), name.span)
    return False


def shape_of(draft: Draft, declared: tree.Declared) -> Shape | Broken:
    """Return the constant shape in brackets behind a name."""
    sizes = [
        integer(draft.ctx, evaluate(draft.ctx, at), at.span, "a shape", "a positive integer", 1)
        for at in declared.shape
    ]
    for at in declared.shape:
        if isinstance(at, tree.Name) and at.id in {of.variable for of in draft.names.scopes}:
            text = declared.span.text(draft.ctx.shop.text)
            draft.ctx.report(ShapeOfRound(text, at.id, declared.name.id), declared.span)
    known = tuple(size for size in sizes if not isinstance(size, Broken))
    if len(known) < len(sizes):
        return BROKEN
    return known if small(draft.ctx, known, declared.span, "this constant shape") else BROKEN
