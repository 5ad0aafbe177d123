"""Artifacts that clients send and fetch by themselves, at addresses that the server signs: what is asked, answered."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from millstream.formats.digests import SHA256
from millstream.formats.wire.answers import Answer
from millstream.formats.wire.decode import Int64, Text
from millstream.formats.wire.logged_models import checked_model
from millstream.formats.wire.needs import edit, read
from millstream.formats.wire.route import Given, Request, Route
from millstream.formats.wire.runs import checked_run
from millstream.values import queries
from millstream.values.addresses import Signed
from millstream.values.errors import InvalidValue
from millstream.values.paths import RelPath

_TOKEN = re.compile(r"[0-9a-f]{32}")
MOST_PARTS = 10_000
LARGEST_PART = 5 * 2**30
"""As in S3, in bytes."""
LONGEST_SECONDS = 604_800
"""What S3 signs for at most: a week."""


class BeginParts(Request, frozen=True, kw_only=True):
    """Fields of mpu/create; of `path`, the file's place on the client's machine, the last name counts.

    `token`, `size` and `part_size` are ours: with a token the upload can go on after whatever broke it off.
    """

    path: Text
    num_parts: Int64
    token: str = ""
    size: Int64 = 0
    part_size: Int64 = 0


class Part(Struct, frozen=True, kw_only=True):
    """A part that was put, and the ETag that this was answered with."""

    part_number: int
    etag: Text
    url: str = ""


class CompleteParts(Request, frozen=True, kw_only=True):
    """Fields of mpu/complete; `token` and `sha256`, the checksum of the whole file, are ours."""

    path: Text
    upload_id: Text
    parts: tuple[Part, ...]
    token: str = ""
    sha256: str = ""


class PutPart(Request, frozen=True, kw_only=True):
    """Path and query of mpu/part: the file from the root of the proxied store, and which part of which upload."""

    path: Text
    upload_id: Text
    part_number: Int64


class AbortParts(Request, frozen=True, kw_only=True):
    """Fields of mpu/abort."""

    path: Text
    upload_id: Text
    token: str = ""


class SignUpload(Request, frozen=True, kw_only=True):
    """Fields of artifacts/presigned-upload-url: a run or a model, a file of it, how long the address is good (s)."""

    run_id: str = ""
    model_id: str = ""
    path: Text
    expiration: Int64 = 900


class SignDownload(Request, frozen=True, kw_only=True):
    """Fields of artifacts/presigned-download-url."""

    run_id: Text
    path: Text
    expiration: Int64 = 900


class PartAddress(Answer, frozen=True, kw_only=True):
    """Where one part is put."""

    url: str
    part_number: int
    headers: dict[str, str]


class StoredPart(Answer, frozen=True, kw_only=True):
    """A part that is there: its size (bytes) and its etag, for mpu/complete."""

    part_number: int
    size: int
    etag: str


class PutTag(Answer, frozen=True, kw_only=True):
    """The etag of a part that was put."""

    etag: str


class Begun(Answer, frozen=True, kw_only=True):
    """An upload in parts; where it can go on, `parts` are those that are there, and mpu/part takes the others."""

    upload_id: str
    credentials: list[PartAddress]
    parts: list[StoredPart] | UnsetType = UNSET


class Address(Answer, frozen=True, kw_only=True):
    """Where a file is; without a size (bytes) it is to be fetched through the server, as if this had not been asked."""

    url: str
    headers: dict[str, str]
    file_size: int | UnsetType = UNSET


class SignedAddress(Answer, frozen=True, kw_only=True):
    """Where a file is put or fetched without a login."""

    presigned_url: str
    headers: dict[str, str]
    file_size: int | UnsetType = UNSET


def file_name(path: str) -> RelPath:
    """The last name of a path of a client's machine, of any system."""
    name = RelPath.parse(path.replace("\\", "/").rpartition("/")[2])
    if not name.segments:
        raise InvalidValue(f"Invalid path: {path[:200]!r} names no file.")
    return name


