"""Evaluates expressions of the syntax tree: tree, names -> value (static, node, scaled matrix).

A fault is reported where it stands and evaluates to `BROKEN`; what contains it stays silent, and
what stands beside it is still checked. Conditions are static: comparisons, `and`, `or`, `not`, on
static numbers only.
"""

from operator import eq, ge, gt, le, lt, ne

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.data_faults import NoNumber
from tpc.diagnostics.depth_faults import PathUsed
from tpc.diagnostics.function_faults import BadKeyword, NotAFunction, NotAValue
from tpc.diagnostics.name_faults import NotStatic, UnknownName
from tpc.diagnostics.program_faults import ReadoutUsed
from tpc.diagnostics.sort_faults import DimsDiffer, ShapesDiffer, WrongSort
from tpc.diagnostics.syntax_faults import FunctionWithoutArgument
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.arrays import Index, list_of, taken, transposed
from tpc.program.checking.expressions.axis_calls import einsum
from tpc.program.checking.expressions.calls import CALLABLE, CONSTANTS, NEW_AXIS, call_built_in
from tpc.program.checking.expressions.data import load
from tpc.program.checking.expressions.definitions import inline
from tpc.program.checking.expressions.derivatives import call_derivative
from tpc.program.checking.expressions.divided import divide
from tpc.program.checking.expressions.matrix_arrays import combine_arrays, convolve, member_of
from tpc.program.checking.expressions.operators import (
    combine,
    elementwise,
    is_power_t,
    negate_matrix,
    transpose_of,
)
from tpc.program.checking.expressions.path_steps import step_of
from tpc.program.checking.expressions.rows import coordinate_key, mean_of, row
from tpc.program.checking.names import arity_fault, key_tuple, member_value
from tpc.program.checking.sorts import describe_fully, integer, plain, small, static, vector
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    Definition,
    Family,
    MatrixArray,
    Path,
    ReadoutName,
    ScaledMatrix,
    Static,
    Value,
    describe,
    show_shape,
)
from tpc.program.nodes import Node
from tpc.syntax import tree


def evaluate(ctx: Context, at: tree.Expression) -> Value:
    """Return the value of an expression; faults are reported and give `BROKEN`."""
    match at:
        case tree.Binary():
            return _binary(ctx, at)
        case tree.Name():
            return _name(ctx, at)
        case tree.Call():
            return _call(ctx, at)
        case tree.Number(value=value) | tree.Boolean(value=value):
            return _number(ctx, at, value)
        case tree.Subscript():
            return _subscript(ctx, at)
        case tree.Unary():
            return _unary(ctx, at)
        case tree.Bracket():
            return _bracket(ctx, at)
        case tree.Mean():
            return mean_of(ctx, at, evaluate)
        case tree.Transposed():
            return transposed(ctx, at, evaluate(ctx, at.operand))
        case tree.Steps():
            return ctx.report(PathUsed(at.span.text(ctx.shop.text), "a round is missing"), at.span)
        case tree.Array():
            return list_of(ctx, at, [evaluate(ctx, item) for item in at.items])
        case tree.Text():
            return ctx.report(NotAValue("a text", "texts are file names in `load`"), at.span)


def _number(ctx: Context, at: tree.Number | tree.Boolean, value: int | float) -> Value:
    try:
        return Static(statics.literal(value))
    except statics.NoValue as error:
        return ctx.report(NoNumber(str(error)), at.span)


def _name(ctx: Context, at: tree.Name) -> Value:
    entity = ctx.names.get(at.id)
    match entity:
        case Definition():
            return ctx.report(NotAValue(f"the function `{at.id}`", "call it"), at.span)
        case ReadoutName():
            return ctx.report(ReadoutUsed(at.id), at.span)
        case Path():
            return ctx.report(PathUsed(at.id, "of a path rounds know its steps alone"), at.span)
        case Family(broken=True):
            return BROKEN
        case Family():
            return ctx.report(arity_fault(entity, 0), at.span)
        case None:
            return _unbound(ctx, at)
        case _:
            return entity


def _unbound(ctx: Context, at: tree.Name) -> Value:
    if at.id in CONSTANTS:
        return Static(CONSTANTS[at.id])
    if at.id in CALLABLE:
        return ctx.report(FunctionWithoutArgument(at.id, f"call it: `{at.id}(...)`"), at.span)
    if at.id in ctx.coordinates or at.id in ctx.outer:
        advice = f"a coordinate stands alone in brackets: `x[{at.id}]`, `x[0][{at.id}]`"
        return ctx.report(NotAValue(f"the coordinate `{at.id}`", advice), at.span)
    return ctx.unknown(at.id, at.span)


def _binary(ctx: Context, at: tree.Binary) -> Value:
    """Walk down the left spine without recursion: a sum may have thousands of terms."""
    spine: list[tree.Binary] = []
    first: tree.Expression = at
    while isinstance(first, tree.Binary):
        spine.append(first)
        first = first.left
    value = evaluate(ctx, first)
    for link in reversed(spine):
        if link.operator in CONNECTIVES:
            value = _connective(ctx, link, value)
            continue
        right = _right_side(ctx, link, value)
        if link.operator in COMPARISONS:
            value = compare(ctx, link, value, right)
        elif isinstance(value, MatrixArray) or isinstance(right, MatrixArray):
            value = combine_arrays(ctx, link, value, right)
        else:
            value = combine(ctx, link, value, right)
    return value


