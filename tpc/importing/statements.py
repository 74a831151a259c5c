"""An expression -> statements: what gets a name, and equal blocks found again as a loop.

A line is rendered with marks where it names another line, so that the lines of two blocks can be
compared: they are the same if they are the same text once the numbers of their blocks are gone, and
if what one takes from the block before it, the other takes from its own.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tpc.importing.text import Text

LONG = 24
"""An expression of a module that is longer than this gets a name."""

MARK = re.compile(r"\0(\d+)\0")
NUMBERED = re.compile(r"^((?:.*?\.)?[^.\d][^.]*)\.(\d+)(?:\.(.*))?$")
"""A module in a list of modules: the list, the number, and the path from there."""


@dataclass(frozen=True, slots=True)
class Block:
    """A module in a list of modules."""

    container: str
    number: int


@dataclass(frozen=True, slots=True)
class Line:
    """A statement: the module it comes from, and its expression with marks for other lines."""

    number: int
    module: str
    block: Block | None
    expression: str

    @property
    def uses(self) -> list[int]:
        """The lines that it names."""
        return [int(number) for number in MARK.findall(self.expression)]


@dataclass(frozen=True, slots=True)
class Loop:
    """Blocks that do the same.

    Attributes:
        container: The list of modules.
        count: How many there are.
        lines: Those of one round: of the second block, whose carried lines are known.
        carried: For each line that a round hands on, by its place in the block, the line that the
            first round takes instead.
        numbers: For each block the numbers of its lines.
    """

    container: str
    count: int
    lines: tuple[Line, ...]
    carried: Mapping[int, int]
    numbers: tuple[tuple[int, ...], ...]


def block_of(module: str) -> Block | None:
    """Return the block that a module is in, of the outermost list of modules."""
    found = NUMBERED.match(module)
    return Block(found[1], int(found[2])) if found else None


def inside(module: str) -> str:
    """Return the path of a module within its block."""
    found = NUMBERED.match(module)
    return (found[3] or "") if found else module


def lines_of(output: Text) -> tuple[list[Line], str]:
    """Return the statements, each after those that it names, and the text of the output."""
    order = list(_ordered(output))
    blocks = _blocks(order)
    uses = Counter(part for text in order for part in text.parts)
    crossing = {part for text in order for part in text.parts if blocks[part] != blocks[text]}
    names: dict[Text, str] = {}
    lines: list[Line] = []
    for text in order:
        if text is output or not any(True for _ in text.parts):
            continue
        long = text.named and len(MARK.sub("xxxx", text.written(names))) > LONG
        if uses[text] > 1 or text in crossing or long:
            expression = text.written(names)
            names[text] = f"\0{len(lines)}\0"
            lines.append(Line(len(lines), text.module, blocks[text], expression))
    return lines, output.written(names)


def _blocks(order: Sequence[Text]) -> dict[Text, Block | None]:
    """Return the block of every expression; what no module makes belongs to what uses it."""
    found: dict[Text, Block | None] = {order[-1]: block_of(order[-1].module)}
    for text in reversed(order):
        for part in text.parts:
            if part.module:
                found[part] = block_of(part.module)
            else:
                found.setdefault(part, found[text])
    for text in order:
        if found[text] is None:
            found[text] = _joined(text, [found[part] for part in text.parts])
    return found


def _joined(text: Text, parts: Sequence[Block | None]) -> Block | None:
    """Return the block that a sum belongs to, made where its list is, of it and what came before.

    >>> _joined(Text(("x + block",), module="x"), [None, Block("blocks", 0)])
    Block(container='blocks', number=0)
    """
    blocks = sorted({part for part in parts if part}, key=lambda block: block.number)
    if len(parts) < 2 or not blocks or len({block.container for block in blocks}) > 1:
        return None
    last = blocks[-1]
    parent = last.container.rpartition(".")[0] or "x"
    near = all(block.number >= last.number - 1 for block in blocks)
    return last if text.module == parent and near and None not in parts[1:] else None


def _ordered(output: Text) -> Iterator[Text]:
    """Yield all expressions, each after its parts."""
    seen: set[Text] = set()
    waiting = [(output, False)]
    while waiting:
        text, ready = waiting.pop()
        if ready:
            yield text
        elif text not in seen:
            seen.add(text)
            waiting.append((text, True))
            waiting += [(part, False) for part in reversed(list(text.parts))]


def loops_of(
    lines: Sequence[Line], output: str, without_number: Callable[[str, Block], str]
) -> list[Loop]:
    """Return the loops that the lines can be written as.

    Args:
        lines: All statements.
        output: The text of the output.
        without_number: Takes the names of a block's weights to those of any block.
    """
    found = []
    for container, run in groupby(lines, lambda line: line.block and line.block.container):
        if container is None:
            continue
        blocks = [tuple(group) for _, group in groupby(run, lambda line: line.block)]
        loop = _loop(container, blocks, without_number)
        if loop is not None and _closed(loop, lines, output):
            found.append(loop)
    return found


def _loop(
    container: str,
    blocks: Sequence[tuple[Line, ...]],
    without_number: Callable[[str, Block], str],
) -> Loop | None:
    if len(blocks) < 2 or len({len(block) for block in blocks}) > 1:
        return None
    numbers = tuple(tuple(line.number for line in block) for block in blocks)
    shown = [
        [_relative(line, numbers, at, without_number) for line in block]
        for at, block in enumerate(blocks)
    ]
    if any(None in block or block != shown[1] for block in shown[2:]) or None in shown[1]:
        return None
    carried: dict[int, int] = {}
    for first, second in zip(shown[0], shown[1], strict=True):
        pieces = [re.split(r"(\0[^\0]*\0)", text or "") for text in (first, second)]
        if len(pieces[0]) != len(pieces[1]):
            return None
        for start, later in zip(*pieces, strict=True):
            if start == later:
                continue
            if not later.startswith("\0before") or not start.startswith("\0outside"):
                return None
            place, line = int(later[7:-1]), int(start[8:-1])
            if carried.setdefault(place, line) != line:
                return None
    return Loop(container, len(blocks), blocks[1], carried, numbers) if carried else None


def _relative(
    line: Line,
    numbers: Sequence[tuple[int, ...]],
    at: int,
    without_number: Callable[[str, Block], str],
) -> str | None:
    """Return a line with marks that say where in its block, or the one before, others stand."""

    def mark(found: re.Match[str]) -> str:
        number = int(found[1])
        if number in numbers[at]:
            return f"\0own{numbers[at].index(number)}\0"
        if at and number in numbers[at - 1]:
            return f"\0before{numbers[at - 1].index(number)}\0"
        earlier = any(number in block for block in numbers)
        return "\0earlier\0" if earlier else f"\0outside{number}\0"

    assert line.block is not None
    text = MARK.sub(mark, without_number(line.expression, line.block))
    return None if "\0earlier\0" in text else text


def _closed(loop: Loop, lines: Sequence[Line], output: str) -> bool:
    """Whether what comes after a loop uses nothing of it but what the last round hands on."""
    inner = {number for block in loop.numbers for number in block}
    last = {loop.numbers[-1][place] for place in loop.carried}
    used = {n for line in lines if line.number not in inner for n in line.uses}
    used |= {int(number) for number in MARK.findall(output)}
    return used & inner <= last
