"""Limit equations -> the statements of a generated function, in program order."""

import re
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import TypeAlias

from tpc.codegen.closed_forms import ClosedFormFunctions, write_diagonal
from tpc.codegen.copies import BodyWriter, kets_of, kets_of_mean, write_average
from tpc.codegen.expressions import ATOM, PRODUCT, SIGN, SUM, Code, joined
from tpc.codegen.modes import mark_modes
from tpc.codegen.pair_arrays import find_pair_arrays, write_pair_array
from tpc.codegen.scope import Scope
from tpc.codegen.series import SeriesFunctions
from tpc.codegen.statement import WIDTH, Speech, Statement
from tpc.limit.equations import DotEquation, Equation, HatEquation, Limit, LimitOutput
from tpc.limit.nodes import ClosedForm, Diagonal, Hat, HermiteSeries, Integral, SteinBra, SteinDot
from tpc.program.nodes import (
    FREE,
    Constant,
    InitialScalar,
    InitialVector,
    Inner,
    Mean,
    Node,
    Parameter,
    operands,
)

Side: TypeAlias = tuple[str, bool]
"""A matrix by name, and whether it is transposed."""


MANY_COLUMNS = 512
"""A matrix side of more columns gives inner products of its operands by their coordinates."""


@dataclass(frozen=True, slots=True)
class Function:
    """What a generated module's `limit` function is made of.

    Attributes:
        body: Its statements in order.
        constants: The arrays it needs at module level, by name.
        params: The parameters it reads: variable, then name.
        outputs: What it returns: output name, part ("value" where there is but one) and code.
        forms: The functions of closed forms and series that it calls.
        arithmetic: What those call.
    """

    body: tuple[Statement, ...]
    constants: tuple[tuple[str, Constant], ...]
    params: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str, Code], ...]
    forms: tuple[str, ...]
    arithmetic: frozenset[str]


def write_function(limit: Limit, speech: Speech) -> Function:
    """Write the statements that compute a limit, each under the equation it computes."""
    return _Writer(limit, speech).function()


