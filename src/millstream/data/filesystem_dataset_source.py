"""Files and directories: on this machine, or in a store of objects by URI."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from millstream.data.dataset_source import DatasetSource
from millstream.tracking.artifacts import download_artifacts
from millstream.values.errors import InvalidValue

LOCAL = "local"
# The kinds that MLflow names after their schemes, besides files of this machine.
REMOTE = frozenset({"s3", "r2", "b2", "gs", "wasbs", "abfss", "ftp", "sftp", "hdfs", "viewfs"})


class FileSystemDatasetSource(DatasetSource):
    """A file or directory, by path or URI."""

    def __init__(self, uri: str) -> None:
        """Name the place; InvalidValue for a scheme that is none of a file store."""
        self.uri = uri
        self._kind = kind_of(uri)

    def _get_source_type(self) -> str:
        return self._kind

    def load(self, dst_path: str | None = None) -> str:
        """The local path of the file or directory; copied or fetched below `dst_path` when given.

        NotFound when it is not there, NotSupported where this version cannot reach the store.
        """
        return download_artifacts(self.uri, dst_path=dst_path)

    def to_dict(self) -> dict[str, Any]:
        """``{"uri": …}``."""
        return {"uri": self.uri}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> FileSystemDatasetSource:
        """The source that `to_dict` described."""
        return cls(str(fields["uri"]))


def kind_of(uri: str) -> str:
    """``local`` for a path or a file: URI, else the scheme; InvalidValue for one of no file store."""
    scheme = urlsplit(uri).scheme.lower()
    if scheme in ("", "file") or len(scheme) == 1:  # One letter is a drive.
        return LOCAL
    if scheme not in REMOTE:
        raise InvalidValue(
            f"{uri!r} cannot be the source of a dataset; use a path, http(s)://…, or one of "
            f"{', '.join(f'{name}://…' for name in sorted(REMOTE))}."
        )
    return scheme
