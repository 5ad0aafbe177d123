"""The command of an entry point: a template → argument lists. No parameter value is ever read as code.

The text is cut into words first, by POSIX quoting rules; only then do values fill ``{name}``, whole or inside
a word, in quotes or not, and nothing looks at them again. There is no shell, so a template may use what needs
none: words and quotes, ``\\`` at the end of a line, comments, ``VAR=value cmd``, ``cmd1 && cmd2`` and several lines
(each must succeed before the next), ``cd``, ``export``, and ``$VAR`` of the child's environment. ``{{`` and ``}}``
are braces. Everything else that a shell would act on is an error that says to use a script file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from millstream.formats.words import Assignment, Literal, Placeholder, Variable, Word, split_words
from millstream.values.errors import InvalidValue

# Programs that take program text as an argument, the option that brings it (a value must not become a part of it),
# and their other options that take the next word.
_PROGRAM_TEXT = (
    (
        r"sh|bash|dash|zsh|ksh|ash|fish|csh|tcsh|su|script",
        r"[-+][a-zA-Z]*c|--command",
        "-o +o -O +O --rcfile --init-file",
    ),
    (r"(python|pypy)[\d.]*", r"-[bBdEhiIOPqRsSuvVx?]*c", "-W -X --check-hash-based-pycs"),
    (r"perl|ruby", r"-[a-zA-Z0-9]*[eE]", "-I -C -r"),
    (r"node|Rscript|php", r"-(e|p|pe|r)|--(eval|print)", "-d"),
    (r"env", r"-[0iv]*S|--split-string", "-u -C --unset --chdir"),
)
# Values of these types are checked to be numbers or truth words, which are no code in any language.
_HARMLESS = frozenset({"int", "integer", "long", "float", "double", "number", "bool", "boolean"})


class Invocation(Struct, frozen=True):
    """One process to start: its arguments, variables to set for it, and its directory relative to the project."""

    argv: tuple[str, ...]
    variables: dict[str, str] = {}
    directory: str = "."


class Command(Struct, frozen=True):
    """A parsed template: steps to run one after the other, each a list of words that may have placeholders."""

    steps: tuple[tuple[Word, ...], ...]

    @property
    def placeholders(self) -> list[str]:
        """Names used as ``{name}``, in order, each once."""
        names = (
            part.name for step in self.steps for word in step for part in word.parts if isinstance(part, Placeholder)
        )
        return list(dict.fromkeys(names))


def parse_command(template: str, known: Mapping[str, str]) -> Command:
    """Cut `template` into steps and words; `known` maps parameter names to type words.

    InvalidValue for what needs a shell, for a placeholder that is no parameter, and for program text
    (``bash -c "…{name}…"``) that a value would become a part of.
    """
    command = Command(tuple(split_words(template)))
    if not command.steps:
        raise InvalidValue("The command is empty; write what to run, e.g. command: python train.py.")
    for name in command.placeholders:
        if name not in known:
            raise InvalidValue(_unknown(name, known))
    for variable in _variables(command):
        if variable in known:
            raise InvalidValue(
                f"The command has ${{{variable}}}, but {variable!r} is a parameter: write {{{variable}}}."
            )
    return command


def fill_command(
    command: Command,
    values: Mapping[str, str],
    *,
    kinds: Mapping[str, str],
    extras: Mapping[str, str],
    environ: Mapping[str, str],
) -> list[Invocation]:
    """Argument lists of the steps of `command`, with ``{name}`` replaced by `values` and `extras` appended.

    Extras go to the end of the last step as ``--key value``. ``$VAR`` takes its text from `environ`, "" when unset.
    `kinds` are the type words of the parameters.
    """
    environ, directory = dict(environ), "."
    exported: dict[str, str] = {}
    found: list[Invocation] = []
    for step in command.steps:
        expand = _Expansion(values, kinds, environ)
        own, words = expand.assignments(step)
        if not words:
            raise InvalidValue(
                f"The command sets {' and '.join(own)} but runs nothing with it; write it before a program."
            )
        name = words[0].bare
        if name == "cd":
            directory = _change(directory, expand.fields(words[1:]), environ)
        elif name == "export":
            exported |= expand.exports(words[1:])
            environ |= exported
        else:
            fields = expand.fields(words[1:] if name == "exec" else words)
            _refuse_program_text(fields)
            found.append(Invocation(tuple(field.text for field in fields), exported | own, directory))
    if not found or not found[-1].argv:
        raise InvalidValue("The command runs nothing; write what to run, e.g. command: python train.py.")
    last = found[-1]
    added = tuple(text for key, value in extras.items() for text in (f"--{key}", value))
    return [*found[:-1], Invocation(last.argv + added, last.variables, last.directory)]


class _Field(Struct):
    """One argument in the making; `foreign` names a parameter in it whose value could be any text."""

    text: str = ""
    foreign: str | None = None


class _Expansion(Struct, frozen=True):
    values: Mapping[str, str]
    kinds: Mapping[str, str]
    environ: Mapping[str, str]

    def fields(self, words: tuple[Word, ...]) -> list[_Field]:
        return [field for word in words for field in self._split(word)]

    def text(self, word: Word) -> str:
        """The word as one text, whatever the variables in it hold."""
        return "".join(self._part(part) for part in word.parts)

    def assignments(self, step: tuple[Word, ...]) -> tuple[dict[str, str], tuple[Word, ...]]:
        own: dict[str, str] = {}
        for position, word in enumerate(step):
            assigned = word.assignment
            if assigned is None:
                return own, step[position:]
            own[assigned.name] = self.text(assigned.value)
        return own, ()

    def exports(self, words: tuple[Word, ...]) -> dict[str, str]:
        given: list[Assignment] = []
        for word in words:
            if word.assignment is None:
                raise InvalidValue(
                    "The command's export needs NAME=value; other forms need a shell, so use a script file."
                )
            given.append(word.assignment)
        return {assigned.name: self.text(assigned.value) for assigned in given}

    def _part(self, part: Literal | Variable | Placeholder) -> str:
        if isinstance(part, Literal):
            return part.text
        return self.environ.get(part.name, "") if isinstance(part, Variable) else self.values[part.name]

    def _split(self, word: Word) -> Iterator[_Field]:
        """Fields of a word: one, unless an unquoted variable holds white space (more) or nothing (maybe none)."""
        field: _Field | None = None
        for part in word.parts:
            text = self._part(part)
            if isinstance(part, Variable) and not part.quoted:
                pieces = text.split()
                if field is not None and text[:1].isspace():
                    yield field
                    field = None
                for piece in pieces[:-1]:
                    yield _joined(field, piece)
                    field = None
                if pieces:
                    field = _joined(field, pieces[-1])
                if field is not None and pieces and text[-1].isspace():
                    yield field
                    field = None
                continue
            field = _joined(field, text)
            if isinstance(part, Placeholder) and self.kinds.get(part.name, "string").lower() not in _HARMLESS:
                field.foreign = part.name
        if field is not None:
            yield field


def _joined(field: _Field | None, text: str) -> _Field:
    return _Field(text) if field is None else _Field(field.text + text, field.foreign)


def _change(directory: str, fields: list[_Field], environ: Mapping[str, str]) -> str:
    if len(fields) > 1 or (fields and fields[0].text in ("", "-")):
        raise InvalidValue("The command's cd needs one directory, e.g. cd src && python train.py.")
    target = fields[0].text if fields else environ.get("HOME", ".")
    return posixpath.normpath(posixpath.join(directory, target))


def _refuse_program_text(fields: list[_Field]) -> None:
    """Refuse a value inside what an interpreter would run as program text, wherever in the command it stands."""
    for position, field in enumerate(fields):
        if field.foreign is not None and position > 0:
            continue  # a value that happens to be called like a program
        name = posixpath.basename(field.text)
        for program, option, with_word in _PROGRAM_TEXT:
            if not re.fullmatch(program, name):
                continue
            anywhere = name in ("su", "script")  # their option may follow an operand
            if foreign := _in_program_text(fields[position + 1 :], option, with_word.split(), anywhere):
                raise InvalidValue(
                    f"The command puts the parameter {foreign!r} into the text that {name} runs as a program; a value "
                    "must stay data. Put the program into a script file and give it the value as an argument."
                )


def _in_program_text(fields: list[_Field], option: str, with_word: list[str], anywhere: bool) -> str | None:
    """The parameter that is part of the program text after `option`; None when none is or there is no such text."""
    found = skip = False
    for field in fields:
        found = found or re.match(option, field.text) is not None
        if found and field.foreign is not None:
            return field.foreign
        if field.text[:1] not in ("-", "+") and not skip and (found or not anywhere):
            return None  # the program text itself, or a file to run: what follows are arguments
        skip = field.text in with_word
    return None


def _variables(command: Command) -> Iterator[str]:
    for step in command.steps:
        for word in step:
            for part in word.parts:
                if isinstance(part, Variable) and part.braced:
                    yield part.name


def _unknown(name: str, known: Mapping[str, str]) -> str:
    there = f"the parameters are {', '.join(map(repr, known))}" if known else "this entry point has no parameters"
    base = re.split(r"[.!:\[]", name, maxsplit=1)[0]
    hint = f" Only {{{base}}} can be filled in, without attributes or formats." if base in known else ""
    return f"The command has {{{name}}}, which is not a parameter; {there}.{hint} Write {{{{ and }}}} for braces."