def _checked_seconds(expiration: int) -> int:
    """How long an address is good; InvalidValue for what S3 would not sign."""
    if not 1 <= expiration <= LONGEST_SECONDS:
        raise InvalidValue(f"expiration is {expiration}; it is a number of seconds from 1 to {LONGEST_SECONDS}.")
    return expiration


def checked_plan(asked: BeginParts) -> tuple[str, int, int]:
    """Token, size and size of a part of an upload that can go on; InvalidValue for what is none."""
    size, part_size = asked.size, asked.part_size
    if _TOKEN.fullmatch(asked.token) is None:
        raise InvalidValue("token is not 32 hexadecimal digits in small letters.")
    if not (size > 0 and 0 < part_size <= LARGEST_PART and -(-size // part_size) == asked.num_parts <= MOST_PARTS):
        raise InvalidValue(
            f"{size} bytes in parts of {part_size} are not {asked.num_parts} parts, or more than {MOST_PARTS}; "
            f"a part has at most {LARGEST_PART} bytes."
        )
    return asked.token, size, part_size


def checked_digest(text: str) -> str:
    """A SHA-256 in hexadecimal."""
    if text and SHA256.fullmatch(text) is None:
        raise InvalidValue(f"sha256 is {text[:100]!r}; it is 64 hexadecimal digits in small letters.")
    return text


def begun(upload_id: str, parts: list[Signed], there: list[StoredPart] | UnsetType = UNSET) -> Begun:
    """The answer to mpu/create."""
    return Begun(
        upload_id=upload_id,
        parts=there,
        credentials=[
            PartAddress(url=part.url, part_number=number, headers=part.headers) for number, part in enumerate(parts, 1)
        ],
    )


def address(found: Signed) -> Address:
    """The answer to presigned/… of the proxied store."""
    return Address(url=found.url, headers=found.headers, file_size=UNSET if found.size is None else found.size)


def _sign_upload(request: SignUpload, _given: Given) -> queries.SignArtifact:
    """An address at which a file of a run or logged model can be put, past the server."""
    if bool(request.run_id) == bool(request.model_id):
        raise InvalidValue("Exactly one of run_id and model_id must be given.")
    return queries.SignArtifact(
        run_id=checked_run(request.run_id) if request.run_id else "",
        model_id=checked_model(request.model_id) if request.model_id else "",
        path=_checked_path(request.path),
        method="PUT",
        seconds=_checked_seconds(request.expiration),
    )


def _sign_download(request: SignDownload, _given: Given) -> queries.SignArtifact:
    """An address at which a file of a run can be fetched, past the server."""
    return queries.SignArtifact(
        run_id=checked_run(request.run_id),
        path=_checked_path(request.path),
        method="GET",
        seconds=_checked_seconds(request.expiration),
    )


def _checked_path(text: str) -> str:
    path = RelPath.parse(text)
    if not path.segments:
        raise InvalidValue("Invalid path: name a file, not the artifact root.")
    return str(path)


def _signed(found: Signed, _given: Given) -> dict[str, Any]:
    size = {} if found.size is None else {"file_size": found.size}
    return {"presigned_url": found.url, "headers": found.headers, **size}


ROUTES = (
    Route(
        methods=("POST",),
        path="artifacts/presigned-upload-url",
        needs=edit(run="run_id", logged_model="model_id"),
        request=SignUpload,
        speaks=queries.SignArtifact,
        call=_sign_upload,
        reply=_signed,
        answer=SignedAddress,
    ),
    Route(
        methods=("POST",),
        path="artifacts/presigned-download-url",
        needs=read(run="run_id"),
        request=SignDownload,
        speaks=queries.SignArtifact,
        call=_sign_download,
        reply=_signed,
        answer=SignedAddress,
    ),
)
