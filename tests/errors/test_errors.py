"""Every code of the catalogue has a bad program here, and beside it the message that it must get.

`TP106.tp` holds TP106 and nothing else, `TP106.txt` is the rendered message; a second program for a
code has a word behind it, `TP103_letters.tp`. `pytest --update-golden` accepts the messages.
"""

import importlib
import pkgutil
import re
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Right:
    """What mends a bad program.

    Attributes:
        place: The number of another line than the one that the message is about, with a `+` where
            the text comes behind it; or nothing.
        text: The line, nothing where it has to go; behind `$ ` a command.
    """

    place: str
    text: str


def _right_lines() -> dict[str, Right]:
    """Read `TP111: line`, `TP204 1: line 1`, `TP253 +1: a line behind line 1`."""
    found = {}
    for line in (HERE / "right_lines.txt").read_text(encoding="utf-8").splitlines():
        head, _, text = line.partition(":")
        code, _, place = head.partition(" ")
        found[code] = Right(place, text[1:].replace("\\n", "\n"))
    return found


RIGHT = _right_lines()
"""By code."""

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
    wrong, right = wrong_line(fault.code)[1], RIGHT.get(fault.code)
    if right and right.place.isdigit():
        wrong = line_of(fault.code, int(right.place))
    if right is None:
        return f"| {' | '.join([*cells, _code(wrong.strip()), ''])} |\n"
    new = right.text.removeprefix("$ ")
    if wrong.strip() == new.strip():  # they differ by their indentation
        wrong, new = (text.replace("\t", "⇥").replace("    ", "····") for text in (wrong, new))
    behind = right.place.startswith("+")
    cells += [_code(wrong.strip()) if not behind else "", _code(new.strip()) or "no such line"]
    return f"| {' | '.join(cells)} |\n"


def wrong_line(code: str) -> tuple[int, str]:
    """Return the line of a bad program that its message is about, by number and text.

    A message about a whole program is about the line that mends it.
    """
    shown = (HERE / f"{code}.txt").read_text(encoding="utf-8")
    number = re.match(rf"{code}\.tp:(\d+):", shown)
    if number is None and not (code in RIGHT and RIGHT[code].place.isdigit()):
        return 1, ""
    at = int(number[1] if number else RIGHT[code].place)
    return at, line_of(code, at)


def line_of(code: str, number: int) -> str:
    """Return a line of a bad program."""
    text = (HERE / f"{code}.tp").read_text(encoding="utf-8", errors="replace")
    return text.split("\n")[number - 1]


def _code(line: str) -> str:
    """Return a line of a program as code in a cell of a table, if it is short."""
    shown = (
        text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
        for text in (one.strip().replace("|", "\\|") for one in line.split("\n"))
    )
    return ", ".join(f"`` {text} ``" for text in shown if text)


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
    if name.startswith("TP53"):
        tpc.train(program)
    compute_kernels(name, program)
    if name.startswith("TP413"):
        tpc.simulate(program, width=10**6, trials=1, engine="matrix-free")
    if name.startswith("TP404"):
        compiler.run(program)
    module = tpc.emit(tpc.derive(program, dot="derivative"))
    tpc.simulate(program, width=10**7, trials=1, engine="matrix-free")
    return module


def compute_kernels(name: str, program: Program | Network) -> None:
    """Compute the kernels of a network whose codes are theirs."""
    if isinstance(program, Network) and name.startswith("TP28"):
        tpc.kernel(program, [[1.0, 2.0, 3.0]], [[0.5, 0.0, 1.0]])
    if name.startswith("TP5") and not name.startswith("TP509"):
        tpc.kernel(program, [[1.0, 2.0, 3.0]], [[0.5, 0.0, 1.0]])
    if name.startswith("TP283"):
        tpc.kernel(program, [1.0])


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


@pytest.mark.parametrize("code", sorted(c for c in RIGHT if not RIGHT[c].text.startswith("$ ")))
def test_the_right_line_gets_no_such_message(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    number, wrong = wrong_line(code)
    lines = (HERE / f"{code}.tp").read_text(encoding="utf-8", errors="replace").split("\n")
    assert lines[number - 1] == wrong != RIGHT[code].text
    behind, place = RIGHT[code].place.startswith("+"), int(RIGHT[code].place or number)
    lines[place - (not behind) : place] = [RIGHT[code].text]
    try:
        program = tpc.parse("\n".join(lines), f"{code}.tp")
        found = warnings_of(code, program) if code != "TP610" else []
        compute_kernels(code, program)
        if code.startswith(("TP3", "TP4")):
            tpc.derive(program)
    except ProgramError as refusal:
        found = refusal.diagnostics
    assert (code, number) not in {(of.code, of.line) for of in found}
