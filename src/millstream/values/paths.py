"""`RelPath` and `Location`: the only way a path or URI from outside enters the system.

Each is parsed once; what was parsed is what is stored and opened, never the string again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from millstream.values.errors import InvalidValue

MAX_SEGMENTS = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WINDOWS_DRIVE = re.compile(r"[a-zA-Z]:")
_CONTAINERS = ("wasbs", "abfss")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*:")


class RelPath(Struct, frozen=True, order=True):
    """A path below some root: a tuple of plain segments, never climbing, never absolute. () is the root itself."""

    segments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, *, what: str = "path") -> RelPath:
        """Parse ``a/b/c``; raise InvalidValue for anything that could lead elsewhere than below the root.

        ``""`` and ``"."`` are the root. A percent sign is data here: an HTTP layer decodes once, before.
        """
        if text in ("", "."):
            return cls()
        segments = text.split("/")
        if len(segments) > MAX_SEGMENTS:
            raise InvalidValue(
                f"Invalid path: the {what} has {len(segments)} parts; at most {MAX_SEGMENTS} are allowed."
            )
        for segment in segments:
            _check_segment(segment, text, what)
        return cls(tuple(segments))

    def __str__(self) -> str:
        return "/".join(self.segments)

    def __truediv__(self, other: RelPath | str) -> RelPath:
        below = RelPath.parse(other) if isinstance(other, str) else other
        return RelPath(self.segments + below.segments)

    @property
    def name(self) -> str:
        """Last segment, "" for the root."""
        return self.segments[-1] if self.segments else ""


def _check_segment(segment: str, text: str, what: str) -> None:
    reason = None
    if segment in ("", ".", ".."):
        reason = "has an empty, '.' or '..' part"
    elif "\\" in segment or _CONTROL.search(segment):
        reason = "has a backslash or control character"
    elif _WINDOWS_DRIVE.match(segment):
        reason = "looks like a drive letter"
    elif "%" in segment and _decodes_to_trouble(segment):
        reason = "has a percent-escape that stands for a separator or a dot part"
    elif not _is_text(segment):
        reason = "is not valid text"
    elif len(segment.encode()) > 255:
        reason = "has a part of over 255 bytes"
    if reason:
        raise InvalidValue(f"Invalid path: the {what} {text[:200]!r} {reason}. Use plain names joined by '/'.")


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _decodes_to_trouble(segment: str) -> bool:
    for _ in range(8):
        decoded = unquote(segment)
        if decoded == segment:
            return False
        # Control characters are let through here: MLflow's own image names hold such as "%timestamp%17…".
        if decoded in ("", ".", "..") or "/" in decoded or "\\" in decoded or "\0" in decoded:
            return True
        segment = decoded
    return True


class Location(Struct, frozen=True):
    """Where artifacts live: a scheme, an authority (host or bucket) and a path. ``file`` has an absolute local path."""

    scheme: str
    authority: str
    path: str

    @classmethod
    def parse(cls, text: str, *, base: Path | None = None) -> Location:
        """Parse a URI or a local path; a relative local path is taken from `base` (required then).

        Refuses query, fragment, user names and passwords in the URI, and `..` in its path.
        """
        return _parsed(text, base)

    @classmethod
    def _read(cls, text: str, base: Path | None) -> Location:
        if not text or _CONTROL.search(text):
            raise InvalidValue(f"{text!r} is not a location: give a directory or a URI such as s3://bucket/dir.")
        if not _SCHEME.match(text) or (_WINDOWS_DRIVE.match(text[:2]) and len(text.split(":")[0]) == 1):
            return cls._local(text, base)
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise InvalidValue(f"{text!r} is not a valid URI: {error}.") from error
        # Azure writes <container>@<account>: no user of anything.
        login = "@" in parts.netloc and (parts.scheme.lower() not in _CONTAINERS or ":" in parts.netloc)
        if parts.query or parts.fragment or login or ";" in parts.path:
            raise InvalidValue(f"The location {text!r} must not have a query, fragment, parameters or credentials.")
        if ".." in unquote(parts.path).split("/"):
            raise InvalidValue(f"The location {text!r} must not contain '..'.")
        if parts.scheme.lower() == "file":
            if parts.netloc not in ("", "localhost"):
                raise InvalidValue(f"The file URI {text!r} names the host {parts.netloc!r}; use file:///absolute/path.")
            return cls._local(unquote(parts.path), base)
        return cls(parts.scheme.lower(), parts.netloc, parts.path)

    @classmethod
    def _local(cls, text: str, base: Path | None) -> Location:
        # Seen here once more, because a file: URI was decoded just now.
        if _CONTROL.search(text) or not _is_text(text):
            raise InvalidValue(f"The location {text!r} has a control character or half of a character.")
        path = Path(text)
        if not path.is_absolute():
            if base is None:
                raise InvalidValue(f"The location {text!r} is relative; give an absolute path or a URI.")
            path = base / path
        if ".." in path.parts:
            raise InvalidValue(f"The location {text!r} must not contain '..'.")
        return cls("file", "", path.as_posix())

    @property
    def local(self) -> Path | None:
        """The directory on this machine, None for a remote location."""
        return Path(self.path) if self.scheme == "file" else None

    def __str__(self) -> str:
        if self.scheme == "file":
            return "file://" + quote(self.path)
        return f"{self.scheme}:{'//' + self.authority if self.authority else ''}{self.path}"

    def __truediv__(self, below: RelPath | str) -> Location:
        relative = RelPath.parse(below) if isinstance(below, str) else below
        if not relative.segments:
            return self
        tail = str(relative) if self.scheme == "file" else quote(str(relative))
        return Location(self.scheme, self.authority, f"{self.path.rstrip('/')}/{tail}")


# A server is asked for the same few places again and again.
@lru_cache(maxsize=1024)
def _parsed(text: str, base: Path | None) -> Location:
    return Location._read(text, base)
