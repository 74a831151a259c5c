"""Kets -> SymPy integrands: which Gaussian coordinates an elementwise expression is made of.

A ket that is elementwise in Gaussian kets becomes a SymPy expression with one symbol for each
Gaussian ket *at each place where it stands*: its constant axes are labelled by the axes of the
result, so that in <x|y> the columns of x and those of y are different symbols, of which every pair
of columns is one instance.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

import sympy
from sympy import Expr, Integer, Symbol

from tpc.functions import FUNCTIONS
from tpc.gaussian import functions
from tpc.limit.differences import difference, is_nothing
from tpc.limit.gaussians import Gaussians
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Elementwise, Expand, Node, Permute, Take

LARGEST = 40
"""How many operations an integrand may have."""


class NotElementwise(Exception):
    """A ket mixes its constant axes, or is too long to integrate."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A node with the label of every constant axis; None is an axis of length 1 that broadcasts."""

    node: Node
    labels: tuple[int | None, ...]


@dataclass(slots=True)
class Integrands:
    """Reads the kets of one expectation; all of them share the symbols.

    Attributes:
        coordinates: The Gaussian kets, by symbol.
        constants: The scalars, by symbol.
    """

    builder: Builder
    gaussians: Gaussians
    coordinates: dict[Symbol, Placed] = field(default_factory=dict)
    constants: dict[Symbol, Placed] = field(default_factory=dict)
    _symbols: dict[Placed, Symbol] = field(default_factory=dict)
    _expressions: dict[Placed, Expr] = field(default_factory=dict)
    _read: int = 0

    def read(self, node: Node, labels: tuple[int | None, ...]) -> Expr:
        """Return a ket as an expression.

        Raises:
            NotElementwise: It has no such form.
        """
        place = Placed(node, labels)
        if place not in self._expressions:
            self._read += 1
            if self._read > LARGEST:
                raise NotElementwise
            self._expressions[place] = self._expression(node, labels)
        return self._expressions[place]

    def _expression(self, node: Node, labels: tuple[int | None, ...]) -> Expr:
        if isinstance(node, Constant) and node.shape == ():
            return as_number(float(node.value))
        if node.is_scalar:
            return self._symbol(Placed(node, labels), self.constants, "s")
        if self.gaussians.is_gaussian(node):
            if isinstance(node, Elementwise) and node.function == "sub":
                node = self._difference(*node.operands) or node
                ket, slope, shift = _affine(node)
                if ket is not node and ket.shape == node.shape:
                    return slope * self.read(ket, labels) + shift
            if is_nothing(node):
                return Integer(0)
            return self._symbol(Placed(node, labels), self.coordinates, "z")
        match node:
            case Elementwise():
                return self._elementwise(node, labels)
            case Expand(operand=operand, axes=axes):
                return self.read(operand, tuple(x for i, x in enumerate(labels) if i not in axes))
            case Permute(operand=operand, order=order):
                return self.read(operand, tuple(labels[order.index(i)] for i in range(len(order))))
            case Take(operand=operand, keys=keys):
                return self._taken(operand, keys, labels)
            case _:
                raise NotElementwise

    def of_fewest(self, integrand: Expr) -> Expr:
        """Write coordinates that are numbers times another one and numbers as that."""
        alike = self._alike()
        for z in alike:
            del self.coordinates[z]
        return integrand.xreplace(alike)

    def _alike(self) -> dict[Symbol, Expr]:
        first: dict[Placed, Expr] = {}
        found: dict[Symbol, Expr] = {}
        for z, placed in self.coordinates.items():
            ket, slope, shift = _affine(placed.node)
            place = Placed(ket, placed.labels)
            if place in first and ket.shape == placed.node.shape:
                found[z] = slope * first[place] + shift
            else:
                first[place] = (z - shift) / slope
        return found

    def _symbol(self, placed: Placed, table: dict[Symbol, Placed], letter: str) -> Symbol:
        if placed not in self._symbols:
            symbol = Symbol(f"{letter}{len(table) + 1}", real=True)
            self._symbols[placed] = symbol
            table[symbol] = placed
        return self._symbols[placed]

    def _elementwise(self, node: Elementwise, labels: tuple[int | None, ...]) -> Expr:
        if node.function in ("max", "min"):
            found = self._extremum(node, labels)
            if found is not None:
                return found
        arguments = []
        for operand in node.operands:
            rank = len(operand.shape)
            own = labels[len(labels) - rank :]
            sizes = node.shape[len(node.shape) - rank :]
            pairs = zip(own, operand.shape, sizes, strict=True)
            narrowed = tuple(None if size != full else label for label, size, full in pairs)
            through = FUNCTIONS[node.function].has_kinks and _is_shifted(operand)
            if isinstance(operand, Elementwise) and through:
                arguments.append(self._elementwise(operand, narrowed))
            else:
                arguments.append(self.read(operand, narrowed))
        return apply_function(node.function, arguments)

    def _difference(self, x: Node, y: Node) -> Node | None:
        """Return x - y where both are Gaussian kets that do not broadcast."""
        full = x.is_vector and y.is_vector and x.shape == y.shape and 1 not in x.shape
        gaussian = full and all(map(self.gaussians.is_gaussian, (x, y)))
        return difference(self.builder, x, y) if gaussian else None

    def _extremum(self, node: Elementwise, labels: tuple[int | None, ...]) -> Expr | None:
        """Return max(x, y) = y + relu(x - y), min(x, y) = x - relu(x - y) of Gaussian kets.

        The difference is a Gaussian of its own, whose variance has all digits.
        """
        x, y = node.operands
        apart = self._difference(x, y)
        if apart is None:
            return None
        rectified = functions.relu(self._expression(apart, labels))
        if node.function == "max":
            return self.read(y, labels) + rectified
        return self.read(x, labels) - rectified

    def _taken(
        self, operand: Node, keys: tuple[int | None, ...], labels: tuple[int | None, ...]
    ) -> Expr:
        """Move an index inwards, to where axes are labelled or to the Gaussian ket."""
        b = self.builder
        match operand:
            case Elementwise():
                rank = len(operand.shape)
                moved = []
                for part in operand.operands:
                    own = keys[rank - len(part.shape) :]
                    narrow = tuple(
                        0 if key is not None and size == 1 else key
                        for key, size in zip(own, part.shape, strict=True)
                    )
                    moved.append(b.take(part, narrow))
                return self.read(b.apply(operand.function, *moved), labels)
            case _:
                raise NotElementwise


