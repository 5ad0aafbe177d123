"""The embedded store: an `mlruns` tree is the truth, an index in the user's cache answers."""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files import bells, experiments, imports, movement, reader
from millstream.drivers.files import models as model_files
from millstream.drivers.files.appender import Appender
from millstream.drivers.files.models import ModelFiles
from millstream.drivers.files.registry import RegistryFiles
from millstream.drivers.files.registry_imports import put_registered
from millstream.drivers.files.runs import RunFiles
from millstream.drivers.files.tree import Tree
from millstream.stores.locations import settle_source
from millstream.stores.lookups import Lookups
from millstream.stores.tree_places import TreePlaces
from millstream.stores.tree_purges import TreePurges
from millstream.values import names, ops, refusals
from millstream.values.entities import Experiment, LoggedModel, Run, RunData, RunInfo
from millstream.values.paths import Location
from millstream.values.queries import Query, WasDone
from millstream.values.rules import check, check_batch
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    from millstream.stores.answers import Answers
    from millstream.stores.index import Progress
    from millstream.stores.keyed import KeyedWrites

T = TypeVar("T")

_ON_MODELS = (
    ops.CreateLoggedModel
    | ops.FinalizeLoggedModel
    | ops.SetLoggedModelTags
    | ops.DeleteLoggedModelTag
    | ops.LogLoggedModelParams
    | ops.DeleteLoggedModel
    | ops.PurgeLoggedModel
)
_parents: list[object] = []


