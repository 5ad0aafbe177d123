"""Passwords and tokens in the form in which they are kept, from which they cannot be told.

A password is kept as ``scrypt$<log2 n>$<r>$<p>$<salt>$<key>`` (RFC 7914; salt and key in base64), with the figures of
OWASP's Password Storage Cheat Sheet for 16 MiB. A token has 256 random bits, so that one SHA-256 of it is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

from millstream.values.secrets import Secret

LOG_N, R, P = 14, 8, 5
_SALT, _KEY = 16, 32

TOKEN_PREFIX = "mst_"


def hash_password(password: Secret) -> str:
    """`password` as it is kept; takes some tenths of a second and 16 MiB."""
    salt = secrets.token_bytes(_SALT)
    key = _key(password, salt, LOG_N, R, P)
    return f"scrypt${LOG_N}${R}${P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def is_password(password: Secret, kept: str) -> bool:
    """Whether `password` is the one that is kept."""
    _, log_n, r, p, salt, key = kept.split("$")
    return hmac.compare_digest(_key(password, b64decode(salt), int(log_n), int(r), int(p)), b64decode(key))


NOBODYS = f"scrypt${LOG_N}${R}${P}${b64encode(bytes(_SALT)).decode()}${b64encode(bytes(_KEY)).decode()}"
"""What is compared with where there is no such user: it takes the same time, and no password is this one."""


def _key(password: Secret, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    text = password.reveal().encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=2**log_n, r=r, p=p, maxmem=2**log_n * r * 256, dklen=_KEY)


def new_token() -> Secret:
    """A token that nobody has had or will guess."""
    return Secret(TOKEN_PREFIX + secrets.token_urlsafe(32))


def hash_token(token: Secret) -> str:
    """`token` as it is kept, and looked for."""
    return hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).hexdigest()
