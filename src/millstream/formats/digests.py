"""Checksums of what is sent, as HTTP headers say them: ``sha-256=:<base64>:`` (RFC 9530, RFC 8941)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from millstream.values.errors import InvalidValue

CONTENT = "Content-Digest"
"""Header: the checksum of the body as it is sent."""
WHOLE = "Repr-Digest"
"""Header: the checksum of the whole file, of which the body may be a part."""
WANTED = "Want-Repr-Digest"
"""Header: a caller would like to have `WHOLE`."""
SHA256 = re.compile(r"[0-9a-f]{64}")
_ENTRY = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):\s*(?:$|[,;])")


def sha256(data: bytes | bytearray | memoryview) -> str:
    """The SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def print_digest(digest: str) -> str:
    """The value of a header for a SHA-256 in hexadecimal."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"


def parse_digest(text: str | None) -> str | None:
    """The SHA-256 in hexadecimal that a header says; None when it says none. InvalidValue for what is no checksum."""
    found = _ENTRY.search(text or "")
    if found is None:
        return None
    try:
        raw = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise InvalidValue(f"{(text or '')[:100]!r} is no SHA-256; write sha-256=:<base64 of 32 bytes>:")
    return raw.hex()
