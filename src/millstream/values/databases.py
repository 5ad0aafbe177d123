"""URIs of databases: which kind, where, and how to name one without its password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import Location

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ARTIFACTS = "mlartifacts"
_SCHEME = re.compile(r"([a-z][a-z0-9]*)(?:\+([a-z0-9_]+))?:", re.IGNORECASE)
_KINDS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "postgres": POSTGRESQL}
_OTHER_DATABASES = {"mysql": "MySQL", "mariadb": "MariaDB", "mssql": "SQL Server", "oracle": "Oracle"}
# Up to the last @: a password may hold anything, and hiding too much does no harm.
_CREDENTIALS = re.compile(r"(?<=://)\S*@")
_SECRET_QUERY = re.compile(r"(?<=[?&])((?:ssl)?password|passfile|sslkey)=[^&\s]*", re.IGNORECASE)


class DatabaseUri(Struct, frozen=True):
    """A database. `text` opens it and may hold a password: show `public` instead. `path` is a SQLite file, absolute."""

    kind: str
    text: str
    path: Path | None = None

    @classmethod
    def parse(cls, text: str, base: Path) -> DatabaseUri | None:
        """Read ``sqlite:///relative``, ``sqlite:////absolute`` or ``postgresql://…``; None for URIs of no database.

        A relative file is taken from `base`. NotSupported for other databases, InvalidValue for no database at all.
        """
        match = _SCHEME.match(text)
        scheme = match[1].lower() if match else ""
        if scheme in _OTHER_DATABASES:
            raise NotSupported(
                f"{hidden(text)!r}: {_OTHER_DATABASES[scheme]} is not supported; use SQLite or PostgreSQL."
            )
        if match is None or scheme not in _KINDS:
            return None
        if _KINDS[scheme] == POSTGRESQL:
            return cls(POSTGRESQL, _postgresql(text, match.end()))
        path = _sqlite_path(text, match.end(), base)
        return cls(SQLITE, f"sqlite:///{path.as_posix()}", path)

    @property
    def public(self) -> str:
        """The URI for people and logs: user name and password are hidden."""
        return hidden(self.text) if self.path is None else self.text  # An @ in a path hides nothing.

    def artifact_root(self, named: str | None, base: Path) -> Location:
        """Where new experiments keep artifacts: `named`, else `mlartifacts` beside the SQLite file or in `base`."""
        if named:
            return Location.parse(named, base=base)
        folder = base if self.path is None else self.path.parent
        return Location("file", "", (folder / ARTIFACTS).as_posix())


def hidden(text: str) -> str:
    """`text` with the user name and password of every URI in it hidden."""
    return _SECRET_QUERY.sub(r"\1=***", _CREDENTIALS.sub("***@", text))


def _postgresql(text: str, end: int) -> str:
    # The driver that a URI names is not asked: there is one here.
    plain = f"postgresql:{text[end:]}"
    try:
        parts = urlsplit(plain)
        complete = plain.startswith("postgresql://") and len(parts.path) > 1 and parts.port != 0
    except ValueError as error:
        raise InvalidValue(f"{hidden(text)!r} is not a valid URI: {hidden(str(error))}.") from error
    if not complete:
        raise InvalidValue(f"{hidden(text)!r} names no database; write postgresql://user:password@host:5432/database.")
    return plain


def _sqlite_path(text: str, end: int, base: Path) -> Path:
    if not text[end:].startswith("///") or "?" in text or "#" in text:
        raise InvalidValue(
            f"{text!r} names no SQLite file; write sqlite:///relative/file.db or sqlite:////absolute/file.db."
        )
    name = text[end + 3 :]
    if name in ("", ":memory:"):
        raise InvalidValue(f"{text!r}: a database in memory would be gone with this process; name a file.")
    # Read as a location, so that the same rules hold as for every other path from outside.
    found = Location.parse(name if _is_plain(name) else "./" + name, base=base).local
    assert found is not None
    return found


def _is_plain(name: str) -> bool:
    return Path(name).is_absolute() or ":" not in unquote(name)
