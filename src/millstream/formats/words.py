"""The tokenizer of command templates: POSIX words, without anything that a shell would do beyond quoting.

It reads the template only; parameter values never come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from millstream.values.errors import InvalidValue

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_BRACED = re.compile(r"\{\{?([A-Za-z_][A-Za-z0-9_]*)\}\}?")
_TILDE_ENDS = re.compile(r"/|\s|$")
_PLACEHOLDER = re.compile(r"\{([^{}\n]+)\}")
_KEYWORDS = frozenset(
    (
        *(
            "if",
            "then",
            "else",
            "elif",
            "fi",
            "for",
            "while",
            "until",
            "do",
            "done",
            "case",
            "esac",
            "function",
            "select",
        ),
        *(
            "[[",
            "!",
            "time",
            "eval",
            "source",
            ".",
            "alias",
            "set",
            "unset",
            "trap",
            "ulimit",
            "umask",
            "shopt",
            "wait",
        ),
        *("shift", "read", "return", "exit", "local", "declare", "typeset", "readonly", "builtin", "pushd", "popd"),
    )
)
_OPERATORS = {
    "|": "a pipe",
    ">": "a redirection",
    "<": "a redirection",
    ";": "a list of commands with ;",
    "&": "a command in the background",
    "(": "a subshell",
    ")": "a subshell",
    "`": "a command substitution",
    "*": "a file pattern",
    "?": "a file pattern",
}


class Literal(Struct, frozen=True):
    """Text of the template as it is; `quoted` when it came out of quotes or after a backslash."""

    text: str
    quoted: bool = False


class Variable(Struct, frozen=True):
    """``$name`` (`braced`: ``${name}``), to be taken from the child's environment."""

    name: str
    quoted: bool = False
    braced: bool = False


class Placeholder(Struct, frozen=True):
    """``{name}``, to be filled with a parameter's value."""

    name: str


Part = Literal | Variable | Placeholder


class Word(Struct, frozen=True):
    """One word of a command: its parts stand side by side."""

    parts: tuple[Part, ...]

    @property
    def bare(self) -> str | None:
        """The word's text when it is unquoted template text and nothing else."""
        if len(self.parts) == 1 and isinstance(part := self.parts[0], Literal) and not part.quoted:
            return part.text
        return None

    @property
    def assignment(self) -> Assignment | None:
        """The word as ``NAME=value``, None when it is not one."""
        first = self.parts[0] if self.parts else None
        if not isinstance(first, Literal) or first.quoted or not (match := _ASSIGNMENT.match(first.text)):
            return None
        rest = Literal(first.text[match.end() :])
        return Assignment(match[1], Word((rest, *self.parts[1:])))


class Assignment(Struct, frozen=True):
    """``NAME=value`` before a program or after `export`."""

    name: str
    value: Word


def split_words(template: str) -> Iterator[tuple[Word, ...]]:
    """The steps of a template, each its words; steps are parted by ``&&`` and line ends. InvalidValue for the rest."""
    scanner = _Scanner(template.replace("\r\n", "\n"))
    for step in scanner.steps():
        program = next((word for word in step if word.assignment is None), None)
        if program is not None and program.bare in _KEYWORDS:
            raise _needs_shell(f"the shell's word {program.bare!r}")
        yield step


def quote_word(text: str) -> str:
    """A template of one word that stands for `text` as it is."""
    escaped = text.replace("'", "'\\''").replace("{", "{{").replace("}", "}}")
    return f"'{escaped}'"


