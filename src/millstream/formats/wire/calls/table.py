"""The client's table: for each kind of op and query that the wire can say, how."""

from __future__ import annotations

from millstream.formats.wire.calls import experiments, models, pages, registry, runs
from millstream.formats.wire.calls.call import Call

CALLS: dict[type, Call] = {
    row.kind: row for rows in (experiments.CALLS, runs.CALLS, models.CALLS, registry.CALLS, pages.CALLS) for row in rows
}
