"""A server's refusal → the error that it stands for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from millstream.values import errors
from millstream.values.errors import MillstreamError

KIND = "Millstream-Error"
"""Header with the name of an error that shares its code with others. MLflow's servers and clients do not know it."""

_KNOWN: tuple[type[MillstreamError], ...] = (
    errors.InvalidValue,
    errors.BadRequest,
    errors.AlreadyExists,
    errors.NotFound,
    errors.EndpointNotFound,
    errors.NotPermitted,
    errors.NotSupported,
    errors.TooMany,
    errors.Unavailable,
    errors.OutOfTime,
    errors.StorageFailed,
    errors.DataDamaged,
)
_CODES: dict[str, type[MillstreamError]] = {
    **{kind.error_code: kind for kind in _KNOWN},
    "INVALID_STATE": errors.InvalidState,
    "UNAUTHENTICATED": errors.NotPermitted,
}
_STATUSES: dict[int, type[MillstreamError]] = {
    400: errors.BadRequest,
    401: errors.NotPermitted,
    403: errors.NotPermitted,
    404: errors.EndpointNotFound,
    405: errors.EndpointNotFound,
    413: errors.TooLarge,
    415: errors.NotReadable,
    422: errors.KeyReused,
    429: errors.TooMany,
    501: errors.NotSupported,
    503: errors.Unavailable,
    504: errors.OutOfTime,
}
_KINDS: dict[str, type[MillstreamError]] = {
    kind.__name__: kind
    for kind in (errors.InvalidState, errors.KeyReused, errors.TooLarge, errors.NotReadable, errors.NoRoom)
}
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
# The server has looked, and will not say otherwise in a moment.
_FINAL = frozenset({"IO_ERROR", "DATA_LOSS", "DEADLINE_EXCEEDED", "NOT_IMPLEMENTED"})
_LOGIN = (
    "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or put user:password@ into "
    "the address."
)


def kind_of(error: MillstreamError) -> str | None:
    """The word for `KIND` of a reply that stands for `error`; None where the code says it."""
    return next((name for name, kind in _KINDS.items() if type(error) is kind), None)


def may_work_later(status: int, body: bytes) -> bool:
    """Whether the same request may be answered otherwise a little later."""
    return status in _AGAIN and _code_and_message(body)[0] not in _FINAL


def error_of(status: int, headers: Mapping[str, str | None], body: bytes, place: str) -> MillstreamError:
    """The error that a reply stands for, with the server's words; `place` is the server and what it was asked."""
    code, message = _code_and_message(body)
    kind = _KINDS.get(headers.get(KIND) or "") or _CODES.get(code) or _STATUSES.get(status)
    if status == 422 and code == errors.KeyReused.error_code:
        kind = errors.KeyReused
    if status == 401:
        # Ours says how to log in, or that the login is wrong.
        advice = message if code == "UNAUTHENTICATED" else f"{message} {_LOGIN}".strip()
        return errors.NotPermitted(f"{place} wants a login. {advice}")
    if kind is None and status < 500:
        what = message or "without a reason; is it an MLflow server, and is a login page or proxy before it?"
        return errors.BadRequest(f"{place} answered {status}: {what}")
    if kind is None:
        return MillstreamError(message or f"{place} answered {status} without a reason.", code or None)
    if kind is errors.EndpointNotFound and not code:
        message = ""
    return kind(message or f"{place} answered {status} without a reason; is it an MLflow server?")


def reason_of(body: bytes) -> str:
    """The server's words, "" when it has none that can be read."""
    return _code_and_message(body)[1]


def _code_and_message(body: bytes) -> tuple[str, str]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    code, message = found.get("error_code"), found.get("message")
    return code if isinstance(code, str) else "", message[:4000] if isinstance(message, str) else ""
