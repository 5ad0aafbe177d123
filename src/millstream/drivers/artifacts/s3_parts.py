"""Uploads to S3 in parts that somebody else sends: CreateMultipartUpload and what follows it, by signed addresses."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, unescape

from millstream.drivers.artifacts.base import Part
from millstream.drivers.artifacts.buckets import Bucket
from millstream.drivers.artifacts.signing import sign
from millstream.values.addresses import Signed
from millstream.values.errors import InvalidValue, NotFound, NotSupported, StorageFailed

_SECONDS = 60
_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_PART = re.compile(rb"<Part>.*?</Part>", re.DOTALL)
_CODE = re.compile(rb"<Code>(\w+)</Code>")
MOST_PARTS = 10_000


def sign_object(bucket: Bucket, method: str, key: str, seconds: int, query: Mapping[str, str] = {}) -> str:
    """A signed address of an object of S3; NotSupported where this process has no keys of its own to sign with."""
    if bucket.keys is None:
        raise NotSupported("This artifact store signs no addresses: no access key of S3 is known to this process.")
    address = bucket.address_of(key)
    return sign(method, address, bucket.keys, bucket.region, at=datetime.now(UTC), seconds=seconds, query=query)


def begin(bucket: Bucket, key: str, count: int) -> str:
    """The id of an upload of `count` parts."""
    if not 1 <= count <= MOST_PARTS:
        raise InvalidValue(f"num_parts is {count}; an upload has 1 to {MOST_PARTS} parts.")
    found = _ID.search(_ask(bucket, "POST", key, {"uploads": ""}))
    if found is None:
        raise StorageFailed(f"The bucket began no upload of {key!r}: it answered something else than S3 does.")
    return unescape(found[1].decode())


def sign_parts(bucket: Bucket, key: str, upload_id: str, count: int, seconds: int) -> list[Signed]:
    """Where each part is put."""
    numbered = ({"partNumber": str(number), "uploadId": upload_id} for number in range(1, count + 1))
    return [Signed(sign_object(bucket, "PUT", key, seconds, query)) for query in numbered]


def parts_of(bucket: Bucket, key: str, upload_id: str) -> list[Part]:
    """The parts that are there; NotFound when there is no such upload."""
    return [Part(int(number), int(size), etag) for number, etag, size, _ in _list(bucket, key, upload_id)]


def last_change(bucket: Bucket, key: str, upload_id: str) -> datetime | None:
    """When the newest part came; None without parts."""
    return max((moment for _, _, _, moment in _list(bucket, key, upload_id)), default=None)


def _list(bucket: Bucket, key: str, upload_id: str) -> Iterator[tuple[int, str, int, datetime]]:
    marker = "0"
    while marker:
        answer = _ask(bucket, "GET", key, {"uploadId": upload_id, "part-number-marker": marker})
        for part in _PART.findall(answer):
            number, etag, size, moment = (_field(part, name) for name in ("PartNumber", "ETag", "Size", "LastModified"))
            yield int(number), etag.strip('"'), int(size), datetime.fromisoformat(moment)
        following = _field(answer, "NextPartNumberMarker") if b"<IsTruncated>true<" in answer else ""
        marker = following if following != marker else ""


def _field(text: bytes, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), text)
    return unescape(found[1].decode(), {"&quot;": '"', "&#34;": '"'}) if found else ""


class SentPart:
    """A part on its way to S3, as it comes. What turns out to be wrong stays there without being named."""

    def __init__(self, bucket: Bucket, key: str, upload_id: str, number: int, size: int, sha256: str) -> None:
        """Begin to send a part of `size` bytes."""
        if not 1 <= number <= MOST_PARTS:
            raise InvalidValue(f"part_number is {number}; an upload has 1 to {MOST_PARTS} parts.")
        self._where = f"part {number} of {key!r}"
        self._digest = hashlib.sha256()
        self._sha256, self._left = sha256, size
        query = {"partNumber": str(number), "uploadId": upload_id}
        address = urlsplit(sign_object(bucket, "PUT", key, _SECONDS, query))
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=_SECONDS)
        with self._refusing():
            self._connection.putrequest("PUT", f"{address.path}?{address.query}")
            self._connection.putheader("Content-Length", str(size))
            self._connection.endheaders()

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        self._left -= len(data)
        if self._left < 0:
            raise InvalidValue(f"{self._where} is longer than was announced.")
        self._digest.update(data)
        with self._refusing():
            self._connection.send(data)

    def commit(self) -> str:
        """Its ETag, if it is what was announced."""
        if self._left or self._digest.hexdigest() != self._sha256:
            raise InvalidValue(f"{self._where} is not what was sent: its SHA-256 is another. Send it again.")
        with self._refusing():
            answer = self._connection.getresponse()
            text = answer.read(2**16)
        if answer.status == 404:
            raise NotFound(f"There is no such upload of {self._where}: {_reason(text)}. Begin anew.")
        if answer.status != 200:
            raise StorageFailed(f"The bucket refuses {self._where}: {_reason(text)}.")
        return (answer.getheader("ETag") or "").strip('"')

    def discard(self) -> None:
        """Let it go."""
        self._connection.close()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise StorageFailed(f"The bucket cannot be reached for {self._where}.") from error


def complete(bucket: Bucket, key: str, upload_id: str, etags: Mapping[int, str]) -> None:
    """Show the object made of all parts, in the order of their numbers."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etags[number])}</ETag></Part>"
        for number in sorted(etags)
    )
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    answer = _ask(bucket, "POST", key, {"uploadId": upload_id}, body)
    if b"<Error>" in answer:  # said with 200, because the head of the answer goes out before the work is done
        raise StorageFailed(f"The bucket could not put {key!r} together: {_reason(answer)}. Upload it again.")


def abort(bucket: Bucket, key: str, upload_id: str) -> None:
    """Remove the parts of an upload."""
    _ask(bucket, "DELETE", key, {"uploadId": upload_id})


def _ask(bucket: Bucket, method: str, key: str, query: Mapping[str, str], body: bytes | None = None) -> bytes:
    address = sign_object(bucket, method, key, _SECONDS, query)
    headers = {"Content-Type": "application/xml"} if body is not None else {}
    request = urllib.request.Request(address, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        text = error.read(2**16)
        if error.code == 404:
            raise NotFound(f"There is no such upload of {key!r}: {_reason(text)}.") from error
        if 400 <= error.code < 500 and error.code not in (401, 403):
            raise InvalidValue(f"The bucket refuses the upload of {key!r}: {_reason(text)}.") from error
        raise StorageFailed(f"The bucket refuses the upload of {key!r}: {_reason(text)}.") from error
    except (OSError, ValueError) as error:
        raise StorageFailed(f"The bucket cannot be reached for the upload of {key!r}.") from error


def _reason(text: bytes) -> str:
    found = _CODE.search(text)
    return found[1].decode() if found else "without a reason"
