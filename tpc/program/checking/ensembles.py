"""The laws of matrices other than the normal one.

    ~ orthogonal(scale)         scale times a uniformly random orthogonal matrix; square
    ~ rademacher(variance)      entries of one magnitude and random sign
    ~ uniform(variance)         entries uniform round 0
    ~ student_t(df, variance)   entries Student t, df > 2
    ~ sparse(p, variance)       entries normal with probability p, else 0
    ~ low_rank(k, variance)     rank rows / k: orthonormal columns times a Gaussian matrix
    ~ goe(variance)             symmetric: (G + G.T) / sqrt(2), G normal; square

A variance is written as for `normal`, s^2 / m; without it, it is one over the number of columns. So
is that of an orthogonal matrix, scale^2 / n, with scale 1 unless given.
"""

from dataclasses import dataclass
from difflib import get_close_matches

from tpc.diagnostics import Span
from tpc.diagnostics.limit_faults import (
    LawArguments,
    LawParameter,
    NotSquare,
    UnknownLaw,
)
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.laws import matrix_law, parametric, variance_of_matrix
from tpc.program.checking.names import Draft
from tpc.program.checking.sorts import describe_fully
from tpc.program.checking.values import BROKEN, Broken, Static
from tpc.program.ensembles import (
    GAUSSIAN,
    Ensemble,
    LowRank,
    Orthogonal,
    Rademacher,
    Sparse,
    StudentT,
    Uniform,
)
from tpc.program.nodes import Node
from tpc.syntax import tree


@dataclass(frozen=True, slots=True)
class _Form:
    """What a law takes: its own parameter, by name and example, and what scales it."""

    parameter: str
    example: str
    scale: str


_FORMS = {
    "orthogonal": _Form("", "", "a scale"),
    "rademacher": _Form("", "", "a variance"),
    "uniform": _Form("", "", "a variance"),
    "student_t": _Form("its degrees of freedom", "5", "a variance"),
    "sparse": _Form("its density", "0.1", "a variance"),
    "low_rank": _Form("the number of rows for each rank", "4", "a variance"),
    "goe": _Form("", "", "a variance"),
}


@dataclass(frozen=True, slots=True)
class MatrixLaw:
    """The law of a matrix: the width-free variance, the dim that divides it, the ensemble.

    A symmetric one is made of a matrix G of this law, (G + G.T) / sqrt(2).
    """

    variance: Node
    dim: str
    ensemble: Ensemble
    symmetric: bool = False


def law_of_matrix(draft: Draft, at: tree.MatrixDecl) -> MatrixLaw | Broken:
    """Return the law that a matrix is declared with."""
    ctx, columns = draft.ctx, at.columns.id
    match at.law:
        case None:
            return MatrixLaw(ctx.building(at.span).number(1), columns, GAUSSIAN)
        case tree.Normal():
            law = matrix_law(ctx, at.law, columns)
            return BROKEN if isinstance(law, Broken) else MatrixLaw(*law, GAUSSIAN)
        case tree.Ensemble():
            return _ensemble_law(draft, at, at.law)


def law_ensemble(draft: Draft, law: tree.Ensemble, integer: bool) -> Ensemble | Broken | None:
    """Return a law of iid entries of variance 1; None where it is none.

    Args:
        draft: The program.
        law: Its name and parameter.
        integer: Whether degrees of freedom have to be an integer.
    """
    name, form = law.name.id, _FORMS.get(law.name.id)
    if form is None or name not in IID_LAWS:
        return None
    if len(law.arguments) != bool(form.parameter):
        wanted = form.parameter or "no argument: its variance is 1"
        found = f"{len(law.arguments)} arguments" if law.arguments else "no argument"
        example = f"{name}({form.example})" if form.parameter else name
        return draft.ctx.report(LawArguments(name, wanted, found, example), law.span)
    ensemble = _parameter(draft, name, law.arguments[0]) if law.arguments else _PLAIN[name]
    if integer and isinstance(ensemble, StudentT) and not ensemble.freedom.is_integer():
        what, found = "the degrees of freedom of a vector's `student_t`", f"{ensemble.freedom:g}"
        return _out_of_range(draft, law.span, what, "an integer", found, "")
    return ensemble