class _Writer:
    def __init__(self, limit: Limit, speech: Speech) -> None:
        self._limit = limit
        self._speech = speech
        self._grouped = grouped_sides(limit)
        self._stored = find_pair_arrays(limit)
        self._uses = count_uses(limit, self._grouped, self._stored)
        self._names = _preferred_names(limit)
        indented = any(isinstance(node, Integral) for node in self._uses)
        width = WIDTH - 4 if indented else WIDTH
        self._scope = Scope(4, self._uses, self._names, speech.expression, width)
        self._bodies = BodyWriter(
            self._scope, self._uses, self._names, speech.expression, self._stored
        )
        self._forms = ClosedFormFunctions(self._scope.identifiers)
        self._series = SeriesFunctions(self._scope.identifiers)
        self._constants: list[tuple[str, Constant]] = []
        self._params: list[tuple[str, str]] = []
        self._products: dict[Side, str] = {}
        self._drawn: dict[Side, list[Hat]] = {}
        self._multiplied: dict[Side, dict[Node, int]] = {}
        self._dependent = _dependent_hats(limit)
        self._bras = _bras_by_ket(limit)
        self._source = limit.program.source.split("\n")
        self._line = 0

    def function(self) -> Function:
        written: dict[str, list[tuple[str, str, Code]]] = {}
        due = _outputs_by_equation(self._limit)
        for index, equation in enumerate(self._limit.equations):
            self._equation(equation)
            for output in due.get(index, ()):
                written[output.name] = self._output(output)
        for output in due.get(len(self._limit.equations), ()):
            written[output.name] = self._output(output)
        outputs = tuple(row for output in self._limit.outputs for row in written[output.name])
        returned = frozenset().union(*(code.reads for _, _, code in outputs))
        body = mark_modes(self._scope.body, returned)
        forms, series = self._forms, self._series
        lines = [line for statement in body for line in statement.lines]
        said = "\n".join([*lines, *(code.text for _, _, code in outputs)])
        called = set(re.findall(r"\w+(?=\()", said))
        definitions = {**forms.definitions, **series.definitions}
        return Function(
            body,
            tuple(self._constants),
            tuple(self._params),
            outputs,
            tuple(text for name, text in definitions.items() if name in called),
            frozenset(forms.used | series.used),
        )

    def _equation(self, equation: Equation) -> None:
        scope, mark = self._scope, len(self._scope.body)
        if not self._uses[equation.node]:
            return
        if isinstance(equation, DotEquation):
            for term in equation.terms:
                if equation.form == "derivative" or self._uses[term.bra]:
                    self._bra(term.bra)
        if isinstance(equation.node, Constant | Parameter):
            return
        target = self._ensure(equation.node, assign=True).text
        # The variable may be older than its name: the ket of a product without dot is its hat.
        mine = next((i for i in self._latest(mark) if scope.body[i].target == target), None)
        if mine is None:
            return
        if scope.body[mine].mode == "integrated":
            mine -= 1  # what random nodes do stands before it
        comment = self._speech.equation(equation)
        if mine < mark:
            comment = f"{scope.body[mine].comment}\n{comment}"
        scope.body[mine] = replace(scope.body[mine], comment=comment)
        line = equation.span.line
        if line != self._line and mark < len(scope.body):
            self._line = line
            text = self._source[line - 1].split(" #")[0].strip()
            scope.body[mark] = replace(scope.body[mark], banner=f"line {line}: {text}")

    def _latest(self, mark: int) -> range:
        """Return the indices of the statements since `mark` and the one before, latest first."""
        return range(len(self._scope.body) - 1, max(mark - 2, -1), -1)

    def _bra(self, bra: Node) -> None:
        mark = len(self._scope.body)
        self._ensure(bra, assign=not isinstance(bra, Constant | Parameter | SteinBra))
        if not isinstance(bra, SteinBra) and len(self._scope.body) > mark:
            last = replace(self._scope.body[-1], comment=self._speech.expression(bra))
            self._scope.body[-1] = last

    def _output(self, output: LimitOutput) -> list[tuple[str, str, Code]]:
        rows = []
        for part, node in output.parts:
            mark = len(self._scope.body)
            if part != "value":
                self._names.setdefault(node, f"{part} {output.name}")
            code = self._ensure(node, assign=not isinstance(node, Constant | Parameter))
            if len(self._scope.body) > mark:
                comment = f"output {output.name}: {part}" if part != "value" else ""
                self._scope.body[-1] = replace(self._scope.body[-1], comment=comment)
            rows.append((output.name, part if len(output.parts) > 1 else "value", code))
        return rows

    # ------------------------------------------------------------------------------------- nodes

    def _ensure(self, node: Node, assign: bool) -> Code:
        return self._scope.ensure(node, self._needs, self._special, assign)

    def _needs(self, node: Node) -> tuple[Node, ...]:
        return needs_of(node, self._grouped, self._stored)

    def _special(self, node: Node, assign: bool) -> bool:
        """Write a node that is no plain operation; say whether it was one."""
        scope = self._scope
        if node in self._stored:
            write_pair_array(node, self._bodies, scope)
            return True
        match node:
            case Constant() if node.shape:
                text = node.span.text(self._limit.program.source)
                name = scope.identifiers.make(text if text.isidentifier() else "ARRAY")
                self._constants.append((name, node))
                scope.code[node] = Code(name)
            case Parameter():
                name = scope.identifiers.make(node.name)
                self._params.append((name, node.name))
                scope.code[node] = Code(name)
            case InitialScalar(limit=value):
                known = scope.code[value]
                scope.store(node, joined(f"np.asarray({known.text})", ATOM, [known]))
            case InitialVector():
                scope.store(node, self._initial(node))
            case Hat():
                self._hat(node)
            case Inner() if (inner := self._inner_of_operands(node)) is not None:
                scope.fit(node, (), lambda _: inner, assign)
            case SteinDot():
                self._stein_dot(node, assign)
            case SteinBra():
                self._stein_bras(node)
            case Integral(average=average, value=value):
                both = scope.code[average], scope.code[value]
                scope.store_by_mode(node, *both, "" if assign else self._speech.expression(node))
            case HermiteSeries(values=values):
                scope.fit(node, values, partial(self._series.call, node), assign)
            case ClosedForm(values=values):
                scope.fit(node, values, partial(self._forms.call, node), assign)
            case Diagonal(operand=operand):
                scope.fit(node, (operand,), partial(write_diagonal, node), assign)
            case Mean(over=over) if over != (FREE,):
                code = write_average(node, self._bodies)
                scope.store(node, code, self._speech.expression(node))
            case _:
                return False
        return True

    def _initial(self, node: InitialVector) -> Code:
        cov = self._scope.code[node.covariance]
        shape = str(node.shape) if node.shape else ""
        if node.covariance.shape:
            code = joined(f"nodes.gaussian({cov.text}, {shape})", ATOM, [cov], ("factor",))
        elif cov.text == "1":
            code = Code(f"nodes.normal({shape})")
        else:
            text = f"np.sqrt({cov.text}) * nodes.normal({shape})"
            code = joined(text, PRODUCT, [cov])
        if node.mean is None:
            return code
        mean = self._scope.code[node.mean]
        return joined(f"{mean.at(SUM)} + {code.text}", SUM, [mean, code])

    def _hat(self, node: Hat) -> None:
        scope = self._scope
        gain = scope.code[node.gain]
        side = _side(node)
        if not _samples_operand(node, self._grouped):
            second = scope.code[node.second]
            shape = str(node.shape) if node.shape else "()"
            text = f"nodes.gaussian({gain.at(PRODUCT)} * {second.at(SIGN)}, {shape})"
            text = f"nodes.gaussian({second.text}, {shape})" if gain.text == "1" else text
            scope.store(node, joined(text, ATOM, [second, gain], ("factor",)))
            return
        ket = scope.code[node.operand]
        if side not in self._grouped:
            scope.store(node, joined(f"nodes.hat({gain.text}, {ket.text})", ATOM, [ket, gain]))
            return
        label = _label(side)
        if side not in self._products:
            target = scope.identifiers.make(f"products {label}")
            self._products[side] = target
            text = f'products_with(nodes, {gain.text}, "{label}")'
            code = joined(text, ATOM, [gain], ("products_with",))
            scope.bind(target, code, 2 * self._grouped[side], f"all products {label} @ x")
        drawn = self._drawn.setdefault(side, [])
        self._multiplied.setdefault(side, {}).setdefault(node.operand, len(drawn))
        drawn.append(node)
        products = self._products[side]
        other = self._products.get(_other_side(node)) if node in self._dependent else None
        given = ket.text if other is None else f"{ket.text}, {other}"
        read = Code("", ATOM, frozenset({products} if other is None else {products, other}))
        code = joined(f"{products}.hat({given})", ATOM, [ket, read])
        scope.store(node, code, updates=products)

    def _inner_of_operands(self, node: Inner) -> Code | None:
        """Write <x|y> where a matrix has multiplied both, with many columns in all."""
        for side, places in self._multiplied.items():
            many = self._grouped[side] > MANY_COLUMNS
            if many and node.left in places and node.right in places:
                products = self._products[side]
                text = f"{products}.inner({places[node.left]}, {places[node.right]})"
                return Code(text, ATOM, frozenset({products}))
        return None

    def _stein_dot(self, node: SteinDot, assign: bool) -> None:
        """Write the sum over all products of the other side."""
        scope = self._scope
        code = self._by_stein("dot", node.hat)
        scope.fit(node, (), lambda _: code, assign)

    def _stein_bras(self, node: SteinBra) -> None:
        """Write the bras of one ket in all hats at once; each is an item of the list."""
        scope = self._scope
        target = scope.identifiers.make(f"bras {self._names.get(node.operand, 'ket')}")
        ket_text = self._speech.expression(node.operand)
        side = _side(node.hats[0])
        comment = f"the bras <nabla|x> in every hat of {_label(side)} so far, x = {ket_text}"
        scope.bind(target, self._by_stein("bras", node.hat), 0, comment)
        for bra in self._bras[node.operand, node.hats]:
            scope.code[bra] = Code(f"{target}[{bra.position}]", ATOM, frozenset({target}))

    def _by_stein(self, method: str, hat: Hat) -> Code:
        """Write a call on the products of a hat's side, with those of the other side."""
        own, other = self._products[_side(hat)], self._products[_other_side(hat)]
        drawn = self._drawn[_side(hat)]
        position = drawn.index(hat) - len(drawn)
        which = "" if position == -1 else f", {position + len(drawn)}"
        text = f"{own}.{method}({other}{which})"
        return Code(text, ATOM, frozenset({own, other}))


