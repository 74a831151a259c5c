"""The LALR automaton that lark makes of the grammar, fed token by token.

lark's own loop stops at the first error; this one can be set back to where a line began.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias, cast

from lark import Lark, Token, UnexpectedToken
from lark.grammar import Rule
from lark.lark import PostLex

from tpc.functions import RESERVED
from tpc.syntax.make_training import Statements
from tpc.syntax.make_tree import MakeTree
from tpc.syntax.tokens import OPTION_WORDS, SOMETIMES_NAMES, is_bound, is_option

Snapshot: TypeAlias = "tuple[list[int], list[Any]]"


class _KeepAllTokens(PostLex):
    """Makes lark keep the tokens that no rule takes."""

    always_accept: Iterable[str] = ("UNCLOSED_STRING", "UNKNOWN")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Pass the tokens on."""
        return stream


@cache
def load_grammar(debug: bool = False) -> Lark:
    """Return the parser that lark makes of `grammar/tensor_program.lark`.

    Args:
        debug: Let lark log the conflicts of the grammar.
    """
    text = files("tpc.grammar").joinpath("tensor_program.lark").read_text(encoding="utf-8")
    names = " | ".join(f'"{name}"' for name in sorted(RESERVED))
    return Lark(
        f"{text}\n_ELEMENTWISE: {names}\n",
        parser="lalr",
        lexer="basic",
        keep_all_tokens=True,
        postlex=_KeepAllTokens(),
        transformer=MakeTree(),
        debug=debug,
    )


class Automaton:
    """A parse under way.

    Attributes:
        tokens: All tokens of the text.
    """

    def __init__(self, text: str) -> None:
        session = load_grammar().parse_interactive(text)
        lexer: Any = session.lexer_thread
        self.tokens: list[Token] = list(lexer.lex(session.parser_state))
        for token in self.tokens:
            if token.value in SOMETIMES_NAMES:
                token.type = "NAME"
        self._state = session.parser_state
        self._table: dict[int, dict[str, tuple[object, Any]]] = (
            session.parser_state.parse_conf.states
        )

    def feed(self, tokens: list[Token]) -> int | None:
        """Feed tokens up to the first that cannot stand where it does, and return its index."""
        for index, token in enumerate(tokens):
            if token.value in SOMETIMES_NAMES:
                token.type = self._word_or_name(tokens, index)
            elif token.type in OPTION_WORDS and is_option(tokens, index):
                token.type = "NAME"
            try:
                self._state.feed_token(token)
            except UnexpectedToken:
                return index
        return None

    def _word_or_name(self, tokens: list[Token], index: int) -> str:
        """Return the type of a word that is reserved in some places only.

        `x` is the cross between two dims where that can stand; the words of training begin lines of
        their blocks, and where a name can be bound as well, they are one if `=` follows.
        """
        word = SOMETIMES_NAMES[tokens[index].value]
        if not self._accepts(word):
            return "NAME"
        named = is_bound(tokens, index) or (word == "PATH" and tokens[index + 1].type != "NAME")
        return "NAME" if named and self._accepts("NAME") else word

    def finish(self) -> Statements:
        """End the text where a statement could begin, and return all of them."""
        return cast(Statements, self._state.feed_token(Token("$END", ""), is_end=True))

    def expects_block(self) -> bool:
        """Return whether the header of a block has just ended."""
        return "_INDENT" in self._table[self._state.state_stack[-1]]

    def expects_setting(self) -> bool:
        """Return whether a line of a `train` block could begin here."""
        return self._accepts("STEPS")

    def snapshot(self) -> Snapshot:
        """Return all that `restore` needs, to come back to this point."""
        return list(self._state.state_stack), list(self._state.value_stack)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a point of the parse, to explain an error there and to find more.

        lark lengthens some lists of statements in place, so what `finish` returns after this is
        no longer the text's tree.
        """
        states, values = snapshot
        self._state.state_stack[:] = states
        self._state.value_stack[:] = values

    def accepted(self) -> frozenset[str]:
        """Return the types of the tokens that could come next."""
        kinds = self._table[self._state.state_stack[-1]]
        return frozenset(kind for kind in kinds if kind.isupper() and self._accepts(kind))

    def _accepts(self, kind: str) -> bool:
        """Follow the reductions before a token, without making nodes."""
        states = list(self._state.state_stack)
        while True:
            found = self._table[states[-1]].get(kind)
            if found is None:
                return False
            rule = found[1]
            if not isinstance(rule, Rule):
                return True
            if rule.expansion:
                del states[-len(rule.expansion) :]
            states.append(self._table[states[-1]][rule.origin.name][1])
