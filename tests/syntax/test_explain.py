"""Explanations that no bad program of tests/errors shows, and that none is missing."""

import random

import pytest

from tpc.diagnostics import ProgramError
from tpc.syntax.parse import parse_source

KEYWORDS = "for|if|elif|else|in|and|or|not|dim|vector|matrix|const|def|output|program|input|train"
VALUES = 'mean|avg|relu|normal|true|x|n|h|W|1|2.5|1e999|\'\'|"|"a"|é|→|\0'
MARKS = "(|)|[|]|<|>|=|==|:|,|.|.T|+|-|*|@|^|**|//|~|->|'|;|#"
BLANKS = "\n|\n    |\n        |\n\t|\n  |\r\n"
TRAINING = "weight|optimizer|data|test|steps|batch|track|return|reduce|train f:\n    |init=2"
WORDS = "|".join([KEYWORDS, VALUES, MARKS, BLANKS, TRAINING]).split("|")
STARTS = ("", "", "train f:\n    ", "optimizer Q(g; m=0; b=1):\n    ", "for t in x:\n    train f: ")


def told(text: str) -> str:
    """Return the rendered message of a bad text."""
    with pytest.raises(ProgramError) as raised:
        parse_source(text)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x := 3\n", "bound by a single `=`"),
        ("x = = 3\n", "bound by a single `=`"),
        ("y = <a, b>\n", "an inner product is `<y|z>`"),
        ("y = a || b\n", "`|` stands in an inner product"),
        ("y = sum(axis=0, a)\n", "arguments without a name come before"),
        ("y = [t for t in b]\n", "a list is written out"),
        ("y = a if b else c\n", "choose with a statement"),
        ("y, z = a\n", "a statement binds one name"),
        ("dim n, m\n", "a statement binds one name"),
        ("matrix W : n * n\n", "blanks round the `x`"),
        ("scalar c = 3\n", "a scalar has a limit, `scalar c -> 3`"),
        ("for t = 3: y = t\n", "expected `in`"),
        ("y = f(a b)\n", "no operator between `a` and `b`"),
        ("vector v : n ~ normal(0)\n", "expected an operator or `,`"),
        ("y = mean[j] a[j]\n", "expected `(`"),
        ("y = def\n", "`def` is a reserved word"),
        ("y = 'a'\n", "strings stand in double quotation marks"),
        ("dialect 3\n", "write `dialect netsort`"),
        ("if a in b: y = 1\n", "expected an operator or `:`"),
        ("train f: lr = 3\n", "`optimizer sgd(lr=0.1)`"),
        ("train f: banana\n", "its lines begin with batch, center, clip_global,"),
        ("train f:\n    dim n\n", "`dim` begins no line of a `train` block"),
        ("train f:\n    steps: 3\n", "it takes no `:`"),
        ("train f:\n    optimiser sgd\n", "did you mean `optimizer adam(lr=0.1)`?"),
        ("train f:\n    batch 1, 2\n", "write `batch full`"),
        ("train f:\n    data X\n", "expected an operator or `,`"),
        ("train f:\n    reduce\n", "write `reduce sum`"),
        ("train f:\n    optimizer W, v\n", "`,` or `:`"),
        ("train f:\n    track <x|x>\n", "write `track K = <x|x>`"),
        ("optimizer adam(lr=0.1)\n", "write `optimizer adam(lr=0.1)` in a `train` block"),
        ("optimizer q(g)\n    return g\n", "`optimizer` needs a `:`"),
        ("weight W : n x n ~ normal(0, 1 / n)\n", "write `weight W : n x n (init=0.5)`"),
        ("weight W : n x n (train)\n", "`train` is a reserved word"),
        ("input xi : n\n", "write `input xi[10]`"),
        ("steps 20\n", "`steps` is a setting in the block of a `train f:` only"),
    ],
)
def test_what_it_says(text: str, part: str) -> None:
    assert part in told(text)


@pytest.mark.parametrize("start", range(0, 2000, 500))
@pytest.mark.slow
def test_any_words_parse_or_are_explained(start: int) -> None:
    for seed in range(start, start + 500):
        rng = random.Random(seed)
        count = rng.randrange(1, 40)
        text = rng.choice(STARTS)
        text += "".join(rng.choice(WORDS) + rng.choice(["", " "]) for _ in range(count))
        try:
            parse_source(text)
        except ProgramError as error:
            refused = error
        else:
            continue
        for found in refused.diagnostics:
            assert 0 <= found.span.start <= found.span.end <= len(text), text
            assert found.line == text.count("\n", 0, found.span.start) + 1, text
            assert found.column == found.span.start - text.rfind("\n", 0, found.span.start), text