def _samples_operand(node: Hat, grouped: Container[Side]) -> bool:
    """Whether a hat is drawn from samples of its operand, not from <x|x> in closed form."""
    return _side(node) in grouped or isinstance(node.second, Inner)


def needs_of(
    node: Node, grouped: Container[Side], stored: Container[Node] = ()
) -> tuple[Node, ...]:
    """Return the nodes that must be written before a node."""
    if node in stored:
        return kets_of(node, stored)
    match node:
        case Mean(operand=body, over=over) if over != (FREE,):
            return kets_of_mean(body, stored)
        case SteinBra(hats=hats, hat=hat) | SteinDot(hats=hats, hat=hat):
            return (*hats, hat)
        case Hat(operand=ket, gain=gain, second=second):
            return (ket if _samples_operand(node, grouped) else second, gain)
        case _:
            return operands(node)


def _side(hat: Hat) -> Side:
    return hat.matrix.name, hat.transposed


def _other_side(hat: Hat) -> Side:
    return hat.matrix.name, not hat.transposed


def _dependent_hats(limit: Limit) -> frozenset[Hat]:
    """Return the hats of products with dots, for matrices of which a dot is by Stein's lemma."""
    dots = [equation for equation in limit.equations if isinstance(equation, DotEquation)]
    matrices = {dot.hat.matrix for dot in dots if dot.form == "stein"}
    return frozenset(dot.hat for dot in dots if dot.hat.matrix in matrices)


