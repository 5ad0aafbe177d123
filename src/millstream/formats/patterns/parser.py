"""Text of a regular expression → tree; what an automaton cannot decide, or what would be too large, is refused.

    pattern   := [ "(?i)" ] choice
    choice    := sequence { "|" sequence }
    sequence  := { item [ "*" | "+" | "?" | "{" low [ "," [ high ] ] "}" ] }
    item      := character | "." | "^" | "$" | "(" [ "?:" ] choice ")" | "[" [ "^" ] { character [ "-" character ] } "]"

``\\d``, ``\\w``, ``\\s`` and their capitals mean ASCII digits, word characters and spaces, as in RE2. ``.`` is any
character, line ends too; ``^`` and ``$`` are the ends of the whole text. ``(?i)`` takes capital and small letters as
the same.
"""

from __future__ import annotations

from functools import lru_cache

from millstream.formats.patterns.tree import (
    FIRST,
    LAST,
    Chars,
    Choice,
    Edge,
    Pattern,
    Ranges,
    Repeat,
    Sequence,
    others,
    united,
)
from millstream.values.errors import InvalidValue

MAX_LENGTH = 1000
MAX_NESTING = 20
MAX_REPEAT = 200
# Characters that a pattern stands for once its repeats are written out.
MAX_SIZE = 500
# Letters of a range whose other case is looked for.
MAX_FOLDED = 0x10000

_SPACES: Ranges = ((9, 13), (32, 32))
_DIGITS: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACES}
_CLASSES |= {name.upper(): others(ranges) for name, ranges in _CLASSES.items()}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


@lru_cache(maxsize=256)
def parse_pattern(text: str) -> Pattern:
    """The meaning of `text`; InvalidValue with the place for anything that is no pattern of the language."""
    if len(text) > MAX_LENGTH:
        raise InvalidValue(f"A pattern has {len(text)} characters; at most {MAX_LENGTH} are allowed.")
    parser = _Parser(text)
    tree = parser.choice()
    if parser.place < len(text):
        raise parser.error("')' without '('", "Write \\) for the sign itself.")
    if (size := _size(tree)) > MAX_SIZE:
        raise InvalidValue(
            f"The pattern {text!r} stands for {size} characters once its repeats are written out; "
            f"at most {MAX_SIZE} are allowed."
        )
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = text.startswith("(?i)")
        self.place = 4 if self.folded else 0
        self.depth = 0

    def error(self, problem: str, fix: str = "") -> InvalidValue:
        return InvalidValue(f"Invalid pattern {self.text!r}: {problem} at character {self.place + 1}. {fix}".rstrip())

    def next(self) -> str:
        return self.text[self.place : self.place + 1]

    def accept(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.place):
            return False
        self.place += len(sign)
        return True

    def choice(self) -> Pattern:
        items = [self.sequence()]
        while self.accept("|"):
            items.append(self.sequence())
        return items[0] if len(items) == 1 else Choice(tuple(items))

    def sequence(self) -> Pattern:
        items: list[Pattern] = []
        while self.next() not in ("", "|", ")"):
            items.append(self.repeated())
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def repeated(self) -> Pattern:
        if self.next() in ("*", "+", "?"):
            raise self.error(f"nothing to repeat before {self.next()!r}", "Write a \\ before it for the sign itself.")
        edge = self.next() in ("^", "$")
        item = self.item()
        before = self.place
        bounds = self.bounds()
        if bounds is None:
            return item
        if edge:
            self.place = before
            raise self.error("^ and $ cannot be repeated")
        self.accept("?")  # asks for the shortest match; whether there is one stays the same
        if self.next() in ("*", "+", "?") or (self.next() == "{" and self.text[self.place + 1 :][:1].isdigit()):
            raise self.error("a repeat of a repeat", "Put the first one in parentheses.")
        return Repeat(item, *bounds)

    def bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.accept(sign):
                return bounds
        if self.next() != "{":
            return None
        start = self.place
        head, closing, _ = self.text[start + 1 :].partition("}")
        low, comma, high = head.partition(",")
        numbers = [number for number in (low, high) if number]
        if not closing or not low or not all(number.isascii() and number.isdigit() for number in numbers):
            raise self.error("'{' without numbers", "Write {2,5}, or \\{ for the sign itself.")
        least, most = int(low[:6]), int(high[:6]) if high else None if comma else int(low[:6])
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            raise self.error(f"the repeat {{{head}}} is not possible", f"Numbers go up to {MAX_REPEAT}.")
        self.place = start + len(head) + 2
        return least, most

    def item(self) -> Pattern:
        if self.next() == "(":
            return self.group()
        if self.accept("."):
            return Chars(((FIRST, LAST),))
        if self.accept("^"):
            return Edge(end=False)
        if self.accept("$"):
            return Edge(end=True)
        if self.accept("["):
            return self.bracket()
        return Chars(self.fold(self.character()))

    def group(self) -> Pattern:
        start = self.place
        self.place += 1
        if self.accept("?") and not self.accept(":"):
            self.place = start
            raise self.error("'(?' that is not '(?:'", "Known are (…), (?:…), and (?i) at the start.")
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.error(f"nested deeper than {MAX_NESTING} levels")
        inner = self.choice()
        self.depth -= 1
        if not self.accept(")"):
            self.place = start
            raise self.error("'(' without ')'", "Write \\( for the sign itself.")
        return inner

    def character(self) -> Ranges:
        """One character, or a class of them."""
        sign = self.next()
        self.place += 1
        if sign != "\\":
            return ((ord(sign), ord(sign)),)
        name = self.next()
        if name in _CLASSES and name:
            self.place += 1
            return _CLASSES[name]
        if name in _CONTROLS and name:
            self.place += 1
            return ((_CONTROLS[name], _CONTROLS[name]),)
        if not name or name.isalnum():
            known = "\\d \\w \\s \\D \\W \\S \\t \\n \\r \\f \\v"
            raise self.error(f"'\\{name}' is not known", f"Known are {known}, and \\ before a sign.")
        self.place += 1
        return ((ord(name), ord(name)),)

    def bracket(self) -> Pattern:
        start = self.place
        negated = self.accept("^")
        ranges: list[tuple[int, int]] = []
        while self.next() != "]" or not ranges:
            if not self.next():
                self.place = start - 1
                raise self.error("'[' without ']'", "Write \\[ for the sign itself.")
            low = self.character()
            if self.next() == "-" and self.text[self.place + 1 : self.place + 2] not in ("]", ""):
                self.place += 1
                high = self.character()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or low[0][0] > high[0][0]:
                    raise self.error("a range that does not go up")
                low = ((low[0][0], high[0][0]),)
            ranges += low
        self.place += 1
        found = self.fold(united(ranges))
        return Chars(others(found) if negated else found)

    def fold(self, ranges: Ranges) -> Ranges:
        if not self.folded:
            return ranges
        if sum(high - low for low, high in ranges) > MAX_FOLDED:
            if ranges in _CLASSES.values():
                return ranges
            raise self.error("a range too long for (?i)")
        more = [*ranges]
        for low, high in ranges:
            for code in range(low, high + 1):
                cases = (chr(code).lower(), chr(code).upper())
                more += [(ord(other), ord(other)) for other in cases if len(other) == 1]
        return united(more)


def _size(tree: Pattern) -> int:
    match tree:
        case Sequence(items) | Choice(items):
            return 1 + sum(map(_size, items))
        case Repeat(item, low, high):
            return 1 + _size(item) * max(low + (high is None), high or 0)
    return 1
