"""Which version of a registered model stands for a stage."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.values.entities import ModelVersion


def newest_by_stage(versions: Iterable[ModelVersion], stages: Iterable[str] = ()) -> list[ModelVersion]:
    """The newest of `versions` in each stage, by number; only of `stages`, when there are any."""
    wanted = frozenset(stages)
    found: dict[str, ModelVersion] = {}
    for version in versions:
        known = found.get(version.current_stage)
        if (not wanted or version.current_stage in wanted) and (known is None or known.version < version.version):
            found[version.current_stage] = version
    return sorted(found.values(), key=lambda version: version.version)