def _label(side: Side) -> str:
    return side[0] + (".T" if side[1] else "")


def _preferred_names(limit: Limit) -> dict[Node, str]:
    """Name hats, dots and bras after their products, bound nodes as bound."""
    names: dict[Node, str] = dict(limit.names)
    dotted = {e.hat for e in limit.equations if isinstance(e, DotEquation)}
    product_of = {e.node: e.name for e in limit.equations if isinstance(e, HatEquation)}
    for equation in limit.equations:
        if isinstance(equation, HatEquation):
            prefix = "hat " if equation.node in dotted else ""
            names.setdefault(equation.node, prefix + equation.name)
            operand = names.get(equation.node.operand, equation.name)
            if not isinstance(equation.node.second, Inner | Constant):
                names.setdefault(equation.node.second, f"moment {operand}")
        if isinstance(equation, DotEquation):
            names.setdefault(equation.node, f"dot {equation.name}")
            for term in equation.terms:
                if not isinstance(term.bra, Constant | Parameter):
                    names.setdefault(term.bra, f"bra {product_of[term.hat]} in {equation.name}")
    for covariance, kets in limit.covariances.items():
        known = dict.fromkeys(names[ket] for ket in kets if ket in names)
        if known and not isinstance(covariance, Constant | Parameter):
            names.setdefault(covariance, " ".join(["cov", *known]))
    return names


def count_uses(
    limit: Limit, grouped: Container[Side], stored: Container[Node] = ()
) -> Counter[Node]:
    """Count, for every node that the outputs need, the nodes whose expression has it."""
    uses: Counter[Node] = Counter()
    pending = [node for output in limit.outputs for _, node in output.parts]
    if not pending:
        pending = [equation.node for equation in limit.equations]
    uses.update(pending)
    seen: set[Node] = set()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        for operand in set(needs_of(node, grouped, stored)):
            uses[operand] += 1
            pending.append(operand)
    return uses


def grouped_sides(limit: Limit) -> dict[Side, int]:
    """Return the matrix sides whose hats are drawn together, with their columns in all.

    A side with one product and no bra by Stein's lemma needs no record of its operands.
    """
    columns: Counter[Side] = Counter()
    count: Counter[Side] = Counter()
    stein: set[Side] = set()
    for equation in limit.equations:
        if isinstance(equation, HatEquation):
            side = _side(equation.node)
            columns[side] += prod(equation.node.shape)
            count[side] += 1
        elif isinstance(equation, DotEquation) and equation.form == "stein":
            stein |= {_side(equation.hat), _other_side(equation.hat)}
    return {side: columns[side] for side in columns if count[side] > 1 or side in stein}


def _bras_by_ket(limit: Limit) -> dict[tuple[Node, tuple[Hat, ...]], list[SteinBra]]:
    found: dict[tuple[Node, tuple[Hat, ...]], list[SteinBra]] = {}
    for equation in limit.equations:
        if isinstance(equation, DotEquation):
            for term in equation.terms:
                if isinstance(term.bra, SteinBra):
                    found.setdefault((term.bra.operand, term.bra.hats), []).append(term.bra)
    return found


def _outputs_by_equation(limit: Limit) -> dict[int, list[LimitOutput]]:
    """Return which outputs can be computed right after each equation, so that kets die early."""
    index = {equation.node: i for i, equation in enumerate(limit.equations)}
    due: dict[int, list[LimitOutput]] = {}
    for output in limit.outputs:
        last = 0
        seen: set[Node] = set()
        pending = [node for _, node in output.parts]
        while pending:
            node = pending.pop()
            if node in index:
                last = max(last, index[node])
            elif node not in seen:
                seen.add(node)
                pending.extend(operands(node))
        due.setdefault(min(last, len(limit.equations)), []).append(output)
    return due
