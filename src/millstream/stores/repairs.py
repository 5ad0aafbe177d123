"""Finding and mending what is damaged in a store, whatever its kind."""

from __future__ import annotations

from pathlib import Path

from millstream.drivers.files.quarantine import Quarantine
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.database_repairs import DatabaseRepairs
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.remote import RemoteStore
from millstream.stores.tree_repairs import TreeRepairs
from millstream.values.errors import NotSupported
from millstream.values.findings import Finding
from millstream.values.queries import DescribeStore


def repair(store: Store, *, fix: bool) -> tuple[list[Finding], Path | None]:
    """Everything that is wrong with `store`, and the quarantine where things were put; with `fix` it is mended."""
    if isinstance(store, RemoteStore):
        raise NotSupported(f"{store.public} is a server. Look for damage where its store is, with that store named.")
    if isinstance(store, EmbeddedStore):
        repairs = TreeRepairs(store.tree)
        found = repairs.repair(fix=fix)
        if any(finding.fixed for finding in found):
            store.close()
            store.reindex()
        return found, repairs.quarantine.folder if repairs.quarantine.is_used else None
    if isinstance(store, DatabaseStore) and store.read(DescribeStore()).exists:
        path = store.database.path
        home = Path.cwd() / "millstream-quarantine" if path is None else path.with_name(f"{path.name}.quarantine")
        quarantine = Quarantine(home)
        if not fix:
            with store.snapshot() as connection:
                return DatabaseRepairs(connection, None).repair(), None

        def keep(name: str, data: bytes, why: str) -> Path:
            return quarantine.keep(str(home.parent / name), data, why)

        found = store.change(lambda connection: DatabaseRepairs(connection, keep).repair())
        return found, quarantine.folder if quarantine.is_used else None
    return [], None