def _ensemble_law(draft: Draft, at: tree.MatrixDecl, law: tree.Ensemble) -> MatrixLaw | Broken:
    name, ctx = law.name.id, draft.ctx
    form = _FORMS.get(name)
    if form is None:
        similar = get_close_matches(name, ["normal", *_FORMS], n=1)
        every = f"there are normal, {_list(_FORMS)}"
        advice = f"did you mean `{similar[0]}`?" if similar else every
        return ctx.report(UnknownLaw(name, advice), law.name.span)
    own = 1 if form.parameter else 0
    if not own <= len(law.arguments) <= own + 1:
        found = f"{len(law.arguments)} arguments" if law.arguments else "no argument"
        return ctx.report(LawArguments(name, _wanted(form), found, _example(name, at)), law.span)
    ensemble = _parameter(draft, name, law.arguments[0]) if own else _PLAIN[name]
    scale = _scale(draft, at, law.arguments[own:], name)
    square = at.rows.id == at.columns.id if name == "goe" else _is_square(draft, at)
    if name in ("goe", "orthogonal") and not square:
        fault = NotSquare(
            "a symmetric" if name == "goe" else "an orthogonal", at.rows.id, at.columns.id
        )
        return ctx.report(fault, at.rows.span.to(at.columns.span))
    if isinstance(ensemble, Broken) or isinstance(scale, Broken):
        return BROKEN
    return MatrixLaw(*scale, ensemble, symmetric=name == "goe")


IID_LAWS = ("rademacher", "uniform", "student_t", "sparse")
"""The laws of matrices that vectors may have, too."""

_PLAIN: dict[str, Ensemble] = {
    "orthogonal": Orthogonal(),
    "rademacher": Rademacher(),
    "uniform": Uniform(),
    "goe": GAUSSIAN,
}


def _scale(
    draft: Draft, at: tree.MatrixDecl, written: tuple[tree.Expression, ...], name: str
) -> tuple[Node, str] | Broken:
    """Return the width-free variance of the entries, and the dim that divides it."""
    ctx, columns = draft.ctx, at.columns.id
    if not written:
        return ctx.building(at.span).number(1), columns
    if name != "orthogonal":
        return variance_of_matrix(ctx, written[0], columns)
    scale = parametric(ctx, written[0], "the scale of an orthogonal matrix")
    if isinstance(scale, Broken):
        return BROKEN
    if scale.shape:
        what = "the scale of an orthogonal matrix"
        fault = LawParameter(what, "a number", "an array", "its variance is scale^2 / columns")
        return ctx.report(fault, written[0].span)
    return ctx.building(written[0].span).apply("square", scale), columns


def _parameter(draft: Draft, name: str, at: tree.Expression) -> Ensemble | Broken:
    """Return a law with a parameter of its own."""
    value = evaluate(draft.ctx, at)
    if isinstance(value, Broken):
        return BROKEN
    number = float(value.value) if isinstance(value, Static) and not value.shape else None
    found = describe_fully(value) if number is None else f"{number:g}"
    match name:
        case "student_t":
            if number is not None and number > 2:
                return StudentT(number)
            what, wanted = "the degrees of freedom of `student_t`", "a static number above 2"
            return _out_of_range(draft, at.span, what, wanted, found, "below, it has no variance")
        case "sparse":
            if number is not None and 0 < number <= 1:
                return Sparse(number)
            what, wanted = "the density of `sparse`", "a static number above 0 and at most 1"
            return _out_of_range(draft, at.span, what, wanted, found, "")
        case _:
            if number is not None and number >= 1 and number == int(number):
                return LowRank(int(number))
            what, wanted = "the first argument of `low_rank`", "a static positive integer"
            advice = "a matrix with n rows has rank n / k"
            return _out_of_range(draft, at.span, what, wanted, found, advice)


def _out_of_range(
    draft: Draft, span: Span, what: str, wanted: str, found: str, advice: str
) -> Broken:
    return draft.ctx.report(LawParameter(what, wanted, found, advice), span)


def _is_square(draft: Draft, at: tree.MatrixDecl) -> bool:
    """Whether rows and columns are equally many, or unknown."""
    dims = [draft.dims.get(name.id) for name in (at.rows, at.columns)]
    return len({dim.ratio for dim in dims if dim is not None}) <= 1


def _wanted(form: _Form) -> str:
    if form.parameter:
        return f"{form.parameter} and, if it is not one over the columns, {form.scale}"
    return f"at most one argument, {form.scale}"


def _example(name: str, at: tree.MatrixDecl) -> str:
    form = _FORMS[name]
    scale = "sw" if form.scale == "a scale" else f"sw^2 / {at.columns.id}"
    return f"{name}({', '.join(part for part in (form.example, scale) if part)})"


def _list(names: dict[str, _Form]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"
