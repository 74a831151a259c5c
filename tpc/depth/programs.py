"""A stage of a deep network -> the program of two states, whose limit is what it does to kernels.

States are Gaussian, |x> = m + F|z> with independent |z>, so that <x|x'> = m m' + F F'; F is a param
of which the limit has products alone. The outputs are scalars,

    mean = E|y>,    covariance = <y|y'> - E|y> E|y'>,
    tangent = sum over the weights W of the stage of lr <J(W)|J'(W)>,
    passed = <dx|dx'>, where dx are the cotangents of the state for each entry of y:

a tangent kernel T of the state becomes tangent + passed[T], with T in the place of x.

Reference:
    Tensor Programs IVb, Definitions 2.9.16 and 2.9.18.
"""

from dataclasses import replace
from math import prod

import numpy as np

from tpc.depth.stages import Stage
from tpc.kernels.plan import KernelPlan, Side, State
from tpc.kernels.schedule import plan_pairs
from tpc.limit.derive import DotChoice, derive_limit
from tpc.network.batching import Lowering, lower
from tpc.network.forward_backward import Differentiated, differentiate
from tpc.network.inner_products import covariance
from tpc.network.jacobians import Layout, each_output
from tpc.network.kernel_programs import FIRST, SECOND, gradients_of, tangent_kernel
from tpc.program import nodes as op
from tpc.program.backpropagation import Gradients
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.passes import normalise
from tpc.program.products import axes
from tpc.program.program import Output, OutputKind, Program

SIDES = {FIRST: Side.FIRST, SECOND: Side.SECOND}


def stage_plan(
    stage: Stage,
    alike: bool = False,
    mean: bool = False,
    dot: DotChoice = "auto",
    whole: bool = False,
) -> KernelPlan:
    """Return the steps of a stage's map.

    Args:
        stage: The stage.
        alike: Whether both states and inputs are the first one.
        mean: Whether states have means.
        dot: The form of dots.
        whole: Whether expectations stay whole, to be read and not computed.

    Raises:
        NoPairwiseForm: An expectation has neither a closed form nor a series.
    """
    program = normalise(stage_program(stage, alike, mean))
    given: dict[str, Side | State] = {**SIDES}
    for name, side in SIDES.items():
        given[f"factor of the {name}"] = State("factor", side)
        given[f"mean of the {name}"] = State("mean", side)
    return plan_pairs(derive_limit(program, dot), given, whole=whole)


def stage_program(stage: Stage, alike: bool, mean: bool) -> Program:
    """Return the program of two states, see `stage_plan`."""
    b = Builder()
    network = stage.network
    shape = network.readout.node.shape
    one = differentiate(b, network, shape)
    rng = np.random.default_rng(0)  # what is looked at by defaults should be nowhere special
    params: list[Node] = []

    def param(name: str, shape: tuple[int, ...]) -> Node:
        params.append(b.parameter(name, rng.standard_normal(shape)))
        return params[-1]

    rank = 2 * prod(stage.state.shape) + 2 if stage.state is not None else 0  # any number serves
    seed = b.constant(each_output(1, shape, coupled=False)[0][0])
    sides = []
    for name in (FIRST,) if alike else (FIRST, SECOND):
        leaves: dict[Node, Node] = {network.input: param(name, network.input.shape)}
        if stage.state is not None:
            z = b.make(op.InitialVector, stage.state.coords, (rank,), "z", None, b.number(1))
            x = b.contract(z, param(f"factor of the {name}", (rank, *stage.state.shape)))
            if mean:
                x = b.add(x, param(f"mean of the {name}", stage.state.shape))
            leaves[stage.state] = x
        sides.append(_side(b, one, leaves, seed, stage.after))
    (y, of_y), (z_, of_z) = sides * (3 - len(sides))
    nodes = {"covariance": covariance(b, y, z_)}
    if stage.network.readout.node is not stage.after:
        means = b.mean(y), b.mean(z_)
        nodes["mean"] = means[0]
        product = b.mul(b.expand(means[0], tuple(range(len(shape), 2 * len(shape)))), means[1])
        nodes["covariance"] = b.sub(nodes["covariance"], product)
    outputs = axes("output", len(shape))
    layout = Layout((), outputs, outputs)
    nodes["tangent"] = tangent_kernel(
        b, replace(network, weights=stage.weights), layout, of_y, of_z
    )
    if stage.state is not None:
        nodes["passed"] = covariance(b, of_y.vectors[stage.state], of_z.vectors[stage.state])
    return Program(
        network.name,
        network.title,
        network.source,
        "nexort",
        network.dims,
        tuple(w.leaf for w in network.weights if isinstance(w.leaf, op.Matrix)),
        (*network.parameters, *(p for p in params if isinstance(p, op.Parameter))),
        (),
        tuple(
            Output(name, OutputKind.SCALAR, node, network.readout.span)
            for name, node in nodes.items()
        ),
        tuple(b.nodes),
    )


def _side(
    b: Builder, one: Differentiated, leaves: dict[Node, Node], seed: Node, after: Node
) -> tuple[Node, Gradients]:
    """Return the ket behind a stage and its gradients, for one of both states."""
    forward = lower(b, one.network.nodes, 1, {}, leaves)
    backward = Lowering(b, 1, {}, {**forward, **leaves, one.seed: seed})
    return forward[after], gradients_of(one.gradients, backward.image)
