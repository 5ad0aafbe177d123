"""Finding what is damaged in a database, and mending it: points that can be read are kept, the rest is set aside."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select

from millstream.drivers.sql import ledger, removal, schema
from millstream.drivers.sql.apply import points as applied
from millstream.drivers.sql.apply.segments import packed
from millstream.drivers.sql.plain import Plain
from millstream.drivers.sql.write import summary_of
from millstream.formats.chunks import Point, decode
from millstream.formats.mlruns.points import Summary
from millstream.formats.sources import Source, source_of, source_text
from millstream.values.entities import Metric
from millstream.values.errors import DataDamaged
from millstream.values.findings import Finding

Keep = Callable[[str, bytes, str], Path]


class DatabaseRepairs:
    """Examines, and with `keep` mends, inside one transaction of the caller."""

    def __init__(self, connection: Connection, keep: Keep | None) -> None:
        """`keep` stores what is taken out: a name, the bytes, why. Without it nothing is changed."""
        self._connection = connection
        self._keep = keep
        self._found: list[Finding] = []

    def repair(self) -> list[Finding]:
        """Everything that is wrong."""
        if self._connection.dialect.name == "sqlite":
            for row in self._connection.exec_driver_sql("PRAGMA integrity_check"):
                if row[0] != "ok":
                    self._found.append(Finding("the file", str(row[0]), "restore a backup"))
        self._orphans()
        self._lost_runs()
        self._series()
        return self._found

    def _orphans(self) -> None:
        """Rows of runs that are not there."""
        for table in removal.OF_RUN:
            lost = table.c.rid.not_in(select(schema.runs.c.rid))
            rows = self._connection.execute(select(table).where(lost)).mappings().all()
            if not rows:
                continue
            if self._keep is not None:
                lines = [msgspec.json.encode({key: _plain(value) for key, value in row.items()}) for row in rows]
                self._keep(f"orphans-{table.name}.jsonl", b"\n".join(lines) + b"\n", "rows of runs that are not there")
                self._connection.execute(delete(table).where(lost))
            self._note(table.name, f"{len(rows)} rows belong to no run", "moved to the quarantine")

    def _lost_runs(self) -> None:
        runs, experiments = schema.runs, schema.experiments
        statement = select(runs.c.experiment_id).where(runs.c.experiment_id.not_in(select(experiments.c.experiment_id)))
        for experiment_id in sorted(set(self._connection.execute(statement).scalars())):
            if self._keep is not None:
                row = {
                    "experiment_id": experiment_id, "name": f"recovered-{experiment_id}", "artifact_location": "",
                    "lifecycle_stage": "active", "creation_time": None, "last_update_time": None,
                }  # fmt: skip
                self._connection.execute(experiments.insert(), [row])
            self._note(f"experiment {experiment_id}", "has runs, but is not there", "made")

    def _series(self) -> None:
        chunks, series, runs = ledger.chunks, schema.series, schema.runs
        ids = {row.rid: row.run_id for row in self._connection.execute(select(runs.c.rid, runs.c.run_id)).all()}
        keys = {(rid, key) for rid, key in self._connection.execute(select(chunks.c.rid, chunks.c.key))}
        keys |= {(rid, key) for rid, key in self._connection.execute(select(series.c.rid, series.c.key))}
        for rid, key in sorted(keys):
            if rid in ids:
                self._one_series(rid, key, f"metric {key!r} of run {ids[rid]}")

    def _one_series(self, rid: int, key: str, name: str) -> None:
        chunks = ledger.chunks
        named = (chunks.c.rid == rid, chunks.c.key == key)
        good: list[Point] = []
        sources: list[Source] = []
        bad: list[tuple[int, bytes]] = []
        shifted = False
        statement = select(
            chunks.c.start, chunks.c["count"].label("count_"), chunks.c.source, chunks.c.digest, chunks.c.data
        )
        for row in self._connection.execute(statement.where(*named).order_by(chunks.c.start)).all():
            try:
                points = decode(row.data)
            except DataDamaged:
                bad.append((row.start, row.data))
                continue
            shifted = shifted or row.start != len(good) or row.count_ != len(points)
            shifted = shifted or (row.digest is not None and bytes(row.digest) != packed(points, bytes(row.data)))
            good += points
            sources += [source_of(row.source)] * len(points)
        for start, data in bad:
            if self._keep is not None:
                self._keep(f"chunk-{rid}-{start}.bin", data, f"a damaged chunk of {name}")
            self._note(name, f"its points from number {start} on are damaged", "set aside, the others kept")
        made = Summary()
        made.add_sourced(good, {place: source_text(*source) for place, source in enumerate(sources) if any(source)})
        wrong = shifted or not self._is_summary_right(rid, key, made)
        if wrong and not bad:
            self._note(name, "its summary does not agree with its points", "made anew")
        if (wrong or bad) and self._keep is not None:
            self._connection.execute(delete(chunks).where(*named))
            self._connection.execute(
                delete(schema.series).where(schema.series.c.rid == rid, schema.series.c.key == key)
            )
            if good:
                stretch = applied.Stretch()
                for (timestamp, value, step), source in zip(good, sources, strict=True):
                    stretch.add(Metric(key, value, timestamp, step, None, *source))
                with Plain(self._connection) as tables:
                    applied.append(tables, {(rid, key): stretch})

    def _is_summary_right(self, rid: int, key: str, made: Summary) -> bool:
        series = schema.series
        statement = select(series, series.c["count"].label("count_")).where(series.c.rid == rid, series.c.key == key)
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            return not made.count
        return bool(made.count) and _is_alike(summary_of(row), made)

    def _note(self, path: str, problem: str, remedy: str) -> None:
        self._found.append(Finding(path, problem, remedy, self._keep is not None))


def _is_alike(one: Summary, other: Summary) -> bool:
    for name in Summary.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if left == right or (left != left and right != right):
            continue
        # Sums that were added up in another order differ in their last digits.
        if name == "total" and math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9):
            continue
        return False
    return True


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
