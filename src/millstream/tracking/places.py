"""Where registered models are kept: in the store of the runs, unless another one was named."""

from __future__ import annotations

import os

from millstream.stores.base import Store
from millstream.stores.open import open_store
from millstream.values.settings import text_setting

_named: list[str] = []


def registry_uri() -> str | None:
    """The URI of the store that was named for registered models, None when none was."""
    return _named[-1] if _named else text_setting("REGISTRY_URI")


def registry_store(store: Store) -> Store:
    """The store of registered models for one who keeps runs in `store`."""
    uri = registry_uri()
    return open_store(uri) if uri else store


def set_registry_uri(uri: str | os.PathLike[str]) -> None:
    """Keep registered models in the store `uri` from now on; "" goes back to that of the runs."""
    _named[:] = [os.fspath(uri)] if os.fspath(uri) else []
