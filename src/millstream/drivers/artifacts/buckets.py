"""Buckets of S3, Google and Azure, opened with what the environment says, and shared: connections stay open."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import obstore
import obstore.exceptions
import obstore.store
from msgspec import Struct

from millstream.drivers.artifacts.signing import Keys, find_keys, find_region
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import Location

S3 = "s3"
_WAYS: dict[str, Any] = {
    "retry_config": {"max_retries": 6, "retry_timeout": timedelta(seconds=90)},
}
_AZURE_HOST = ".core.windows.net"


class Bucket(Struct, frozen=True):
    """An open bucket. `address` and `region` are known of S3; with `keys` of its own, addresses can be signed."""

    store: Any
    address: str = ""
    keys: Keys | None = None
    region: str = ""

    def address_of(self, key: str) -> str:
        """Where the object `key` is asked for over HTTP."""
        return f"{self.address}/{quote(key)}"


def _client(allow_http: bool) -> dict[str, Any]:
    ways: dict[str, Any] = {"timeout": timedelta(minutes=10), "connect_timeout": timedelta(seconds=10)}
    if allow_http:
        ways["allow_http"] = True
    if os.environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("1", "true"):
        ways["allow_invalid_certificates"] = True
    return ways


def _open_s3(location: Location) -> Bucket:
    environ, name = os.environ, location.authority
    endpoint = next(
        (
            environ[key]
            for key in ("MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
            if environ.get(key)
        ),
        "",
    ).rstrip("/")
    keys, region = find_keys(), find_region()
    config: dict[str, Any] = {"region": region, "virtual_hosted_style_request": not endpoint and "." not in name}
    if endpoint:
        config["endpoint"] = endpoint
    if keys:
        config |= {"access_key_id": keys.id, "secret_access_key": keys.secret}
        if keys.session:
            config["session_token"] = keys.session
    store = obstore.store.S3Store(name, client_options=_client(endpoint.startswith("http:")), **_WAYS, **config)
    base = f"{endpoint or f'https://s3.{region}.amazonaws.com'}/{name}"
    return Bucket(store, base, keys, region)


def _open_gs(location: Location) -> Bucket:
    config: dict[str, Any] = {}
    # As Google's own libraries take it: a server that stands in for theirs, and asks for no credentials.
    instead = os.environ.get("STORAGE_EMULATOR_HOST", "").rstrip("/")
    if instead:
        instead = instead if "://" in instead else f"http://{instead}"
        nobody = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        config["service_account_key"] = json.dumps({"gcs_base_url": instead, "disable_oauth": True, **nobody})
    client = _client(instead.startswith("http:"))
    return Bucket(obstore.store.GCSStore(location.authority, client_options=client, **_WAYS, **config))


def _open_azure(location: Location) -> Bucket:
    container, at, host = location.authority.partition("@")
    account, _, _ = host.partition(".")
    endpoint = os.environ.get("AZURE_STORAGE_ENDPOINT", "")
    if not (at and container and account and (endpoint or host.endswith(_AZURE_HOST))):
        raise InvalidValue(
            f"{str(location)!r} is no container of Azure; write {location.scheme}://<container>@<account>.blob.core."
            "windows.net/<path>."
        )
    config: dict[str, Any] = {"account_name": account}
    if key := os.environ.get("AZURE_STORAGE_ACCESS_KEY") or _part_of_connection("AccountKey"):
        config["account_key"] = key
    if endpoint:
        config["endpoint"] = endpoint
    client = _client(endpoint.startswith("http:"))
    return Bucket(obstore.store.AzureStore(container, client_options=client, **_WAYS, **config))


def _part_of_connection(name: str) -> str:
    """A field of AZURE_STORAGE_CONNECTION_STRING."""
    parts = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";")
    return next((part.removeprefix(f"{name}=") for part in parts if part.startswith(f"{name}=")), "")


_OPENERS: dict[str, Callable[[Location], Bucket]] = {
    S3: _open_s3,
    "gs": _open_gs,
    "wasbs": _open_azure,
    "abfss": _open_azure,
}
_open: dict[tuple[str, str], Bucket] = {}
_process: list[int] = []


def open_bucket(location: Location) -> Bucket:
    """The bucket of `location`. NotSupported in a child process whose parent talks to a bucket already: fork is why."""
    process = os.getpid()
    if _process[:1] not in ([], [process]):
        raise NotSupported(
            f"{location} cannot be reached from this process: it was forked from one that talks to a bucket. Start "
            "worker processes with the method 'spawn' or 'forkserver'."
        )
    key = location.scheme, location.authority
    if key not in _open:
        if not location.authority:
            raise InvalidValue(f"The location {str(location)!r} names no bucket.")
        _process[:] = [process]
        try:
            _open[key] = _OPENERS[location.scheme](location)
        except obstore.exceptions.BaseError as error:
            reason = str(error).splitlines()[0][:300]
            raise InvalidValue(f"The bucket of {location} cannot be opened with these settings: {reason}.") from error
    return _open[key]
