"""The language, read into trees."""

import re
from pathlib import Path

import pytest

from tests.syntax.trees import without_spans
from tests.syntax.unparse import unparse, unparse_expression
from tpc.diagnostics import ProgramError
from tpc.functions import RESERVED
from tpc.syntax import tree
from tpc.syntax.automaton import load_grammar
from tpc.syntax.lines import MAX_BLOCKS, MAX_BRACKETS
from tpc.syntax.parse import MAX_NESTING, MAX_REPORTS, load_source, parse_source, read_source
from tpc.syntax.tokens import SETTING_WORDS

GRAMMAR = Path(__file__).parents[2] / "grammar" / "tensor_program.lark"


def parse(text: str) -> tuple[tree.Statement, ...]:
    return parse_source(text).statements


def value(text: str) -> tree.Expression:
    (statement,) = parse(f"y = {text}\n")
    assert isinstance(statement, tree.Assign)
    return statement.value


def faults(text: str) -> list[tuple[str, int, int]]:
    """Return code, line and column of every diagnostic of a bad text."""
    with pytest.raises(ProgramError) as raised:
        parse_source(text)
    return [(found.code, found.line, found.column) for found in raised.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a * b @ c / d", "((a * b) @ c) / d"),
        ("-W.T @ x", "(-(W.T)) @ x"),
        ("-x ^ 2", "-(x ^ 2)"),
        ("x ** 2", "x ^ 2"),
        ("2 ^ 3 ^ x", "2 ^ (3 ^ x)"),
        ("2 ^ -x ^ 2 * y", "(2 ^ (-(x ^ 2))) * y"),
        ("a - b - c", "(a - b) - c"),
        ("c * W @ h[l, t][0].T", "(c * W) @ (((h[l, t])[0]).T)"),
        ("f''(x)[0] ^ 2", "((f''(x))[0]) ^ 2"),
        ("a // b % c * d", "((a // b) % c) * d"),
        ("<a + b|-c> * d", "(<(a + b)|(-c)>) * d"),
    ],
)
def test_precedence(text: str, wanted: str) -> None:
    assert without_spans(value(text)) == without_spans(value(wanted))


def test_precedence_of_conditions() -> None:
    (statement,) = parse("if not a < b < c and (d or 2 * (e + 1) == 4): y = 1\n")
    assert isinstance(statement, tree.If)
    condition = statement.branches[0].condition
    assert unparse_expression(condition) == "not (a < b and b < c) and (d or 2 * (e + 1) == 4)"


def test_numbers_keep_their_kind() -> None:
    numbers = [value(text) for text in ("2", "1_000", "2.", ".5", "1e-5", "2.5E3", "007")]
    assert [n.value for n in numbers if isinstance(n, tree.Number)] == [
        *(2, 1000, 2.0, 0.5, 1e-5, 2500.0, 7)
    ]
    kinds = [type(n.value) for n in numbers if isinstance(n, tree.Number)]
    assert kinds == [int, int, float, float, float, float, int]


def test_x_is_a_name_but_between_dims() -> None:
    text = "matrix x, W : x x x\nvector x, y : n\nh = W @ x\nmatrix nxm : nxm x n2\nx[x] = x * x\n"
    assert unparse(parse_source(text)) == text


def test_words_of_the_train_block_are_names() -> None:
    names = (
        "data test loss optimizer parametrization steps batch center track reduce full mse axis T"
    )
    text = "".join(f"{name} = {name} + 1\n" for name in names.split())
    assert unparse(parse_source(text)) == text


def test_newlines_are_free_in_brackets() -> None:
    broken = "y = f(a,  # one\n\n  b\n)[\n0] + <a\n|\n  b> * [1,\n 2,\n]\nz = (1\n+\n2)\n"
    whole = "y = f(a, b)[0] + <a|b> * [1, 2]\nz = (1 + 2)\n"
    assert without_spans(parse(broken)) == without_spans(parse(whole))


def test_blocks_on_one_line() -> None:
    short = "for t in range(3): h[t] = t\nif a: b = 1\nelif c: d = 2\nelse: f = 3\ng = 4\n"
    loop = "for t in range(3):\n  h[t] = t\n"
    choice = "if a:\n\tb = 1\nelif c:\n    d = 2\nelse:\n  f = 3\n"
    long = loop + choice + "g = 4\n"
    assert without_spans(parse(short)) == without_spans(parse(long))


