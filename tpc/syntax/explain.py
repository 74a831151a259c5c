"""A place where a line stops being a program -> the diagnostic that explains it.

Each rule knows one kind of slip and answers None to every other; the first that answers is right,
and the last one always does.
"""

from collections.abc import Callable

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.syntax_faults import (
    BindingInCondition,
    ComparisonAsBinding,
    EarlyEnd,
    MisplacedComparison,
    MissingColon,
    MissingOperator,
    NothingBound,
    Rebinding,
    UnexpectedText,
)
from tpc.syntax.expectations import FORMS, expectation, form
from tpc.syntax.explain_marks import (
    Explanation,
    dot,
    quote,
    unclosed_bracket,
    unclosed_string,
    unknown_character,
    unmatched_bracket,
)
from tpc.syntax.explain_words import (
    foreign_word,
    function_without_argument,
    misplaced_statement,
    reserved_name,
    setting,
    update,
)
from tpc.syntax.slip import Slip
from tpc.syntax.tokens import (
    COMPARATORS,
    HEADERS,
    OPERAND_STARTS,
    OPERATORS,
    SETTING_WORDS,
    STATEMENT_WORDS,
)


def explain(slip: Slip) -> Diagnostic:
    """Say what is wrong at the first token that cannot stand where it does."""
    for rule in _RULES:
        explanation = rule(slip)
        if explanation is not None:
            return explanation
    return _unexpected(slip)


def _binding(slip: Slip) -> Explanation:
    """`=` in a condition, `==` for `=`, `+=`."""
    kind = slip.token.type
    if kind == "EQUAL" and slip.tokens[0].type in ("IF", "ELIF"):
        return slip.here(BindingInCondition())
    if kind == "EQUALS" and "EQUAL" in slip.accepted:
        return slip.here(ComparisonAsBinding())
    if kind in OPERATORS and slip.following.type == "EQUAL" and "EQUAL" in slip.accepted:
        return slip.here(Rebinding(slip.token.value))
    return None


def _nothing_bound(slip: Slip) -> Explanation:
    """An expression where a statement should stand."""
    starts_operand = slip.token.type in OPERAND_STARTS or slip.token.type == "MINUS"
    if not slip.at and starts_operand:
        return slip.here(NothingBound())
    if slip.tokens[0].type != "NAME" or "EQUAL" not in slip.accepted or slip.follows_operand:
        return None
    continues = OPERATORS | COMPARATORS | {"LPAR", "LSQB", "TRANSPOSE", "STEP", "_NEWLINE"}
    if slip.token.type in continues:
        return slip.after_previous(NothingBound())
    return None


def _line_end(slip: Slip) -> Explanation:
    """A header without its colon, or a statement without its end."""
    first = slip.tokens[0]
    at_end = slip.token.type == "_NEWLINE"
    opens_block = first.type in HEADERS or slip.accepted == {"COLON"}
    misses_colon = opens_block and "COLON" in slip.accepted
    if misses_colon and (at_end or _begins_body(slip)):
        return slip.after_previous(MissingColon(first.value))
    if at_end:
        hint = form(slip.tokens, slip.accepted)
        return slip.after_previous(EarlyEnd(expectation(slip.accepted), hint))
    return None


def _begins_body(slip: Slip) -> bool:
    """Return whether a statement on the header's line seems to begin here."""
    if slip.token.type in STATEMENT_WORDS - HEADERS:
        return True
    binds_later = any(token.type == "EQUAL" for token in slip.tokens[slip.at :])
    return slip.token.type == "NAME" and binds_later


def _comparison(slip: Slip) -> Explanation:
    """A comparison or a logical word outside a condition."""
    if slip.token.type not in COMPARATORS or slip.tokens[0].type in ("IF", "ELIF", "FOR"):
        return None
    if not (slip.follows_operand or slip.wants_operand):
        return None
    hint = "an inner product is `<y|z>`" if slip.token.type == "LESSTHAN" else ""
    if slip.token.type in ("MORETHAN", "AT_LEAST"):
        hint = "of a vector, 1 where it is positive is `step(x)`; a mask is of statics"
    return slip.here(MisplacedComparison(slip.token.value, hint))


