"""Explanations of words: reserved, misplaced, of other languages, and of lines in blocks."""

from difflib import get_close_matches

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.syntax_faults import (
    BranchWithoutIf,
    ForeignWord,
    FunctionWithoutArgument,
    NoUpdate,
    ReservedName,
    SettingBound,
    TitleNotFirst,
    UnknownSetting,
)
from tpc.syntax.expectations import FORMS
from tpc.syntax.explain_marks import Explanation
from tpc.syntax.slip import Slip
from tpc.syntax.tokens import SETTING_WORDS, span_of

_INSTEAD = {
    "import": 'every function is built in; data is read by `load("X.npy")`',
    "from": 'every function is built in; data is read by `load("X.npy")`',
    "print": "`output y` makes a value a result",
    "lambda": "a function has a name: `def f(z) = z * sigmoid(z)`",
    "while": "the only loop is `for t in range(3):`",
    "return": "a function is one expression, `def f(z) = ...`; `output y` makes a value a result",
    "function": "write `def f(z) = z * sigmoid(z)`",
    "let": "a name is bound by `h = ...`",
    "var": "a name is bound by `h = ...`",
    "assert": "",
    "async": "",
    "break": "bounds of loops are static: `for t in range(3):`",
    "class": "",
    "continue": "choose with `if`",
    "del": "",
    "global": "",
    "match": "choose with `if`",
    "nonlocal": "",
    "pass": "leave the block out",
    "raise": "",
    "try": "",
    "with": "",
    "yield": "",
}
"""Words of other languages, and what to write."""

_MEANINGS = {"e": "it is Euler's number", "pi": "it is the number 3.14159..."}


def foreign_word(slip: Slip) -> Explanation:
    """`import`, `print` and the like: at the start of a line, or `lambda` anywhere."""
    first, before = slip.tokens[0], slip.previous
    if slip.at == 1 and first.type == "NAME" and first.value in _INSTEAD:
        return Diagnostic.of(ForeignWord(first.value, _INSTEAD[first.value]), span_of(first))
    if before is not None and before.type == "NAME" and before.value == "lambda":
        return Diagnostic.of(ForeignWord("lambda", _INSTEAD["lambda"]), span_of(before))
    return None


def misplaced_statement(slip: Slip) -> Explanation:
    """`elif` and `else` that follow no `if`, a title that is not first."""
    if slip.at:
        return None
    if slip.token.type in ("ELIF", "ELSE"):
        return slip.here(BranchWithoutIf(slip.token.value))
    return slip.here(TitleNotFirst()) if slip.token.type == "PROGRAM" else None


def reserved_name(slip: Slip) -> Explanation:
    """A word of the language where a name must stand, or bound as one."""
    first = slip.tokens[0]
    if slip.at == 1 and slip.token.type == "EQUAL" and first.value.isidentifier():
        if first.type == "NAME":
            return None
        return Diagnostic.of(_reserved(first.value), span_of(first))
    word = slip.token.value
    is_logical = word == "not" and slip.wants_operand
    if not word.isidentifier() or slip.token.type == "NAME" or is_logical:
        return None
    is_bound = not slip.at and slip.following.type in ("EQUAL", "LSQB")
    is_used = slip.at and (slip.wants_operand or "NAME" in slip.accepted)
    if is_used and slip.at == 1 and first.type in ("OUTPUT", "READOUT", "TRACK"):
        return slip.here(ReservedName(word, f"a result has a name: {FORMS[first.type]}"))
    return slip.here(_reserved(word)) if is_bound or is_used else None


def function_without_argument(slip: Slip) -> Explanation:
    """A function that is not called, or `mean` without a coordinate."""
    function = slip.previous
    if function is None or not slip.at:
        return None
    if function.type == "FUNCTION" and not slip.follows_operand:
        fault = FunctionWithoutArgument(function.value, f"call it: `{function.value}(...)`")
    elif function.type == "MEAN":
        hint = "the mean over the n-axis is `avg(y)`, that over a coordinate `mean[j](y[j])`"
        fault = FunctionWithoutArgument("mean", hint)
    else:
        return None
    return Diagnostic.of(fault, span_of(function))


def _reserved(word: str) -> ReservedName:
    return ReservedName(word, _MEANINGS.get(word, f"choose another name, such as `{word}_`"))


_SETTINGS_INSTEAD = {
    "output": "what is recorded at every step is written `track K = <x|x>`",
    "lr": "the learning rate is an option of the optimizer: `optimizer sgd(lr=0.1)`",
    "eta": "the learning rate is an option of the optimizer: `optimizer sgd(lr=0.1)`",
    "epochs": "a step is one update: `steps 20`",
}


def setting(slip: Slip) -> Explanation:
    """A line of a `train` block that begins with another word, `steps = 20`, `steps: 20`."""
    if "STEPS" in slip.accepted and "NAME" not in slip.accepted:
        word = slip.token.value
        similar = get_close_matches(word, sorted(SETTING_WORDS), n=1)
        advice = f"did you mean {_form(similar[0])}?" if similar else _all_words()
        return slip.here(UnknownSetting(word, _SETTINGS_INSTEAD.get(word, advice)))
    word = slip.tokens[0].value
    is_setting = word in SETTING_WORDS and slip.tokens[0].type == word.upper()
    if slip.at == 1 and is_setting and slip.token.type in ("EQUAL", "COLON"):
        return slip.here(SettingBound(word, slip.token.value, _form(word)))
    return None


def update(slip: Slip) -> Explanation:
    """Something else than a binding or `return` in the block of an optimizer."""
    if slip.at or "RETURN" not in slip.accepted:
        return None
    return slip.here(NoUpdate(slip.token.value))


def _form(word: str) -> str:
    return "`optimizer adam(lr=0.1)`" if word == "optimizer" else FORMS[word.upper()]


def _all_words() -> str:
    *most, last = sorted(SETTING_WORDS)
    return f"its lines begin with {', '.join(most)} or {last}"