def test_blocks_nest_and_end_together() -> None:
    text = "for t in [0, 1]:\n    if a:\n        for s in b:\n            c[s] = t\nd = 1\n"
    loop, last = parse(text)
    assert isinstance(loop, tree.For) and isinstance(last, tree.Assign)
    assert unparse(parse_source(text)) == text


def test_a_comment_may_stand_anywhere() -> None:
    text = "# one\n  # two\nif a: # three\n# four\n      # five\n    b = 1\n  # six\n    c = 2\n#"
    (statement,) = parse(text)
    assert isinstance(statement, tree.If) and len(statement.branches[0].body) == 2


@pytest.mark.parametrize("end", ["", "\n", "\n\n  \n", "  # the end"])
def test_the_last_line_may_end_anyhow(end: str) -> None:
    assert without_spans(parse("if a:\n    b = 1" + end)) == without_spans(parse("if a: b = 1"))


def test_line_ends_of_windows_and_a_byte_order_mark() -> None:
    text = "\N{ZERO WIDTH NO-BREAK SPACE}if a:\r\n    b = f(1,\r\n  2)\r\n\r\nc = 3\r\n"
    source = parse_source(text)
    wanted = parse("if a:\n    b = f(1, 2)\nc = 3\n")
    assert without_spans(source.statements) == without_spans(wanted)
    assert source.statements[1].span.text(source.text) == "c = 3"


def test_spans() -> None:
    text = (
        'program "T"\nvector u[2] : n ~ normal(0, 1)\nif (a) < b:\n    h[l] = <x|y> + f(x, k=2)\n'
    )
    title, vector, choice = parse(text)
    assert title.span.text(text) == 'program "T"'
    assert isinstance(vector, tree.VectorDecl) and vector.law is not None
    assert vector.law.span.text(text) == "~ normal(0, 1)"
    assert vector.names[0].span.text(text) == "u[2]"
    assert isinstance(choice, tree.If)
    assert choice.span.text(text) == "if (a) < b:"
    assert choice.branches[0].condition.span.text(text) == "(a) < b"
    (assign,) = choice.branches[0].body
    assert isinstance(assign, tree.Assign) and isinstance(assign.value, tree.Binary)
    assert (assign.span.line, assign.span.column) == (4, 5)
    assert assign.value.left.span.text(text) == "<x|y>"
    assert isinstance(assign.value.right, tree.Call)
    assert assign.value.right.span.text(text) == "f(x, k=2)"
    assert assign.value.right.keywords[0].span.text(text) == "k=2"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("(" * 3000 + "x" + ")" * 3000, MAX_BRACKETS),
        ("[" * 3000 + "]" * 3000, MAX_BRACKETS),
        ("tanh(" * 3000 + "x" + ")" * 3000, MAX_BRACKETS),
        ("-" * 3000 + "x", MAX_NESTING),
        ("2 ^ " * 3000 + "x", MAX_NESTING),
        ("x" + "[0]" * 3000, MAX_NESTING),
        ("x" + ".T" * 3000, MAX_NESTING),
        ("tanh(" * 150 + "x" + ")" * 150, MAX_NESTING),
    ],
    ids=["parentheses", "lists", "calls", "minus", "powers", "indices", "transposes", "150 calls"],
)
@pytest.mark.slow
def test_deep_nesting_is_an_error(text: str, limit: int) -> None:
    with pytest.raises(ProgramError) as raised:
        parse_source(f"y = {text}\n")
    (found,) = raised.value.diagnostics
    assert (found.code, found.line) == ("TP127", 1)
    assert str(limit) in found.message


def test_open_brackets_without_end() -> None:
    assert {code for code, _, _ in faults("y = " + "(" * 3000)} == {"TP106", "TP127"}


def test_deep_conditions_are_an_error() -> None:
    assert [code for code, _, _ in faults("if " + "not " * 3000 + "a: b = 1\n")] == ["TP127"]