def _missing_operator(slip: Slip) -> Explanation:
    """Two operands in a row."""
    if not slip.follows_operand or slip.token.type not in OPERAND_STARTS or slip.previous is None:
        return None
    left, right = slip.previous.value, slip.token.value
    hint = "write `*` for a product, `@` for a matrix product"
    if left == ".T" and right == "(":
        hint = "`W.T` is no call: leave the brackets out"
    elif left.endswith(".") and right.startswith("."):
        hint = f"write `range({left[:-1]}, {int(right[1:]) + 1})`" if right[1:].isdigit() else hint
    elif slip.tokens[0].type == "OPTIMIZER" and slip.following.type == "EQUAL":
        hint = f"options stand in brackets: `{left}({right}=...)`"
    return slip.here(MissingOperator(left, right, hint))


def _unexpected(slip: Slip) -> Diagnostic:
    """Anything else: what was found, what could stand there, and what is usually meant."""
    expected = "a statement" if not slip.at else expectation(slip.accepted)
    return slip.here(UnexpectedText(slip.token.value, expected, _hint(slip)))


def _hint(slip: Slip) -> str:
    opened = slip.open_brackets()
    first = slip.tokens[0].type
    if slip.at == 1 and first == "NAME" and slip.tokens[0].value in SETTING_WORDS:
        return f"`{slip.tokens[0].value}` is a setting in the block of a `train f:` only"
    match slip.token.type:
        case "FLOOR" if not slip.at:
            return "a comment begins with `#`"
        case "ARROW" if first == "DATA":
            return "inputs and targets stand with a comma between them: `data X, y`"
        case "NUMBER" if first in ("WEIGHT", "MATRIX") and slip.previous is not None:
            return _fixed_axis(slip)
        case "EQUAL" if first == "SCALAR":
            return "a scalar has a limit, `scalar c -> 3`; a number that is known is `const c = 3`"
        case "COMMA" if slip.tokens[slip.at - 2].type == "LPAR" and opened[1:]:
            return "an option is a number; Adam's are `beta1=0.9, beta2=0.999`"
        case "COLON" if first == "DEF":
            return "a function is one expression: `def f(z) = z * sigmoid(z)`"
        case "COLON" if "EQUAL" in slip.accepted:
            return "a name is bound by a single `=`"
        case "IF" if slip.previous is not None and slip.previous.type == "ELSE":
            return "write `elif`"
        case "IF" if slip.follows_operand:
            return "choose with a statement: `if t > 0:`, and a binding in each of its blocks"
        case "FOR" if slip.follows_operand:
            return "a list is written out; a family is bound in a loop, `for t in range(3):`"
        case "EQUAL" if slip.previous is not None and slip.previous.type == "EQUAL":
            return "a name is bound by a single `=`"
        case "EQUAL" if slip.follows_operand:
            return "a statement binds one name"
        case "COMMA" if not opened and first == "BATCH":
            return f"write {FORMS[first]}"
        case "COMMA" if not opened and first in ("NAME", "DIM", "CONST", "PARAM", "OUTPUT"):
            return "a statement binds one name; only scalars, vectors and matrices share a line"
        case "COMMA" if opened and opened[-1].type == "LESSTHAN":
            return "an inner product is `<y|z>`"
        case "COMMA" | "RPAR" if slip.accepted == {"EQUAL"}:
            return "arguments without a name come before those with one, `sum(y, axis=0)`"
        case "VBAR" if opened and opened[-1].type == "LESSTHAN":
            return "a matrix acts on one of the two: `<y|W @ z>`"
        case "VBAR":
            return "`|` stands in an inner product, `<y|z>`"
        case _:
            return form(slip.tokens, slip.accepted)


def _fixed_axis(slip: Slip) -> str:
    """`weight U : n x 2`: an axis that does not grow is a constant one."""
    word, name, number = slip.tokens[0].value, slip.tokens[1].value, slip.token.value
    declared = "weight" if word == "weight" else "vector"
    return f"an axis of fixed length stands behind the name: `{declared} {name}[{number}] : n`"


_RULES: tuple[Callable[[Slip], Explanation], ...] = (
    dot,
    unknown_character,
    unclosed_string,
    unclosed_bracket,
    unmatched_bracket,
    quote,
    foreign_word,
    setting,
    update,
    reserved_name,
    misplaced_statement,
    function_without_argument,
    _binding,
    _nothing_bound,
    _line_end,
    _comparison,
    _missing_operator,
)
"""In the order in which they are asked."""
