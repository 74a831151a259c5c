"""Runs every code block of the README, of CONTRIBUTING and of docs/.

Blocks of one page run in order, in one temporary folder that holds a copy of `examples/`:

    ```tp              a whole program: built; with `file=NAME` also written there
    ```tp preamble     declarations that stand before every later `tp fragment` of the page
    ```tp fragment     built behind the preamble
    ```tp error        must be refused; a text block behind it is the message
    ```python          executed, in one namespace for the page; with `from=FILE` lines of that file
    ```sh              every line that begins with `tpc` goes through the command line; the lines
                       that install the project are run by `.ci/run`
    ```text            what the block before it prints; a line `...` stands for any lines

`pytest --update-golden` accepts what is printed.
"""

import contextlib
import io
import math
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import tpc
from tests.marks import slow_where
from tpc.command_line.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)[ ]?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:e[-+]?\d+)?(?!\w)")


@dataclass
class Page:
    """What the blocks of a page share."""

    preamble: str = ""
    printed: str | None = None
    namespace: dict[str, object] = field(default_factory=dict)

    def run(self, language: str, options: str, text: str) -> None:
        """Run one block."""
        if language == "text":
            if self.printed is not None:
                assert_same_output(self.printed, text)
            self.printed = None
            return
        match language:
            case "tp":
                self.printed = self.program(options, text)
            case "python" if options:
                source = Path(options.removeprefix("from=")).read_text(encoding="utf-8")
                assert text.strip("\n") in source, f"not in {options}:\n{text}\n{source}"
            case "python":
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(text, "<block>", "exec"), self.namespace)
                self.printed = out.getvalue()
            case "sh":
                self.printed = shell(text)
            case _:
                raise AssertionError(f"no test for a block of {language}")

    def program(self, options: str, text: str) -> str | None:
        """Build a program; return the diagnostics of one that must be refused."""
        name, _, value = options.partition("=")
        match name:
            case "preamble":
                self.preamble = text
                tpc.parse(text)
            case "fragment":
                tpc.parse(self.preamble + text)
            case "error":
                with pytest.raises(tpc.ProgramError) as caught:
                    tpc.parse(text, value or "<string>")
                return str(caught.value)
            case "file":
                Path(value).write_text(text, encoding="utf-8")
                tpc.parse(text, value)
            case _:
                assert not options
                tpc.parse(text)
        return None


def excerpt(path: Path, shown: str) -> str:
    """Return the lines of a file from the first to the last of those shown."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first, *_, last = shown.strip("\n").splitlines()
    start = lines.index(first)
    return "\n".join(lines[start : lines.index(last, start) + 1]) + "\n"


def shell(text: str) -> str:
    """Run the lines of a block that call `tpc`; return what they print."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["tpc"]:
                with contextlib.redirect_stderr(io.StringIO()) as errors:
                    status = main(words[1:])
                assert status == 0, errors.getvalue()
            else:
                assert not words or ".venv" in line, f"no test for: {line}"
    return out.getvalue()


def assert_same_output(printed: str, shown: str) -> None:
    """Compare line by line: words exactly, numbers to a thousandth (rounding of the last digit)."""
    pieces = [piece.strip("\n") for piece in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)]
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    at = 0
    for number, piece in enumerate(pieces):
        wanted = [line.rstrip() for line in piece.splitlines()]
        starts = range(at, len(lines) + 1) if number else [0]
        found = next((s for s in starts if same_lines(lines[s : s + len(wanted)], wanted)), None)
        assert found is not None, f"not printed:\n{piece}\n\nprinted:\n{printed}"
        at = found + len(wanted)
    assert at == len(lines) or not pieces[-1], f"printed more:\n{printed}"


def same_lines(lines: list[str], wanted: list[str]) -> bool:
    """Whether lines agree but for the rounding of their numbers."""
    if len(lines) != len(wanted):
        return False
    for line, other in zip(lines, wanted, strict=True):
        if NUMBER.sub("#", line) != NUMBER.sub("#", other):
            return False
        pairs = zip(NUMBER.findall(line), NUMBER.findall(other), strict=True)
        if not all(math.isclose(float(a), float(b), rel_tol=1e-3, abs_tol=1e-6) for a, b in pairs):
            return False
    return True


@pytest.mark.parametrize(
    "page",
    slow_where(lambda page: page.stem in ("finite_width", "training", "tutorial"), PAGES),
    ids=lambda page: page.name,
)
def test_every_block_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_golden: bool
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    state, text = Page(), page.read_text(encoding="utf-8")
    pieces, end = [], 0
    for block in BLOCK.finditer(text):
        language, options, body = block[1], block[2].strip(), block[3]
        if update_golden and language == "text" and state.printed is not None:
            body = "\n".join(map(str.rstrip, state.printed.strip("\n").split("\n"))) + "\n"
            state.printed = None
        if update_golden and options.startswith("from="):
            body = excerpt(Path(options.removeprefix("from=")), body)
        try:
            state.run(language, options, body)
        except tpc.ProgramError as error:
            line = text.count("\n", 0, block.start()) + 1
            pytest.fail(f"{page.name}:{line}: {error}")
        pieces += [text[end : block.start(3)], body]
        end = block.end(3)
    if update_golden:
        page.write_text("".join([*pieces, text[end:]]), encoding="utf-8")


def test_output_comparison_can_fail() -> None:
    with pytest.raises(AssertionError):
        assert_same_output("K = 1.25\n", "K = 1.35\n")
    with pytest.raises(AssertionError):
        assert_same_output("a\nb\n", "a\n")
    assert_same_output("a\nb\nc 1.0001\n", "a\n...\nc 1.0\n")


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        text = re.sub(r"``[^\n]*?``|`[^`\n]*`", "", BLOCK.sub("", page.read_text(encoding="utf-8")))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
