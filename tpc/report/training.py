"""The limit of a network's training as the papers write it: kets and operators at time t.

Not unrolled over steps: one set of equations for all of them,

    |x[t]>, |dx[t]>  forward and backward kets,  chi[t]  error signals,  |W[t]|  an operator,
    Gamma_W[t]       the gradient of W, a sum of |dh[t]><z[t]| over its uses,
    Q_t              the update function of the optimizer.

In the maximal update limit weights move and f[t] is an average. In the neural tangent limit kets
stay those of the untrained network and f[t] moves by K_t.

Reference:
    Tensor Programs IVb, Theorems 2.9.23 and 2.9.30.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tpc.limit.equations import Limit
from tpc.network.criteria import shown
from tpc.network.global_norms import global_norm
from tpc.network.network import Network, OptimizerUse, Training, Weight, WeightKind
from tpc.network.optimizers.table import ALL_RULES
from tpc.network.optimizers.update import decays
from tpc.network.scales import Classification, Regime, WeightScale
from tpc.program.nodes import Constant, Contract, Matrix, Node, Parameter, Placeholder, operands
from tpc.program.traversal import toposort
from tpc.report.equations_in_words import Relation
from tpc.report.formula import (
    BraKet,
    Call,
    Expectation,
    Formula,
    Ket,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    add,
    multiply,
    subtract,
)
from tpc.report.rounds import products_of
from tpc.report.sections import Chapter, Section
from tpc.report.spelled_operations import write_operation
from tpc.report.training_passes import Passes
from tpc.report.unicode import write_plainly

_ENDS = ("[0]", "[t]")
"""The first and the last of the gradients that Q_t sees."""


@dataclass(frozen=True, slots=True)
class TrainingLimit:
    """The limit of a network's training.

    Attributes:
        network: With a `train` block.
        scales: Its parametrization.
        products: The limit of its steps as one region, where there is one: then the hats and dots
            of products are said too.
        memory: What the region takes, in words.
    """

    network: Network
    scales: Classification
    products: Limit | None = None
    memory: str = ""

    @property
    def chapter(self) -> Chapter:
        """Its equations, and what stands above them."""
        assert self.network.training is not None
        about = [_summary(self.network.training, self.scales), *filter(None, [self.memory])]
        return Chapter(tuple(about), sections_of(self.network, self.scales, self.products))


def sections_of(
    network: Network, scales: Classification, products: Limit | None = None
) -> tuple[Section, ...]:
    """Return the equations of a network's training in order."""
    moves = scales.regime is Regime.FEATURE_LEARNING
    time = "[t]" if moves or _decays(scales) else ""
    single = Name("1_a") if network.readout.node.shape else Number(1)
    passes = Passes(network, time, Name("chi[t]") if moves else single)
    forward, backward = passes.forward(), passes.backward()
    rest = [_tangent(network, scales, passes)]
    if moves:
        rest = [_outputs(network, passes), _updates(network, scales, passes)]
    said = products_of(products) if products is not None else ()
    if said:
        rest.append(Section("products, with those of all earlier steps s", said))
    return (Section("forward, for all rows", forward), Section("backward", backward), *rest)


def _summary(training: Training, scales: Classification) -> str:
    kind = "maximal update" if scales.regime is Regime.FEATURE_LEARNING else "neural tangent"
    rows = f"{len(training.inputs)} data rows"
    rows += f", {len(training.test)} test rows" if training.test is not None else ""
    centred = ", output centred" if training.center else ""
    written = training.parametrization
    name = written.name + ("" if written.depth is None else f"(depth={written.depth:g})")
    return f"training in the {kind} limit ({name}): {training.steps} steps, {rows}{centred}"


def _decays(scales: Classification) -> bool:
    return any(decays(weight.optimizer) for weight in scales.weights)


def _outputs(network: Network, passes: Passes) -> Section:
    """Return the output and the error signals of the maximal update limit."""
    y = passes.formulas[network.readout.node]
    output = Relation((Name(f"{network.readout.name}[t]"),), "=", Expectation(y))
    return Section("output and error signal", (output, _signal(network)))


def _signal(network: Network) -> Relation:
    training = network.training
    assert training is not None
    f = f"{network.readout.name}[t]"
    remark = ", 0 outside of the batch" + (
        ", divided by its size" if training.reduce == "mean" else ""
    )
    return Relation((Name("chi[t]"),), "=", Quotient(Name("dLoss"), Name(f"d{f}")), (remark,))


