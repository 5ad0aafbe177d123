"""What a point may say besides its value: the model and the dataset that it was measured with, as one short text."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import msgspec

from millstream.values.readers import json_reader

# (model id, dataset's name, dataset's digest), in the order of the last fields of a `Metric`.
Source = tuple[str | None, str | None, str | None]
NOTHING: Source = (None, None, None)

_read_source: Callable[[str], Source] = json_reader(cast(Any, Source))


@lru_cache(maxsize=1024)
def source_text(model_id: str | None, dataset_name: str | None, dataset_digest: str | None) -> str:
    """A JSON list of the three."""
    return msgspec.json.encode((model_id, dataset_name, dataset_digest)).decode()


@lru_cache(maxsize=1024)
def source_of(text: str | None) -> Source:
    """What `source_text` was given; nothing for None."""
    return NOTHING if text is None else _read_source(text)
