"""Signed addresses of S3: whoever has one may do one thing with one object, for some time.

AWS Signature Version 4 in the query string, as in "Authenticating Requests: Using Query Parameters" of S3's reference.
"""

from __future__ import annotations

import configparser
import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from millstream.values.paths import Location
from millstream.values.settings import setting

_ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(Struct, frozen=True):
    """What an account signs with; `session` goes with keys that expire."""

    id: str
    secret: str
    session: str = ""

    def __repr__(self) -> str:
        return "Keys(***)"


def find_keys(environ: Mapping[str, str] = os.environ) -> Keys | None:
    """The keys in the environment, else those of the profile AWS_PROFILE in ~/.aws/credentials; None without either.

    Where there are none, a machine of a cloud may still have a role; that is asked for by whoever talks to S3.
    """
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        token = environ.get("AWS_SESSION_TOKEN", "")
        return Keys(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
    profile = _profile("AWS_SHARED_CREDENTIALS_FILE", "credentials", environ)
    if not profile.get("aws_access_key_id") or not profile.get("aws_secret_access_key"):
        return None
    return Keys(profile["aws_access_key_id"], profile["aws_secret_access_key"], profile.get("aws_session_token", ""))


def find_region(environ: Mapping[str, str] = os.environ) -> str:
    """AWS_REGION, AWS_DEFAULT_REGION, the region of the profile in ~/.aws/config, or us-east-1."""
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return named or _profile("AWS_CONFIG_FILE", "config", environ).get("region") or "us-east-1"


def _profile(variable: str, file: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    path = Path(environ.get(variable) or Path(environ.get("HOME", "/"), ".aws", file))
    name = environ.get("AWS_PROFILE", "default")
    parsed = configparser.RawConfigParser()
    try:
        parsed.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
    found = next((section for section in (name, f"profile {name}") if parsed.has_section(section)), None)
    return dict(parsed.items(found)) if found else {}


def can_sign(location: Location) -> bool:
    """Whether addresses of what lies at `location` can be, and are to be, signed here."""
    return location.scheme == "s3" and bool(setting("SIGN_ADDRESSES")) and find_keys() is not None


def sign(
    method: str, address: str, keys: Keys, region: str, *, at: datetime, seconds: int, query: Mapping[str, str] = {}
) -> str:
    """`address` (scheme, host and percent-encoded path) signed for `method` and `query`, good for `seconds` after `at`.

    The body is not signed: it is not known when the address is handed out. `at` is in UTC.
    """
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    day, moment = f"{at:%Y%m%d}", f"{at:%Y%m%dT%H%M%SZ}"
    scope = f"{day}/{region}/s3/aws4_request"
    fields = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.id}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": keys.session} if keys.session else {}),
    }
    ordered = "&".join(f"{quote(name, safe='')}={quote(fields[name], safe='')}" for name in sorted(fields))
    request = f"{method}\n/{path}\n{ordered}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{keys.secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _mac(key, part)
    return f"{scheme}://{host}/{path}?{ordered}&X-Amz-Signature={_mac(key, text).hex()}"


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
