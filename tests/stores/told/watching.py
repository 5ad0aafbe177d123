"""A process that has searched a tree of runs at rest for a while, so that the kernel tells it of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from millstream.stores import changes, sentries
from millstream.stores.embedded import EmbeddedStore
from millstream.values.entities import ViewType
from millstream.values.queries import SearchRuns

RUNS = tuple(letter * 32 for letter in "abc")
A, B, C = RUNS


def age(folder: Path) -> None:
    long_ago = time.time() - 3600
    for home, _, files in os.walk(folder):
        for name in files:
            os.utime(os.path.join(home, name), (long_ago, long_ago))
        os.utime(home, (long_ago, long_ago))


class Watching:
    """A store that has searched for a while, as another process would be; from then on it sweeps no more."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = EmbeddedStore(root)
        self._patch = monkeypatch
        self.look()
        self.sweep()

    def look(self) -> dict[str, Any]:
        """All runs."""
        self._patch.setattr(changes, "SWEEP_SECONDS", 3600.0)
        found = self.store.read(SearchRuns(experiment_ids=("0", "7"), view=ViewType.ALL))
        return {run.info.run_id: run for run in found}

    def sweep(self) -> None:
        """Search when it is time to sweep."""
        self._patch.setattr(changes, "SWEEP_SECONDS", 0.0)
        self.store.read(SearchRuns(experiment_ids=("0",)))
        self._patch.setattr(changes, "SWEEP_SECONDS", 3600.0)

    def watched(self, experiment_id: str = "0") -> set[str]:
        """Runs that the kernel tells of."""
        return set(self.sentries.watched(experiment_id))

    @property
    def sentries(self) -> sentries.Sentries:
        found: sentries.Sentries = self.store._searches()._index._looker._sentries
        return found
