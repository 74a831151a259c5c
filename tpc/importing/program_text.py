"""A translation -> the text of the network, as a person would write it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from math import gcd, lcm

from tpc.functions import FUNCTIONS, RESERVED
from tpc.importing.axes import Extent, Factor
from tpc.importing.declarations import identifier_of
from tpc.importing.statements import (
    MARK,
    Block,
    Loop,
    block_of,
    inside,
    lines_of,
    loops_of,
)
from tpc.importing.translation import Translation
from tpc.importing.values import Array, Value, numeral
from tpc.importing.weights import Declared, Piece

INDENT = "    "


def written(t: Translation, output: Value) -> tuple[str, dict[str, Piece]]:
    """Return the text of a network, and the pieces of its weights by the network's names."""
    return _Writer(t, output).written()


class _Writer:
    """Names, lines and loops of one network."""

    def __init__(self, t: Translation, output: Value) -> None:
        self._t = t
        self._dims = Dims(factor for weight in t.weights.declared for factor in weight.dims)
        self._lines, self._output = lines_of(output.text)
        self._weights = list(t.weights.declared)
        candidates = loops_of(self._lines, self._output, self._without_number)
        self._loops = [loop for loop in candidates if self._families(loop) is not None]
        self._taken = self._reserved()
        self._names: dict[int, str] = {}
        self._handed: dict[tuple[str, int], str] = {}

    def written(self) -> tuple[str, dict[str, Piece]]:
        """Return the text, and the pieces of weights."""
        body = self._body()
        looped = {weight.tensor for loop in self._loops for weight in self._members(loop)}
        pieces: dict[str, Piece] = {}
        plain = [weight for weight in self._weights if weight.tensor not in looped]
        for weight in plain:
            pieces |= weight.pieces
        for loop in self._loops:
            for family, members in (self._families(loop) or {}).items():
                pieces |= _family_pieces(family, members)
        declared = [f"input xi{brackets(self._sizes())}", *declarations(plain, self._dims)]
        used = " ".join([*declared, *body])
        constants = [
            f"const {name} = {array(entries)}"
            for name, entries in self._t.constants.items()
            if re.search(rf"\b{name}\b", used)
        ]
        functions = [f"def {name}({x}) = {text}" for name, (x, text) in self._t.functions.items()]
        title = [f'program "{self._t.capture.title}"']
        blocks = [title, self._dims.declarations(), constants, declared, functions, body]
        return "\n\n".join("\n".join(block) for block in blocks if block) + "\n", pieces

    def _sizes(self) -> list[str]:
        given = self._t.capture.inputs[0]
        factors = (f for axis in self._t.axes(given.shapes, given.name) for f in axis)
        sizes = [str(int(f.ratio)) for f in factors if f.extent is Extent.CONSTANT]
        return sizes + ([str(self._t.classes)] if self._t.classes else [])

    # ------------------------------------------------------------------------------------- names

    def _reserved(self) -> set[str]:
        weights = {weight.name for weight in self._weights}
        families = {name for loop in self._loops for name in self._families(loop) or {}}
        own = {"f", "xi", "l", *RESERVED, *self._dims.names, *weights, *families}
        return {*own, *self._t.constants, *self._t.functions, *FUNCTIONS}

    def _fresh(self, wanted: str) -> str:
        """Return a name that is not taken, and take it."""
        wanted = wanted if wanted[:1].isalpha() else f"x_{wanted}".rstrip("_")
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def _without_number(self, text: str, block: Block) -> str:
        """Return a line of a block with the names of its weights as those of the family."""
        prefix = identifier_of(f"{block.container}.{block.number}.")
        return re.sub(rf"\b{prefix}", identifier_of(f"{block.container}."), text)

    def _members(self, loop: Loop) -> list[Declared]:
        """Return the weights of a loop's blocks."""
        return [
            weight
            for weight in self._weights
            if (block := block_of(weight.tensor)) and block.container == loop.container
        ]

    def _families(self, loop: Loop) -> dict[str, list[Declared]] | None:
        """Return the weights of a loop by what they are called in a round; None if they differ."""
        found: dict[str, list[Declared]] = {}
        for weight in self._members(loop):
            block = block_of(weight.tensor)
            assert block is not None
            found.setdefault(self._without_number(weight.name, block), []).append(weight)
        for members in found.values():
            alike = {(w.shape, w.dims, w.options) for w in members}
            if len(members) != loop.count or len(alike) > 1:
                return None
        return found

    # ------------------------------------------------------------------------------------- lines

    def _body(self) -> list[str]:
        starts = {loop.numbers[0][0]: loop for loop in self._loops}
        inner = {n for loop in self._loops for block in loop.numbers for n in block}
        first = {n: name for loop in self._loops for n, name in self._first_names(loop)}
        body: list[str] = []
        for line in self._lines:
            if line.number in starts:
                body += self._round(starts[line.number])
            elif line.number not in inner:
                name = first.get(line.number) or self._fresh(identifier_of(line.module))
                self._names[line.number] = name
                body.append(f"{name} = {self._named(line.expression)}")
        return [*body, f"readout f = {self._named(self._output)}"]

    def _first_names(self, loop: Loop) -> Iterator[tuple[int, str]]:
        """Name what the first round takes as the values that rounds hand on."""
        for place, line in loop.carried.items():
            family = self._fresh("h" if len(loop.carried) == 1 else f"h{place}")
            self._names[loop.numbers[-1][place]] = f"{family}[{loop.count}]"
            self._handed[loop.container, place] = family
            yield line, f"{family}[0]"

    def _named(self, expression: str) -> str:
        return MARK.sub(lambda found: self._names[int(found[1])], expression)

    def _round(self, loop: Loop) -> list[str]:
        """Return the lines of a loop."""
        families = self._families(loop) or {}
        one_each = [replace(members[0], name=name) for name, members in families.items()]
        before = dict(zip(loop.numbers[0], range(len(loop.numbers[0])), strict=True))
        own = dict(zip(loop.numbers[1], range(len(loop.numbers[1])), strict=True))
        names: dict[int, str] = {}
        for number, place in before.items():
            if place in loop.carried:
                names[number] = f"{self._handed[loop.container, place]}[l]"
        lines = [f"for l in range({loop.count}):"]
        lines += [INDENT + line for line in declarations(one_each, self._dims)]
        for line in loop.lines:
            place = own[line.number]
            if place in loop.carried:
                names[line.number] = f"{self._handed[loop.container, place]}[l + 1]"
            else:
                names[line.number] = self._fresh(identifier_of(inside(line.module)) or "x")
            assert line.block is not None
            text = self._without_number(line.expression, line.block)
            shown = MARK.sub(lambda found: self._in_round(found, names), text)
            lines.append(f"{INDENT}{names[line.number]} = {shown}")
        return lines

    def _in_round(self, found: "re.Match[str]", names: Mapping[int, str]) -> str:
        number = int(found[1])
        return names.get(number) or self._names[number]


