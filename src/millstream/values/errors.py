"""Every error Millstream raises on purpose, on one screen.

    MillstreamError                 INTERNAL_ERROR             500
    ├── InvalidValue                INVALID_PARAMETER_VALUE    400
    │   ├── InvalidState            INVALID_PARAMETER_VALUE    400   e.g. writing to a deleted run
    │   └── KeyReused               INVALID_PARAMETER_VALUE    422   one idempotency key for two requests
    ├── BadRequest                  BAD_REQUEST                400
    │   ├── TooLarge                BAD_REQUEST                413
    │   └── NotReadable             BAD_REQUEST                415   a body in an encoding that is not read
    ├── AlreadyExists               RESOURCE_ALREADY_EXISTS    400
    ├── NotFound                    RESOURCE_DOES_NOT_EXIST    404
    ├── EndpointNotFound            ENDPOINT_NOT_FOUND         404
    ├── NotPermitted                PERMISSION_DENIED          403
    ├── NotSupported                NOT_IMPLEMENTED            501
    ├── TooMany                     REQUEST_LIMIT_EXCEEDED     429
    ├── Unavailable                 TEMPORARILY_UNAVAILABLE    503
    ├── OutOfTime                   DEADLINE_EXCEEDED          504
    ├── StorageFailed               IO_ERROR                   500   the disk or database said no
    │   └── NoRoom                  IO_ERROR                   507
    ├── DataDamaged                 DATA_LOSS                  500   a file is not what it should be
    ├── MissingDependency           INTERNAL_ERROR             500   a package is not installed
    ├── ProjectFailed               INTERNAL_ERROR             500   a project could not be run
    └── UntrustedModel              PERMISSION_DENIED          403   loading would run unknown code

The codes and statuses are those of MLflow's REST interface. A message says what happened, with the
value, and what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class MillstreamError(Exception):
    """Base of all errors raised on purpose; `message` is one clear sentence or two.

    `told` is the same for callers of a server, who are not told where on its machine things are.
    """

    error_code: ClassVar[str] = "INTERNAL_ERROR"
    http_status: ClassVar[int] = 500

    def __init__(
        self, message: object, error_code: object = None, *, told: str | None = None, **_context: object
    ) -> None:
        """Keep `message`; `told` is needed when that names a place. Code that raises MlflowException gives the rest."""
        super().__init__(str(message))
        self.message = str(message)
        self.told = self.message if told is None else told
        if isinstance(error_code, str):
            self.error_code = error_code  # type: ignore[misc]

    def get_http_status_code(self) -> int:
        """HTTP status that stands for this error on the wire."""
        return self.http_status


class InvalidValue(MillstreamError):
    """A value from outside breaks a rule."""

    error_code = "INVALID_PARAMETER_VALUE"
    http_status = 400


class InvalidState(InvalidValue):
    """The thing exists, but what was asked is not allowed in its present state."""


class KeyReused(InvalidValue):
    """The idempotency key belongs to another request, which was carried out."""

    http_status = 422


class BadRequest(MillstreamError):
    """A request that cannot be read at all."""

    error_code = "BAD_REQUEST"
    http_status = 400


class TooLarge(BadRequest):
    """A request that is longer than the server reads."""

    http_status = 413


class NotReadable(BadRequest):
    """A request whose body is in an encoding that the server does not read."""

    http_status = 415


class AlreadyExists(MillstreamError):
    """The name is taken."""

    error_code = "RESOURCE_ALREADY_EXISTS"
    http_status = 400


class NotFound(MillstreamError):
    """No such experiment, run, file or model."""

    error_code = "RESOURCE_DOES_NOT_EXIST"
    http_status = 404


class EndpointNotFound(MillstreamError):
    """No such route."""

    error_code = "ENDPOINT_NOT_FOUND"
    http_status = 404


class NotPermitted(MillstreamError):
    """The caller may not do this."""

    error_code = "PERMISSION_DENIED"
    http_status = 403


class NotSupported(MillstreamError):
    """A known request that this store or server cannot answer."""

    error_code = "NOT_IMPLEMENTED"
    http_status = 501


class Unavailable(MillstreamError):
    """It would work later; a retry helps."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    http_status = 503


class TooMany(MillstreamError):
    """More at once than the server takes on; a retry a little later helps."""

    error_code = "REQUEST_LIMIT_EXCEEDED"
    http_status = 429


class OutOfTime(MillstreamError):
    """It took longer than a caller may keep the server busy, and was ended."""

    error_code = "DEADLINE_EXCEEDED"
    http_status = 504


class StorageFailed(MillstreamError):
    """The disk or the database refused; nothing that was acknowledged before is lost."""

    error_code = "IO_ERROR"
    http_status = 500


class NoRoom(StorageFailed):
    """The disk is full; what was being written is not there."""

    http_status = 507


class DataDamaged(MillstreamError):
    """A stored file cannot be read as what it should be."""

    error_code = "DATA_LOSS"
    http_status = 500


class MissingDependency(MillstreamError):
    """A package that this feature needs is not installed; the message says how to install it."""


class ProjectFailed(MillstreamError):
    """A project could not be started, or its command failed."""


class UntrustedModel(MillstreamError):
    """Opening this model would run code that nobody has said may run."""

    error_code = "PERMISSION_DENIED"
    http_status = 403
