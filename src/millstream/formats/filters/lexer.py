"""Text of a filter or an order_by clause → tokens with their places, in linear time and within fixed limits."""

from __future__ import annotations

import re

from msgspec import Struct

from millstream.values.errors import InvalidValue
from millstream.values.names import check_text

MAX_BYTES = 16_384

# A quoted word has no escape: it ends at the next quote of its kind. A bare key may have any character of a metric
# name but the space.
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<name>(?:[^\W\d]\w*|`[^`]*`)\.(?:(?:`[^`]*`|"[^"]*")(?:\.[a-z]+)?|\w[\w.\-/:]*))
  | (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
  | (?P<word>[+-]?[^\W\d]\w*)
  | (?P<string>'[^']*'|"[^"]*")
  | (?P<quoted>`[^`]*`)
  | (?P<operator><=|>=|<>|!=|==|=|<|>)
  | (?P<mark>[(),;])
    """,
    re.VERBOSE,
)


class Token(Struct, frozen=True):
    """A piece of the text: its kind (a group of the pattern, or ``end``), the text and its offset."""

    kind: str
    text: str
    position: int

    @property
    def word(self) -> str:
        """The upper-case keyword this may be, "" for anything that is not a bare word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def content(self) -> str:
        """What stands between the quotes of a quoted token."""
        return self.text[1:-1]

    def shown(self) -> str:
        """The token as an error message names it."""
        return "the end" if self.kind == "end" else shorten(self.text)


def shorten(text: str) -> str:
    """`text` for an error message: quoted, at most about 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "…")


class Source(Struct, frozen=True):
    """A text being read and what to call it in errors."""

    text: str
    what: str

    def error(self, position: int, problem: str, fix: str = "") -> InvalidValue:
        """The error that names the place (counted from 1), what is wrong there and what to write instead."""
        remedy = f" {fix}" if fix else ""
        return InvalidValue(f"Invalid clause(s) in {self.what}: {problem} at character {position + 1}.{remedy}")

    def tokens(self) -> list[Token]:
        """All tokens but spaces, then one of kind ``end``."""
        size = len(self.text)
        if size > MAX_BYTES or len(self.text.encode(errors="surrogatepass")) > MAX_BYTES:
            raise InvalidValue(f"The {self.what} has {size} characters; at most {MAX_BYTES} bytes are allowed.")
        check_text(self.text, self.what)
        found: list[Token] = []
        position = 0
        while position < size:
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._unreadable(position)
            assert match.lastgroup is not None
            if match.lastgroup != "space":
                found.append(Token(match.lastgroup, match.group(), position))
            position = match.end()
        found.append(Token("end", "", size))
        return found

    def _unreadable(self, position: int) -> InvalidValue:
        character = self.text[position]
        following = self.text[position + 1 : position + 2]
        if character == "." and following in ("'", '"', "`") and following:
            if following == "'" and "'" in self.text[position + 2 :]:
                return self.error(position + 1, "a key in single quotes", "Put the key in backticks or double quotes.")
            position, character = position + 1, following
        if character in "'\"`":
            kind = "name" if character == "`" else "string"
            return self.error(position, f"unterminated {kind} that starts", f"Close it with a {character} sign.")
        if character == ".":
            return self.error(
                position, "no key after the dot", "Write entity.key, with backticks around an unusual key."
            )
        if character.isdigit() or character in "+-":
            text = re.match(r"\S{1,40}", self.text[position:])
            return self.error(position, f"{shorten(text.group() if text else character)} is not a number")
        return self.error(
            position,
            f"unexpected character {character!r}",
            "Put text in quotes and a key with unusual characters in backticks, as in metrics.`a b`.",
        )
