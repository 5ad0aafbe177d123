"""Finding what is damaged in a tree, and mending it: bad files go to a quarantine, nothing is thrown away.

`examine` yields a problem and what mends it. Nothing is touched before the remedy is called.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

from millstream.drivers.files import movement, reader
from millstream.drivers.files.atomic import create_file, failure, replace_file
from millstream.drivers.files.quarantine import Quarantine
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.points import parse_points
from millstream.stores.registry_repairs import RegistryRepairs
from millstream.values import names
from millstream.values.entities import ACTIVE, DELETED, Experiment, RunInfo, RunStatus
from millstream.values.errors import DataDamaged, MillstreamError
from millstream.values.findings import Finding
from millstream.values.paths import Location

# Temporary files of ours; one so old belongs to nobody who is still writing.
TEMPORARY = re.compile(r"\.millstream-(\d+-\d+-[0-9a-f]{6}\.tmp|part-\d+-[0-9a-f]{8})")
# A model folder that was being written, or replaced, when its writer died.
UNFINISHED = re.compile(r"\..+\.(partial|old)-[0-9a-f]{8}")
STALE_SECONDS = 3600.0
# A metric file that changed so lately may be written to through a descriptor that is open elsewhere.
QUIET_SECONDS = 600.0


class Problem(NamedTuple):
    """Something wrong, what to do about it in words, and the doing; None when there is nothing to be done here."""

    path: str
    problem: str
    remedy: str = ""
    mend: Callable[[], object] | None = None


class TreeRepairs:
    """Examines one tree."""

    def __init__(self, tree: Tree) -> None:
        """Look at `tree`, and put what is damaged into a hidden directory in it, beside the trash."""
        self._tree = tree
        self.quarantine = Quarantine(Path(tree.root, layout.QUARANTINE))
        self._homes: dict[str, list[str]] = {}

    def repair(self, *, fix: bool) -> list[Finding]:
        """Everything that is wrong; with `fix` it is mended, one thing after the other."""
        found = []
        for problem in self.examine():
            error = ""
            if fix and problem.mend is not None:
                try:
                    problem.mend()
                except MillstreamError as reason:
                    error = f" ({reason.message})"
                except OSError as reason:
                    error = f" ({failure('mend', reader.printable(problem.path), reason).message})"
            done = fix and problem.mend is not None and not error
            found.append(Finding(reader.printable(problem.path), problem.problem + error, problem.remedy, done))
        return found

    def examine(self) -> Iterator[Problem]:
        """Each problem, found when its turn comes: mending the one before may have changed what is there."""
        self._homes = {}
        if not self._tree.exists():
            return
        yield from self._leftovers()
        for experiment_id, directory, in_trash in list(self._tree.experiment_dirs()):
            yield from self._experiment(experiment_id, directory, in_trash)
        home = os.path.join(self._tree.root, layout.MODELS)
        yield from starmap(Problem, RegistryRepairs(home, self.quarantine, STALE_SECONDS).examine())
        for run_id, places in self._homes.items():
            if len(places) > 1:
                yield from self._twins(run_id, places)

    def _leftovers(self) -> Iterator[Problem]:
        now = time.time()
        for folder, folders, files in os.walk(self._tree.root):
            folders[:] = [name for name in folders if name != layout.QUARANTINE]
            for name in (*files, *folders):
                path = os.path.join(folder, name)
                if name.startswith(layout.GONE_PREFIX):
                    yield Problem(path, "was being removed when gc was interrupted", "millstream gc completes it")
                elif not reader.is_text(name):
                    take = partial(self.quarantine.take, path, "its name is not UTF-8 text")
                    yield Problem(path, "its name is not UTF-8 text", "moved to the quarantine", take)
                elif name in files and TEMPORARY.fullmatch(name) and _age(path, now) > STALE_SECONDS:
                    unlink = partial(os.unlink, path)
                    yield Problem(path, "a temporary file that somebody left", "removed", unlink)
                elif name in folders and UNFINISHED.fullmatch(name) and _age(path, now) > STALE_SECONDS:
                    take = partial(self.quarantine.take, path, "a model that was not written to its end")
                    yield Problem(path, "a model that was not written to its end", "moved to the quarantine", take)
            folders[:] = [name for name in folders if reader.is_text(name) and not name.startswith(layout.GONE_PREFIX)]

    def _experiment(self, experiment_id: str, directory: str, in_trash: bool) -> Iterator[Problem]:
        try:
            experiment = reader.read_experiment(directory, experiment_id, in_trash=in_trash)
            if experiment.lifecycle_stage == DELETED and not in_trash:
                yield Problem(directory, "is marked as deleted, but not in the trash", "delete or restore it once more")
        except DataDamaged as error:
            if not os.path.lexists(os.path.join(directory, layout.META)) and not self._holds_runs(directory):
                return  # A directory of something else, such as the model registry.
            make = partial(self._make_experiment, experiment_id, directory, in_trash=in_trash)
            yield Problem(directory, str(error), "its meta.yaml moved to the quarantine and made anew", make)
        for run_id in self._tree.run_ids(directory):
            yield from self._run(os.path.join(directory, run_id))

    def _holds_runs(self, directory: str) -> bool:
        paths = (os.path.join(directory, run_id) for run_id in self._tree.run_ids(directory))
        return any(os.path.isdir(os.path.join(path, part)) for path in paths for part in layout.RUN_PARTS)

    def _make_experiment(self, experiment_id: str, directory: str, *, in_trash: bool) -> None:
        path = os.path.join(directory, layout.META)
        if os.path.lexists(path):
            self.quarantine.take(path, "not a good meta.yaml")
        now = time.time_ns() // 1_000_000
        experiment = Experiment(
            experiment_id=experiment_id,
            name=f"recovered-{experiment_id}",
            artifact_location=str(Location("file", "", Path(self._tree.root, experiment_id).as_posix())),
            lifecycle_stage=DELETED if in_trash else ACTIVE,
            creation_time=now,
            last_update_time=now,
        )
        create_file(path, meta.dump(meta.experiment_to_fields(experiment)), directory)

    def _run(self, directory: str) -> Iterator[Problem]:
        parts = [part for part in (*layout.RUN_PARTS, layout.TAGS) if os.path.isdir(os.path.join(directory, part))]
        if not parts and not os.path.lexists(os.path.join(directory, layout.META)):
            take = partial(self.quarantine.take, directory, "no run")
            yield Problem(
                directory, "is no run: it has no meta.yaml, params, metrics or tags", "to the quarantine", take
            )
            return
        yield from self._run_meta(directory)
        if not os.path.isdir(directory):
            return
        yield from self._misplaced(directory)
        missing = [part for part in layout.RUN_PARTS if not os.path.lexists(os.path.join(directory, part))]
        if missing:
            make = partial(_make_folders, directory, *missing)
            yield Problem(directory, f"has no {', '.join(missing)}", "made", make)
        if not os.path.isfile(os.path.join(directory, layout.META)):
            return
        for part in (layout.PARAMS, layout.TAGS):
            yield from self._texts(os.path.join(directory, part))
        for _, entry in reader.walk_keys(os.path.join(directory, layout.METRICS)):
            yield from self._metric(entry.path)
        yield from self._links(directory)

    def _misplaced(self, directory: str) -> Iterator[Problem]:
        """Files in place of directories."""
        for part in (*layout.RUN_PARTS, layout.TAGS, layout.INPUTS, layout.OUTPUTS):
            path = os.path.join(directory, part)
            if os.path.islink(path) and not os.path.exists(path):
                # What it leads to may be away for a while, such as a disk.
                yield Problem(path, "is a link that leads nowhere", "bring back what it leads to, or remove it")
            elif os.path.lexists(path) and not os.path.isdir(path):
                make = partial(self._make_part, path)
                yield Problem(path, "is no directory", "moved to the quarantine, and the directory made", make)

    def _make_part(self, path: str) -> None:
        self.quarantine.take(path, "a file in place of a directory")
        _make_folders(*os.path.split(path))

    def _run_meta(self, directory: str) -> Iterator[Problem]:
        run_id = os.path.basename(directory)
        if reader.moving_between(directory):
            settle = partial(movement.settle, directory)
            yield Problem(directory, "was being moved when that was interrupted", "completed", settle)
        try:
            reader.read_info(directory)
        except DataDamaged as error:
            fields = _fields(directory)
            named = str(fields.get("run_id") or fields.get("run_uuid") or "")
            if named == run_id and fields.get("experiment_id") is not None and _reads_as(fields, directory):
                yield Problem(directory, str(error), "its meta.yaml corrected", partial(movement.settle, directory))
            elif named and named != run_id and self._is_run(named):
                take = partial(self.quarantine.take, directory, f"a copy of run {named}")
                yield Problem(directory, str(error), "a copy of another run: moved to the quarantine", take)
                return
            else:
                make = partial(self._make_run, directory)
                yield Problem(directory, str(error), "its meta.yaml moved to the quarantine and made anew", make)
        if os.path.isdir(directory):
            self._homes.setdefault(run_id, []).append(directory)

    def _is_run(self, run_id: str) -> bool:
        try:
            return self._tree.find_run(run_id) is not None
        except MillstreamError:
            return False

    def _make_run(self, directory: str) -> None:
        """A meta.yaml from what the rest of the directory says; the status cannot be known, so it is FAILED."""
        path = os.path.join(directory, layout.META)
        if os.path.lexists(path):
            self.quarantine.take(path, "not a good meta.yaml")
        home, run_id = os.path.split(directory)
        tags = reader.read_texts(os.path.join(directory, layout.TAGS), [])
        times = [int(os.stat(place).st_mtime * 1000) for place, _, _ in os.walk(directory)]
        in_trash = os.path.dirname(home) == self._tree.trash
        info = RunInfo(
            run_id=run_id,
            experiment_id=os.path.basename(home),
            user_id=tags.get(names.USER_TAG, ""),
            status="FAILED",
            start_time=min(times),
            end_time=max(times),
            lifecycle_stage=DELETED if in_trash else ACTIVE,
            artifact_uri=str(Location("file", "", Path(directory).as_posix()) / layout.ARTIFACTS),
            run_name=tags.get(names.RUN_NAME_TAG) or f"recovered-{run_id[:8]}",
        )
        create_file(path, meta.dump(meta.run_to_fields(info)), directory)

    def _texts(self, folder: str) -> Iterator[Problem]:
        for _, entry in reader.walk_keys(folder):
            try:
                reader.read_bytes(entry.path).decode()
            except DataDamaged as error:
                take = partial(self.quarantine.take, entry.path, str(error))
                yield Problem(entry.path, str(error), "moved to the quarantine", take)
            except UnicodeDecodeError:
                mend = partial(self._mend_text, entry.path)
                yield Problem(entry.path, "is not UTF-8 text", "original in the quarantine, � in its place", mend)

    def _mend_text(self, path: str) -> None:
        data = reader.read_bytes(path)
        self.quarantine.keep(path, data, "not UTF-8 text")
        replace_file(path, data.decode(errors="replace").encode(), os.path.dirname(path))

    def _metric(self, path: str) -> Iterator[Problem]:
        try:
            data = reader.read_bytes(path)
        except DataDamaged as error:
            take = partial(self.quarantine.take, path, str(error))
            yield Problem(path, str(error), "moved to the quarantine", take)
            return
        parsed = parse_points(data)
        wrong = [f"{parsed.bad} line(s) are not points"] if parsed.bad else []
        if parsed.size != len(data):
            wrong.append("its last line is cut off")
        if not wrong:
            return
        if _age(path, time.time()) < QUIET_SECONDS:
            yield Problem(path, " and ".join(wrong), "again in ten minutes: somebody may be writing it")
            return
        mend = partial(self._mend_metric, path)
        yield Problem(path, " and ".join(wrong), "original in the quarantine, its good lines kept", mend)

    def _mend_metric(self, path: str) -> None:
        data = reader.read_bytes(path)
        self.quarantine.keep(path, data, "lines that are not points")
        # As they are read: a carriage return in what is broken ends no line.
        lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
        good = b"".join(line for line in lines if parse_points(line).bad == 0)
        replace_file(path, good, os.path.dirname(path))

    def _links(self, directory: str) -> Iterator[Problem]:
        for part in (layout.INPUTS, layout.OUTPUTS):
            folder = os.path.join(directory, part)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                path = os.path.join(folder, name)
                try:
                    reader.read_fields(path)
                except DataDamaged as error:
                    take = partial(self.quarantine.take, path, str(error))
                    yield Problem(path, str(error), "moved to the quarantine", take)

    def _twins(self, run_id: str, places: list[str]) -> Iterator[Problem]:
        """All but one of the directories of a run id: the one with the most points stays, else the one changed last."""
        best = max(places, key=_weight)
        for place in places:
            if place != best and os.path.isdir(place):
                take = partial(self.quarantine.take, place, f"run {run_id} is also at {best}")
                yield Problem(place, f"a run of the same id is at {best}", "moved to the quarantine", take)


def _weight(directory: str) -> tuple[int, float]:
    files = [entry.path for _, entry in reader.walk_keys(os.path.join(directory, layout.METRICS))]
    return sum(os.path.getsize(path) for path in files), os.path.getmtime(os.path.join(directory, layout.META))


def _fields(directory: str) -> dict[str, object]:
    try:
        return reader.read_fields(directory)
    except DataDamaged:
        return {}


def _reads_as(fields: dict[str, object], directory: str) -> bool:
    """Whether only the experiment that the fields name is wrong."""
    home, run_id = os.path.split(directory)
    try:
        info = meta.run_from_fields(fields | {"experiment_id": os.path.basename(home)}, run_id, os.path.basename(home))
    except DataDamaged:
        return False
    return info.status in RunStatus.NAMES


def _make_folders(directory: str, *parts: str) -> None:
    for part in parts:
        os.makedirs(os.path.join(directory, part), exist_ok=True)


def _age(path: str, now: float) -> float:
    try:
        return now - os.lstat(path).st_mtime
    except OSError:
        return 0.0
