"""Where a request comes from: the connection's address, or what a proxy says that the operator trusts."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

from millstream.values.errors import InvalidValue

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """Addresses and networks of proxies whose X-Forwarded-For is believed; of all others it is not looked at."""

    def __init__(self, text: str = "") -> None:
        """Trust what `text` names, as ``10.0.0.7, 192.168.0.0/16``; InvalidValue for what is no address."""
        try:
            self._networks = [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
        except ValueError as error:
            raise InvalidValue(
                f"{text[:200]!r} names no proxies: {error}. Write 10.0.0.7 or 192.168.0.0/16."
            ) from error

    def address(self, scope: Scope) -> str:
        """The address of the caller of a request: the last one told of that is no trusted proxy."""
        client = scope.get("client")
        found = str(client[0]) if client else ""
        if not self._networks:
            return found
        told = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        # From the right: each proxy adds whom it was asked by, and what stands further left anybody can write.
        while self._trusts(found) and told:
            before = told.pop().strip()
            if _parse(before) is None:
                break
            found = before
        return found

    def _trusts(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self._networks)


def _parse(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
