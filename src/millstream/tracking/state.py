"""What this process has open: the tracking URI, the active experiment, the stack of active runs."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import Any

from millstream.stores.base import Store
from millstream.stores.open import open_store
from millstream.tracking.convert import now
from millstream.values import names
from millstream.values.entities import Run, RunData, RunInfo, RunInputs, RunOutputs, RunStatus, RunTag
from millstream.values.errors import MillstreamError
from millstream.values.ops import LogBatch, UpdateRun
from millstream.values.queries import GetRun

MAX_TRACEBACK = 8000


class ActiveRun:
    """A run that this process writes to; use it in a `with` block, which ends the run.

    `info`, `data`, `inputs` and `outputs` are as of the start (of the first look, for a resumed run).
    """

    def __init__(self, info: RunInfo, store: Store, run: Run | None = None) -> None:
        """Stand for a run in `store`; without `run` its data is read when it is asked for."""
        self.info = info
        self.store = store
        self.owner = os.getpid()
        self._known = run

    @property
    def _run(self) -> Run:
        if self._known is None:
            self._known = self.store.read(GetRun(run_id=self.info.run_id))
        return self._known

    @property
    def data(self) -> RunData:
        """Metrics, params and tags."""
        return self._run.data

    @property
    def inputs(self) -> RunInputs:
        """Datasets and models used."""
        return self._run.inputs

    @property
    def outputs(self) -> RunOutputs:
        """Models made."""
        return self._run.outputs

    def to_dictionary(self) -> dict[str, Any]:
        """Nested plain dictionaries with the same names."""
        return self._run.to_dictionary()

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self, status_after(error), error)

    def __repr__(self) -> str:
        return f"<ActiveRun {self.info.run_name} {self.info.run_id}>"


_tracking_uri: str | None = None
_active_experiment: str | None = None
_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("millstream_active_runs", default=())
_last_run_id: ContextVar[str | None] = ContextVar("millstream_last_run", default=None)
_open_runs: dict[str, ActiveRun] = {}
_active_model: ContextVar[str | None] = ContextVar("millstream_active_model", default=None)


def set_uri(uri: str | None) -> None:
    """Use the store `uri` from now on; None goes back to finding one."""
    global _tracking_uri
    _tracking_uri = uri


def uri() -> str | None:
    """What `set_uri` set last."""
    return _tracking_uri


def store() -> Store:
    """The store that calls without a run go to."""
    return open_store(_tracking_uri)


def set_active_experiment(experiment_id: str | None) -> None:
    """Make this the experiment of new runs."""
    global _active_experiment
    _active_experiment = experiment_id


def active_experiment() -> str | None:
    """What `set_active_experiment` set last."""
    return _active_experiment


def stack() -> tuple[ActiveRun, ...]:
    """Active runs of this thread or task, outermost first."""
    return _stack.get()


def last_run_id() -> str | None:
    """The run that was started or resumed last in this thread or task."""
    return _last_run_id.get()


def active_model_id() -> str | None:
    """The logged model that points belong to unless told otherwise."""
    return _active_model.get()


def set_active_model_id(model_id: str | None) -> None:
    """Say which logged model points belong to in this thread or task."""
    _active_model.set(model_id)


def push(run: ActiveRun) -> None:
    """Make `run` the innermost active run; see to its status should the process end."""
    _stack.set((*_stack.get(), run))
    _last_run_id.set(run.info.run_id)
    _open_runs[run.info.run_id] = run
    _watch_signals()


def end(run: ActiveRun, status: str, error: BaseException | None = None) -> None:
    """Give `run` its final status and take it from the stack. A run that was ended before keeps its status."""
    _stack.set(tuple(other for other in _stack.get() if other is not run))
    if _open_runs.pop(run.info.run_id, None) is None or run.owner != os.getpid():
        return
    if error is not None and status != "FINISHED":
        text = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
        run.store.write(LogBatch(run_id=run.info.run_id, tags=(RunTag(names.TRACEBACK_TAG, _printable(text)),)))
    run.store.write(UpdateRun(run_id=run.info.run_id, status=status, end_time=now()))


def status_after(error: BaseException | None) -> str:
    """The status of a run whose block ended with `error`: Ctrl-C and SIGTERM kill, other errors fail."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "?")


def _end_all(status: str, error: BaseException | None = None) -> None:
    for run in reversed(list(_open_runs.values())):
        try:
            end(run, status, error)
        except MillstreamError as failure:
            sys.stderr.write(f"millstream: run {run.info.run_id} could not be ended: {failure}\n")


def _at_exit() -> None:
    # The interpreter leaves an exception that nobody caught in these names before it runs exit functions.
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if error is not None and sys.flags.interactive == 0 and not hasattr(sys, "ps1"):
        _end_all(status_after(error), error)
    else:
        _end_all("FINISHED")


def _watch_signals() -> None:
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _on_terminate)
    except ValueError:
        return  # Only the main thread may; a run started elsewhere is watched once the main thread starts one.


def _on_terminate(number: int, _frame: FrameType | None) -> None:
    # A second one ends the process at once: a server that is away may be asked for a minute.
    signal.signal(number, signal.SIG_DFL)
    _end_all("KILLED")
    os.kill(os.getpid(), number)


def _forget_after_fork() -> None:
    # A forked worker must not end its parent's runs when it exits.
    _open_runs.clear()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def is_terminal(status: str) -> bool:
    """Whether `status` ends a run."""
    return RunStatus.is_terminated(status)