@pytest.mark.parametrize("levels", [MAX_BLOCKS, MAX_BLOCKS + 1, 500])
@pytest.mark.slow
def test_deep_blocks(levels: int) -> None:
    text = "".join(" " * depth + "if a:\n" for depth in range(levels)) + " " * levels + "b = 1\n"
    if levels <= MAX_BLOCKS:
        assert len(parse(text)) == 1
    else:
        assert [code for code, _, _ in faults(text)] == ["TP128"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "a" + " + a" * 20_000,
        "(" * 150 + "x" + ")" * 150,
        "f(" * MAX_NESTING + "x" + ")" * MAX_NESTING,
        "[" + "1, " * 20_000 + "]",
    ],
    ids=["chain", "parentheses", "calls", "list"],
)
def test_long_is_not_deep(text: str) -> None:
    assert value(text)


def test_all_errors_of_a_file_at_once() -> None:
    text = (
        "dim n\n"
        "vector v = n\n"  # `=` for `:`
        "for t in range(3)\n"  # no colon
        "    h[t] = f(v\n"  # no `)`
        "    g[t] = 2 v\n"  # no operator
        "\n"
        "if t = 1:\n"  # `=`
        "    a = ]\n"
        "else:\n"
        "    b = 1\n"
        "while true:\n"  # Python's
        "    c = ; 2\n"
        "d = 3 +\n"
    )
    assert faults(text) == [
        ("TP113", 2, 10),
        ("TP112", 3, 18),
        ("TP106", 4, 13),
        ("TP115", 5, 14),
        ("TP117", 7, 6),
        ("TP107", 8, 9),
        ("TP120", 11, 1),
        ("TP103", 12, 9),
        ("TP114", 13, 8),
    ]


def test_a_broken_header_still_has_its_block() -> None:
    text = "if a:\n    b = 1\nelif = 3:\n    c = 1\nelse\n    d = 1\nelse:\n    f = 1\n"
    assert [line for _, line, _ in faults(text)] == [3, 5, 7]


def test_an_unclosed_bracket_hides_no_later_error() -> None:
    text = "x = [1,\n  2\ny = f(3\nz = 2 2\nvector v : n\nw = (\noutput w w\n"
    assert faults(text) == [
        ("TP106", 1, 5),
        ("TP106", 3, 6),
        ("TP115", 4, 7),
        ("TP106", 6, 5),
        ("TP113", 7, 10),
    ]


def test_reports_end_after_a_hundred_errors() -> None:
    assert len(faults("x = = 1\n" * 500)) == MAX_REPORTS


NETWORK = """\
input xi[10]
weight U[10] : n (mult=2, train=false,
                  lr=3)
train f:
    data X, Y
    for t in range(2):
        track data[t] = <x|y>
    batch [[0, 1]]

    optimizer v: sgd(lr=0.1)
    parametrization custom(matrix=[0, 0.5, 1, 1],
                           vector=[0, 0, 0, 1], scalar=[0, 0, 0, 0], out=1)
    if 2 > 1: steps 20
"""


def test_a_train_block() -> None:
    _, _, train = parse_source(NETWORK).statements
    assert isinstance(train, tree.Train)
    words = [type(at).__name__ for at in train.body]
    assert words == ["Setting", "For", "Setting", "OptimizerChoice", "Setting", "If"]


@pytest.mark.slow
def test_a_train_block_nests_as_others_do() -> None:
    header = "".join(f"{' ' * depth}if 1 > 0:\n" for depth in range(1, MAX_BLOCKS + 1))
    text = f"train f:\n{header}{' ' * (MAX_BLOCKS + 1)}steps 1\n"
    assert faults(text) == [("TP128", MAX_BLOCKS + 2, MAX_BLOCKS + 2)]
    deep = "[" * (MAX_NESTING + 2) + "]" * (MAX_NESTING + 2)
    for line in (f"steps {deep}", f"track K[{deep}] = 1", f"optimizer sgd(lr={deep})"):
        assert [code for code, _, _ in faults(f"train f:\n    {line}\n")] == ["TP127"], line
    for text in (f"weight v : n (lr={deep})", f"input x[{deep}]", f"optimizer q(g): return {deep}"):
        assert [code for code, _, _ in faults(f"{text}\n")] == ["TP127"], text
    assert [code for code, _, _ in faults(f"optimizer q(g; m={deep}): return g\n")] == ["TP127"]


@pytest.mark.slow
def test_words_of_training_are_names_elsewhere() -> None:
    for word in SETTING_WORDS | {"return", "noise"}:
        for line in (f"vector {word} : n\n", f"{word} = 1\n", f"{word}[0] = {word} @ x\n"):
            assert unparse(parse_source(NETWORK + line)).endswith(line)
    text = "optimizer q(g; m=0):\n    way = m + g\n    data = 1\n    return way\n"
    _, *bound = parse(text + "optimizer = 1\nreturn[1] = 2\n")
    assert [type(at) for at in bound] == [tree.Assign, tree.Assign]


