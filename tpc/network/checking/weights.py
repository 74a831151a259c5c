"""Declarations of networks: the input and the weights.

input xi[10]                    a scalar of shape (10,) that stands for one input
input path xi[2]                a path, known by its steps, `xi.step[l]`
weight W : n x n (mult=a)       a * W, where W has entries N(0, init^2 / n)
weight W[3, 3] : n x n          independent ones, W[0, 0] to W[2, 2]
weight U[10] : n (mult=a)       a * U, where U has entries N(0, init^2)
weight U[10] : n (law=uniform)  the same with entries of another law
weight g : n (start=c)          every entry of g begins at c
weight g (start=c, mult=a)      a * g, where g begins at c
noise r : n ~ bernoulli(p)      drawn anew for every row and every step
"""

from tpc.diagnostics.network_faults import SecondInput
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.options import Options, read_options, start_of
from tpc.network.network import Weight, WeightKind
from tpc.program import nodes as op
from tpc.program.checking.declarations import declare_vectors, is_dim, names_of_members, shape_of
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    MatrixArray,
    Path,
    ScaledMatrix,
    Static,
    Value,
)
from tpc.program.nodes import Matrix, Node, Shape
from tpc.syntax import tree


def declare_input(network: NetworkDraft, at: tree.InputDecl) -> None:
    """Declare the input."""
    draft, name = network.draft, at.declared.name
    shape, first = shape_of(draft, at.declared), network.declared
    if first is not None:
        draft.ctx.report(SecondInput(first.name), at.span)
    if not draft.names.free(name):
        return
    if isinstance(shape, Broken) or first is not None:
        draft.names.bind(name, BROKEN)
        return
    if at.path:
        network.declared = path = Path(name.id, shape)
        draft.names.bind(name, path)
        return
    builder = draft.ctx.building(at.declared.span)
    made = builder.make(op.Placeholder, (), shape, name.id)
    assert isinstance(made, op.Placeholder)
    network.declared = made
    draft.names.bind(name, made)


def declare_noise(network: NetworkDraft, at: tree.NoiseDecl) -> None:
    """Declare vectors that are drawn anew for every row and every step."""
    for made in declare_vectors(network.draft, at):
        assert isinstance(made, op.InitialVector)
        network.noises.append(made)


def declare_weights(network: NetworkDraft, at: tree.WeightDecl) -> None:
    """Declare weights, which share their options."""
    draft, kind = network.draft, kind_of(at)
    dims = [name for name in (at.rows, at.columns) if name is not None]
    known_dims = all(is_dim(draft, name) for name in dims)
    options = read_options(draft, at, kind)
    depth = _depth_around(network)
    for declared in at.names:
        shape = shape_of(draft, declared)
        if not draft.names.free(declared.name):
            continue
        if not known_dims or isinstance(options, Broken) or isinstance(shape, Broken):
            _give_up(network, declared.name)
            continue
        name, shown = declared.name.id, draft.names.shown_fresh(declared.name.id)
        is_array = kind is WeightKind.MATRIX and bool(shape)
        names = names_of_members(shown, shape) if is_array else [shown]
        values = []
        for member in names:
            leaf = _leaf(network, at, declared, member, () if is_array else shape, options)
            if isinstance(leaf, Broken):
                break
            network.weights[member] = Weight(
                member, kind, leaf, () if is_array else shape, options.init, options.mult,
                options.lr, options.trained, options.exponents, at.span, depth,
            )  # fmt: skip
            values.append(_value(network, leaf, options.mult, declared))
        if len(values) < len(names):
            _give_up(network, declared.name)
            continue
        for group in {name, shown}:
            network.groups[group] = network.groups.get(group, ()) + tuple(names)
        matrices = tuple(value for value in values if isinstance(value, ScaledMatrix))
        value = MatrixArray(shape, matrices) if is_array else values[0]
        draft.names.bind_fresh(declared.name, value)


def _depth_around(network: NetworkDraft) -> Node | None:
    """Return the depth of the innermost loop over one."""
    ctx = network.draft.ctx
    if not ctx.shop.depths.around:
        return None
    depths, name = ctx.shop.depths, ctx.shop.depths.around[-1][0]
    return depths.lengths.get(name) or ctx.shop.builder.number(depths.numbers[name])


def kind_of(at: tree.WeightDecl) -> WeightKind:
    """Return how many axes of the declared weights grow."""
    if at.columns is not None:
        return WeightKind.MATRIX
    return WeightKind.SCALAR if at.rows is None else WeightKind.VECTOR


def _give_up(network: NetworkDraft, name: tree.Name) -> None:
    network.weights[name.id] = None
    network.draft.names.bind_fresh(name, BROKEN)


def _leaf(
    network: NetworkDraft,
    at: tree.WeightDecl,
    declared: tree.Declared,
    name: str,
    shape: Shape,
    options: Options,
) -> Matrix | op.InitialVector | op.InitialScalar | Broken:
    """Return the trainable tensor."""
    draft = network.draft
    builder = draft.ctx.building(declared.span)
    if at.rows is not None and at.columns is not None:
        variance = _squared(network, options.init)
        matrix = Matrix(
            name,
            at.rows.id,
            at.columns.id,
            variance,
            at.columns.id,
            declared.span,
            options.ensemble,
        )
        draft.matrices.append(matrix)
        return matrix
    if at.rows is not None:
        variance = _squared(network, options.init)
        start = start_of(draft.ctx, at, name, shape) if options.starts else None
        if isinstance(start, Broken):
            return BROKEN
        leaf = builder.initial_vector(name, at.rows.id, shape, start, variance, options.ensemble)
    else:
        start = start_of(draft.ctx, at, name, shape)
        if isinstance(start, Broken):
            return BROKEN
        leaf = draft.ctx.building(declared.span).initial_scalar(name, start)
    assert isinstance(leaf, op.InitialVector | op.InitialScalar)
    return leaf


def _squared(network: NetworkDraft, node: Node) -> Node:
    builder = network.draft.ctx.shop.builder
    if isinstance(node, op.Constant):
        return builder.number(float(node.value) ** 2)
    return builder.mul(node, node)


def _value(
    network: NetworkDraft,
    leaf: Matrix | op.InitialVector | op.InitialScalar,
    mult: Node,
    declared: tree.Declared,
) -> Value:
    """Return what the name of a weight stands for: the multiplier times the tensor."""
    if isinstance(leaf, Matrix):
        scale = Static(float(mult.value)) if isinstance(mult, op.Constant) else mult
        return ScaledMatrix(leaf, False, scale)
    value = network.draft.ctx.building(declared.span).mul(mult, leaf)
    network.draft.record(leaf.name, value, declared.span)
    return value