class _Scanner:
    """Reads the template once from left to right; `parts` is the word in the making, None between words."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.words: list[Word] = []
        self.parts: list[Part] | None = None

    def steps(self) -> Iterator[tuple[Word, ...]]:
        joined = False
        while self.at < len(self.text):
            if self.text.startswith("&&", self.at):
                self.at += 2
                self._end_word()
                if not self.words:
                    raise InvalidValue("The command has && with nothing before it.")
                yield self._end_step()
                joined = True
            elif self.text[self.at] == "\n":
                self.at += 1
                self._end_word()
                if self.words:
                    yield self._end_step()
                    joined = False
            else:
                self._unquoted()
        self._end_word()
        if self.words:
            yield self._end_step()
        elif joined:
            raise InvalidValue("The command ends with &&; write what follows it.")

    def _unquoted(self) -> None:
        character = self.text[self.at]
        if character.isspace():
            self.at += 1
            self._end_word()
        elif character == "#" and self.parts is None:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        elif character == "\\":
            self._backslash()
        elif character == "'":
            self._single_quotes()
        elif character == '"':
            self._double_quotes()
        elif character in _OPERATORS:
            raise _needs_shell(f"{_OPERATORS[character]} ({character!r})")
        elif character == "~" and self._opens_word() and _TILDE_ENDS.match(self.text, self.at + 1):
            self.at += 1
            self._add(Variable("HOME", quoted=True))
        else:
            self._character(quoted=False)

    def _character(self, *, quoted: bool) -> None:
        """One of ``{{``, ``}}``, ``{name}``, ``$VAR``, or a plain character: the same inside and outside quotes."""
        text, at = self.text, self.at
        if text.startswith(("{{", "}}"), at):
            self.at += 2
            self._add(Literal(text[at], quoted))
        elif text[at] == "{":
            match = _PLACEHOLDER.match(text, at)
            if match is None:
                raise InvalidValue(
                    f"The command has a brace that opens no {{name}}: {text[at:][:40]!r}. Write {{{{ for {{."
                )
            self.at = match.end()
            self._add(Placeholder(match[1].strip()))
        elif text[at] == "}":
            raise InvalidValue(
                f"The command has a brace that was not opened: {text[: at + 1][-40:]!r}. Write }}}} for }}."
            )
        elif text[at] == "$":
            self._dollar(quoted=quoted)
        else:
            self.at += 1
            self._add(Literal(text[at], quoted))

    def _dollar(self, *, quoted: bool) -> None:
        follows = self.text[self.at + 1 : self.at + 2]
        if match := _NAME.match(self.text, self.at + 1):
            self._add(Variable(match[0], quoted))
            self.at = match.end()
        elif follows == "{" and (match := _BRACED.match(self.text, self.at + 1)):
            # `${NAME}`, or `${{NAME}}` as it must be written where all of the text is a format string.
            self._add(Variable(match[1], quoted, braced=True))
            self.at = match.end()
        elif follows and (follows in "({'\"@*#?$!-" or follows.isdigit()) and not (quoted and follows in "\"'"):
            raise _needs_shell(f"a shell expansion ({self.text[self.at : self.at + 12]!r})")
        else:
            self.at += 1
            self._add(Literal("$", quoted))

    def _backslash(self) -> None:
        follows = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if follows == "":
            raise InvalidValue("The command ends with a backslash; take it out or write what follows it.")
        if follows != "\n":
            self._add(Literal(follows, quoted=True))

    def _single_quotes(self) -> None:
        opened = self.at
        self.at += 1
        self._add(Literal("", quoted=True))
        while self.at < len(self.text):
            if self.text[self.at] == "'":
                self.at += 1
                return
            if self.text[self.at] == "$":
                self.at += 1
                self._add(Literal("$", quoted=True))
            else:
                self._character(quoted=True)
        raise self._not_closed(opened)

    def _double_quotes(self) -> None:
        opened = self.at
        self.at += 1
        self._add(Literal("", quoted=True))
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return
            if character == "`":
                raise _needs_shell("a command substitution ('`')")
            if character == "\\" and (follows := self.text[self.at + 1 : self.at + 2]) and follows in '$`"\\\n':
                self.at += 2
                if follows != "\n":
                    self._add(Literal(follows, quoted=True))
            else:
                self._character(quoted=True)
        raise self._not_closed(opened)

    def _opens_word(self) -> bool:
        assigned = None if self.parts is None else Word(tuple(self.parts)).assignment
        return self.parts is None or (assigned is not None and assigned.value == Word((Literal(""),)))

    def _add(self, part: Part) -> None:
        if self.parts is None:
            self.parts = []
        last = self.parts[-1] if self.parts else None
        if isinstance(part, Literal) and isinstance(last, Literal) and last.quoted == part.quoted:
            self.parts[-1] = Literal(last.text + part.text, part.quoted)
        else:
            self.parts.append(part)

    def _end_word(self) -> None:
        if self.parts is not None:
            self.words.append(Word(tuple(self.parts)))
            self.parts = None

    def _end_step(self) -> tuple[Word, ...]:
        step, self.words = tuple(self.words), []
        return step

    def _not_closed(self, opened: int) -> InvalidValue:
        return InvalidValue(f"The command has a quote that is not closed: {self.text[opened : opened + 40]!r}.")


def _needs_shell(what: str) -> InvalidValue:
    return InvalidValue(
        f"The command uses {what}, and commands run without a shell. Put it into a script file and run that "
        "(command: bash script.sh), or quote it where it is meant as text."
    )
