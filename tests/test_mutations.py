"""Broken programs are diagnosed, whatever breaks them: no text makes the compiler crash.

A seeded mutator takes a program, damages it once to three times and hands it to every stage. A
mutant either compiles, to a module that is Python, or raises `ProgramError`; anything else fails.
"""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import tpc
from tests.marks import slow_where

HERE = Path(__file__).parent
NETWORK = (HERE / "whole_network.tp").read_text(encoding="utf-8")
TEXTS = [
    path.read_text(encoding="utf-8")
    for path in (HERE / "whole_language.tp", *sorted((HERE.parent / "examples").glob("*.tp")))
]
TOKENS = re.compile(r"\w+|\s+|[<>=!]=|->|\*\*|//|[^\w\s]")
KEYWORDS = "for|in|if|elif|else|and|not|dim|vector|matrix|param|output|readout"
FUNCTIONS = "mean|avg|sum|softmax|relu|tanh'|sign'|clip|inv"
MARKS = "[0]|[t]|.T|+|-|*|/|@|^|**|(|)|[|]|<|>|=|==|:|,|~|->|'|\"|#"
TRAINING = "input|weight|train|optimizer|data|test|steps|batch|track|loss|return|;|lr=2|full|true"
WORDS = "|".join([KEYWORDS, FUNCTIONS, MARKS, "n|x|W|v|h|t|0|1|2|-1|0.5"]).split("|")
CHARACTERS = "()[]<>|=:,.'\"#@*^/-+ \n\t0123456789xnWvtj_~→\0"

Mutation = Callable[[str, random.Random], str]


def at_a_character(text: str, rng: random.Random) -> str:
    """Delete, double, replace or insert a character, or swap two neighbours."""
    place = rng.randrange(len(text))
    before, here, after = text[:place], text[place], text[place + 1 :]
    new = rng.choice(CHARACTERS)
    return rng.choice(
        [
            before + after,
            before + 2 * here + after,
            before + new + after,
            before + new + here + after,
            before + after[:1] + here + after[1:],
        ]
    )


def at_a_token(text: str, rng: random.Random) -> str:
    """Delete, double or replace a token, insert a word, or swap two tokens."""
    tokens = TOKENS.findall(text)
    solid = [index for index, token in enumerate(tokens) if not token.isspace()]
    one, other = rng.choice(solid), rng.choice(solid)
    match rng.randrange(5):
        case 0:
            tokens[one] = ""
        case 1:
            tokens[one] += " " + tokens[one]
        case 2:
            tokens[one] = tokens[other]
        case 3:
            words = WORDS + TRAINING.split("|") if "train" in tokens else WORDS
            tokens[one] += " " + rng.choice(words) + " "
        case _:
            tokens[one], tokens[other] = tokens[other], tokens[one]
    return "".join(tokens)


def at_a_name(text: str, rng: random.Random) -> str:
    """Put another name, number or word of the program for one: mostly still well formed."""
    words = list(re.finditer(r"\b\w+\b", text))
    one, other = rng.choice(words), rng.choice(words)
    return text[: one.start()] + other.group() + text[one.end() :]


def at_a_line(text: str, rng: random.Random) -> str:
    """Delete, double, move or indent a line."""
    lines = text.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[place])
        case 2:
            lines.insert(rng.randrange(len(lines)), lines.pop(place))
        case _:
            lines[place] = rng.choice(["    ", "\t", " "]) + lines[place]
    return "".join(lines)


def mutant(seed: int, text: str = "") -> str:
    """Return a damaged program, or a text with damage."""
    rng = random.Random(seed)
    text = text or rng.choice(TEXTS)
    mutations: list[Mutation] = [at_a_character, at_a_token, at_a_name, at_a_name, at_a_line]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text = rng.choice(mutations)(text, rng)
    return text


def compiles(text: str) -> bool:
    """Take a program through every stage; whether it is one."""
    try:
        module = tpc.emit(tpc.derive(tpc.parse(text)))
    except tpc.ProgramError as error:
        refused = error
    else:
        compile(module, "<mutant>", "exec")
        return True
    assert refused.diagnostics
    assert all(f"error[{found.code}]" in str(refused) for found in refused.diagnostics)
    return False


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.split('"')[1])
def test_the_originals_compile(text: str) -> None:
    assert compiles(text)


@pytest.mark.parametrize("start", slow_where(lambda start: start >= 30, range(0, 300, 10)))
@pytest.mark.slow
def test_mutants_compile_or_are_diagnosed(start: int) -> None:
    for seed in range(start, start + 10):
        text = mutant(seed)
        try:
            compiles(text)
        except Exception as error:
            error.add_note(f"seed {seed}:\n{text}")
            raise


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 400, 40))
def test_mutants_of_networks_are_checked_or_diagnosed(start: int) -> None:
    for seed in range(start, start + 40):
        text = mutant(seed, NETWORK)
        try:
            is_described(text)
        except Exception as error:
            error.add_note(f"seed {seed}:\n{text}")
            raise


def is_described(text: str) -> bool:
    """Whether a text describes a network, or a program, after all checks."""
    try:
        tpc.parse(text)
    except tpc.ProgramError as error:
        refused = error
    else:
        return True
    assert refused.diagnostics
    assert all(f"error[{found.code}]" in str(refused) for found in refused.diagnostics)
    return False


@pytest.mark.slow
def test_mutants_of_networks_are_of_all_kinds() -> None:
    """Some are refused by the parser, some by the checks of networks, some are fine."""
    assert is_described(NETWORK)
    codes = set()
    for seed in range(150):
        try:
            tpc.parse(mutant(seed, NETWORK))
            codes.add("")
        except tpc.ProgramError as error:
            codes |= {found.code for found in error.diagnostics}
    assert "" in codes
    assert len({code for code in codes if "TP250" <= code <= "TP279"}) >= 3
    assert len({code for code in codes if code.startswith("TP1")}) >= 10


@pytest.mark.slow
def test_mutants_reach_every_stage() -> None:
    """Some mutants are refused by the parser, some by the checks, and some compile."""
    codes = set()
    for seed in range(100):
        try:
            tpc.parse(mutant(seed))
            codes.add("")
        except tpc.ProgramError as error:
            codes |= {found.code[:3] for found in error.diagnostics}
    assert codes >= {"", "TP1", "TP2"}
