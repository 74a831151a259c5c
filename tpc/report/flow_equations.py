"""The flow of an infinitely deep network -> its equations.

    dC/dtau = G(C),    dT/dtau = R(C) + D(C)[T],    -dP/dtau = D(C)*[P],    tau = l / L,

with C(0), T(0) before the loop, P at its end, and the kernels of the readout behind it. With tied
weights they hold in a plane of two depths, tau and sigma.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tpc.kernels.plan import KernelPlan, Side
from tpc.report import formula as expr
from tpc.report.equations_in_words import Relation
from tpc.report.formula import Call, Formula, Ket, Name, Number, add
from tpc.report.numbers import Json
from tpc.report.plan_formulas import PlanReader
from tpc.report.sections import Chapter, Section
from tpc.report.terms import (
    ONE,
    Indices,
    Terms,
    atom,
    plus,
    power,
    scaled,
    shown,
    summed,
    times,
)
from tpc.report.unicode import write_plainly


@dataclass(frozen=True, slots=True)
class WrittenFlow:
    """An infinitely deep loop whose maps are plans with whole expectations.

    Attributes:
        depth: The name of L.
        state: The ket that goes from round to round.
        input: The input.
        params: The names that formulas may have.
        weights: Those of the round.
        end: How many times L the rounds are: where tau ends.
        tied: Whether rounds share their weights.
        mean: Whether states have means.
        before: What stands before the loop.
        pairs: What a round adds, divided by its power of L, of two inputs.
        alike: The same of one input with itself.
        behind: What stands behind the loop.
        still: The rates that vanish.
        warnings: What to know of it.
    """

    depth: str
    state: str
    input: str
    params: tuple[str, ...]
    weights: tuple[str, ...]
    end: float
    tied: bool
    mean: bool
    before: KernelPlan
    pairs: KernelPlan
    alike: KernelPlan
    behind: KernelPlan
    still: frozenset[str]
    warnings: tuple[str, ...]


def flow_chapter(flow: WrittenFlow) -> Chapter:
    """Return the equations of a flow.

    Raises:
        Unreadable: A map has no formula here.
    """
    sections = FlowEquations(flow).sections()
    kind = "an equation in the plane of two depths" if flow.tied else "a flow"
    drawn = "shared by all rounds" if flow.tied else "drawn anew in every round"
    weights = ", ".join(flow.weights) or "none"
    times_ = f"{flow.end:g} " if flow.end != 1 else ""
    about = [
        f"depth {flow.depth} → ∞: {kind}, τ = l / {flow.depth} from 0 to {flow.end:g}",
        f"weights of the {times_}{flow.depth} rounds: {weights}, {drawn}",
        f"depth {flow.depth} differs by c / {flow.depth}",
        *flow.warnings,
    ]
    return Chapter(tuple(about), tuple(sections))


def flow_to_json(flow: WrittenFlow) -> dict[str, Json]:
    """Return the initial values and the rates of a flow, see `flow_chapter`."""
    found = FlowEquations(flow)
    end: Json = [0, flow.end]
    return {
        "kind": "plane" if flow.tied else "flow",
        "state": flow.state,
        "span": end,
        "initial": {name: write_plainly(x) for name, x in found.initial().items()},
        "rate": {name: write_plainly(x) for name, x in found.rates().items()},
    }


class FlowEquations:
    """Names and readers of one flow."""

    def __init__(self, flow: WrittenFlow) -> None:
        self._flow = flow
        self._taken = {*flow.params, flow.input}
        self.C, self.T, self.P = (self._free(x) for x in ("CK", "TN", "PG"))
        self.q, self.m = self._free("qv"), self._free("mb")
        self._over = ("τ", "σ") if flow.tied else ("τ",)
        names = {"covariance": (self.C, self.q), "mean": (self.m, self.m)}
        self._states = {
            (name, side): own[side is not Side.BOTH] + "'" * (side is Side.SECOND)
            for name, own in names.items()
            for side in (Side.FIRST, Side.SECOND, Side.BOTH)
        }
        size = len(flow.pairs.shapes["covariance"]) // 2
        self._at: Indices = ("i", "j", "k", "l", "m", "n")[: 2 * size]
        self.pairs, self.alike = self._reader(flow.pairs), self._reader(flow.alike)
        self.before, self.behind = self._reader(flow.before), self._reader(flow.behind, end=True)

    def _free(self, choices: str) -> str:
        name = next((x for x in choices if x not in self._taken), choices[0] * 2)
        self._taken.add(name)
        return name

    def _reader(self, plan: KernelPlan, end: bool = False) -> PlanReader:
        at = (
            f"({self._flow.end:g}, {self._flow.end:g})"
            if self._flow.tied
            else f"({self._flow.end:g})"
        )
        states = {key: name + at if end else name for key, name in self._states.items()}
        inputs = (self._flow.input, self._flow.input + "'")
        return PlanReader(plan, states, inputs, set(self._taken))

    # ------------------------------------------------------------------------------------- values

    def _read(self, reader: PlanReader, name: str, indices: Indices) -> Terms:
        number = reader.plan.outputs.get(name)
        if number is None or (reader is self.pairs and name in self._flow.still):
            return ()
        return reader.read(number, indices)

    def covariance(self) -> Terms:
        """Return dC/dtau."""
        return self._read(self.pairs, "covariance", self._at)

    def passed(self, forward: bool) -> Terms:
        """Return D[T], or D*[P]."""
        half = len(self._at) // 2
        free, over = self._at, tuple(f"{x}2" for x in self._at)
        first, second = (free, over) if forward else (over, free)
        at = (*first[:half], *second[:half], *first[half:], *second[half:])
        found = self._read(self.pairs, "passed", at)
        name = Name(self.T if forward else self.P)
        state = atom(expr.Indexed(name, over) if over else name)
        return self._traced(times(found, state), over)

    def _traced(self, terms: Terms, over: Indices) -> Terms:
        shape = self._flow.pairs.shapes["covariance"]
        for index, size in zip(over, shape, strict=True):
            terms = summed(terms, str(index), size)
        return terms

    def tangent(self) -> tuple[Terms, bool]:
        """Return R + D[T], and whether R has all of dC/dtau, which then is left out."""
        own, rate = self._read(self.pairs, "tangent", self._at), self.covariance()
        alike = bool(rate) and all(term in own for term in rate)
        rest = tuple(term for term in own if not alike or term not in rate)
        return plus(rest, self.passed(forward=True)), alike

    def _of_state(self, terms: Terms) -> Formula:
        return shown(terms, self._at)

    def initial(self) -> dict[str, Formula]:
        """Return C(0) and T(0)."""
        found = {
            self.C: self._of_state(self._read(self.before, "covariance", self._at)),
            self.T: self._of_state(self._read(self.before, "tangent", self._at)),
        }
        if self._flow.mean:
            at = self._at[: len(self._at) // 2]
            found[self.m] = shown(self._read(self.before, "mean", at), at)
        return found

    def rates(self) -> dict[str, Formula]:
        """Return dC/dtau and dT/dtau, and dP/dtau with its sign turned."""
        found = {self.C: self._of_state(self.covariance())}
        if not self._flow.tied:
            rest, alike = self.tangent()
            whole = plus(self.covariance(), rest) if alike else rest
            found[self.T] = self._of_state(whole)
        found[self.P] = self._of_state(self.passed(forward=False))
        if self._flow.mean:
            at = self._at[: len(self._at) // 2]
            found[self.m] = shown(self._read(self.alike, "mean", at), at)
        return found

    # ----------------------------------------------------------------------------------- sections

    def sections(self) -> Iterator[Section]:
        """Yield the sections."""
        yield Section(f"state {self._flow.state}, at depth tau", (self._law(),))
        yield Section(f"covariance {self.C} {self._places()}", self._covariances())
        if self._flow.tied:
            yield Section(f"gradient kernel {self.P}, of cotangents", self._gradients())
            yield Section("kernels", self._kernels_of_plane())
            return
        yield Section(f"tangent kernel {self.T} of {self._flow.state}", self._tangents())
        if not self._flow.behind.shapes["covariance"]:
            yield Section(f"gradient kernel {self.P}, of cotangents", self._gradients())
        yield Section("kernels", self._kernels())

    def _places(self) -> str:
        first, second = self._flow.input, self._flow.input + "'"
        at = (" and tau", " and sigma") if self._flow.tied else ("", "")
        return (
            f"at {first}{at[0]} with {second}{at[1]}, {self.q} of {first}{at[0]} twice,"
            f" {self.q}' of {second}{at[1]} twice"
        )

    def _law(self) -> Relation:
        """Return |x(tau)> = |x[0]> + N(0, C(tau) - C(0))."""
        state = self._flow.state
        if self._flow.tied:
            own = Call("Cov", (Ket(f"{state}(τ)"), Ket(f"{state}'(σ)")))
            return Relation((own,), "=", Call(self.C, (Name("τ"), Name("σ"))))
        moved = expr.subtract(Call(self.C, (Name("τ"),)), Call(self.C, (Number(0),)))
        mean: Formula = Number(0)
        if self._flow.mean:
            mean = expr.subtract(Call(self.m, (Name("τ"),)), Call(self.m, (Number(0),)))
        law = Call("N", (mean, moved))
        return Relation((Ket(f"{state}(τ)"),), "=", add(Ket(f"{state}[0]"), law))

    def _rate(self, name: str) -> Formula:
        return expr.Rate(Name(name), self._over)

    def _said(self, line: Relation, *readers: PlanReader) -> list[Relation]:
        """Return an equation, and behind it what its local names stand for, on one line."""
        entries = [entry for reader in readers for entry in reader.said_of([line.right])]
        if not entries:
            return [line]
        (left, right), *also = entries
        more = tuple(((name,), value) for name, value in also)
        return [line, Relation((left,), "=", right, local=True, also=more)]

    def _covariances(self) -> tuple[Relation, ...]:
        initial = self.initial()
        rate = self._of_state(self.covariance())
        lines = self._said(Relation((self._rate(self.C),), "=", rate), self.pairs)
        start: tuple[Formula, ...] = (Call(self.C, (Number(0),)),)
        if self._flow.tied:
            start = (Call(self.C, (Number(0), Name("σ"))), Call(self.C, (Name("τ"), Number(0))))
        lines += self._said(Relation(start, "=", initial[self.C]), self.before)
        if self._flow.mean:
            means = self.rates()[self.m]
            lines += self._said(Relation((self._rate(self.m),), "=", means), self.alike)
            lines.append(Relation((Call(self.m, (Number(0),)),), "=", initial[self.m]))
        elif not self._flow.tied:
            lines += self._diagonal()
        return tuple(lines)

    def _diagonal(self) -> list[Relation]:
        """Return the equation of equal inputs, and closed solutions where rates are linear."""
        alike = self._read(self.alike, "covariance", self._at)
        line = Relation((self._rate(self.q),), "=", self._of_state(alike))
        lines = self._said(line, self.alike)
        if self._at:
            return lines
        for name, terms in ((self.q, alike), (self.C, self.covariance())):
            if (solved := _solution(name, terms)) is not None:
                lines.append(Relation((Call(name, (Name("τ"),)),), "=", solved))
        return lines

    def _tangents(self) -> tuple[Relation, ...]:
        rest, alike = self.tangent()
        right = self._of_state(rest)
        if alike:
            right = add(self._rate(self.C), right) if rest else self._rate(self.C)
        lines = self._said(Relation((self._rate(self.T),), "=", right), self.pairs)
        start = Relation((Call(self.T, (Number(0),)),), "=", self.initial()[self.T])
        return (*lines, *self._said(start, self.before))

    def _gradients(self) -> tuple[Relation, ...]:
        rate = self._of_state(self.passed(forward=False))
        left = self._rate(self.P) if self._flow.tied else expr.negate(self._rate(self.P))
        lines = self._said(Relation((left,), "=", rate), self.pairs)
        end = Number(self._flow.end)
        last: tuple[Formula, ...] = (Call(self.P, (end,)),)
        if self._flow.tied:
            last = (Call(self.P, (end, Name("σ"))), Call(self.P, (Name("τ"), end)))
        value = self._of_state(self._read(self.behind, "passed", self._at))
        return (*lines, *self._said(Relation(last, "=", value), self.behind))

    def _both(self) -> tuple[Formula, Formula]:
        inputs = (Name(self._flow.input), Name(self._flow.input + "'"))
        return Call("Sigma", inputs), Call("Theta", inputs)

    def _kernels(self) -> tuple[Relation, ...]:
        sigma, theta = self._both()
        outputs = len(self._flow.behind.shapes["covariance"]) // 2
        out: Indices = ("o", "p", "a", "b")[: 2 * outputs]
        nngp = self._read(self.behind, "covariance", out)
        half = len(self._at) // 2
        over = tuple(f"{x}2" for x in self._at)
        at = (*out[:outputs], *over[:half], *out[outputs:], *over[half:])
        name = Name(f"{self.T}({self._flow.end:g})")
        state = atom(expr.Indexed(name, over) if over else name)
        passed = self._traced(times(self._read(self.behind, "passed", at), state), over)
        ntk = plus(self._read(self.behind, "tangent", out), passed)
        lines = [
            Relation((Name("nngp"), sigma), "=", shown(nngp, out)),
            Relation((Name("ntk"), theta), "=", shown(ntk, out)),
        ]
        return tuple(said for line in lines for said in self._said(line, self.behind))

    def _kernels_of_plane(self) -> tuple[Relation, ...]:
        sigma, theta = self._both()
        nngp = shown(self._read(self.behind, "covariance", ()))
        own = shown(self._read(self.behind, "tangent", ()))
        first = expr.multiply("times", Call(self.P, (Number(0), Number(0))), self.initial()[self.T])
        inside = Call(
            "∫∫", (shown(times(atom(Name(self.P)), self._read(self.pairs, "tangent", ()))),)
        )
        lines = [
            Relation((Name("nngp"), sigma), "=", nngp),
            Relation((Name("ntk"), theta), "=", add(add(own, first), inside)),
        ]
        return tuple(said for x in lines for said in self._said(x, self.pairs, self.behind))


def _solution(name: str, rate: Terms) -> Formula | None:
    """Return the solution of dq/dtau = a q + b with numbers a and b, or None for other rates."""
    a: Terms = ()
    b: Terms = ()
    for term in rate:
        powers = dict(term.powers)
        own = powers.pop(Name(name), None)
        rest = (replace(term, powers=powers),)
        if term.summed or own not in (None, ONE) or not _constant(powers, name):
            return None
        a, b = (plus(a, rest), b) if own else (a, plus(b, rest))
    start = atom(Call(name, (Number(0),)))
    if not a:
        moved = plus(start, times(b, atom(Name("τ"))))
        return shown(moved) if b else None
    grown = atom(Call("exp", (shown(times(a, atom(Name("τ")))),)))
    if not b:
        return shown(times(start, grown))
    level = times(b, power(a, -ONE))
    return shown(plus(times(plus(start, level), grown), scaled(level, -1)))


def _constant(powers: Mapping[Formula, object], name: str) -> bool:
    """Whether atoms are params, whose values no state changes."""
    return all(isinstance(x, Name) and not x.text.startswith((name, "q", "C")) for x in powers)