def _affine(ket: Node) -> tuple[Node, Expr, Expr]:
    """Return x, a and b of a ket a x + b, with numbers a and b."""
    slope, shift = Integer(1), Integer(0)
    while isinstance(ket, Elementwise):
        match ket.function, ket.operands:
            case "neg", (x,):
                ket, slope = x, -slope
            case "mul", (x, Constant(value=number)) | (Constant(value=number), x) if (
                number.shape == () and number
            ):
                ket, slope = x, slope * sympy.Rational(float(number))
            case "div", (x, Constant(value=number)) if number.shape == () and number:
                ket, slope = x, slope / sympy.Rational(float(number))
            case "add", (x, Constant(value=number)) | (Constant(value=number), x) if (
                number.shape == ()
            ):
                ket, shift = x, shift + slope * sympy.Rational(float(number))
            case "sub", (x, Constant(value=number)) if number.shape == ():
                ket, shift = x, shift - slope * sympy.Rational(float(number))
            case _:
                break
    return ket, slope, shift


def _is_shifted(node: Node) -> bool:
    """Whether a ket is -x, or x and a number: steps of one x at several places are then merged."""
    match node:
        case Elementwise(function="neg"):
            return True
        case Elementwise(function="add" | "sub", operands=parts):
            return any(isinstance(part, Constant) and part.shape == () for part in parts)
        case _:
            return False


def apply_function(function: str, arguments: list[Expr]) -> Expr:
    """Return a function of `tpc.functions` in SymPy."""
    if function in _PIECEWISE:
        return _PIECEWISE[function](*arguments)
    if function in _ARITHMETIC:
        return _ARITHMETIC[function](*arguments)
    known = FUNCTIONS[function].sympy
    if not known:
        # No closed form is known, but what is independent of it may have one, or vanish.
        return sympy.Function(function)(*arguments)
    return getattr(functions if hasattr(functions, known) else sympy, known)(*arguments)


_ARITHMETIC: dict[str, Callable[..., Expr]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "pow": operator.pow, "square": lambda x: x**2,
}  # fmt: skip


def _elu(x: Expr, scale: Expr) -> Expr:
    return functions.relu(x) + scale * (sympy.exp(x) - 1) * functions.step(-x)


def _clip(x: Expr, low: Expr, high: Expr) -> Expr:
    """Return a clip as two ReLUs, where it is certain that low <= high."""
    if not (low.is_number and high.is_number and low <= high):
        return sympy.Function("clip")(x, low, high)
    return low + functions.relu(x - low) - functions.relu(x - high)


def _log(x: Expr) -> Expr:
    """Return a logarithm; of an even power by that of the absolute value, which has a kink."""
    if isinstance(x, sympy.Pow) and x.exp.is_even and x.base.is_real:
        return x.exp * sympy.log(sympy.Abs(x.base))
    return sympy.log(x)


_PIECEWISE: dict[str, Callable[..., Expr]] = {"elu": _elu, "clip": _clip, "log": _log}


def as_number(value: float) -> Expr:
    """Return an integer as one, any other float as it is."""
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value, 17)
