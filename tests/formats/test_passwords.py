"""Passwords and tokens as they are kept."""

from __future__ import annotations

import pickle

import pytest

from millstream.formats import passwords
from millstream.formats.passwords import NOBODYS, hash_password, hash_token, is_password, new_token
from millstream.values.secrets import Secret


def test_the_figures_are_those_that_are_recommended() -> None:
    kept = hash_password(Secret("correct horse"))
    assert kept.startswith("scrypt$14$8$5$")
    assert "horse" not in kept
    assert is_password(Secret("correct horse"), kept)


@pytest.mark.parametrize("text", ["비밀 번호 😀", "", "a" * 2000, "\ud800", "x\0y", "pass$word$1"])
def test_a_password_is_itself_and_no_other(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LOG_N", 4)
    kept = hash_password(Secret(text))
    assert is_password(Secret(text), kept)
    assert not is_password(Secret(text + " "), kept)
    assert hash_password(Secret(text)) != kept


def test_older_figures_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LOG_N", 5)
    kept = hash_password(Secret("old"))
    monkeypatch.setattr(passwords, "LOG_N", 4)
    assert is_password(Secret("old"), kept)


def test_nobody_has_a_password() -> None:
    assert NOBODYS.split("$")[:4] == hash_password(Secret("x")).split("$")[:4]
    assert not is_password(Secret(""), NOBODYS)


def test_tokens_are_long_and_never_the_same() -> None:
    made = {new_token().reveal() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 4 + 43
    assert hash_token(Secret("a")) != hash_token(Secret("b"))


def test_a_secret_shows_nowhere() -> None:
    secret = Secret("geheim")
    assert {repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}"} == {"***", "[***]"}
    assert secret == Secret("geheim")
    assert secret != Secret("anders")
    assert secret != "geheim"
    assert len({secret, Secret("geheim")}) == 1
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
