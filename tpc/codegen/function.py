"""One reading of a limit -> the statements of a generated function, in program order."""

from dataclasses import dataclass, replace
from functools import partial

from tpc.codegen.copies import BodyWriter, write_average
from tpc.codegen.definitions import Definitions
from tpc.codegen.expectation_calls import write_diagonal
from tpc.codegen.expressions import ATOM, PRODUCT, SUM, Code, joined
from tpc.codegen.hats import HatWriter
from tpc.codegen.lifetimes import Lifetimes, find_lifetimes
from tpc.codegen.loop_statements import Loop
from tpc.codegen.moving_pairs import write_step
from tpc.codegen.pair_arrays import write_pair_array
from tpc.codegen.scope import Scope
from tpc.codegen.statement import Speech, Statement
from tpc.codegen.steps import STEPS, steps_of
from tpc.codegen.writing_order import Reading, needs_of
from tpc.limit.equations import Limit
from tpc.limit.limit_nodes import (
    ClosedForm,
    Diagonal,
    Hat,
    HermiteSeries,
    RoundDot,
    SteinBra,
    SteinDot,
)
from tpc.program import nodes as op
from tpc.program.nodes import FREE, Node
from tpc.program.region import Carried, Collected, Final, Region


@dataclass(frozen=True, slots=True)
class WrittenFunction:
    """A function that computes a limit.

    Attributes:
        name: Its name.
        summary: Its docstring.
        params: The parameters it reads: variable, then its value.
        body: Its statements in order.
        outputs: What it returns: output name, part ("value" where there is but one) and code.
    """

    name: str
    summary: str
    params: tuple[tuple[str, str], ...]
    body: tuple[Statement, ...]
    outputs: tuple[tuple[str, str, Code], ...]

    @property
    def lifetimes(self) -> Lifetimes:
        """When its variables die."""
        returned = frozenset().union(*(code.reads for _, _, code in self.outputs))
        return find_lifetimes(self.body, returned)


def write_function(reading: Reading, definitions: Definitions, speech: Speech) -> WrittenFunction:
    """Write the statements that compute a limit, each under the equation it computes."""
    speech.start_over()
    writer = _Writer(reading, definitions, speech)
    writer.write_steps()
    return WrittenFunction(
        reading.name,
        reading.summary,
        tuple(writer.params),
        tuple(writer.scope.body),
        tuple(
            (output.name, part if len(output.parts) > 1 else "value", writer.scope.code[node])
            for output in reading.limit.outputs
            for part, node in output.parts
        ),
    )


