"""Explanations of lines in the blocks of `train` and of `optimizer`."""

from difflib import get_close_matches

from tpc.diagnostics.syntax_faults import NoUpdate, SettingBound, UnknownSetting
from tpc.syntax.expectations import FORMS
from tpc.syntax.explain_marks import Explanation
from tpc.syntax.slip import Slip
from tpc.syntax.tokens import SETTING_WORDS

_INSTEAD = {
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
        return slip.here(UnknownSetting(word, _INSTEAD.get(word, advice)))
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
