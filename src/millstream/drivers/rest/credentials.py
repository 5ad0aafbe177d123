"""Who a client is to a server, and which server it takes for the right one: logins and certificates."""

from __future__ import annotations

import ssl
from base64 import b64encode
from pathlib import Path

from millstream.values.errors import InvalidValue
from millstream.values.servers import ServerUri
from millstream.values.settings import setting, text_setting


def make_tls() -> ssl.SSLContext:
    """What certificates are checked and shown, as the settings say; InvalidValue for files that cannot be used."""
    insecure, authority = setting("TRACKING_INSECURE_TLS"), text_setting("TRACKING_SERVER_CERT_PATH")
    own = text_setting("TRACKING_CLIENT_CERT_PATH")
    if insecure and authority:
        raise InvalidValue(
            "MLFLOW_TRACKING_INSECURE_TLS takes any certificate, and MLFLOW_TRACKING_SERVER_CERT_PATH says which. "
            "Set one of them."
        )
    try:
        if authority and Path(authority).is_dir():
            context = ssl.create_default_context(capath=authority)
        else:
            context = ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise InvalidValue(f"MLFLOW_TRACKING_SERVER_CERT_PATH={authority!r} cannot be read: {error}.") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if own:
        try:
            context.load_cert_chain(own)
        except (OSError, ssl.SSLError) as error:
            raise InvalidValue(
                f"MLFLOW_TRACKING_CLIENT_CERT_PATH={own!r} cannot be used: {error}. It is a PEM file with a "
                "certificate and its key."
            ) from error
    return context


def login_of(server: ServerUri) -> str | None:
    """The Authorization header: of the address, else of the settings; None where nobody logs in."""
    if server.user is not None:
        password = "" if server.password is None else server.password.reveal()
        return _basic(server.user, password)
    user = text_setting("TRACKING_USERNAME")
    if user:
        return _basic(user, text_setting("TRACKING_PASSWORD") or "")
    token = text_setting("TRACKING_TOKEN")
    if token and not (token.isascii() and token.isprintable()):
        raise InvalidValue("MLFLOW_TRACKING_TOKEN has a character that no token has; was a line end copied with it?")
    return f"Bearer {token}" if token else None


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
