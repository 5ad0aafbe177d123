"""Uploads to S3 in parts that somebody else sends: CreateMultipartUpload and what follows it, by signed addresses."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape, unescape

from millstream.drivers.artifacts.buckets import Bucket
from millstream.drivers.artifacts.signing import sign
from millstream.values.errors import InvalidValue, NotFound, NotSupported, StorageFailed

_SECONDS = 60
_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_CODE = re.compile(rb"<Code>(\w+)</Code>")
MOST_PARTS = 10_000


def sign_object(bucket: Bucket, method: str, key: str, seconds: int, query: Mapping[str, str] = {}) -> str:
    """A signed address of an object of S3; NotSupported where this process has no keys of its own to sign with."""
    if bucket.keys is None:
        raise NotSupported("This artifact store signs no addresses: no access key of S3 is known to this process.")
    address = bucket.address_of(key)
    return sign(method, address, bucket.keys, bucket.region, at=datetime.now(UTC), seconds=seconds, query=query)


def begin(bucket: Bucket, key: str, count: int, seconds: int) -> tuple[str, list[str]]:
    """The id of an upload of `count` parts, and where each is put."""
    if not 1 <= count <= MOST_PARTS:
        raise InvalidValue(f"num_parts is {count}; an upload has 1 to {MOST_PARTS} parts.")
    found = _ID.search(_ask(bucket, "POST", key, {"uploads": ""}))
    if found is None:
        raise StorageFailed(f"The bucket began no upload of {key!r}: it answered something else than S3 does.")
    upload = unescape(found[1].decode())
    numbered = ({"partNumber": str(number), "uploadId": upload} for number in range(1, count + 1))
    return upload, [sign_object(bucket, "PUT", key, seconds, query) for query in numbered]


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