def _right_side(ctx: Context, at: tree.Binary, left: Value) -> Value:
    """Return the value of the right operand; a `^T` that nothing binds is a transpose."""
    if is_power_t(at) and not isinstance(left, Broken):
        bound = {*ctx.names, *ctx.coordinates, *ctx.outer}
        if "T" not in bound:
            if "T" in ctx.shop.unknown:
                return BROKEN
            ctx.shop.unknown.add("T")
            return ctx.report(UnknownName("T", transpose_of(left)), at.right.span)
    return evaluate(ctx, at.right)


def _connective(ctx: Context, at: tree.Binary, left: Value) -> Value:
    """Return `left and right`, `left or right`; the right side counts only where it decides."""
    first = truth(ctx, left, at.left.span)
    if isinstance(first, Broken):
        return BROKEN
    if first is (at.operator == "or"):
        return Static(first)
    second = truth(ctx, evaluate(ctx, at.right), at.right.span)
    return BROKEN if isinstance(second, Broken) else Static(second)


def _unary(ctx: Context, at: tree.Unary) -> Value:
    value = evaluate(ctx, at.operand)
    if at.operator == "not":
        known = truth(ctx, value, at.operand.span)
        return BROKEN if isinstance(known, Broken) else Static(not known)
    if isinstance(value, ScaledMatrix):
        return negate_matrix(ctx, value, at.span)
    if isinstance(value, MatrixArray):
        members = [negate_matrix(ctx, matrix, at.span) for matrix in value.members]
        return MatrixArray(value.shape, tuple(members))
    operand = plain(ctx, value, at.operand.span, "`-`")
    if isinstance(operand, Broken):
        return BROKEN
    return elementwise(ctx, "neg", (operand,), (at.operand.span,), at.span)


def _bracket(ctx: Context, at: tree.Bracket) -> Value:
    """Return `<x|y>`."""
    advice = "both sides of `<x|y>` grow with the width; an average is `avg(x)`"
    values = evaluate(ctx, at.left), evaluate(ctx, at.right)
    left = vector(ctx, values[0], at.left.span, "`<|>`", advice)
    right = vector(ctx, values[1], at.right.span, "`<|>`", advice)
    if isinstance(left, Broken) or isinstance(right, Broken):
        return BROKEN
    if left.dim != right.dim:
        return ctx.report(DimsDiffer(left.dim, right.dim), at.right.span)
    if not small(ctx, left.shape + right.shape, at.span, "this array"):
        return BROKEN
    return ctx.building(at.span).inner(left, right)


def _subscript(ctx: Context, at: tree.Subscript) -> Value:
    """Return a member of a family, a row at a coordinate, or a part of the constant axes."""
    if isinstance(at.base, tree.Name) and isinstance(family := ctx.names.get(at.base.id), Family):
        keys = key_tuple(ctx, [(_key(ctx.counting(), key), key.span) for key in at.keys])
        value = BROKEN if isinstance(keys, Broken) else member_value(ctx, family, keys, at.span)
        depths = ctx.shop.depths
        if isinstance(value, Node) and not depths.around and depths.named_in(at.keys):
            depths.read.append(value)
        return value
    if isinstance(at.base, tree.Steps):
        return _step(ctx, at, at.base)
    base = evaluate(ctx, at.base)
    if isinstance(base, Broken):
        return BROKEN
    if (coordinate := coordinate_key(ctx, at, base)) is not None:
        return row(ctx, at, base, coordinate)
    if isinstance(base, MatrixArray):
        indices = [_index(ctx, key) for key in at.keys]
        broken = any(isinstance(index, Broken) for index in indices)
        return BROKEN if broken else member_of(ctx, base, at.keys, indices)
    operand = plain(ctx, base, at.base.span, "an index")
    indices = [_index(ctx, key) for key in at.keys]
    known = tuple(index for index in indices if not isinstance(index, Broken))
    if isinstance(operand, Broken) or len(known) < len(indices):
        return BROKEN
    return taken(ctx, at, operand, known)


def _step(ctx: Context, at: tree.Subscript, of: tree.Steps) -> Value:
    """Return the step of a path in a round, `xi.step[l]`, or a part of it, `xi.step[l, 0]`."""
    first, *rest = at.keys
    path = ctx.names.get(of.operand.id) if isinstance(of.operand, tree.Name) else None
    if isinstance(path, Broken):
        return BROKEN
    if not isinstance(path, Path) or isinstance(first, tree.Slice):
        why = "no path" if not isinstance(path, Path) else "a slice is no round"
        return ctx.report(PathUsed(at.span.text(ctx.shop.text), why), at.span)
    key = integer(ctx, evaluate(ctx.counting(), first), first.span, "a round", "an integer")
    indices = [_index(ctx, key) for key in rest]
    known = tuple(index for index in indices if not isinstance(index, Broken))
    if isinstance(key, Broken) or len(known) < len(indices):
        return BROKEN
    step = step_of(ctx, path, key, at.span)
    return step if isinstance(step, Broken) or not known else taken(ctx, at, step, known)


