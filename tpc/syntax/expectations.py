"""Token types -> the words in which a message says what could have stood at a place."""

from lark import Token

from tpc.syntax.tokens import OPERATORS

_SPELLINGS = {
    "COMMA": "`,`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "VBAR": "`|`",
    "MORETHAN": "`>`",
    "LPAR": "`(`",
    "LSQB": "`[`",
    "SEMICOLON": "`;`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "ARROW": "`->`",
    "TILDE": "`~`",
    "PLUS": "`+`",
    "X": "`x`",
    "IN": "`in`",
    "NORMAL": "`normal`",
    "STRING": "a string",
    "PRIMES": "`'`",
    "_NEWLINE": "the end of the line",
}
"""How messages call what is neither name nor expression nor operator, in this order."""

FORMS = {
    "PROGRAM": '`program "a title"`',
    "DIALECT": "`dialect netsort`",
    "DIM": "`dim n`, or `dim m = 2 * n`",
    "CONST": "`const X = [[1.0, 0.0], [0.6, 0.8]]`",
    "PARAM": "`param sw = 1.5`",
    "SCALAR": "`scalar c`, or `scalar c[2] -> [0, 1]`",
    "VECTOR": "`vector v : n`, or `vector u[2], w[2] : n ~ normal(mean, covariance)`",
    "MATRIX": "`matrix W : n x n`, or `matrix A : n x m ~ normal(0, s / m)`, blanks round the `x`",
    "DEF": "`def f(z) = z * sigmoid(z)`",
    "FOR": "`for t in range(3):`",
    "IF": "`if t > 0:`",
    "ELIF": "`elif t > 0:`",
    "ELSE": "`else:`",
    "OUTPUT": "`output c`, or `output K = <x|x>`",
    "READOUT": "`readout f = v * x`",
    "INPUT": "`input xi[10]`",
    "WEIGHT": "`weight W : n x n (init=0.5)`, `weight U[10], v : n` or `weight g (start=1)`",
    "TRAIN": "`train f:`",
    "OPTIMIZER": "`optimizer adam(lr=0.1)` in a `train` block, `optimizer Q(g; m=0):` outside",
    "DATA": "`data X, Y`",
    "TEST": "`test Xt`",
    "LOSS": "`loss mse`",
    "REDUCE": "`reduce sum`, or `reduce mean`",
    "PARAMETRIZATION": "`parametrization mup`",
    "STEPS": "`steps 20`",
    "BATCH": "`batch full`, `batch 10` or `batch [[0, 1], [2, 3]]`",
    "CENTER": "`center true`",
    "TRACK": "`track K = <x|x>`",
    "CLIP_GLOBAL": "`clip_global 1`, or `clip_global 1 over W, V`",
    "CLIP_VALUE": "`clip_value 0.5`",
    "NORMALIZE_GLOBAL": "`normalize_global true`",
    "SCHEDULE": "`schedule warmup(10), cosine(100, floor=0.1)`, or `schedule [1, 0.5, 0.25]`",
}
"""What each statement looks like."""


def expectation(accepted: frozenset[str]) -> str:
    """Name what could stand where the tokens `accepted` can."""
    words = []
    if "NUMBER" in accepted:
        words.append("an expression")
    elif "NAME" in accepted:
        words.append("a name")
    if accepted >= OPERATORS:
        words.append("an operator")
    has_expression = {"NUMBER", "PLUS"} & accepted
    for kind, spelling in _SPELLINGS.items():
        begins_or_continues = has_expression and kind in ("LPAR", "LSQB", "PLUS", "PRIMES")
        if kind in accepted and not begins_or_continues and not _is_comparator(kind, accepted):
            words.append(spelling)
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + " or " + words[-1]


def form(tokens: list[Token], accepted: frozenset[str]) -> str:
    """Return a hint with the form of a statement, for an error outside its expressions."""
    kind = tokens[0].type
    if {"NUMBER", "PLUS"} & accepted or kind not in FORMS:
        return ""
    return f"write {FORMS[kind]}"


def _is_comparator(kind: str, accepted: frozenset[str]) -> bool:
    return kind == "MORETHAN" and "EQUALS" in accepted
