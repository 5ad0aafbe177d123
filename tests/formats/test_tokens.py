"""Page tokens."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.tokens import decode_token, encode_token
from millstream.values.errors import InvalidValue


@given(st.integers(0, 2**63 - 1))
def test_round_trip(offset: int) -> None:
    assert decode_token(encode_token(offset)) == offset


def test_is_mlflows_form() -> None:
    assert json.loads(base64.b64decode(encode_token(7))) == {"offset": 7}
    assert decode_token(base64.b64encode(b'{"offset": 1000}').decode()) == 1000


def test_no_token_is_the_first_page() -> None:
    assert decode_token(None) == decode_token("") == 0


@pytest.mark.parametrize("text", ["%%%", "abc", "한글", " ", "e30"])
def test_bad_base64(text: str) -> None:
    with pytest.raises(InvalidValue, match="could not base64-decode"):
        decode_token(text)


@pytest.mark.parametrize(
    "data", [b"{}", b"[1]", b"\xff\xfe", b'{"offset": "1"}', b'{"offset": true}', b'{"offset": 1.5}',
             b'{"offset": -1}', b'{"offset": 9223372036854775808}', b'{"offset": 1' + b"0" * 5000 + b"}"]
)  # fmt: skip
def test_bad_content(data: bytes) -> None:
    with pytest.raises(InvalidValue, match="Invalid page token"):
        decode_token(base64.b64encode(data).decode())


@given(st.text())
def test_any_text_decodes_or_is_refused(text: str) -> None:
    try:
        assert decode_token(text) >= 0
    except InvalidValue:
        pass
