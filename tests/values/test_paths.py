"""No path or location from outside leads anywhere but below its root."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millstream.values.errors import InvalidValue
from millstream.values.paths import MAX_SEGMENTS, Location, RelPath

# What attacks are made of, besides plain names.
PIECES = st.sampled_from(
    [
        "..",
        ".",
        "",
        "/",
        "//",
        "\\",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5c",
        "%252e%252e",
        "%00",
        "\0",
        "C:",
        "c:\\",
        "~",
        "$HOME",
    ]
) | st.text(max_size=6)
PATHS = st.lists(PIECES, max_size=8).map("/".join) | st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40)


def every_decoding(text: str) -> list[str]:
    """`text` and what it becomes when it is percent-decoded again and again."""
    found = [text]
    while (decoded := unquote(found[-1])) != found[-1]:
        found.append(decoded)
    return found


@given(PATHS)
@example("a/..%2f..%2fb")
@example("%25252e%25252e/x")
def test_a_parsed_path_is_plain_however_often_it_is_decoded(text: str) -> None:
    try:
        path = RelPath.parse(text)
    except InvalidValue:
        return
    assert len(path.segments) <= MAX_SEGMENTS
    for segment in path.segments:
        for decoded in every_decoding(segment):
            assert decoded not in ("", ".", "..")
            assert not {"/", "\\", "\0"} & set(decoded)
        assert len(segment.encode()) <= 255
    below = posixpath.normpath(posixpath.join("/root/of/it", *path.segments))
    assert below == "/root/of/it" or below.startswith("/root/of/it/")
    assert RelPath.parse(str(path)) == path


@given(st.lists(st.from_regex(r"[\w가-힣 .,+#@=-]{1,20}", fullmatch=True), min_size=1, max_size=6))
def test_ordinary_names_are_taken_as_they_are(names: list[str]) -> None:
    if any(name in (".", "..") for name in names):
        return
    path = RelPath.parse("/".join(names))
    assert path.segments == tuple(names)
    assert path.name == names[-1]
    assert RelPath() / path == path
    assert str(RelPath.parse("a") / str(path)) == "a/" + "/".join(names)


@pytest.mark.parametrize(
    "text",
    [
        *("..", "../x", "a/../b", "a/..", "/", "/etc/passwd", "a/", "a//b", "./a", "a/./b", "\\\\host\\share", "a\\b"),
        *(
            "C:",
            "C:/x",
            "a/c:x",
            "a\0b",
            "a\nb",
            "a\x7fb",
            "a\x85b",
            "%2e%2e/x",
            "%2E%2e",
            "a%2fb",
            "a%5Cb",
            "%252e%252e",
        ),
        *("%25252e%25252e", "a%00b", "\ud800", "x" * 256, "가" * 86, "/".join("a" * 65)),
    ],
)
def test_what_could_climb_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="Invalid path"):
        RelPath.parse(text)
    with pytest.raises(InvalidValue):
        RelPath.parse("a") / text


@pytest.mark.parametrize("text", ["", "."])
def test_the_root_is_the_empty_path(text: str) -> None:
    assert RelPath.parse(text) == RelPath()
    assert (str(RelPath()), RelPath().name) == ("", "")


@pytest.mark.parametrize(
    "text", ["100%", "50% off", "%zz", "images/a#b%step%1%timestamp%17%id.png", "~", "$HOME", "..."]
)
def test_a_percent_sign_or_odd_name_that_does_no_harm_is_data(text: str) -> None:
    assert str(RelPath.parse(text)) == text


@given(st.lists(st.from_regex(r"[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,20}", fullmatch=True), max_size=5))
def test_a_local_location_survives_its_uri(names: list[str]) -> None:
    if ".." in names or any(unquote(name) != name for name in names):
        return
    path = Path("/", *names)
    location = Location.parse(str(path))
    assert location.local == path
    assert Location.parse(str(location)) == location


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s3://bucket/a b", ("s3", "bucket", "/a b")),
        ("S3://bucket/x", ("s3", "bucket", "/x")),
        ("mlflow-artifacts:/0/r/artifacts", ("mlflow-artifacts", "", "/0/r/artifacts")),
        ("file:///tmp/내%20것", ("file", "", "/tmp/내 것")),
        ("file://localhost/tmp", ("file", "", "/tmp")),
        ("/tmp/%20", ("file", "", "/tmp/%20")),
        ("rel/dir", ("file", "", "/base/rel/dir")),
        ("./mlruns", ("file", "", "/base/mlruns")),
        ("file:rel", ("file", "", "/base/rel")),
    ],
)
def test_locations(text: str, parts: tuple[str, str, str]) -> None:
    found = Location.parse(text, base=Path("/base"))
    assert (found.scheme, found.authority, found.path) == parts
    assert Location.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "a\nb", "../x", "/a/../b", "file:///a/../b", "file:///a/%2e%2e/b", "s3://b/%2e%2e/x", "s3://b/../x"),
        *("s3://b/x?y=1", "s3://b/x#f", "s3://u:p@b/x", "s3://u@b/x", "s3://b/x;y", "file://host/x", "http://[/x"),
        *("file:///a?b", "file:///a#b", "file:///a%00b", "file:///a%0ab", "/a\ud800"),
    ],
)
def test_a_location_that_could_mislead_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Location.parse(text, base=Path("/base"))


def test_a_relative_location_needs_a_base() -> None:
    with pytest.raises(InvalidValue, match="relative"):
        Location.parse("a/b")


@given(PATHS)
def test_a_location_is_refused_or_says_what_will_be_opened(text: str) -> None:
    for prefix in ("", "/", "file:", "file://", "file:///", "s3://bucket/"):
        try:
            location = Location.parse(prefix + text, base=Path("/base"))
        except InvalidValue:
            continue
        assert ".." not in location.path.split("/")
        if location.local is not None:
            assert location.local.is_absolute()
            assert "\0" not in location.path
            assert Location.parse(str(location)).local == location.local


def test_going_below_a_location() -> None:
    root = Location.parse("/tmp/내 것")
    assert str(root / "a b/c%d") == "file:///tmp/" + quote("내 것") + "/a%20b/c%25d"
    assert str(Location.parse("s3://b/x/") / "y z") == "s3://b/x/y%20z"
    assert root / RelPath() == root
    with pytest.raises(InvalidValue):
        root / ".."
