"""x - y of two Gaussian kets, taken where their digits do not cancel: inside of products.

    W x - W y = W (x - y),    (c + b) - (d + b) = c - d,    s x - s y = s (x - y)

The variance of x - y from those of x and y is p + q - 2 c, which is rounding where the two are
nearly equal, or negative. From the difference of what they are made of it has all digits. The hat
of W (x - y) stands for its covariances alone: no product of the program.
"""

from tpc.limit.limit_nodes import Hat
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Contract, Elementwise, Node, Take, operands
from tpc.program.traversal import fold

Keys = tuple[int | None, ...]


def difference(b: Builder, x: Node, y: Node) -> Node:
    """Return x - y for two kets of one shape."""
    return _difference(b, *_without_common(b, _pushed(b, x), _pushed(b, y)))


def _without_common(b: Builder, x: Node, y: Node) -> tuple[Node, Node]:
    """Take what two sums have in common out of them: of (u + s) - (w + s) that leaves u - w."""
    left, right = _terms(x), _terms(y)
    common = [term for term in left if term in right]
    vectors = (term for term in (*left, *right) if term.is_vector)
    if not common or not _alike(x, *vectors):
        return x, y
    left |= {term: left[term] - right[term] for term in common}
    rest = {term: factor for term, factor in right.items() if term not in common}
    return _total(b, x, left), _total(b, y, rest)


def _terms(ket: Node) -> dict[Node, float]:
    """Return the terms of a sum, each with the number that multiplies it."""
    found: dict[Node, float] = {}
    pending = [(ket, 1.0)]
    while pending:
        node, factor = pending.pop()
        match node:
            case Elementwise(function="add" | "sub" as function, operands=(u, w)):
                pending += [(w, factor if function == "add" else -factor), (u, factor)]
            case Elementwise(function="neg", operands=(u,)):
                pending.append((u, -factor))
            case Elementwise(function="mul", operands=(Constant(shape=(), value=number), u)) | (
                Elementwise(function="mul", operands=(u, Constant(shape=(), value=number)))
            ):
                pending.append((u, factor * float(number)))
            case _:
                found[node] = found.get(node, 0.0) + factor
    return found


def _total(b: Builder, ket: Node, terms: dict[Node, float]) -> Node:
    """Return a sum of terms of the shape of a ket, or of scalars; numbers come last."""
    total = b.mul(b.number(0), ket)
    for node, factor in sorted(terms.items(), key=lambda term: isinstance(term[0], Constant)):
        if factor == 0:
            continue
        part = node if abs(factor) == 1 else b.mul(b.number(abs(factor)), node)
        if is_nothing(total) and node.is_vector:
            total = b.neg(part) if factor < 0 else part
        else:
            total = b.sub(total, part) if factor < 0 else b.add(total, part)
    return total


def _difference(b: Builder, x: Node, y: Node) -> Node:
    if x is y or is_nothing(y):
        return b.mul(b.number(0), x) if x is y else x
    match x, y:
        case Elementwise(function="add" | "sub" as function), Elementwise(function=other) if (
            function == other and _alike(x, *x.operands, *y.operands)
        ):
            (u, s), (w, t) = x.operands, y.operands
            return _sum(b, function, _difference(b, u, w), _difference(b, s, t))
        case Elementwise(function="neg", operands=(u,)), Elementwise(function="neg", operands=(w,)):
            return _difference(b, w, u)
        case Elementwise(function="mul", operands=(s, u)), Elementwise(
            function="mul", operands=(t, w)
        ) if s is t and s.is_scalar and _alike(x, u, w):
            return b.mul(s, _difference(b, u, w))
        case Contract(left=u, right=r, axes=n), Contract(left=w, right=t, axes=m) if (
            u is w and n == m and r.shape == t.shape
        ):
            return b.contract(u, b.sub(r, t), n)
        case Hat(operand=u), Hat(operand=w) if (
            x.matrix is y.matrix and x.transposed == y.transposed and u.shape == w.shape
        ):
            return _hat(b, x, _difference(b, u, w))
        case _:
            return b.sub(x, y)


def _alike(whole: Node, *terms: Node) -> bool:
    """Whether terms have the shape of the sum that they stand in."""
    return all(term.shape == whole.shape for term in terms)


def may_cancel(ket: Node) -> bool:
    """Whether the variance of a Gaussian ket is a difference, which rounding may make negative."""
    match ket:
        case Elementwise(function="sub"):
            return True
        case Hat(position=position):
            return position < 0
        case _:
            return False


def _sum(b: Builder, function: str, x: Node, y: Node) -> Node:
    if is_nothing(y):
        return x
    if is_nothing(x):
        return y if function == "add" else b.neg(y)
    return b.apply(function, x, y)


def is_nothing(ket: Node) -> bool:
    """Whether a ket is zero times another one."""
    match ket:
        case Elementwise(function="mul", operands=(Constant(value=value), _)):
            return not value.any()
        case _:
            return False


def _pushed(b: Builder, ket: Node) -> Node:
    """Return a ket with indices moved inwards."""
    return _taken(b, ket.operand, ket.keys) if isinstance(ket, Take) else ket


def _taken(b: Builder, ket: Node, keys: Keys) -> Node:
    match ket:
        case Elementwise(function="add" | "sub" | "neg" | "mul", operands=parts):
            return b.apply(ket.function, *(_part_taken(b, ket, part, keys) for part in parts))
        case Contract(left=left, right=right, axes=axes) if axes == len(left.shape):
            return b.contract(left, b.take(right, (None,) * axes + keys), axes)
        case Hat(operand=operand):
            return _hat(b, ket, _taken(b, operand, keys))
        case _:
            return b.take(ket, keys)


def _part_taken(b: Builder, whole: Node, part: Node, keys: Keys) -> Node:
    """Take from an operand what goes into an entry: axes of length 1 broadcast."""
    if not part.shape:
        return part
    own = keys[len(whole.shape) - len(part.shape) :]
    narrow = tuple(
        0 if key is not None and size == 1 else key
        for key, size in zip(own, part.shape, strict=True)
    )
    return _taken(b, part, narrow) if part.is_vector else b.take(part, narrow)


def _hat(b: Builder, hat: Hat, operand: Node) -> Node:
    """Return the hat of the same matrix with another operand, for its covariances."""
    second = b.number(0)
    made = b.make(
        Hat, hat.coords, operand.shape, hat.matrix, hat.transposed, operand, hat.gain, second, -1
    )
    assert isinstance(made, Hat)
    return made


def of_difference(ket: Node, known: dict[Node, bool]) -> bool:
    """Whether a ket is made of a hat that is no product of the program.

    Args:
        ket: Any ket.
        known: What is known of others, to which this adds.
    """

    def below(node: Node) -> tuple[Node, ...]:
        return () if isinstance(node, Hat) and node.position >= 0 else operands(node)

    def rule(node: Node, found: dict[Node, bool]) -> bool:
        own = isinstance(node, Hat) and node.position < 0
        return own or any(found[part] for part in below(node))

    return fold((ket,), rule, below, known)[ket]
