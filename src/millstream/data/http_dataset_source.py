"""A file on the web."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from millstream.data.dataset_source import DatasetSource
from millstream.tracking.context import without_password
from millstream.values.errors import InvalidValue, NotFound

TIMEOUT = 60


class HTTPDatasetSource(DatasetSource):
    """A URL. A user name and password in it are left out: they have no business in a record of a run."""

    def __init__(self, url: str) -> None:
        """Name the place; InvalidValue when it is not http:// or https://."""
        if urlsplit(url).scheme.lower() not in ("http", "https"):
            raise InvalidValue(f"{url!r} is not an http:// or https:// URL.")
        self.url = without_password(url)

    def _get_source_type(self) -> str:
        return "http"

    def load(self, dst_path: str | None = None) -> str:
        """The path of a copy of the file, below `dst_path` or in a temporary directory; NotFound when it fails."""
        name = Path(unquote(urlsplit(self.url).path)).name or "data"
        folder = Path(dst_path) if dst_path is not None else Path(tempfile.mkdtemp(prefix="millstream-"))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with urlopen(Request(self.url), timeout=TIMEOUT) as reply, (folder / name).open("wb") as file:
                shutil.copyfileobj(reply, file)
        except (URLError, OSError) as error:
            raise NotFound(f"{self.url} cannot be fetched: {error}.") from error
        return str(folder / name)

    def to_dict(self) -> dict[str, Any]:
        """``{"url": …}``."""
        return {"url": self.url}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> HTTPDatasetSource:
        """The source that `to_dict` described."""
        return cls(str(fields["url"]))
