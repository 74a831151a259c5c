"""Hypothesis strategies for syntax trees that a text can have, and comparison up to spans."""

from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import strategies as st

from tpc.diagnostics import NOWHERE
from tpc.syntax import tree


def without_spans(value: Any) -> Any:
    """Return a tree as nested tuples, without its spans."""
    if isinstance(value, tuple):
        return tuple(without_spans(item) for item in value)
    if is_dataclass(value):
        parts = (getattr(value, f.name) for f in fields(value) if f.name != "span")
        return (type(value).__name__, *(without_spans(part) for part in parts))
    return (type(value).__name__, value)


def make(kind: Any, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Build a node from strategies for its fields."""
    return st.builds(lambda *values: kind(NOWHERE, *values), *parts)


def some(items: st.SearchStrategy[Any], least: int = 1, most: int = 3) -> st.SearchStrategy[Any]:
    """Tuples of a strategy's values."""
    return st.lists(items, min_size=least, max_size=most).map(tuple)


NAMES = make(
    tree.Name, st.sampled_from(["x", "h", "W", "nxm", "data", "steps", "path", "T", "_a1", "for_"])
)
FUNCTIONS = make(tree.Name, st.sampled_from(["tanh", "avg", "sum", "range", "load", "f"]))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters='"'))
NUMBERS = make(
    tree.Number,
    st.integers(min_value=0) | st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)
ATOMS = (
    NUMBERS
    | NAMES
    | make(tree.Name, st.sampled_from(["pi", "e"]))
    | make(tree.Boolean, st.booleans())
)


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Expressions one level above `inner`."""
    arguments = some(inner | make(tree.Text, TEXT), least=0)
    keywords = some(make(tree.Keyword, st.sampled_from(["axis", "x"]), inner), least=0)
    bound = st.none() | inner
    return st.one_of(
        make(tree.Array, some(inner, least=0)),
        make(tree.Subscript, inner, some(inner | make(tree.Slice, bound, bound, bound))),
        make(tree.Call, FUNCTIONS, st.integers(0, 2), arguments, keywords),
        make(tree.Mean, some(NAMES), inner),
        make(tree.Bracket, inner, inner),
        make(tree.Transposed, inner),
        make(tree.Steps, inner),
        make(tree.Unary, st.just("-"), inner),
        make(tree.Binary, st.sampled_from(["+", "-", "*", "/", "@", "^", "//", "%"]), inner, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, compound, max_leaves=12)
COMPARISONS = make(
    tree.Binary, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), EXPRESSIONS, EXPRESSIONS
)
CONDITIONS = EXPRESSIONS | st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        make(tree.Unary, st.just("not"), inner | EXPRESSIONS),
        make(tree.Binary, st.sampled_from(["and", "or"]), inner, inner | EXPRESSIONS),
        make(tree.Binary, st.sampled_from(["and", "or"]), inner | EXPRESSIONS, inner),
    ),
    max_leaves=6,
)

TARGETS = make(tree.Target, NAMES, some(EXPRESSIONS, least=0))
DECLARED = make(tree.Declared, NAMES, some(EXPRESSIONS, least=0))
LAWS = st.one_of(
    st.none(),
    make(tree.Normal, EXPRESSIONS, EXPRESSIONS),
    make(tree.Ensemble, NAMES, some(EXPRESSIONS, least=0)),
)
DIALECTS = make(tree.Name, st.sampled_from(["netsor", "netsort+", "other"]))
TITLES = make(tree.Title, TEXT)
OPTION_NAMES = st.sampled_from(["lr", "train", "matrix", "clip"])
SMALL = ATOMS | compound(ATOMS)
OPTIONS = some(make(tree.Keyword, OPTION_NAMES, SMALL), least=0, most=2)
REDUCTIONS = make(tree.Name, st.sampled_from(["sum", "mean", "data"]))
WORDS = ["test", "loss", "parametrization", "steps", "batch", "center", "clip_value"]
BOUNDS = ["clip_global", "normalize_global"]
KEYWORDS = some(make(tree.Keyword, st.sampled_from(["m", "test"]), SMALL), least=0, most=2)

SIMPLE = st.one_of(
    make(tree.Dialect, DIALECTS),
    make(tree.DimDecl, NAMES, st.none() | EXPRESSIONS),
    make(tree.DepthDecl, NAMES, st.none() | EXPRESSIONS),
    make(tree.ConstDecl, NAMES, EXPRESSIONS),
    make(tree.ParamDecl, NAMES, EXPRESSIONS),
    make(tree.ScalarDecl, some(DECLARED), st.none() | EXPRESSIONS),
    make(tree.VectorDecl, some(DECLARED), NAMES, LAWS),
    make(tree.NoiseDecl, some(DECLARED), NAMES, LAWS),
    make(tree.MatrixDecl, some(DECLARED), NAMES, NAMES, LAWS),
    make(tree.Def, NAMES, some(NAMES), EXPRESSIONS),
    make(tree.Assign, TARGETS, EXPRESSIONS),
    make(tree.Output, TARGETS, st.none() | EXPRESSIONS),
    make(tree.Readout, TARGETS, EXPRESSIONS),
)
PLACES = make(tree.Target, NAMES, some(SMALL, least=0, most=2))
DECLARATIONS = st.one_of(
    make(tree.InputDecl, DECLARED, st.booleans()),
    make(tree.WeightDecl, some(DECLARED), st.none(), st.none(), OPTIONS),
    make(tree.WeightDecl, some(DECLARED), NAMES, st.none() | NAMES, OPTIONS),
)

SETTINGS = st.one_of(
    make(tree.Setting, st.just("data"), st.tuples(SMALL, SMALL)),
    make(tree.Setting, st.just("reduce"), st.tuples(REDUCTIONS)),
    make(tree.Setting, st.sampled_from(WORDS), st.tuples(SMALL)),
    make(tree.OptimizerChoice, some(NAMES, least=0), SMALL),
    make(tree.GlobalBound, st.sampled_from(BOUNDS), SMALL, some(NAMES, least=0)),
    make(tree.Schedule, some(SMALL), KEYWORDS),
    make(tree.Track, PLACES, SMALL),
)


def blocks(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Statements one block above `inner`."""
    branches = some(make(tree.Branch, CONDITIONS, some(inner)))
    return make(tree.For, NAMES, EXPRESSIONS, some(inner)) | make(
        tree.If, branches, some(inner, least=0)
    )


OPTIMIZERS = make(
    tree.OptimizerDef,
    NAMES,
    NAMES,
    KEYWORDS,
    KEYWORDS,
    some(make(tree.Assign, PLACES, SMALL) | make(tree.Return, SMALL)),
    st.booleans(),
)
TRAINING = make(tree.Train, NAMES, some(st.recursive(SETTINGS, blocks, max_leaves=4), most=4))
STATEMENTS = some(st.recursive(SIMPLE, blocks, max_leaves=6), least=1, most=4)
NETWORK_STATEMENTS = some(TRAINING | OPTIMIZERS | DECLARATIONS, most=3)
PROGRAMS = st.builds(
    lambda title, statements: tree.Source("<tree>", "", title + statements),
    some(TITLES, least=0, most=1),
    STATEMENTS,
)
NETWORKS = st.builds(lambda statements: tree.Source("<tree>", "", statements), NETWORK_STATEMENTS)
