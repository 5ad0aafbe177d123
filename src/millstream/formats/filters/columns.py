"""Names of wanted columns, ``metrics.loss``, ``metrics.loss.min``, ``params.*``, → what of runs is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.formats.filters.ordering import parse_key
from millstream.formats.filters.tree import Columns, OrderKey
from millstream.formats.filters.vocabulary import ANY, RUNS
from millstream.values.errors import InvalidValue

MAX_COLUMNS = 1000


def parse_columns(texts: Sequence[str] | None) -> Columns:
    """What `texts` name, everything for None. Attributes of a run are always there; naming one changes nothing."""
    if texts is None:
        return Columns()
    if len(texts) > MAX_COLUMNS:
        raise InvalidValue(f"columns has {len(texts)} items; at most {MAX_COLUMNS} are allowed.")
    wanted: dict[str, dict[tuple[str, str], OrderKey]] = {"metric": {}, "param": {}, "tag": {}, "attribute": {}}
    whole: set[str] = set()
    for text in texts:
        prefix, _, rest = text.partition(".")
        entity = RUNS.entity(prefix)
        if rest == ANY and entity is not None and ANY in entity.fields:
            whole.add(entity.name)
            continue
        key = parse_key(text, RUNS, "columns")
        wanted[key.entity].setdefault((key.key, key.part), key)
    names = {entity: tuple(key.key for key in keys.values()) for entity, keys in wanted.items()}
    return Columns(
        metrics=tuple(wanted["metric"].values()),
        all_metrics="metric" in whole,
        params=None if "param" in whole else names["param"],
        tags=None if "tag" in whole else names["tag"],
    )
