"""A network's architecture -> text, LaTeX, HTML, JSON: its weights and the equations for one input.

The names of weights stand for their trainable tensors w, so that every multiplier stands in the
equations, where derivatives with respect to w see it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html import escape

from tpc.network.network import Depth, Network, Weight
from tpc.program import nodes as op
from tpc.program.ensembles import GAUSSIAN, Bernoulli, spell
from tpc.program.nodes import FREE, BatchMean, Node, operands
from tpc.program.program import OutputKind, Program
from tpc.report.constants import Arrays
from tpc.report.equations_in_words import Relation
from tpc.report.families import grouped, whole_family
from tpc.report.formula import BraKet, Call, Formula, Indexed, Ket, Name, Number, Product, Raised
from tpc.report.html import page, paragraphs
from tpc.report.latex import environments
from tpc.report.latex_alphabet import Latex
from tpc.report.numbers import Json
from tpc.report.rearranged import rearranged
from tpc.report.renaming import renamed
from tpc.report.spelled_operations import write_operation
from tpc.report.text import write_lines
from tpc.report.unicode import write_plainly
from tpc.report.weight_table import LARGEST, WORTH_A_NAME

_INDENT = "    "


@dataclass(slots=True)
class Equations:
    """The formulas of a network's graph, made node by node in topological order.

    What no statement names and is large, or large and used again, gets a local name.

    Attributes:
        formulas: Of every node where it is used.
        own: Of every node by itself.
        local: Names that no statement has given.
        relations: The equations of the statements, and those of local names behind them.
    """

    formulas: dict[Node, Formula] = field(default_factory=dict)
    own: dict[Node, Formula] = field(default_factory=dict)
    local: dict[Node, Formula] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)


def equations_of(network: Network | Program) -> Equations:
    """Return the formulas of a network, or a program, and its equations in order."""
    found = Equations()
    names = _names(network)
    arrays = Arrays(network.source, {binding.name for binding in network.bindings})
    uses = Counter(part for node in network.nodes for part in operands(node))
    sizes: dict[Node, int] = {}
    for node in network.nodes:
        found.own[node] = write_node(node, found.formulas, arrays)
        size = 1 + sum(sizes[part] for part in operands(node))
        name = names.get(node)
        if name is None and (size > LARGEST or (size >= WORTH_A_NAME and uses[node] > 1)):
            name = found.local[node] = Name(_unused(f"t{len(found.local) + 1}", network))
        found.formulas[node] = found.own[node] if name is None else name
        sizes[node] = size if name is None else 1
    _relate(network, found)
    if isinstance(network, Network) and network.depth and network.depth.loops:
        _say_one_round(network.depth, network, found)
    return found


def architecture_to_text(network: Network) -> str:
    """Write a network as text."""
    found = equations_of(network)
    lines = [network.title] if network.title else []
    lines += [f"a network of width {network.dim.name} for {_input(network)}"]
    for parameter in network.parameters:
        default = parameter.default
        shown = f"{float(default):g}" if not default.shape else f"an array{_shape(default.shape)}"
        lines.append(f"param {parameter.name} = {shown}")
    lines += ["", "weights"]
    rows = _roles(network, found)
    longest = max(len(name) for name, _ in rows)
    lines += [f"{_INDENT}{name:{longest}}  {role}" for name, role in rows]
    lines += ["", "equations", *(_INDENT + line for line in write_lines(found.relations))]
    readout = network.readout
    total = f"readout {readout.name}{_shape(readout.node.shape)}: the sum over the width of"
    lines += ["", total, _INDENT + write_plainly(found.own[readout.node])]
    return "\n".join(lines) + "\n"


def architecture_to_latex(network: Network) -> str:
    """Write the equations of a network as LaTeX."""
    found = equations_of(network)
    readout = network.readout
    total = Relation((Name(readout.name),), "=", Call("sum", (found.own[readout.node],)))
    return environments([*found.relations, total], Latex())


def program_to_latex(program: Program) -> str:
    """Write what the statements of a program compute at any width as LaTeX."""
    found = equations_of(program)
    said = [line for line in found.relations if line.local or line.left != (line.right,)]
    stated = {binding.name for binding in program.bindings}
    for output in program.outputs:
        if output.name not in stated:
            value = found.formulas[output.node]
            value = Call("sum", (value,)) if output.kind is OutputKind.READOUT else value
            said.append(Relation((Name(output.name),), "=", value))
    return environments(said, Latex())


def architecture_to_html(network: Network, more: Iterable[list[str]] = ()) -> str:
    """Write a network as a page, with more sections behind its own."""
    found = equations_of(network)
    about = [f"a network of width {network.dim.name}"]
    about.append(_input(network))
    rows = [
        f"<tr><td><i>{escape(name)}</i></td><td>{escape(role)}</td></tr>"
        for name, role in _roles(network, found)
    ]
    readout = network.readout
    total = Relation((Name(readout.name),), "=", Call("sum", (found.own[readout.node],)))
    sections = [
        ["<h2>Weights</h2>", "<table>", *rows, "</table>"],
        ["<h2>Equations</h2>", *paragraphs(found.relations)],
        ["<h2>Readout</h2>", *paragraphs([total])],
        *more,
    ]
    return page(network.title or network.name.rsplit("/", 1)[-1], about, sections)


def architecture_to_json(network: Network) -> dict[str, Json]:
    """Return a network as what `json.dumps` takes."""
    found = equations_of(network)
    readout = network.readout
    described = {weight: _weight_to_json(weight, found) for weight in network.weights}
    families = grouped(network.weights, lambda w: w.name, lambda w: repr(described[w]))
    weights: list[Json] = [
        {"name": whole_family(name, network), **described[family[0]]} for name, family in families
    ]
    equations: list[Json] = [
        {"name": write_plainly(line.left[0]), "value": write_plainly(line.right)}
        for line in found.relations
    ]
    return {
        "network": network.name,
        "title": network.title,
        "dim": network.dim.name,
        "input": {"name": network.input.name, "shape": list(network.input.shape)},
        "params": {p.name: p.default.tolist() for p in network.parameters},
        "weights": weights,
        "equations": equations,
        "readout": {
            "name": readout.name,
            "shape": list(readout.node.shape),
            "summed": write_plainly(found.own[readout.node]),
        },
    }


def _declared(network: Network | Program) -> set[str]:
    """Return the names of declarations, which have no equation."""
    if isinstance(network, Network):
        drawn = {of.name for of in network.bindings if of.node in network.noises}
        return drawn | {weight.name for weight in network.weights}
    return {binding.name for binding in network.bindings if not operands(binding.node)}


def _names(network: Network | Program) -> dict[Node, Formula]:
    """Return what statements call the nodes that depend on more than statics and params."""
    unnamed = _declared(network) if isinstance(network, Network) else set()
    if isinstance(network, Network):
        unnamed.add(network.readout.name)
    parametric: set[Node] = set()
    for node in network.nodes:
        leaf = node.coords or isinstance(node, op.Placeholder | op.InitialScalar)
        if not leaf and parametric.issuperset(operands(node)):
            parametric.add(node)
    names: dict[Node, Formula] = {}
    for binding in network.bindings:
        if binding.name not in unnamed and binding.node not in parametric:
            names.setdefault(binding.node, Name(binding.name))
    return names


def write_node(node: Node, formulas: dict[Node, Formula], arrays: Arrays) -> Formula:
    """Return the formula of a node by those of its operands."""
    match node:
        case op.Constant():
            return arrays.formula(node)
        case op.Parameter(name=n) | op.Placeholder(name=n) | op.InitialVector(name=n):
            return Name(n)
        case op.InitialScalar(name=name):
            return Name(name)
        case op.MatMul(matrix=matrix, transposed=transposed, operand=operand):
            left: Formula = Name(matrix.name)
            left = Raised(left, "T") if transposed else left
            return Product("contract", (left, formulas[operand]))
        case op.Mean(operand=operand, over=over):
            bound = ", ".join(name for name in over if name != FREE)
            return Call(f"mean[{bound}]" if bound else "avg", (formulas[operand],))
        case op.Split(operand=operand, count=count):
            return Call("split", (formulas[operand], Number(count)))
        case op.Merge(operand=operand):
            return Call("merge", (formulas[operand],))
        case BatchMean(operand=operand):
            return Call("batchmean", (formulas[operand],))
        case op.Inner(left=x, right=y):
            return BraKet(inside(formulas[x]), inside(formulas[y]))
        case op.Row(operand=operand, coordinate=coordinate):
            return Indexed(formulas[operand], (coordinate,))
        case _:
            moved = rearranged(node, formulas.__getitem__)
            return moved or write_operation(node, tuple(formulas[part] for part in operands(node)))


def inside(formula: Formula) -> str:
    """Return what stands in a bra: the name of a ket, or a formula as it is."""
    return formula.name if isinstance(formula, Ket) else write_plainly(formula).replace(" @ ", " ")


def _relate(network: Network | Program, found: Equations) -> None:
    """Say the equation of each statement, and behind it those of local names that are new."""
    declared = _declared(network)
    readout = network.readout.name if isinstance(network, Network) else ""
    said: set[Node] = set()
    for binding in network.bindings:
        if binding.name in declared:
            continue
        if binding.name != readout:
            right = found.own[binding.node]
            found.relations.append(Relation((Name(binding.name),), "=", right))
        for node in _local_below(binding.node, found, said):
            right = found.own[node]
            found.relations.append(Relation((found.local[node],), "=", right, local=True))


def _say_one_round(depth: Depth, network: Network, found: Equations) -> None:
    """Keep one round of each loop over an infinite depth, and call its number by its name."""
    written = len(depth.loops[0].bound)
    uses = Counter(binding.span for binding in network.bindings)
    rounds = {of.name: of.span for of in network.bindings if uses[of.span] == written}
    first = {span: name for name, span in reversed(rounds.items())}

    def of_round(x: Formula, keys: dict[str, str]) -> Formula:
        return renamed(x, lambda text: _KEY.sub(lambda k: f"[{keys.get(k[1], k[1])}]", text))

    kept, behind = [], {str(written): depth.name}
    for line in found.relations:
        name = write_plainly(line.left[0])
        if name in rounds and first[rounds[name]] != name:
            continue
        keys = {"0": "l", "1": "l + 1"} if name in rounds else behind
        left = tuple(of_round(x, keys) for x in line.left)
        kept.append(replace(line, left=left, right=of_round(line.right, keys)))
    found.relations[:] = kept
    node = network.readout.node
    found.own[node] = of_round(found.own[node], behind)


_KEY = re.compile(r"\[(\d+)\]")


def _local_below(node: Node, found: Equations, said: set[Node]) -> list[Node]:
    """Return the nodes with local names that a node is made of and that have not been said."""
    waiting, seen, new = [node], {node}, []
    while waiting:
        for part in operands(waiting.pop()):
            if part in seen or part in said:
                continue
            seen.add(part)
            waiting.append(part)
            if part in found.local:
                new.append(part)
    said.update(seen)
    return new


def _unused(name: str, network: Network | Program) -> str:
    taken = {binding.name for binding in network.bindings}
    while name in taken:
        name = f"t{name}"
    return name


def _weight_to_json(weight: Weight, found: Equations) -> dict[str, Json]:
    """Return what is said of a weight beside its name."""
    own = weight.exponents
    return {
        "kind": weight.kind.value,
        "shape": list(weight.shape),
        **_factors(weight, found),
        "train": weight.trained,
        "abcd": None if own is None else [own.a, own.b, own.c, own.d],
    }


def _roles(network: Network, found: Equations) -> list[tuple[str, str]]:
    """Return the rows of the table of weights; a family is one."""
    roles = {weight: _role(weight, found) for weight in network.weights}
    families = grouped(network.weights, lambda w: w.name, roles.__getitem__)
    noises = {noise: _noise(noise, found) for noise in network.noises}
    drawn = grouped(network.noises, lambda noise: noise.name, noises.__getitem__)
    return [
        *((whole_family(name, network), roles[family[0]]) for name, family in families),
        *((name, noises[family[0]]) for name, family in drawn),
    ]


def _noise(noise: op.InitialVector, found: Equations) -> str:
    """Say what the law of a noise is."""
    parts = (
        [noise.mean] if isinstance(noise.ensemble, Bernoulli) else [noise.mean, noise.covariance]
    )
    options = ", ".join(write_plainly(found.own[part]) if part else "0" for part in parts)
    return f"noise{_shape(noise.shape)}, {spell(noise.ensemble)}({options})"


def _role(weight: Weight, found: Equations) -> str:
    """Say what kind of weight this is, and its options."""
    words = [f"{weight.kind.value}-like{_shape(weight.shape)}"]
    if (leaf := weight.leaf) and not isinstance(leaf, op.InitialScalar):
        words += [f"law {spell(leaf.ensemble)}"] if leaf.ensemble != GAUSSIAN else []
    for name, value in _factors(weight, found).items():
        if value != "1" or name == "start":
            words.append(f"{name} {value}")
    if weight.exponents is not None:
        own = weight.exponents
        words.append(f"abcd [{own.a:g}, {own.b:g}, {own.c:g}, {own.d:g}]")
    return ", ".join(words if weight.trained else [*words, "not trained"])


def _factors(weight: Weight, found: Equations) -> dict[str, Json]:
    """Return the options of a weight that are numbers, as text."""
    first, leaf = [("init", weight.init)], weight.leaf
    if isinstance(leaf, op.InitialScalar):
        first = [("start", leaf.limit)]
    elif isinstance(leaf, op.InitialVector) and leaf.mean is not None:
        first = [("start", leaf.mean), *([] if _is_zero(weight.init) else first)]
    options = (*first, ("mult", weight.mult), ("lr", weight.lr))
    return {name: write_plainly(found.own[node]) for name, node in options}


def _is_zero(node: Node) -> bool:
    return isinstance(node, op.Constant) and not node.value.any()


def _input(network: Network) -> str:
    """Name the input; of a path, as which of its steps or velocity it stands in equations."""
    what, name, shape = "input", network.input.name, _shape(network.input.shape)
    if network.path:
        what = "path, by its velocity" if network.looped else "path, by its steps"
    return f"one {what} {name}{shape}"


def _shape(shape: tuple[int, ...]) -> str:
    return f" of shape {shape}" if shape else ""
