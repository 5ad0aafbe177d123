"""What a log says that a caller asked for."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from millstream.server.targets import LONGEST, shown, shown_target

TOKEN = "mst_abc-DEF_123"


def target(asked: str) -> str:
    path, _, query = asked.partition("?")
    scope: dict[str, Any] = {"path": unquote(path), "raw_path": path.encode(), "query_string": query.encode()}
    return shown_target(scope)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("/", "/"),
        ("/api/2.0/mlflow/runs/get?run_id=a&metric_key=loss", "/api/2.0/mlflow/runs/get?run_id=a&metric_key=loss"),
        ("/get-artifact?path=share/a.txt", "/get-artifact?path=share/a.txt"),
        ("/api/2.0/mlflow-artifacts/artifacts/1/share/a", "/api/2.0/mlflow-artifacts/artifacts/1/share/a"),
        (f"/share/{TOKEN}", "/share/***"),
        ("/share/abc/d", "/share/***"),
        ("/ml/share/abc", "/ml/share/***"),
        ("//SHARE/abc", "//SHARE/***"),
        ("/%73hare/abc", "/share/***"),
        (f"/api/{TOKEN}/x y", "/api/***/x%20y"),
        ("/api/%6Dst_abc", "/api/***"),
        ("/a?token=x&b=1", "/a?token=***&b=1"),
        ("/a?Page_Token=x", "/a?Page_Token=***"),
        ("/a?%74oken=x", "/a?%74oken=***"),
        ("/a?X-Amz-Signature=x&X-Amz-Date=z", "/a?X-Amz-Signature=***&X-Amz-Date=z"),
        ("/a?X-Amz-Credential=x", "/a?X-Amz-Credential=***"),
        ("/a?sig=x&password=", "/a?sig=***&password="),
        (f"/a?q={TOKEN}", "/a?q=***"),
        (f"/a?{TOKEN}", "/a?***"),
        ("/login?next=%2Fa%3Ftoken%3Dx", "/login?next=***"),
        ("/a?b&c=", "/a?b&c="),
    ],
)
def test_secrets_are_hidden_and_nothing_else(asked: str, said: str) -> None:
    assert target(asked) == said


@pytest.mark.parametrize("evil", ["\n", "\r\n", " 200 ", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "값"])
def test_whatever_is_asked_for_is_one_word_of_visible_ascii(evil: str) -> None:
    for path, query in ((f"/a{evil}b".encode(), b""), (b"/a", f"a={evil}&{evil}".encode())):
        text = shown_target({"path": path.decode(), "raw_path": path, "query_string": query})
        assert text.isascii()
        assert text.isprintable()
        assert len(text.split()) == 1
        assert evil not in text
    assert shown_target({"path": f"/{evil}", "query_string": b""}).isascii()
    assert len(shown(f"a{evil}b").split()) == 1
    assert shown(f"a{evil}b").isascii()


def test_half_a_character_and_a_long_path_are_shown() -> None:
    assert shown_target({"path": "/\udcff", "query_string": b"\xff"}) == "/%ED%B3%BF?%FF"
    long = shown_target({"path": "/", "raw_path": b"/" + b"a" * 60_000, "query_string": b""})
    assert len(long) == LONGEST
