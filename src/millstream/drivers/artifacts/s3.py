"""Artifacts in a bucket of S3: what clients may reach by themselves, and uploads in parts that can go on.

The parts of an upload are with S3. Which upload it is, is written beside the object that it will be, in an object
``.millstream-part-<id>`` that goes with its end: so any process, and any replica, goes on with it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime

import obstore
import obstore.exceptions

from millstream.drivers.artifacts import s3_parts
from millstream.drivers.artifacts.base import Part, Plan, Resumed
from millstream.drivers.artifacts.leftovers import FORGOTTEN_SECONDS, TEMPORARY, name_upload
from millstream.drivers.artifacts.objects import ObjectArtifacts, refusing
from millstream.values.addresses import Signed
from millstream.values.errors import InvalidValue, MillstreamError, NotFound
from millstream.values.paths import RelPath


class S3Artifacts(ObjectArtifacts):
    """Files in a bucket of S3, which clients may reach by themselves with addresses that were signed for them."""

    def sign(self, method: str, path: RelPath, seconds: int) -> Signed:
        """An address for GET or PUT of `path`, good for `seconds`."""
        size = self.facts(path).size if method == "GET" else None
        return Signed(s3_parts.sign_object(self.bucket, method, self.file_key(path), seconds), {}, size)

    def begin_parts(self, path: RelPath, count: int, seconds: int) -> tuple[str, list[Signed]]:
        """Begin to write `path` in `count` parts."""
        key = self.file_key(path)
        upload = s3_parts.begin(self.bucket, key, count)
        return upload, s3_parts.sign_parts(self.bucket, key, upload, count, seconds)

    def resume_parts(self, path: RelPath, plan: Plan, seconds: int) -> Resumed:
        """Begin to write `path`, or go on; of what broke off more than a day ago in its directory the parts go."""
        key = self.file_key(path)
        note = self._note(path, plan.token)
        self._sweep(path)
        found = self._find(note, key)
        if found is None:
            upload, parts = s3_parts.begin(self.bucket, key, plan.count), list[Part]()
            with refusing("write", self.where(path)):
                obstore.put(self.bucket.store, note, f"{upload}\n{key}".encode(), use_multipart=False)
        else:
            upload, there = found
            parts = [part for part in there if part.number <= plan.count]
        return upload, s3_parts.sign_parts(self.bucket, key, upload, plan.count, seconds), parts

    def part(self, path: RelPath, upload_id: str, number: int, size: int, sha256: str) -> s3_parts.SentPart:
        """Pass a part on to S3, as it comes."""
        return s3_parts.SentPart(self.bucket, self.file_key(path), upload_id, number, size, sha256)

    def complete_parts(
        self, path: RelPath, upload_id: str, etags: dict[int, str], *, token: str = "", sha256: str = ""
    ) -> None:
        """Put the file in its place. S3 compares the ETags of the parts; a hash of the whole it does not know."""
        key = self.file_key(path)
        try:
            s3_parts.complete(self.bucket, key, upload_id, etags)
        except NotFound:
            # Asked again because the answer was lost: the object is the one that these parts make.
            with suppress(MillstreamError, ValueError):
                if self.facts(path).etag.strip('"') == _whole(etags):
                    return
            raise
        if token:
            self._remove(self._note(path, token))

    def abort_parts(self, path: RelPath, upload_id: str, *, token: str = "") -> None:
        """Forget the upload."""
        s3_parts.abort(self.bucket, self.file_key(path), upload_id)
        if token:
            self._remove(self._note(path, token))

    def _note(self, path: RelPath, token: str) -> str:
        return self.key(RelPath((*path.segments[:-1], TEMPORARY + name_upload(token, path))))

    def _find(self, note: str, key: str) -> tuple[str, list[Part]] | None:
        """The upload that a note is about, and its parts; None when it is over."""
        try:
            upload, _, noted = bytes(obstore.get(self.bucket.store, note).bytes()).decode().partition("\n")
            return (upload, s3_parts.parts_of(self.bucket, key, upload)) if noted == key else None
        except (FileNotFoundError, NotFound, InvalidValue):
            return None

    def _sweep(self, path: RelPath) -> None:
        prefix = self.key(RelPath(path.segments[:-1]))
        with refusing("list", self.where(path)):
            found = obstore.list_with_delimiter(self.bucket.store, prefix or None)["objects"]
        now = datetime.now(UTC)
        for item in found:
            left = item["path"].rpartition("/")[2].startswith(TEMPORARY)
            if left and (now - item["last_modified"]).total_seconds() > FORGOTTEN_SECONDS:
                self._forget(item["path"], now)

    def _forget(self, note: str, now: datetime) -> None:
        """Remove the upload that a note is about, unless a part of it came within a day."""
        with suppress(MillstreamError, OSError, ValueError):
            upload, _, key = bytes(obstore.get(self.bucket.store, note).bytes()).decode().partition("\n")
            with suppress(NotFound):
                last = s3_parts.last_change(self.bucket, key, upload)
                if last is not None and (now - last).total_seconds() <= FORGOTTEN_SECONDS:
                    return
                s3_parts.abort(self.bucket, key, upload)
            self._remove(note)

    def _remove(self, key: str) -> None:
        with suppress(OSError, obstore.exceptions.BaseError):
            obstore.delete(self.bucket.store, key)


def _whole(etags: dict[int, str]) -> str:
    """What S3 calls an object made of parts: the MD5 of their MD5s, and how many they are."""
    sums = b"".join(bytes.fromhex(etags[number].strip('"')) for number in sorted(etags))
    return f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(etags)}"