def test_every_error_of_a_train_block_is_reported() -> None:
    text = (
        "train f\n    data X, Y\n    steps = 3\n    batch 3 3\n      center true\n    test (X\n"
        "    loss mse\n    y = 3\noptimizer q(g:\n    if t > m:\n        t = 3\n    return g g\n"
        "train f:\noptimizer Q(g; m=0):\ny = 2 2\n"
    )
    assert faults(text) == [
        ("TP112", 1, 8),
        ("TP132", 3, 11),
        ("TP115", 4, 13),
        ("TP106", 6, 10),
        ("TP131", 8, 5),
        ("TP113", 9, 14),
        ("TP133", 10, 5),
        ("TP115", 12, 14),
        ("TP111", 13, 1),
        ("TP111", 14, 1),
        ("TP115", 15, 7),
    ]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "   \n\t\n"])
def test_an_empty_text(text: str) -> None:
    assert faults(text) == [("TP102", 1, 1)]


@pytest.mark.parametrize(
    "text",
    ["\0", "a\0b", "# \0", 'program "\x1b"', "# \ud800", "é = 1", "\x0c", "𝔼 = ∑", "\\", "?"],
)
def test_no_character_is_a_crash(text: str) -> None:
    assert {code for code, _, _ in faults(text)} == {"TP103"}


def test_reserved_words_are_no_names() -> None:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    words = set(re.findall(r'"([A-Za-z_]+)"', re.sub(r"//.*", "", grammar)))
    words |= RESERVED
    words -= {"x", "over", "return", "noise", "depth", "path"} | SETTING_WORDS
    assert {"for", "normal", "mean", "relu", "softmax", "pi", "e", "train", "in"} <= words
    for word in sorted(words):
        for text in (f"vector {word} : n\n", f"def f({word}) = 1\n", f"y = mean[{word}](1)\n"):
            assert faults(text)[0][0] == "TP116", text
        assert faults(f"{word} = 1\n")[0][0] == "TP116", word


@pytest.mark.slow
def test_the_grammar_has_the_one_conflict_that_it_states(caplog: pytest.LogCaptureFixture) -> None:
    load_grammar.cache_clear()
    with caplog.at_level("DEBUG", logger="lark"):
        load_grammar(debug=True)
    load_grammar.cache_clear()
    conflicts = [record.message for record in caplog.records if "onflict" in record.message]
    assert len(conflicts) == 1 and "RPAR" in conflicts[0]


TEXT = "dim n\nif a:\n    b = 1\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.rstrip().encode(),
    ],
    ids=["unix", "windows", "old mac", "byte order mark", "no newline"],
)
def test_every_kind_of_text_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.tp"
    path.write_bytes(data)
    source = load_source(path)
    assert source.name == str(path)
    assert source.text.rstrip() == TEXT.rstrip()
    assert without_spans(source.statements) == without_spans(parse_source(TEXT).statements)


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"dim n\ncaf\xe9 = 1\n", 2, 4),
        (b"\xef\xbb\xbfdim n\nx\xc3\xa9\xff\n", 2, 3),
        (b"\xff\xfed\0i\0m\0", 1, 1),
        (b"dim n\nx\0 = \xff", 2, 2),
        (b"\x89PNG\r\n\x1a\n\0\0", 1, 1),
        (b"dim n\n# \xe2\x82", 2, 3),
    ],
    ids=["latin 1", "after a byte order mark", "utf-16", "nul", "png", "cut off"],
)
def test_binary_files(data: bytes, line: int, column: int, tmp_path: Path) -> None:
    path = tmp_path / "p.tp"
    path.write_bytes(data)
    with pytest.raises(ProgramError) as raised:
        read_source(path)
    (found,) = raised.value.diagnostics
    assert (found.code, found.line, found.column) == ("TP101", line, column)
    assert str(raised.value).startswith(f"{path}:{line}:{column}: error[TP101]")


@pytest.mark.slow
def test_every_byte_alone_is_text_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.tp"
    for byte in range(256):
        path.write_bytes(bytes([byte]))
        with pytest.raises(ProgramError):
            load_source(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_source(tmp_path / "none.tp")