class _Writer:
    """Writes one node after the other, each by what it is."""

    def __init__(self, reading: Reading, definitions: Definitions, speech: Speech) -> None:
        self.scope = Scope(4, reading.uses, reading.names, reading.remarks, speech)
        self.scope.identifiers.reserve(*definitions.names)
        self.params: list[tuple[str, str]] = []
        self._reading = reading
        self._definitions = definitions
        self._speech = speech
        self._loop: Loop | None = None
        self._steps = steps_of(reading.limit)
        if self._steps is not None:
            self.scope.identifiers.reserve(STEPS)
            self.params.append((STEPS, f'counted(params["{STEPS}"])'))
        self._step_of = {node: step for step in reading.pairs for node in step.results}
        self._hats = HatWriter(self.scope, reading, speech)
        self._bodies = BodyWriter(self.scope, reading.names, speech.expression, reading.stored)

    def _run(self, region: Region) -> None:
        """Write the loop of a region."""
        reading, scope = self._reading.round, self.scope
        assert reading is not None
        initial = {carry.initial for carry in region.body.carries}
        for node in needs_of(region, reading.columns):
            if node not in initial:
                scope.keep(node)
        self._loop = loop = Loop(region, scope, scope.identifiers.make("t"), self._steps)
        given = {
            node.position: output.name
            for output in reading.limit.outputs
            for _, node in output.parts
            if isinstance(node, Collected)
        }
        collected = enumerate(region.body.collected)
        loop.start([given.get(at, reading.names.get(node, "value")) for at, node in collected])
        for record in region.body.records:
            loop.record(record.node, reading.names.get(record.node, "ket"))
        inner = _Writer(reading, self._definitions, self._speech)
        inner.scope = scope.loop(reading.uses, reading.names, reading.remarks)
        inner._hats = self._hats.loop(inner.scope, reading, self._speech)
        inner._bodies = replace(inner._bodies, outer=inner.scope)
        inner._loop = loop
        inner.write_steps()
        loop.finish(inner.scope)

    def write_steps(self) -> None:
        """Write everything, the first statement of each step under its source line."""
        source = ["", *_source_lines(self._reading.limit)]
        last = 0
        for step in self._reading.steps:
            banner = f"line {step.line}: {source[step.line]}" if step.line not in (0, last) else ""
            self.scope.banner, written = banner, len(self.scope.body)
            for node in step.nodes:
                if node not in self.scope.code:
                    self._write(node)
            if len(self.scope.body) > written:
                last = step.line

    def _write(self, node: Node) -> None:
        scope = self.scope
        step = self._step_of.get(node)
        if step is not None and self._loop is not None:
            write_step(step, self._loop, scope)
            scope.code |= dict.fromkeys(step.results, Code(""))
            return
        if node in self._reading.stored and not isinstance(node, Carried):
            write_pair_array(node, self._bodies, scope)
            return
        if self._reading.read(node) is not node:
            scope.code[node] = scope.code[self._reading.read(node)]
            return
        if self._loop is not None and self._loop.write(node, scope):
            return
        match node:
            case Region():
                self._run(node)
                scope.code[node] = Code("")
            case Final(position=position):
                assert self._loop is not None
                scope.code[node] = self._loop.finals[position]
            case Collected():
                assert self._loop is not None
                scope.code[node] = self._loop.collected(node)
            case op.Constant() if node.shape and node in self._definitions.arrays:
                scope.code[node] = Code(self._definitions.arrays[node])
            case op.Constant() if node.shape:
                name, scope.banner = scope.identifiers.make("unit vectors"), ""
                scope.bind(name, Code(f"np.eye({STEPS} + 1)"))
                scope.code[node] = Code(name)
            case op.Parameter():
                name = scope.identifiers.make(node.name)
                self.params.append((name, f'np.asanyarray(params["{node.name}"])'))
                scope.code[node] = Code(name)
            case op.InitialScalar(limit=value):
                known = scope.code[value]
                scope.store(node, joined(f"np.asarray({known.text})", ATOM, [known]))
            case op.InitialVector():
                scope.store(node, _initial(node, scope))
            case Hat():
                self._hats.hat(node)
            case SteinDot() | RoundDot():
                self._hats.dot(node)
            case SteinBra():
                self._hats.bras(node)
            case op.Inner() if (inner := self._hats.inner(node)) is not None:
                scope.fit(node, (), lambda _: inner)
            case HermiteSeries() | ClosedForm():
                scope.fit(node, node.values, partial(self._definitions.call, node))
            case Diagonal(operand=operand):
                scope.fit(node, (operand,), partial(write_diagonal, node))
            case op.Mean(over=over) if over != (FREE,):
                scope.store(node, write_average(node, self._bodies))
            case _:
                scope.operation(node)


def _initial(node: op.InitialVector, scope: Scope) -> Code:
    """Write the draw of an initial ket."""
    cov = scope.code[node.covariance]
    shape = str(node.shape) if node.shape else ""
    if node.covariance.shape:
        code = joined(f"nodes.gaussian({cov.text}, {shape})", ATOM, [cov])
    elif cov.text == "1":
        code = Code(f"nodes.normal({shape})")
    else:
        text = f"np.sqrt({cov.text}) * nodes.normal({shape})"
        code = joined(text, PRODUCT, [cov])
    if node.mean is None:
        return code
    mean = scope.code[node.mean]
    return joined(f"{mean.at(SUM)} + {code.text}", SUM, [mean, code])


def _source_lines(limit: Limit) -> list[str]:
    """Return the lines of the program without comments."""
    return [line.split(" #")[0].strip() for line in limit.program.source.split("\n")]
