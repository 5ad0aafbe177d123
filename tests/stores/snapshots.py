"""Everything an index says, to be compared; and a file system whose clock has moved on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from millstream.stores.base import Store
from millstream.values import queries
from millstream.values.entities import Run, ViewType


def snapshot(store: Store) -> dict[str, Any]:
    """Experiments, runs with all their data, facts: as texts, so that NaN equals NaN."""
    experiments = store.read(queries.SearchExperiments(view=ViewType.ALL, max_results=50_000))
    # Runs are asked for by the ids of directories, so that those of unreadable experiments are seen too.
    places = sorted(os.listdir(facts.location)) if (facts := store.read(queries.DescribeStore())).exists else []
    trash = Path(facts.location, ".trash")
    ids = (
        {found.experiment_id for found in experiments} | set(places) | set(os.listdir(trash) if trash.is_dir() else ())
    )
    ids = {name for name in ids if name.isprintable()}
    query = queries.SearchRuns(experiment_ids=tuple(sorted(ids)), view=ViewType.ALL, max_results=50_000)
    return {
        "experiments": sorted(repr(found) for found in experiments),
        "runs": {run.info.run_id: _text(run) for run in store.read(query)},
        "problems": sorted(facts.problems),
        "counts": (facts.experiments, facts.runs),
    }


def _text(run: Run) -> str:
    data = run.data
    return repr(
        (
            run.info,
            sorted(data.metrics.items()),
            sorted(data.params.items()),
            sorted(data.tags.items()),
            sorted(map(repr, data.latest)),
            sorted(map(repr, run.inputs.dataset_inputs)),
            sorted(map(repr, run.inputs.model_inputs)),
            sorted(map(repr, run.outputs.model_outputs)),
        )
    )


def tick(folder: Path) -> None:
    """Return when the clock that stamps files has moved on, so that what follows gets another time."""
    probe = folder / "tick"
    probe.touch()
    before = probe.stat().st_mtime_ns
    while probe.stat().st_mtime_ns == before:
        probe.touch()
