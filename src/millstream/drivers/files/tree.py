"""One `mlruns` tree: where its experiments and runs lie."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path

from millstream.drivers.files.atomic import failure, held, locked
from millstream.drivers.files.reader import is_text
from millstream.formats.mlruns import layout
from millstream.values.names import check_run_id
from millstream.values.refusals import no_experiment, no_run

# Directories that are looked into to see whether others of their kind are runs.
SOME = 8
_LOOKS = 2
# What was here a moment ago has probably been moved, perhaps more than once.
_LOOKS_FOR_KNOWN = 8


class Tree:
    """Directories of one tree. Makes nothing until `ensure` is called."""

    def __init__(self, root: Path) -> None:
        """Look at `root`, an absolute path that need not exist."""
        self.root = os.fspath(root)
        self.trash = os.path.join(self.root, layout.TRASH)
        self._run_dirs: dict[str, str] = {}
        self._touched: set[str] = set()
        self._touched_models: dict[str, float] = {}

    def exists(self) -> bool:
        """Whether the root is a directory."""
        return os.path.isdir(self.root)

    def ensure(self) -> None:
        """Make the root and its trash when they are missing."""
        try:
            os.makedirs(self.trash, exist_ok=True)
        except OSError as error:
            raise failure("make the directory", self.trash, error) from error

    def lock(self) -> AbstractContextManager[None]:
        """An exclusive lock among all processes, for taking a name that must be unique."""
        self.ensure()
        return locked(self.root)

    def changing_places(self) -> AbstractContextManager[None]:
        """Held while directories are moved or removed; waits for a backup, which must find each of them once."""
        self.ensure()
        return held(self.trash, shared=False)

    def staying(self) -> AbstractContextManager[None]:
        """Held while all of the tree is read: no directory is moved or removed meanwhile."""
        return held(self.trash, shared=True) if os.path.isdir(self.trash) else nullcontext()

    def experiment_dir(self, experiment_id: str) -> str | None:
        """Directory of an experiment, in the trash too; None when there is none."""
        for parent in (self.root, self.trash):
            path = os.path.join(parent, experiment_id)
            if experiment_id != layout.MODELS and os.path.isfile(os.path.join(path, layout.META)):
                return path
        return None

    def require_experiment_dir(self, experiment_id: str) -> str:
        """As `experiment_dir`, but NotFound when there is none."""
        path = self.experiment_dir(experiment_id)
        if path is None:
            raise no_experiment(experiment_id, self.root)
        return path

    def experiment_dirs(self) -> Iterator[tuple[str, str, bool]]:
        """(id, directory, whether in the trash) of everything that may be an experiment; the registry is none."""
        for parent, in_trash in ((self.root, False), (self.trash, True)):
            try:
                with os.scandir(parent) as entries:
                    names = [entry.name for entry in entries if entry.name != layout.MODELS and _may_be_id(entry)]
            except FileNotFoundError:
                continue
            except OSError as error:
                raise failure("read the directory", parent, error) from error
            for name in names:
                yield name, os.path.join(parent, name), in_trash

    def run_dir(self, run_id: str) -> str:
        """Directory of a run, of deleted experiments too; NotFound when there is none."""
        # Not once, because a run may be moved from an experiment not looked at yet to one that was.
        for _ in range(_LOOKS_FOR_KNOWN if run_id in self._run_dirs else _LOOKS):
            found = self.find_run(run_id)
            if found is not None:
                return found
        raise no_run(run_id, self.root)

    def find_run(self, run_id: str) -> str | None:
        """As `run_dir`, but None when there is none."""
        known = self._run_dirs.get(run_id)
        if known is not None and os.path.isfile(os.path.join(known, layout.META)):
            return known
        check_run_id(run_id)
        for _, experiment_dir, _ in self.experiment_dirs():
            path = os.path.join(experiment_dir, run_id)
            if os.path.isfile(os.path.join(path, layout.META)):
                self._run_dirs[run_id] = path
                return path
        self._run_dirs.pop(run_id, None)
        return None

    def remember_run(self, run_id: str, path: str) -> None:
        """Spare the search for a run whose directory the caller knows."""
        self._run_dirs[run_id] = path

    def touch(self, run_id: str) -> None:
        """Note that this process has changed a run that was at rest."""
        self._touched.add(run_id)

    def take_touched(self) -> set[str]:
        """Runs noted by `touch` since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def touch_model(self, model_id: str) -> None:
        """Note that this process has just changed a logged model."""
        self._touched_models[model_id] = time.monotonic()

    def touched_models(self, since: float) -> set[str]:
        """Logged models noted by `touch_model` since `since` (monotonic seconds)."""
        return {model_id for model_id, moment in self._touched_models.copy().items() if moment >= since}

    def run_ids(self, experiment_dir: str, known: Container[str] = ()) -> list[str]:
        """Names of the directories of an experiment that may be runs; of those `known` to be any entry counts."""
        try:
            with os.scandir(experiment_dir) as entries:
                return [
                    entry.name
                    for entry in entries
                    if entry.name in known or (entry.name not in layout.NOT_RUNS and _may_be_id(entry))
                ]
        except OSError:
            return []

    def holds_runs(self, directory: str) -> bool:
        """Whether one of the first directories in `directory` looks like a run, be its meta.yaml there or not.

        Of an experiment nearly all are runs: a directory of something else is not read to its end.
        """
        try:
            with os.scandir(directory) as entries:
                some = islice((item for item in entries if item.name not in layout.NOT_RUNS and _may_be_id(item)), SOME)
                return any(os.path.isdir(os.path.join(item.path, part)) for item in some for part in layout.RUN_PARTS)
        except OSError:
            return False


def _may_be_id(entry: os.DirEntry[str]) -> bool:
    """Whether a directory's name could be an id: not hidden, and of UTF-8 bytes."""
    if entry.name.startswith(".") or entry.name == layout.QUARANTINE or not is_text(entry.name):
        return False
    try:
        return entry.is_dir()
    except OSError:  # A link that leads in a circle.
        return False
