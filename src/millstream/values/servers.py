"""Addresses of tracking servers: where one is, and how to name it without its password."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from millstream.values.databases import hidden
from millstream.values.errors import InvalidValue
from millstream.values.secrets import Secret

SCHEMES = ("http", "https")


class ServerUri(Struct, frozen=True):
    """A server. `text` reaches it and may hold a password: show `public` instead. `path` stands before every route."""

    text: str
    public: str
    secure: bool
    host: str
    port: int | None
    path: str
    user: str | None = None
    password: Secret | None = None

    @classmethod
    def parse(cls, text: str) -> ServerUri:
        """Read ``http://host:port/path`` or https, with ``user:password@`` or not; InvalidValue for anything else."""
        public = hidden(text).rstrip("/")
        if any(character.isspace() or not character.isprintable() for character in text):
            raise InvalidValue(f"{public!r} is no server's address: it has a space or a control character.")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise InvalidValue(f"{public!r} is not a valid address: {hidden(str(error))}.") from error
        if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
            raise InvalidValue(f"{public!r} is no server's address; write http://host:5000 or https://host.")
        return cls(
            text=text.rstrip("/"),
            public=public,
            secure=parts.scheme == "https",
            host=parts.hostname,
            port=port,
            path=quote(parts.path.rstrip("/"), safe="/%~!$&'()*+,;=:@"),
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else Secret(unquote(parts.password)),
        )

    def __repr__(self) -> str:
        """Without the password."""
        return f"ServerUri({self.public!r})"

    @staticmethod
    def meant(text: str) -> bool:
        """Whether `text` is meant as such an address."""
        return text.partition(":")[0].lower() in SCHEMES and "://" in text

    @property
    def key(self) -> str:
        """Equal for addresses of the same server and user."""
        port = self.port or (443 if self.secure else 80)
        password = "" if self.password is None else self.password.reveal()
        return f"{self.secure} {self.host} {port} {self.path} {self.user} {password}"
