"""Program texts evaluated at a small width by plain NumPy, for the tests of the program stage.

Growing axes stand first, in the order of a node's coordinates, then the constant axes.
"""

import numpy as np

from tpc.diagnostics import ProgramError
from tpc.program.checking.build import build_program
from tpc.program.nodes import (
    FREE,
    Constant,
    Contract,
    Elementwise,
    Expand,
    InitialScalar,
    InitialVector,
    Inner,
    LinearAlgebra,
    MatMul,
    Mean,
    Parameter,
    Permute,
    Reduce,
    Row,
    Softmax,
    Take,
)
from tpc.syntax.parse import parse_source

WIDTH = 7

FUNCTIONS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "neg": np.negative,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": np.square,
    "abs": np.abs,
    "sign": np.sign,
    "max": np.maximum,
    "min": np.minimum,
    "step": lambda x: np.heaviside(x, 0.5),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def build(text, name="<string>"):
    """Build a program whose first line declares the dim n."""
    return build_program(parse_source("dim n\n" + text, name))


def codes(text):
    """Return the codes and lines of a wrong program's diagnostics, lines counted after `dim n`."""
    try:
        build(text)
    except ProgramError as error:
        return [(found.code, found.line - 1) for found in error.diagnostics]
    return []


def draws(program, seed=0):
    """Return a standard normal array for each initial vector and each matrix."""
    random = np.random.default_rng(seed)
    arrays = {}
    for matrix in program.matrices:
        size = (program.dims[matrix.rows].size(WIDTH), program.dims[matrix.columns].size(WIDTH))
        arrays[matrix.name] = random.standard_normal(size)
    for node in program.nodes:
        if isinstance(node, InitialVector):
            size = program.dims[node.dim].size(WIDTH)
            arrays[node.name] = random.standard_normal((size, *node.shape))
    return arrays


def values(program, arrays):
    """Return the value of every binding."""
    known = {}
    for node in program.nodes:
        known[node] = value(node, known, arrays)
        assert known[node].shape[len(node.coords) :] == node.shape
    return {binding.name: known[binding.node] for binding in program.bindings}


def value(node, known, arrays):
    """Return the value of a node from those of its operands."""
    grown = len(node.coords)
    match node:
        case Constant():
            return node.value
        case Parameter():
            return node.default
        case InitialScalar():
            return known[node.limit]
        case InitialVector():
            return arrays[node.name]
        case MatMul():
            matrix = arrays[node.matrix.name]
            return np.tensordot(matrix.T if node.transposed else matrix, known[node.operand], 1)
        case Elementwise():
            aligned = [align(known[x], x, node) for x in node.operands]
            return FUNCTIONS[node.function](*aligned)
        case Contract():
            return np.tensordot(known[node.left], known[node.right], node.axes)
        case Take():
            index = tuple(slice(None) if key is None else key for key in node.keys)
            return known[node.operand][(slice(None),) * grown + index]
        case Permute():
            order = (*range(grown), *(axis + grown for axis in node.order))
            return np.transpose(known[node.operand], order)
        case Expand():
            return np.expand_dims(known[node.operand], tuple(a + grown for a in node.axes))
        case Reduce():
            over = tuple(axis + grown for axis in node.axes)
            x = known[node.operand]
            return x.sum(over) if node.reduction == "sum" else x.max(over)
        case Softmax():
            powers = np.exp(known[node.operand])
            return powers / powers.sum(-1, keepdims=True)
        case LinearAlgebra(function="trace"):
            return np.trace(known[node.operand])
        case LinearAlgebra():
            return getattr(np.linalg, node.function)(known[node.operand])
        case Row():
            return known[node.operand]
        case Mean():
            names = [name for name, _ in node.operand.coords]
            return known[node.operand].mean(tuple(names.index(name) for name in node.over))
        case Inner():
            left, right = known[node.left], known[node.right]
            return np.tensordot(left, right, (0, 0)) / len(left)
    raise AssertionError(node)


def align(array, operand, result):
    """Give an operand the coordinates and the rank of the result, with axes of length 1."""
    own = [name for name, _ in operand.coords]
    index = tuple(slice(None) if name in own else None for name, _ in result.coords)
    missing = (None,) * (len(result.shape) - len(operand.shape))
    return array[index + missing]


def free_only(node):
    """Whether a node is a vector or a scalar, as everything that a name stands for must be."""
    return all(name == FREE for name, _ in node.coords)