def _index(ctx: Context, key: tree.Expression | tree.Slice) -> Index | Broken:
    """Return an index of constant axes: an integer, a slice, or None for a new axis."""
    if isinstance(key, tree.Slice):
        bounds = [
            bound
            if bound is None
            else integer(ctx, evaluate(ctx, bound), bound.span, "a bound of a slice", "an integer")
            for bound in (key.start, key.stop, key.step)
        ]
        if any(isinstance(bound, Broken) for bound in bounds):
            return BROKEN
        return slice(*bounds)
    if isinstance(key, tree.Name) and key.id == NEW_AXIS and NEW_AXIS not in ctx.names:
        return None
    return integer(ctx, evaluate(ctx, key), key.span, "an index", "an integer")


def evaluate_whole(ctx: Context, at: tree.Expression) -> Value:
    """Return the value of a whole argument or `const`, which may be a mask: a comparison."""
    if isinstance(at, tree.Binary) and at.operator in COMPARISONS:
        return mask(ctx, at, evaluate(ctx, at.left), evaluate(ctx, at.right))
    return evaluate(ctx, at)


def _key(ctx: Context, key: tree.Expression | tree.Slice) -> Value:
    if isinstance(key, tree.Slice):
        advice = "name one member at a time"
        return ctx.report(NotAValue("a slice as a family's key", advice), key.span)
    value = evaluate(ctx, key)
    match key, value:
        case tree.Binary(operator="/", left=tree.Name(id=name)), Static(value=float() as place):
            if name in ctx.shop.depths.numbers:
                return Static(round(place))
    return value


def _call(ctx: Context, at: tree.Call) -> Value:
    name = at.function.id
    entity = ctx.names.get(name)
    if name == "load" and entity is None:
        return load(ctx, at)
    if isinstance(entity, Broken):
        return BROKEN
    if name == "einsum" and entity is None:
        return einsum(ctx, at, [evaluate_whole(ctx, argument) for argument in at.arguments[1:]])
    arguments = [evaluate_whole(ctx, argument) for argument in at.arguments]
    given = [evaluate(ctx, keyword.value) for keyword in at.keywords]
    definition = entity if isinstance(entity, Definition) else None
    if definition is None and (entity is not None or name not in CALLABLE):
        return _no_function(ctx, at, entity is not None)
    if at.keywords and (at.primes or definition is not None):
        return ctx.report(BadKeyword(name, at.keywords[0].name, ""), at.keywords[0].span)
    if at.primes:
        return call_derivative(ctx, at, definition, arguments, evaluate)
    if definition is not None:
        return inline(ctx, definition, tuple(arguments), at.span, evaluate)
    if name in ("split", "merge"):
        return divide(ctx, at, arguments)
    if name == "conv":
        return convolve(ctx, at, arguments, given)
    return call_built_in(ctx, at, arguments, given)


def _no_function(ctx: Context, at: tree.Call, bound: bool) -> Value:
    name = at.function.id
    if bound or name in CONSTANTS:
        return ctx.report(NotAFunction(name, f"a product is `{name} * (...)`"), at.function.span)
    return ctx.unknown(name, at.function.span, CALLABLE)


COMPARISONS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}

CONNECTIVES = ("and", "or")


def compare(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    """Return the truth of a comparison of static numbers."""
    x = _static_number(ctx, left, at.left.span)
    y = _static_number(ctx, right, at.right.span)
    if isinstance(x, Broken) or isinstance(y, Broken):
        return BROKEN
    return Static(bool(COMPARISONS[at.operator](x, y)))


def mask(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    """Return a comparison of static arrays as zeros and ones."""
    x = static(ctx, left, at.left.span, "one side of a mask")
    y = static(ctx, right, at.right.span, "one side of a mask")
    if isinstance(x, Broken) or isinstance(y, Broken):
        return BROKEN
    try:
        held = COMPARISONS[at.operator](np.asarray(x.value), np.asarray(y.value))
    except ValueError:
        return ctx.report(ShapesDiffer(show_shape(x.shape), show_shape(y.shape)), at.right.span)
    return Static(statics.settle(np.asarray(held, dtype=np.float64)))


def truth(ctx: Context, value: Value, span: Span) -> bool | Broken:
    """Return the truth of a condition: a truth value, or a number that is not 0."""
    number = _static_number(ctx, value, span)
    return number if isinstance(number, Broken) else bool(number)


def _static_number(ctx: Context, value: Value, span: Span) -> int | float | Broken:
    match value:
        case Broken():
            return value
        case Static(value=int() | float() as number):
            return number
        case Static():
            fault = WrongSort("a condition", "numbers", describe(value), "index the array first")
            return ctx.report(fault, span)
        case _:
            advice = "loops and conditions are decided before run time, by statics alone"
            found = describe_fully(value)
            return ctx.report(NotStatic("a condition", "static", found, advice), span)
