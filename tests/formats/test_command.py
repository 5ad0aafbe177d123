"""Command templates: the words they become, what needs a shell, and that no value ever becomes code."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millstream.formats.command import Invocation, fill_command, parse_command
from millstream.formats.words import quote_word
from millstream.values.errors import InvalidValue, MillstreamError

ENVIRON = {"HOME": "/home/a b", "TWO": "1 2", "EMPTY": "", "ROOMY": " p q ", "DOLLAR": "$TWO"}


def fill(
    template: str,
    values: Mapping[str, str] | None = None,
    extras: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> list[Invocation]:
    values = values or {}
    kinds = kinds or dict.fromkeys(values, "string")
    return fill_command(parse_command(template, kinds), values, kinds=kinds, extras=extras or {}, environ=ENVIRON)


def argv(template: str, /, **values: str) -> list[str]:
    (invocation,) = fill(template, values)
    return list(invocation.argv)


def test_the_classic_block_with_extras_after_its_last_line() -> None:
    template = "python a.py \\\n  --batch-size {batch-size} \\\n  --lr {lr}\n"
    (invocation,) = fill(template, {"batch-size": "64", "lr": "0.1"}, {"seed": "a b"})
    assert invocation.argv == ("python", "a.py", "--batch-size", "64", "--lr", "0.1", "--seed", "a b")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        ("a ''", ["a", ""]),
        ('a ""x""', ["a", "x"]),
        ('a "\\"\\$\\`\\\\ \\n"', ["a", '"$`\\ \\n']),
        ('a "b\\\nc"', ["a", "bc"]),
        ("a 'b\nc'", ["a", "b\nc"]),
        ("a b#c #d e", ["a", "b#c"]),
        ("a # b\n", ["a"]),
        ("a\tb  c \r\n", ["a", "b", "c"]),
        ("a '*' \"?\" \\*", ["a", "*", "?", "*"]),
        ("a layers=[1,2] x=y -D{{a}}", ["a", "layers=[1,2]", "x=y", "-D{a}"]),
        ("a '{{\"k\": {{}}}}'", ["a", '{"k": {}}']),
        ("a $TWO \"$TWO\" '$TWO' ${TWO} ${{TWO}}", ["a", "1", "2", "1 2", "$TWO", "1", "2", "1", "2"]),
        ('a $EMPTY "$EMPTY" x$EMPTY $NONE', ["a", "", "x"]),
        ("a b$ROOMY'c'", ["a", "b", "p", "q", "c"]),
        ('a $DOLLAR $ 5$ "$"', ["a", "$TWO", "$", "5$", "$"]),
        ("a ~ ~/x ~y b~ '~'", ["a", "/home/a b", "/home/a b/x", "~y", "b~", "~"]),
        ("a 한글 '한 글'", ["a", "한글", "한 글"]),
        ("exec a b", ["a", "b"]),
        ("echo if for", ["echo", "if", "for"]),
    ],
)
def test_words(template: str, expected: list[str]) -> None:
    assert argv(template) == expected


def test_several_steps() -> None:
    template = "A=1 B=~/x$TWO first && cd src\nexport C='c d' && second $C\n\n# done\ncd ../lib && third"
    assert fill(template, extras={"k": "v"}) == [
        Invocation(("first",), {"A": "1", "B": "/home/a b/x1 2"}, "."),
        Invocation(("second", "c", "d"), {"C": "c d"}, "src"),
        Invocation(("third", "--k", "v"), {"C": "c d"}, "lib"),
    ]


def test_values_fill_whole_words_and_parts_in_any_quotes() -> None:
    value = "a'b\"c $TWO {lr} \\ `x` ; rm"
    assert argv("p {v} x{v}y '{v}' \"{v}\" {{{v}}}", v=value) == [
        "p", value, f"x{value}y", value, value, f"{{{value}}}",
    ]  # fmt: skip


def test_an_empty_value_is_an_empty_argument() -> None:
    assert argv("p {v} q", v="") == ["p", "", "q"]


def test_a_value_may_be_an_assignment_a_directory_a_program() -> None:
    assert fill("A={v} cd && cd {v} && {v} {v}", {"v": "B=x"}) == [Invocation(("B=x", "B=x"), {}, "/home/a b/B=x")]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a | b", "a pipe"),
        ("a || b", "a pipe"),
        ("a > b", "a redirection"),
        ("a 2>&1", "a redirection"),
        ("a < b", "a redirection"),
        ("a; b", "with ;"),
        ("a &", "background"),
        ("(a)", "subshell"),
        ("`a`", "command substitution"),
        ('"`a`"', "command substitution"),
        ("$(a)", "shell expansion"),
        ('"$(a)"', "shell expansion"),
        ("$((1))", "shell expansion"),
        ("${TWO:-x}", "shell expansion"),
        ("$1 $@", "shell expansion"),
        ("$'a'", "shell expansion"),
        ("a *.csv", "file pattern"),
        ("a b?", "file pattern"),
        ("if a", "'if'"),
        ("source activate x && python a.py", "'source'"),
        ("A=1 eval x", "'eval'"),
    ],
)
def test_what_needs_a_shell_is_refused_and_points_to_a_script(template: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=r"bash script\.sh") as caught:
        fill(template)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "empty"),
        ("# only words", "empty"),
        ("a 'b", "quote that is not closed"),
        ('a "b', "quote that is not closed"),
        ("a \\", "ends with a backslash"),
        ("a &&", "ends with &&"),
        ("a && && b", "nothing before it"),
        ("a {", "opens no"),
        ("a {}", "opens no"),
        ("a }", "was not opened"),
        ("A=1", "runs nothing with it"),
        ("cd src", "runs nothing"),
        ("exec", "runs nothing"),
        ("$EMPTY", "runs nothing"),
        ("cd a b && c", "one directory"),
        ("export A && b", "NAME=value"),
        ("a {zz}", "{zz}, which is not a parameter; the parameters are 'lr'"),
        ("a {lr.real}", "{lr.real}, which is not a parameter"),
        ("a {lr!r}", "without attributes or formats"),
        ("a {lr:.3f}", "without attributes or formats"),
        ("a {lr[0]}", "without attributes or formats"),
        ("a ${lr}", "write {lr}"),
    ],
)
def test_what_is_wrong_is_said(template: str, said: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        fill(template, {"lr": "1"})
    assert said in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "template",
    [
        "bash -c 'echo {v}'",
        'bash -lc "echo {v}"',
        "/bin/sh -e -c {v}",
        "env A=1 bash -o pipefail -c {v}",
        "nice bash -c -o pipefail {v}",
        "{v} -c {v}",
        "su joe -c {v}",
        "python -c 'print({v})'",
        "python3.11 -W ignore -Ic {v}",
        "python -cprint\\({v}\\)",
        "perl -ne {v}",
        "node --eval {v}",
        "env -S {v}",
    ],
)
def test_a_value_never_becomes_part_of_program_text(template: str) -> None:
    with pytest.raises(InvalidValue, match="must stay data"):
        fill(template, {"v": "bash"})


@pytest.mark.parametrize(
    "template",
    [
        "python train.py -c {v}",
        "python -u train.py -c {v}",
        "python -m train -c {v}",
        "python -c 'import train' {v}",
        "bash script.sh -c {v}",
        "bash -c 'python train.py \"$1\"' _ {v}",
    ],
)
def test_arguments_of_a_program_are_data_and_welcome(template: str) -> None:
    assert argv(template, v="x y")[-1] == "x y"


def test_checked_numbers_may_stand_in_program_text() -> None:
    (invocation,) = fill("python -c 'f({n})'", {"n": "1.5"}, kinds={"n": "float"})
    assert invocation.argv == ("python", "-c", "f(1.5)")


plain = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
PIECES = (
    "'", '"', "\\", "$(touch M)", "`touch M`", ";touch M;", "&&touch M", "|touch M", ">M", "\ntouch M\n", "{v}", "{{",
    "}}", "$HOME", "${HOME}", "*", "~", " ", "#", "-c", "--", "'; touch M; '", '"; touch M; "', "a", "한", "\t", "=",
)  # fmt: skip
nasty = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
values = plain | nasty
CONTEXTS = (
    "{v}", "x{v}y", "'{v}'", '"{v}"', "'a {v} b'", '"a {v} $TWO"', "{v}{v}", "--k={v}", "\\'{v}\\'", "{{{v}}}",
    "'{{{v}}}'",    "~/{v}", "$EMPTY{v}", "{v}$EMPTY", "{v}\\\n", '"\\"{v}\\""',
)  # fmt: skip


@given(st.lists(st.sampled_from(CONTEXTS), min_size=1, max_size=4), values)
@settings(max_examples=600)
def test_no_value_changes_the_shape_of_a_command(contexts: list[str], value: str) -> None:
    template = "prog A=1 " + " ".join(contexts) + " && B={v} other {v}\n"
    marker = "MARK"
    shape = fill(template, {"v": marker})
    filled = fill(template, {"v": value}, {"extra": value})
    assert [len(step.argv) for step in shape] == [len(filled[0].argv), len(filled[1].argv) - 2]
    for expected, got in zip(shape, filled, strict=True):
        assert [word.replace(marker, value) for word in expected.argv] == list(got.argv[: len(expected.argv)])
        assert {key: text.replace(marker, value) for key, text in expected.variables.items()} == got.variables
    assert filled[-1].argv[-2:] == ("--extra", value)


@given(st.text(max_size=60))
@settings(max_examples=600)
def test_any_template_is_read_or_refused(template: str) -> None:
    try:
        fill(template, {"v": "x"})
    except MillstreamError:
        pass  # any other error fails the test


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=12), min_size=1, max_size=4))
def test_quoted_words_come_back(texts: list[str]) -> None:
    assert argv(" ".join(map(quote_word, ["p", *texts]))) == ["p", *(text.replace("\r\n", "\n") for text in texts)]


@given(st.lists(st.text("ab '\"\\\n#=,.:/@%+-_", max_size=10), max_size=4))
def test_words_are_cut_as_the_standard_library_cuts_them(texts: list[str]) -> None:
    """shlex is an independent reading of the same POSIX rules, for text without operators and expansions."""
    template = "p " + " ".join(map(shlex.quote, texts))
    assert argv(template) == shlex.split(template)


PRINTS_ITS_ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"


@given(st.sampled_from(CONTEXTS), nasty)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_started_for_real_nothing_but_the_program_runs(tmp_path: Path, context: str, value: str) -> None:
    (tmp_path / "show.py").write_text(PRINTS_ITS_ARGUMENTS, encoding="utf-8")
    (invocation,) = fill(f"prog show.py {context}", {"v": value}, {"x": value})
    (neutral,) = fill(f"prog show.py {context}", {"v": "MARK"}, {"x": "MARK"})
    done = subprocess.run(
        [sys.executable, *invocation.argv[1:]],
        cwd=tmp_path, env={**os.environ, **invocation.variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [word.replace("MARK", value) for word in neutral.argv[2:]]
    assert [path.name for path in tmp_path.iterdir()] == ["show.py"]