class EmbeddedStore:
    """Experiments and runs in one directory, in MLflow's layout. Nothing is made before the first write."""

    _answers: Any
    _keys: Any

    def __init__(self, root: Path) -> None:
        """Keep everything below `root`, an absolute path."""
        self.root = root
        #: Called with how many of how many changed runs the index has read, for whoever waits for it.
        self.progress: Progress | None = None
        self._places = TreePlaces(root.parent)
        self._start()

    def _start(self) -> None:
        self._tree = Tree(self.root)
        self._appender = Appender()
        self._runs = RunFiles(self._tree, self._appender)
        self._models = ModelFiles(self._tree, self._appender)
        registry = RegistryFiles(self._tree)
        self._lookups = Lookups(self._tree, self._models, registry, self, self._searches)
        self._answers = self._keys = None
        self._lock = Lock()
        runs, models, tree = self._runs, self._models, self._tree
        self._writers: dict[type, Callable[[Any], Any]] = {
            ops.CreateExperiment: self._create_experiment,
            ops.RenameExperiment: self._rename_experiment,
            ops.DeleteExperiment: self._delete_experiment,
            ops.RestoreExperiment: self._restore_experiment,
            ops.SetExperimentTag: lambda op: experiments.set_tag(tree, op),
            ops.DeleteExperimentTag: lambda op: experiments.delete_tag(tree, op),
            ops.CreateRun: self._create_run,
            ops.UpdateRun: runs.update,
            ops.DeleteRun: runs.delete,
            ops.RestoreRun: runs.restore,
            ops.LogBatch: runs.log_batch,
            ops.DeleteTag: runs.delete_tag,
            ops.LogInputs: runs.log_inputs,
            ops.LogOutputs: runs.log_outputs,
            ops.CreateLoggedModel: self._create_model,
            ops.FinalizeLoggedModel: models.finalize,
            ops.SetLoggedModelTags: models.set_tags,
            ops.DeleteLoggedModelTag: models.delete_tag,
            ops.LogLoggedModelParams: models.log_params,
            ops.DeleteLoggedModel: models.delete,
            **registry.writers,
            ops.CreateModelVersion: lambda op: registry.create_version(settle_source(self, op)),
            ops.MoveRuns: self._move_runs,
            **TreePurges(tree, runs.let_go_all).writers,
            ops.ImportExperiment: self._import_experiment,
            ops.ImportRun: self._import_run,
            ops.ImportLoggedModel: self._import_model,
            ops.ImportRegisteredModel: lambda op: put_registered(tree, registry, op),
        }

    @property
    def uri(self) -> str:
        """The directory as a file: URI."""
        return str(Location("file", "", self.root.as_posix()))

    def write(self, op: ops.Op[T]) -> T:
        """Carry out `op` on the files; one whose `op_id` was seen before has no effect."""
        if op.op_id:
            return cast(T, self._keyed().write(op))
        return self._carry_out(op)

    def _carry_out(self, op: ops.Op[T]) -> T:
        if type(op) is ops.LogBatch:
            check_batch(op)
            for metric in op.metrics:
                if metric.model_id:
                    self._log_for_models(op)
                    break
            else:
                self._runs.log_batch(op)
            if self._answers is not None:
                self._tree.touch(op.run_id)
            return cast(T, None)
        check(op)
        result = self._writers[type(op)](op)
        run_id = op.info.run_id if isinstance(op, ops.ImportRun) else getattr(op, "run_id", None)
        if run_id is not None:
            self._tree.touch(run_id)
        elif isinstance(op, ops.ImportLoggedModel):
            self._tree.touch_model(op.model.model_id)
        elif isinstance(op, _ON_MODELS):
            self._tree.touch_model(op.model_id)
        return cast(T, result)

    def log_all(self, batches: Sequence[ops.LogBatch]) -> list[Exception | None]:
        """Carry out several batches; the error of each, or None."""
        return [self._log(op) for op in batches]

    def _log(self, op: ops.LogBatch) -> Exception | None:
        try:
            self.write(op)
        except Exception as error:  # noqa: BLE001 — the border between those whose batches these are
            return error
        return None

    def read(self, query: Query[T]) -> T:
        """Answer `query`: about one thing from its files, a search from the index, brought up to date first."""
        if isinstance(query, WasDone):
            return cast(T, self._keyed().was_done(query))
        lookup = self._lookups.readers.get(type(query))
        return cast(T, lookup(query) if lookup is not None else self._searches().answer(query))

    def artifacts(self, run_id: str) -> Artifacts:
        """The run's artifacts; those of a tree that was moved are found beside the run."""
        directory = self._tree.run_dir(run_id)
        return self._places.find(directory, lambda: reader.read_info(directory).artifact_uri)

    def model_artifacts(self, model_id: str, *, deleted: bool = False) -> Artifacts:
        """The logged model's artifacts; those of a tree that was moved are found beside its meta.yaml."""
        location = self._models.get(model_id, deleted=deleted).artifact_location
        return self._places.look(location, self._models.directory(model_id))

    def logged_model(self, run_id: str, name: str) -> Artifacts | None:
        """The newest logged model of this name among the run's outputs, None when there is none."""
        found = model_files.find_by_name(self._tree.run_dir(run_id), name)
        return None if found is None else self.model_artifacts(found)

    @property
    def tree(self) -> Tree:
        """The directory and what lies where in it."""
        return self._tree

    def bell(self) -> bells.Bell:
        """Rings when something happens in the directory."""
        return bells.tree_bell(self._tree.root)

    def settle(self) -> bool:
        """Do a piece of what makes searches of many runs quick; whether there is more of it.

        For processes that stay: others get there too, while they search.
        """
        return self._searches().settle()

    def reindex(self) -> None:
        """Read the whole tree again into a new index."""
        self._searches().reindex()

    def close(self) -> None:
        """Close files and the index; they open again when used."""
        self._appender.close()
        if self._keys is not None:
            self._keys.close()
        if self._answers is not None:
            self._answers.close()

    def after_fork(self) -> None:
        """Start anew in a child process: locks, connections and open files of the parent are not the child's."""
        # Never closed here: closing a SQLite connection of the parent could harm the parent's database.
        _parents.extend((self._answers, self._keys))
        self._appender.abandon()
        self._start()

    def _searches(self) -> Answers:
        # SQLAlchemy takes longer to import than many a training script to run; only a search needs it.
        with self._lock:
            if self._answers is None:
                module = import_module("millstream.stores.answers")
                path = index_path(self.root)
                self._answers = module.Answers(self._tree, path, self._report, self.artifacts)
            answers: Answers = self._answers
            return answers

    def _keyed(self) -> KeyedWrites:
        with self._lock:
            if self._keys is None:
                module = import_module("millstream.stores.keyed")
                path = index_path(self.root).with_suffix(".keys.db")
                self._keys = module.KeyedWrites(path, self, self._tree, self._runs, self._models, self._carry_out)
            keys: KeyedWrites = self._keys
            return keys

    def _report(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total)

    def _create_experiment(self, op: ops.CreateExperiment) -> str:
        with self._tree.lock():
            self._create_default(op.time)
            return experiments.create(self._tree, op, self._take_name(op.name, op.experiment_id))

    def _import_experiment(self, op: ops.ImportExperiment) -> str:
        given = op.experiment
        with self._tree.lock():
            if given.experiment_id != names.DEFAULT_EXPERIMENT_ID:
                self._create_default(given.creation_time or 0)
            experiment_id = self._take_name(given.name, given.experiment_id)
            return imports.create_experiment(self._tree, structs.replace(given, experiment_id=experiment_id))

    def _import_run(self, op: ops.ImportRun) -> RunInfo:
        info = imports.put_run(self._tree, op)
        self._runs.let_go(info.run_id, self._tree.run_dir(info.run_id))
        return info

    def _import_model(self, op: ops.ImportLoggedModel) -> LoggedModel:
        with self._tree.lock():
            return imports.put_model(self._tree, self._models.find(op.model.model_id), op)

    def _take_name(self, name: str, experiment_id: str | None) -> str:
        """The id of an experiment to be made under the lock."""
        self._check_name_is_free(name)
        experiment_id = experiment_id or names.new_experiment_id()
        if self._tree.experiment_dir(experiment_id) is not None:
            raise refusals.id_taken(experiment_id)
        return experiment_id

    def _rename_experiment(self, op: ops.RenameExperiment) -> None:
        experiments.require_active(self._tree, op.experiment_id)
        with self._tree.lock():
            self._check_name_is_free(op.name, but=op.experiment_id)
            experiments.rename(self._tree, op)

    def _delete_experiment(self, op: ops.DeleteExperiment) -> None:
        self._tree.require_experiment_dir(op.experiment_id)
        with self._tree.changing_places():
            experiments.delete(self._tree, op)
        self._runs.let_go_all()

    def _restore_experiment(self, op: ops.RestoreExperiment) -> None:
        self._tree.require_experiment_dir(op.experiment_id)
        with self._tree.changing_places():
            experiments.restore(self._tree, op)
        self._runs.let_go_all()

    def _move_runs(self, op: ops.MoveRuns) -> None:
        experiments.require_active(self._tree, op.experiment_id)
        with self._tree.changing_places():
            movement.move_runs(self._tree, op)
        self._runs.let_go_all()

    def _check_name_is_free(self, name: str, but: str | None = None) -> None:
        for taken in self._lookups.experiments_named(name):
            if taken.experiment_id != but:
                raise refusals.name_taken(taken.name, taken.lifecycle_stage, taken.experiment_id)

    def _create_default(self, time: int) -> None:
        if next(iter(self._tree.experiment_dirs()), None) is None:
            experiments.create_default(self._tree, time)

    def _create_run(self, op: ops.CreateRun) -> Run:
        info = self._runs.create(op, self._experiment_to_write(op.experiment_id, op.start_time, op.run_id))
        return Run(info, RunData(tags={**op.tags, names.RUN_NAME_TAG: info.run_name}))

    def _experiment_to_write(self, experiment_id: str, time: int, run_id: str | None = None) -> Experiment:
        """The active experiment that something new goes to; the default one is made when it is missing."""
        if experiment_id == names.DEFAULT_EXPERIMENT_ID and self._tree.experiment_dir(experiment_id) is None:
            with self._tree.lock():
                self._bring_back_default(time, run_id)
        return experiments.require_active(self._tree, experiment_id)

    def _bring_back_default(self, time: int, run_id: str | None) -> None:
        if self._tree.experiment_dir(names.DEFAULT_EXPERIMENT_ID) is not None:
            return  # Somebody was quicker.
        self._check_name_is_free(names.DEFAULT_EXPERIMENT_NAME)
        there = None if run_id is None else self._tree.find_run(run_id)
        if there is not None:
            raise refusals.run_exists(str(run_id), f"experiment {os.path.basename(os.path.dirname(there))}")
        experiments.create_default(self._tree, time)

    def _create_model(self, op: ops.CreateLoggedModel) -> LoggedModel:
        return self._models.create(op, self._experiment_to_write(op.experiment_id, op.time))

    def _log_for_models(self, op: ops.LogBatch) -> None:
        """The run's points first; those that name a logged model go to it too, and to the run unless they are there."""
        self._runs.require_writable(op.run_id)
        self._models.require_all(op.metrics)
        new = self._runs.leave_out_repeats(op.run_id, op.metrics)
        self._runs.log_batch(structs.replace(op, metrics=new))
        self._models.append(op.run_id, op.metrics)
        for model_id in {metric.model_id for metric in op.metrics if metric.model_id}:
            self._tree.touch_model(model_id)


def index_path(root: Path) -> Path:
    """Where the index of the tree `root` is: the setting INDEX_DIR, else the user's cache, else a temporary place."""
    name = sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:24] + ".db"
    named = text_setting("INDEX_DIR")
    if named:
        return Path(named).expanduser() / name
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(cache, "millstream", "index")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder / name
    except OSError:
        pass
    return Path(_private_folder(), name)


@lru_cache(maxsize=1)
def _private_folder() -> str:
    folder = mkdtemp(prefix="millstream-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