def _family_pieces(family: str, members: Iterable[Declared]) -> dict[str, Piece]:
    """Return the pieces of a family's weights: `W[2]`, or `W[2,0,1]` of arrays of matrices."""
    found = {}
    for number, weight in enumerate(members):
        for name, piece in weight.pieces.items():
            key = name[len(weight.name) :].strip("[]")
            found[f"{family}[{number}{',' if key else ''}{key}]"] = piece
    return found


class Dims:
    """The names of the dims: all are multiples of the first."""

    def __init__(self, factors: Iterable[Factor]) -> None:
        """Name the dims of some growing factors."""
        ratios = sorted({factor.ratio for factor in factors} | {Fraction(1)})
        below = lcm(*(ratio.denominator for ratio in ratios))
        above = gcd(*(int(ratio * below) for ratio in ratios))
        self._unit = Fraction(above, below)
        others = iter(["m", "k", "p", "q", *(f"m{at}" for at in range(2, 100))])
        self._names = {Fraction(1): "n"}
        for ratio in sorted({*ratios, self._unit}):
            if ratio not in self._names:
                self._names[ratio] = "d" if ratio == self._unit else next(others)

    @property
    def names(self) -> set[str]:
        """All names."""
        return set(self._names.values())

    def of(self, factor: Factor) -> str:
        """Return the name of a dim."""
        return self._names[factor.ratio]

    def declarations(self) -> list[str]:
        """Return the lines that declare them."""
        unit = self._names[self._unit]
        rest = [
            f"dim {name} = {ratio / self._unit} * {unit}"
            for ratio, name in sorted(self._names.items())
            if ratio != self._unit
        ]
        return [f"dim {unit}", *rest]


def declarations(weights: Iterable[Declared], dims: Dims) -> list[str]:
    """Return the lines that declare weights, those that are alike in one, comments in a column."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for weight in weights:
        sort = f" : {' x '.join(map(dims.of, weight.dims))}" if weight.dims else ""
        options = f" ({', '.join(weight.options)})" if weight.options else ""
        name = weight.name + brackets(map(str, weight.shape))
        groups.setdefault((sort, options, weight.comment), []).append(name)
    lines = [
        (f"weight {', '.join(names)}{sort}{options}", comment)
        for (sort, options, comment), names in groups.items()
    ]
    column = max((len(line) for line, comment in lines if comment and len(line) < 64), default=0)
    return [f"{line.ljust(column)}  # {comment}" if comment else line for line, comment in lines]


def brackets(sizes: Iterable[str]) -> str:
    """Return sizes in brackets, nothing for none."""
    listed = ", ".join(sizes)
    return f"[{listed}]" if listed else ""


def array(entries: Array) -> str:
    """Return an array as a list; a causal mask by what makes it."""
    if entries.ndim == 2 and len(entries) > 1 and len(entries) == len(entries[0]):
        size = len(entries)
        if all(x == (j <= i) for i, row in enumerate(entries) for j, x in enumerate(row)):
            return f"range({size})[:, None] >= range({size})"
    if entries.ndim == 0:
        return numeral(float(entries))
    return f"[{', '.join(map(array, entries))}]"
