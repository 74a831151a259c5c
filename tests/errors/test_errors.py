"""Every code of the catalogue has a bad program here, and beside it the message that it must get.

`TP106.tp` holds TP106 and nothing else, `TP106.txt` is the rendered message; a second program for a
code has a word behind it, `TP103_letters.tp`. `pytest --update-golden` accepts the messages.
"""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tpc
import tpc.diagnostics
from tpc.diagnostics import NOWHERE, Diagnostic, Fault, ProgramError
from tpc.diagnostics.cautions import SlowDerivatives, UncertainError
from tpc.driver import compiler
from tpc.driver.training_program import cost_of_derivatives
from tpc.network.network import Network
from tpc.program.program import Program

HERE = Path(__file__).parent
INDEX = HERE.parents[1] / "docs" / "errors.md"
PROGRAMS = sorted(HERE.glob("*.tp"))

RIGHT = dict(
    line.split(": ", 1)
    for line in (HERE / "right_lines.txt").read_text(encoding="utf-8").splitlines()
)
"""What to write instead of the wrong line, by code; nothing where the line has to go."""

LONGEST_LINE = 70

HEAD = """\
# The error index

A diagnostic is `FILE:LINE:COLUMN: error[TPnnn]: what is wrong`, then the line of the program with
the place underlined and, where there is one, a hint. All independent errors of a file are reported
in one run (of syntax errors, the first hundred). TP1xx are errors of syntax, TP2xx of names, sorts,
dims, shapes and dialects, TP3xx of limits, TP4xx of data and numbers, TP5xx of depth; TP6xx are
warnings.

Where a message names something of the program, this page has `…`. The last columns have a
line that gets the message, and what to write instead, where one line says it.
"""

TABLE = """
## {title}

| code | message | cause | remedy | wrong | right |
|---|---|---|---|---|---|
"""

CHAPTERS = {
    "TP1": "Syntax",
    "TP2": "Names, sorts, dims",
    "TP3": "Limits",
    "TP4": "Data",
    "TP5": "Depth",
    "TP6": "Warnings",
}


def catalogue() -> list[type[Fault]]:
    """Return every fault class, by code."""
    found = []
    for module in pkgutil.iter_modules(tpc.diagnostics.__path__, "tpc.diagnostics."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Fault) and hasattr(value, "code"):
                found.append(value)
    return sorted(set(found), key=lambda fault: fault.code)


def error_index() -> str:
    """Return the page that lists the catalogue."""
    page = HEAD
    for prefix, title in CHAPTERS.items():
        rows = [_row(fault) for fault in catalogue() if fault.code.startswith(prefix)]
        page += TABLE.format(title=title) + "".join(rows) if rows else ""
    return page


def _row(fault: type[Fault]) -> str:
    cause = " ".join((fault.__doc__ or "").split())
    cells = [fault.code, _cell(fault.title), _cell(cause), _cell(fault.help)]
    wrong, right = wrong_line(fault.code)[1].strip(), RIGHT.get(fault.code, "").strip()
    if wrong == right:  # they differ by their indentation
        wrong = right = ""
    cells += [_code(wrong), _code(right) or "no such line" * (fault.code in RIGHT and wrong != "")]
    return f"| {' | '.join(cells)} |\n"


def wrong_line(code: str) -> tuple[int, str]:
    """Return the line of a bad program that its message is about, by number and text."""
    shown = (HERE / f"{code}.txt").read_text(encoding="utf-8")
    number = re.match(rf"{code}\.tp:(\d+):", shown)
    if number is None:
        return 1, ""
    text = (HERE / f"{code}.tp").read_text(encoding="utf-8", errors="ignore").split("\n")
    return int(number[1]), text[int(number[1]) - 1]


def _code(line: str) -> str:
    """Return a line of a program as code in a cell of a table, if it is short."""
    text = line.strip().replace("|", "\\|")
    return f"`` {text} ``" if text and len(text) <= LONGEST_LINE and text.isprintable() else ""