def _updates(network: Network, scales: Classification, passes: Passes) -> Section:
    """Return how every weight moves."""
    found: list[Relation] = []
    for weight in network.weights:
        scale = scales.by_name[weight.name]
        if not weight.trained:
            continue
        found += _update(weight, scale, passes)
    found += (*_scheduled(network, scales), *_bound(network, scales))
    rules = dict.fromkeys(_rule(scale.optimizer) for scale in scales.weights)
    return Section(f"updates, Q: {'; '.join(rules)}", tuple(found))


def _update(weight: Weight, scale: WeightScale, passes: Passes) -> Iterable[Relation]:
    after, now = (_value(weight, time) for time in ("[t+1]", "[t]"))
    kept = _kept(now, weight, scale)
    if not scale.moves:
        yield Relation((after,), "=", kept, (", its updates vanish as the width grows",))
        return
    name = f"Gamma_{weight.name}" if weight.kind is WeightKind.MATRIX else f"d{weight.name}"
    start, end = (_gradient_name(weight, name, time) for time in ("[0]", "[t]"))
    q = Call("Q_t", (start, Name("..."), end))
    yield Relation((after,), "=", subtract(kept, multiply("times", _rate(weight, scale), q)))
    if isinstance(weight.leaf, Matrix):
        yield Relation((end,), "=", passes.operator(weight.leaf, Number(1)), local=True)


def _bound(network: Network, scales: Classification) -> Iterable[Relation]:
    """Return the factor that a common norm gives to gradients, and what that norm is made of."""
    bound = network.training.bound if network.training else None
    if bound is None:
        return
    found = global_norm(scales, bound.weights)
    size = f"n^{shown(found.kappa)} " if found.kappa else ""
    over = "" if len(bound.weights) == len(network.weights) else f" of {', '.join(bound.weights)}"
    remark = f", times the gradients{over} before Q"
    nu: Formula = Name("nu[t]")
    if bound.threshold is None:
        factor: Formula = Quotient(Number(1), nu)
    else:
        factor = Call("min", (Number(1), Quotient(_scalar(bound.threshold), nu)))
    yield Relation((Name("clip[t]"),), "=", factor, (remark,))
    norms = [Call("square_norm", (Name(f"d{name}[t]"),)) for name in found.seen]
    total: Formula = norms[0] if norms else Number(0)
    for norm in norms[1:]:
        total = add(total, norm)
    seen = f", which is all that the norm, of size {size or 1}, sees as the width grows"
    yield Relation((Power(nu, Number(2)),), "=", total, (seen,), local=True)


def _gradient_name(weight: Weight, name: str, time: str) -> Formula:
    return Ket(name + time) if weight.kind is WeightKind.VECTOR else Name(name + time)


def _value(weight: Weight, time: str) -> Formula:
    match weight.kind:
        case WeightKind.MATRIX:
            return Name(f"|{weight.name}{time}|")
        case WeightKind.VECTOR:
            return Ket(weight.name + time)
        case WeightKind.SCALAR:
            return Name(weight.name + time)


def _kept(value: Formula, weight: Weight, scale: WeightScale) -> Formula:
    options = dict(scale.optimizer.options)
    own, coupled = options.get("decay"), options.get("weight_decay")
    if isinstance(own, Node):
        return multiply("times", subtract(Number(1), _scalar(own)), value)
    if isinstance(coupled, Node):
        share = multiply("times", _rate(weight, scale), _scalar(coupled))
        return multiply("times", subtract(Number(1), share), value)
    return value


def _rate(weight: Weight, scale: WeightScale) -> Formula:
    if scale.optimizer.time is not None:
        return Name(f"lr_{weight.name}[t]")
    return _written_rate(weight, scale)


def _written_rate(weight: Weight, scale: WeightScale) -> Formula:
    lr = dict(scale.optimizer.options).get("lr")
    rate = _scalar(lr) if isinstance(lr, Node) else Number(1)
    return multiply("times", rate, _scalar(weight.lr))


def _scheduled(network: Network, scales: Classification) -> Iterable[Relation]:
    """Return the learning rates that differ from step to step."""
    for weight in network.weights:
        scale = scales.by_name[weight.name]
        if weight.trained and scale.moves and scale.optimizer.time is not None:
            yield Relation((_rate(weight, scale),), "=", _written_rate(weight, scale), local=True)


