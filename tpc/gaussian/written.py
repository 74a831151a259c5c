"""Closed form -> a tree as papers write it, for whoever prints it.

    (c (pi - acos(c / (sqrt(p) sqrt(q)))) + sqrt(-c^2 + p q)) / (2 pi)
        -> (sqrt(p q - c^2) + c (pi - acos(c / sqrt(p q)))) / (2 pi)

Named functions of `tpc.gaussian` are their formulas. Roots of factors are one root, what is
added stands before what is subtracted, and short terms and factors before long ones.
"""

from fractions import Fraction
from functools import cache

from sympy import Expr

from tpc.gaussian.trees import Numeral, Operation, Tree, Variable, factors, over, read_tree


@cache
def written(form: Expr) -> Tree:
    """Return a closed form as a tree."""
    return _arranged(read_tree(form.doit()))


def size(tree: Tree) -> int:
    """Count the symbols, numbers and functions of a tree."""
    parts = tree.parts if isinstance(tree, Operation) else ()
    own = not isinstance(tree, Operation) or tree.name not in ("add", "neg", "mul", "div")
    return own + sum(map(size, parts))


def variables(tree: Tree) -> tuple[str, ...]:
    """Return the name of every variable, as often as it occurs, from left to right."""
    match tree:
        case Variable(name=name):
            return (name,)
        case Operation(parts=parts):
            return tuple(name for part in parts for name in variables(part))
        case _:
            return ()


def _arranged(tree: Tree) -> Tree:
    match tree:
        case Operation(name="mul" | "div" | "pow" | "sqrt"):
            return _fraction(tree)
        case Operation(name="add", parts=parts):
            terms = sorted(map(_arranged, parts), key=lambda term: (_is_negative(term), size(term)))
            return Operation("add", tuple(terms))
        case Operation(name=name, parts=parts):
            return Operation(name, tuple(map(_arranged, parts)))
        case _:
            return tree


def _is_negative(tree: Tree) -> bool:
    return isinstance(tree, Operation) and tree.name == "neg"


def _fraction(tree: Tree) -> Tree:
    """Arrange a product of powers, with one root above and one below the stroke."""
    number, root = Fraction(1), 1
    whole: tuple[list[Tree], list[Tree]] = ([], [])
    roots: tuple[list[Tree], list[Tree]] = ([], [])
    for side, parts in enumerate(factors(tree)):
        for factor in parts:
            match factor:
                case Numeral(value=int() as value):
                    number *= Fraction(1, value) if side else value
                case Operation(name="sqrt", parts=(Numeral(value=int() as value),)) if not side:
                    root *= value  # SymPy leaves roots of integers above the stroke only
                case Operation(name="sqrt", parts=(base,)):
                    roots[side].append(_arranged(base))
                case Operation(name="pow", parts=(base, exponent)):
                    whole[side].append(_power(base, exponent, roots[side]))
                case _:
                    whole[side].append(_arranged(factor))
    return _with_roots(number, root, whole, roots)


def _power(base: Tree, exponent: Tree, roots: list[Tree]) -> Tree:
    """Return a power, but for the root in x^(3/2) = x sqrt(x)."""
    match base, exponent:
        case Operation(name="sqrt", parts=(inside,)), Numeral(value=int() as doubled):
            whole = doubled // 2
            if isinstance(inside, Variable):
                roots.append(inside)
                return inside if whole == 1 else Operation("pow", (inside, Numeral(whole)))
            half = Operation("div", (exponent, Numeral(2)))
            return Operation("pow", (_arranged(inside), half))
        case _:
            return Operation("pow", (_arranged(base), _arranged(exponent)))


def _with_roots(
    number: Fraction,
    root: int,
    whole: tuple[list[Tree], list[Tree]],
    roots: tuple[list[Tree], list[Tree]],
) -> Tree:
    """Return number * sqrt(root) * a fraction; numbers are put where they take least room."""
    above, below = whole
    only_roots = not above and not below and number.numerator == 1
    if only_roots and (root > 1 or roots[1]):
        inside = number**2 * root
        over_roots = _with_number(inside.numerator, roots[0])
        under_roots = _with_number(inside.denominator, roots[1])
        if over_roots:
            return _root(_over(over_roots, under_roots))
        return _over([], [_root(_over(under_roots, []))])
    moved = number.denominator % root == 0
    number *= root if moved else 1
    over_roots = _with_number(1 if moved else root, roots[0])
    under_roots = _with_number(root if moved else 1, roots[1])
    if over_roots:
        above.append(_root(_over(over_roots, under_roots)))
    elif under_roots:
        below.append(_root(_over(under_roots, [])))
    return _over(_with_number(number.numerator, above), _with_number(number.denominator, below))


def _with_number(number: int, parts: list[Tree]) -> list[Tree]:
    return parts if number == 1 else [Numeral(number), *parts]


def _over(above: list[Tree], below: list[Tree]) -> Tree:
    """Return a quotient of products in order."""
    return over(sorted(above, key=_place), sorted(below, key=_place))


def _place(factor: Tree) -> tuple[int, int]:
    """Return where a factor stands in a product: numbers, letters, functions, sums."""
    match factor:
        case Numeral():
            place = 0
        case Operation(name="pi" | "e"):
            place = 1
        case Variable() | Operation(name="pow", parts=(Variable(), _)):
            place = 2
        case Operation(name="add"):
            place = 4
        case _:
            place = 3
    return place, size(factor)


def _root(inside: Tree) -> Tree:
    return Operation("sqrt", (inside,))