def _cell(template: str) -> str:
    if re.fullmatch(r"\{\w+\}", template):
        return "the hint says what to write"
    text = re.sub(r"`\{\w+\}`|\{\w+\}", "…", template)
    return text.replace("|", "\\|")


def warnings_of(name: str, program: Program | Network) -> list[Diagnostic]:
    """Return the warnings of a program, those of its derivation or of its result."""
    if name.startswith("TP610"):
        assert isinstance(program, Network)
        cost = cost_of_derivatives(program)
        return [Diagnostic.of(SlowDerivatives(str(cost)), NOWHERE)]
    if name.startswith("TP611"):
        found = compiler.run(program, method="mc")
        return [Diagnostic.of(UncertainError(text), NOWHERE) for text in found.warnings]
    return list(program.warnings)


def compile_text(name: str) -> str:
    """Take a program through the compiler and a finite run, up to the stage that refuses it."""
    program = tpc.load(name)
    if name.startswith("TP6"):
        raise ProgramError(warnings_of(name, program), name, program.source)
    if isinstance(program, Network) and name.startswith("TP28"):
        tpc.kernel(program, [[1.0, 2.0, 3.0]], [[0.5, 0.0, 1.0]])
    if name.startswith("TP5") and not name.startswith("TP509"):
        tpc.kernel(program, [[1.0, 2.0, 3.0]], [[0.5, 0.0, 1.0]])
    if name.startswith("TP283"):
        tpc.kernel(program, [1.0])
    if name.startswith("TP413"):
        tpc.simulate(program, width=10**6, trials=1, engine="matrix-free")
    if name.startswith("TP404"):
        compiler.run(program)
    module = tpc.emit(tpc.derive(program, dot="derivative"))
    tpc.simulate(program, width=10**7, trials=1, engine="matrix-free")
    return module


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_message(path: Path, monkeypatch: pytest.MonkeyPatch, update_golden: bool) -> None:
    monkeypatch.chdir(HERE)
    with pytest.raises(ProgramError) as raised:
        compile_text(path.name)
    codes = {found.code for found in raised.value.diagnostics}
    assert codes == {path.stem.split("_")[0]}
    golden = path.with_suffix(".txt")
    if update_golden:
        golden.write_text(f"{raised.value}\n", encoding="utf-8")
    assert f"{raised.value}\n" == golden.read_text(encoding="utf-8")


def test_every_code_has_a_bad_program() -> None:
    shown = {path.stem.split("_")[0] for path in PROGRAMS}
    assert shown == {fault.code for fault in catalogue()}


def test_codes_are_unique() -> None:
    codes = [fault.code for fault in catalogue()]
    assert len(codes) == len(set(codes)) >= 30
    assert all(re.fullmatch(r"TP[1-6]\d\d", code) for code in codes)


def test_index_is_up_to_date(update_golden: bool) -> None:
    if update_golden:
        INDEX.write_text(error_index(), encoding="utf-8")
    assert INDEX.read_text(encoding="utf-8") == error_index()


def test_messages_say_what_to_write_only_where_they_know() -> None:
    """Every template can be filled: each field that it names is a field of its class."""
    for fault in catalogue():
        named = set(re.findall(r"\{(\w+)\}", fault.title + fault.label + fault.help))
        assert named <= set(fault.__dataclass_fields__), fault.code


@pytest.mark.parametrize("code", sorted(RIGHT))
def test_the_right_line_gets_no_such_message(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    number, wrong = wrong_line(code)
    lines = (HERE / f"{code}.tp").read_text(encoding="utf-8").split("\n")
    assert lines[number - 1] == wrong != RIGHT[code]
    lines[number - 1] = RIGHT[code]
    try:
        program = tpc.parse("\n".join(lines), f"{code}.tp")
        found = list(program.warnings)
        if code.startswith(("TP3", "TP4")):
            tpc.derive(program)
    except ProgramError as refusal:
        found = refusal.diagnostics
    assert (code, number) not in {(of.code, of.line) for of in found}