def _scalar(root: Node) -> Formula:
    """Return the formula of a number made of statics, params and t."""
    formulas: dict[Node, Formula] = {}
    for node in toposort([root], operands):
        match node:
            case Constant(value=value, shape=()) if value == np.pi:
                formulas[node] = Name("pi")
            case Constant(value=value, shape=()):
                formulas[node] = Number(float(value))
            case Constant(value=value):
                formulas[node] = Name(str(value.tolist()))
            case Parameter(name=name) | Placeholder(name=name):
                formulas[node] = Name(name)
            case Contract(
                right=Constant(value=value)
            ):  # one factor a step, of which the last stays
                formulas[node] = Name(f"{value.tolist()}[min(t, {len(value) - 1})]")
            case _:
                inside = tuple(formulas[part] for part in operands(node))
                formulas[node] = write_operation(node, inside)
    return formulas[root]


def _rule(use: OptimizerUse) -> str:
    """Say what Q is."""
    options = [
        f"{name} = {write_plainly(_scalar(value))}" if isinstance(value, Node) else name
        for name, value in use.options
        if name not in ("lr", "decay", "weight_decay") and value is not False
    ]
    formula = f" {ALL_RULES[use.name].formula}" if use.declared is None else ""
    return f"{use.name}{formula}" + (f" with {', '.join(options)}" if options else "")


def _tangent(network: Network, scales: Classification, passes: Passes) -> Section:
    """Return the equations of the neural tangent limit."""
    f = network.readout.name
    y = passes.formulas[network.readout.node]
    relations = [Relation((Name(f"{f}[0]"),), "=", Number(0))]
    if scales.output_is_random and not (network.training and network.training.center):
        covariance = BraKet("y", "y")
        relations = [
            Relation((Name(f"{f}[0]"),), "~", Call("N", (Number(0), covariance))),
            Relation((Ket("y"),), "=", y, local=True),
        ]
    total: Formula = Number(0)
    gammas: list[Relation] = []
    for weight in network.weights:
        scale = scales.by_name[weight.name]
        if not scale.moves or not weight.trained:
            continue
        for part in _effects(weight, scale, passes):
            total = part if total == Number(0) else add(total, part)
        if isinstance(weight.leaf, Matrix):
            left = Name(f"Gamma_{weight.name}[t]")
            right = passes.operator(weight.leaf, Name("chi[t]"))
            gammas.append(Relation((left,), "=", right, local=True))
    before, remark = Name(f"{f}[t]"), ""
    if _decays(scales):
        before = Name("F[t+1]")
        remark = "; F: the untrained output"
    step = subtract(before, Name("K[t]"))
    if _decays(scales):
        kept = subtract(Number(1), Name("decay"))
        step = subtract(step, multiply("times", kept, Name("K[t-1]")))
        step = subtract(step, Name("..."))
    relations += [
        Relation((Name(f"{f}[t+1]"),), "=", step, (remark,)),
        Relation((Name("K[t]"),), "=", total, local=True),
        *gammas,
        *_scheduled(network, scales),
        *_bound(network, scales),
        _signal(network),
    ]
    rules = dict.fromkeys(_rule(scale.optimizer) for scale in scales.weights)
    return Section(f"output, Q: {'; '.join(rules)}", tuple(relations))


def _effects(weight: Weight, scale: WeightScale, passes: Passes) -> Iterable[Formula]:
    """Return what the update of a weight does to the outputs, use by use."""
    rate = _rate(weight, scale)
    if not isinstance(weight.leaf, Matrix):
        gradient = Ket(f"d{weight.name}{passes.time}")
        timed = [Ket(f"d{weight.name}{time}" if passes.time else gradient.name) for time in _ENDS]
        first, last = (
            Product("times", (Name(f"chi{time}"), ket))
            for time, ket in zip(_ENDS, timed, strict=True)
        )
        q = Call("Q_t", (first, Name("..."), last))
        yield multiply("times", rate, Expectation(Product("times", (gradient, q))))
        return
    names = [Name(f"Gamma_{weight.name}{time}") for time in _ENDS]
    q = Call("Q_t", (names[0], Name("..."), names[1]))
    for use in passes.of.gradients.matrices.get(weight.leaf, ()):
        dh, z = passes.formulas[use.cotangent], passes.formulas[use.operand]
        left, right = (z, dh) if use.transposed else (dh, z)
        copy = Ket(right.name, right.accent, 1) if isinstance(right, Ket) else right
        yield multiply("times", rate, Expectation(Product("times", (left, q, copy))))
