"""Limit -> plain Unicode text in the bra-ket notation of the paper.

`describe` gives what stands as a comment above each line of generated code, `to_text` the whole
limit, grouped by the statements of the program.
"""

from collections.abc import Iterable, Iterator

from tpc.limit.equations import Equation, Limit, LimitOutput
from tpc.program.nodes import Node
from tpc.report.equations_in_words import (
    Relation,
    Remark,
    SourceLines,
    local_names,
    output_relations,
    read,
    relations,
    statements_of,
)
from tpc.report.laws import laws
from tpc.report.spelling import BREAK, fill, plain, spell
from tpc.report.unicode import Unicode

WIDTH = 84
"""How wide lines may be, where there is a place to break them."""

_ALPHABET = Unicode()

_INDENT = "    "


class TextPrinter:
    """Writes what a limit says, in the order of its equations.

    A local name is defined where it first comes up, so the order of calls is that of reading.
    """

    def __init__(self, limit: Limit) -> None:
        self._reader = read(limit)

    def start_over(self) -> None:
        """Define local names again where they first come up from now on."""
        self._reader.start_over()

    def equation(self, equation: Equation) -> str:
        """Return an equation, on several lines where it takes them."""
        return "\n".join(write_lines(relations(equation, self._reader)))

    def expression(self, node: Node) -> str:
        """Return what a node is, expanded beyond its own name, and its local name if it has one."""
        name = self._reader.local_name(node)
        formula = self._reader.own(node)
        if name is None:
            own = _filled("", spell(formula, _ALPHABET))
        else:
            own = write_lines([Relation((name,), "=", formula)])
        return "\n".join([*own, *write_lines(local_names(self._reader))])

    def outputs(self, outputs: Iterable[LimitOutput]) -> list[str]:
        """Return the lines that say the outputs; first the names that have an equation above."""
        said = [output_relations(output, self._reader) for output in outputs]
        above = [lines[0].right for lines in said if not lines[0].left]
        names = f", {BREAK}".join(spell(name, _ALPHABET) for name in above)
        rest = [line for lines in said if lines[0].left for line in lines]
        return [*(fill(names, WIDTH) if names else ()), *write_lines(rest)]


def write_lines(lines: Iterable[Relation]) -> list[str]:
    """Return relations line by line; what goes on from the line before is indented."""
    written: list[str] = []
    for line in lines:
        names = "".join(f"{spell(name, _ALPHABET)} = " for name in line.left)
        head = plain(names).removesuffix("= ") or _INDENT
        right = spell(line.right, _ALPHABET) + _remark(line.remark) + _also(line)
        written += _filled(("where " if line.local else "") + f"{head}{line.sign} ", right)
    return written


def _also(line: Relation) -> str:
    sides = [" = ".join(spell(x, _ALPHABET) for x in (*left, right)) for left, right in line.also]
    return "".join(f", {BREAK}{side}" for side in sides)


def _remark(remark: Remark) -> str:
    parts = [part if isinstance(part, str) else spell(part, _ALPHABET) for part in remark]
    return "".join(parts)


def _filled(head: str, text: str) -> list[str]:
    first, *rest = fill(head + text, WIDTH - len(_INDENT))
    return [first, *(_INDENT + line for line in rest)]


def describe(limit: Limit) -> tuple[str, ...]:
    """Return one text for each equation of a limit, of one or several lines."""
    printer = TextPrinter(limit)
    return tuple(printer.equation(equation) for equation in limit.equations)


def to_text(limit: Limit, peak: int | None = None, pairs: int = 0) -> str:
    """Return a limit as text: its dialect, its equations by source statement, its outputs.

    Args:
        limit: The limit.
        peak: How many floats a sample the evaluator holds at most, where known.
        pairs: How many for every pair of samples.
    """
    printer = TextPrinter(limit)
    lines = list(header(limit, peak, pairs))
    source = SourceLines(limit.program)
    for statement in statements_of(limit):
        if statement.heading is not None:
            lines += ["", f"for {statement.heading.text}"]
        lines += ["", f"line {statement.span.line}: {source.text(statement.span)}"]
        for equation in statement.equations:
            lines += [_INDENT + line for line in printer.equation(equation).split("\n")]
    if limit.outputs:
        lines += ["", "outputs", *(_INDENT + line for line in printer.outputs(limit.outputs))]
    return "\n".join(lines) + "\n"


def header(limit: Limit, peak: int | None, pairs: int = 0) -> Iterator[str]:
    """Yield what stands before the equations: title, dialect, dims, parameters, memory."""
    program = limit.program
    if program.title:
        yield program.title
    yield f"dialect {limit.dialect}"
    for dim in program.dims.values():
        multiple = "" if dim.ratio == 1 else f" = {dim.ratio} n"
        yield f"dim {dim.name}{multiple}"
    for parameter in program.parameters:
        shape, value = parameter.shape, parameter.default
        shown = f"{float(value):g}" if not shape else f"an array of shape {shape}"
        yield f"param {parameter.name} = {shown}"
    for name, law in laws(program).items():
        yield f"{name} ~ {law}"
    if peak is not None:
        yield memory_line(peak, pairs)


def memory_line(peak: int, pairs: int = 0) -> str:
    """Say what an evaluator holds at most."""
    arrays = f", {pairs} for every pair of samples" if pairs else ""
    return f"memory: {peak} floats a sample at the peak{arrays}"
