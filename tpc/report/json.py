"""Limit -> JSON: its equations with their text, LaTeX and place in the source, and its outputs."""

from tpc.limit.equations import (
    DotEquation,
    Equation,
    HatEquation,
    InitialKet,
    KetEquation,
    Limit,
    LimitOutput,
    ScalarEquation,
)
from tpc.program.nodes import Node
from tpc.report.equations_in_words import Relation, output_relations, read, relations
from tpc.report.latex import environment, write_rows
from tpc.report.latex_alphabet import Latex
from tpc.report.laws import laws
from tpc.report.numbers import Json
from tpc.report.text import write_lines
from tpc.report.unicode import write_plainly


def to_json(limit: Limit) -> dict[str, Json]:
    """Return a limit as what `json.dumps` takes.

    Returns:
        `program`, `title`, `dialect`, `laws` (what is said of matrices that are not normal, by
        name), `equations` and `outputs`. Every equation has its `kind`
        (initial, hat, dot, ket or scalar), `name`, `shape`, `text`, `latex`, `line` and `column`. A
        hat has its `matrix`, whether it is `transposed`, its `gain`, its `operand` |x> and the
        products `correlated` with it: its covariance with that of y is gain <x|y>. A dot has the
        `form` of its bras and its `terms`, the `product`, `ket` and `bra` of each. What holds in
        every round of a loop has the numbers of the first and the last of its `rounds`.
    """
    writer = _Writer(limit)
    return {
        "program": limit.program.name,
        "title": limit.program.title,
        "dialect": limit.dialect,
        "laws": dict(laws(limit.program)),
        "equations": [
            writer.equation(equation) | writer.rounds(place)
            for place, equation in enumerate(limit.equations)
        ],
        "outputs": [writer.output(output) for output in limit.outputs],
    }


class _Writer:
    def __init__(self, limit: Limit) -> None:
        self._reader = read(limit)
        self._loop = limit.rounds
        self._latex = Latex()

    def equation(self, equation: Equation) -> dict[str, Json]:
        # Own parts first: local names that they bring up are defined in the text.
        own = self._own(equation)
        return {
            "kind": _KINDS[type(equation)],
            "name": equation.name,
            "shape": list(equation.node.shape),
            **self._written(relations(equation, self._reader)),
            "line": equation.span.line,
            "column": equation.span.column,
            **own,
        }

    def rounds(self, place: int) -> dict[str, Json]:
        """Return in which rounds of a loop an equation holds."""
        rounds = self._loop
        inside = rounds is not None and rounds.first <= place < rounds.last
        return {"rounds": list[Json](rounds.numbers)} if rounds and inside else {}

    def output(self, output: LimitOutput) -> dict[str, Json]:
        (_, node), *_ = output.parts
        return {
            "name": output.name,
            "kind": output.kind.value,
            "parts": [part for part, _ in output.parts],
            "shape": list(node.shape),
            **self._written(output_relations(output, self._reader)),
            "line": output.span.line,
            "column": output.span.column,
        }

    def _own(self, equation: Equation) -> dict[str, Json]:
        match equation:
            case HatEquation(node=hat, earlier=earlier):
                return {
                    "matrix": hat.matrix.name,
                    "transposed": hat.transposed,
                    "gain": self._node(hat.gain),
                    "operand": self._node(hat.operand),
                    "correlated": [self._reader.given.products[other] for other in earlier],
                }
            case DotEquation(form=form, terms=terms):
                return {
                    "form": form,
                    "terms": [
                        {
                            "product": self._reader.given.products[term.hat],
                            "ket": self._node(term.ket),
                            "bra": self._node(term.bra),
                        }
                        for term in terms
                    ],
                }
            case _:
                return {}

    def _written(self, said: tuple[Relation, ...]) -> dict[str, Json]:
        return {
            "text": "\n".join(write_lines(said)),
            "latex": environment(write_rows(said, self._latex)),
        }

    def _node(self, node: Node) -> str:
        return write_plainly(self._reader.of(node))


_KINDS: dict[type[Equation], str] = {
    InitialKet: "initial",
    HatEquation: "hat",
    DotEquation: "dot",
    KetEquation: "ket",
    ScalarEquation: "scalar",
}
