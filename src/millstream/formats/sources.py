"""What a point may say besides its value: the model and the dataset that it was measured with, as one short text."""

from __future__ import annotations

from functools import lru_cache

import msgspec

# (model id, dataset's name, dataset's digest), in the order of the last fields of a `Metric`.
Source = tuple[str | None, str | None, str | None]
NOTHING: Source = (None, None, None)

_decoder = msgspec.json.Decoder(Source)


@lru_cache(maxsize=1024)
def source_text(model_id: str | None, dataset_name: str | None, dataset_digest: str | None) -> str:
    """A JSON list of the three."""
    return msgspec.json.encode((model_id, dataset_name, dataset_digest)).decode()


@lru_cache(maxsize=1024)
def source_of(text: str | None) -> Source:
    """What `source_text` was given; nothing for None."""
    return NOTHING if text is None else _decoder.decode(text)
