"""`models:` URIs."""

from __future__ import annotations

import pytest

from millstream.formats.model_uris import ModelUri, parse_model_uri
from millstream.values.errors import InvalidValue
from millstream.values.paths import RelPath

ID = "m-" + "0af" * 10 + "12"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"models:/{ID}", ModelUri(model_id=ID)),
        (f"models:/{ID}/a/b.txt", ModelUri(model_id=ID, path=RelPath(("a", "b.txt")))),
        ("models:/m-other/data", ModelUri(model_id="m-other", path=RelPath(("data",)))),
        ("models:/m-other/3", ModelUri(name="m-other", version=3)),
        ("models:/분류 v1.0/3", ModelUri(name="분류 v1.0", version=3)),
        ("models:///a/3/", ModelUri(name="a", version=3)),
        ("models:/a/3/data/w", ModelUri(name="a", version=3, path=RelPath(("data", "w")))),
        ("models:/a/staging", ModelUri(name="a", stage="Staging")),
        ("models:/a/None", ModelUri(name="a", stage="None")),
        ("models:/a/Latest", ModelUri(name="a", alias="latest")),
        ("models:/a@챔프", ModelUri(name="a", alias="챔프")),
        ("models:/a@latest", ModelUri(name="a", alias="latest")),
        ("models:/a@b@champ/w", ModelUri(name="a@b", alias="champ", path=RelPath(("w",)))),
        ("models:/a@b/1", ModelUri(name="a@b", version=1)),
    ],
)
def test_what_a_uri_names(text: str, expected: ModelUri) -> None:
    assert parse_model_uri(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "models:",
        "models:/",
        "models:/a",
        "models:/a/b",
        "models:/a/1/../b",
        "models:/../1",
        "models:/a@v1",
        "models:/a@b c",
        "models:/@champ",
        "models:/a/99999999999",
        f"models:/{ID}/../x",
    ],
)
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_model_uri(text)
