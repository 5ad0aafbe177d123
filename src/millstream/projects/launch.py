"""`run`: a project as a run."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping

import msgspec

from millstream.formats.mlproject import MAIN
from millstream.projects.environment import child_environ
from millstream.projects.plan import Plan, make_plan
from millstream.projects.process import Job, stop_on_signal
from millstream.projects.supervise import FAILED, FINISHED, KILLED, Task, say, see_through
from millstream.projects.target import LOCAL_BACKEND, Target, find_target, open_run
from millstream.tracking.client import MlflowClient
from millstream.values import names
from millstream.values.entities import RunStatus
from millstream.values.errors import InvalidValue, MillstreamError, NotSupported, ProjectFailed


class RunFailed(ProjectFailed):
    """The project started and ended badly; `run_id` names its run."""

    def __init__(self, run_id: str) -> None:
        """Say which run."""
        super().__init__(f"Run (ID '{run_id}') failed")
        self.run_id = run_id


class SubmittedRun:
    """A project run that was started: wait for it, ask how it is, or stop it."""

    def __init__(self, run_id: str, client: MlflowClient, supervisor: subprocess.Popen[bytes] | None = None) -> None:
        """Hold the run; `supervisor` is the process that sees it through, None when it has ended."""
        self._run_id = run_id
        self._client = client
        self._supervisor = supervisor

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self._run_id

    def wait(self) -> bool:
        """Wait for the end; True when the run FINISHED. When this returns, the run has its final status."""
        if self._supervisor is not None:
            self._supervisor.wait()
            self._end_when_abandoned(FAILED)
        return self.get_status() == FINISHED

    def get_status(self) -> str:
        """Status word of the run now."""
        if self._supervisor is not None and self._supervisor.poll() is not None:
            self._end_when_abandoned(FAILED)
        return self._client.get_run(self._run_id).info.status

    def cancel(self) -> None:
        """Stop the run's processes and wait until they are gone; the run is KILLED unless it had ended before."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            self._supervisor.terminate()
            self._supervisor.wait()
            self._end_when_abandoned(KILLED)

    def _end_when_abandoned(self, status: str) -> None:
        """A supervisor that was itself killed, or stopped before it had begun, left its run open."""
        if not RunStatus.is_terminated(self._client.get_run(self._run_id).info.status):
            self._client.set_terminated(self._run_id, status)


def run(
    uri: str,
    entry_point: str = MAIN,
    version: str | None = None,
    parameters: Mapping[str, object] | None = None,
    docker_args: Mapping[str, object] | None = None,
    experiment_name: str | None = None,
    experiment_id: str | int | None = None,
    backend: str = LOCAL_BACKEND,
    backend_config: object = None,
    use_conda: bool | None = None,
    storage_dir: str | None = None,
    synchronous: bool = True,
    run_id: str | None = None,
    run_name: str | None = None,
    env_manager: str | None = None,
    build_image: bool = False,
    docker_auth: object = None,
) -> SubmittedRun:
    """Run an entry point of the project at `uri` as a run; the run always ends with the status that it earned.

    Everything is checked first: when this raises before anything started, no run was made. The run's status is that of
    the command: FINISHED for exit code 0, else FAILED; KILLED when this process is interrupted (the signal then goes
    on as usual). With `synchronous` RunFailed is raised unless it FINISHED; without, another process sees the run
    through and this returns at once.

    `parameters` beyond those that the entry point declares are appended to its command as ``--key value``. The
    experiment is made when its name is not known; an unknown id is an error. `run_id` continues an existing run. The
    arguments on Docker and on back ends other than ``local`` are for later versions and refused; `use_conda` is
    MLflow 1.x's word for `env_manager` (False: ``local``).
    """
    _refuse_other_back_ends(backend, backend_config, docker_args or docker_auth or build_image)
    client = MlflowClient()
    try:
        plan = make_plan(uri, entry_point, version, parameters or {}, storage_dir, env_manager, use_conda)
        # First with a run that is not there: no experiment is made for a command that cannot be started.
        plan.invocations(child_environ(os.environ, names.new_run_id(), client.tracking_uri, "0"))
        target = find_target(client, experiment_name, experiment_id, run_id, plan)
    except InvalidValue as error:
        raise ProjectFailed(error.message) from error
    start = _run_here if synchronous else _run_apart
    return start(client, plan, target, _task(plan, target, target.run_id), run_name)


def _task(plan: Plan, target: Target, run_id: str) -> Task:
    environ = child_environ(os.environ, run_id, target.tracking_uri, target.experiment_id)
    return Task(
        run_id=run_id,
        experiment_id=target.experiment_id,
        tracking_uri=target.tracking_uri,
        directory=str(plan.source.directory),
        invocations=plan.invocations(environ),
    )


def _refuse_other_back_ends(backend: str, backend_config: object, docker: object) -> None:
    if backend != LOCAL_BACKEND:
        raise NotSupported(f"There is no back end {backend!r} in this version; leave it out or use {LOCAL_BACKEND!r}.")
    if backend_config:
        raise NotSupported("The local back end takes no configuration; leave the backend config out.")
    if docker:
        raise NotSupported("This version runs no containers; leave the arguments on Docker out.")


def _run_here(client: MlflowClient, plan: Plan, target: Target, task: Task, run_name: str | None) -> SubmittedRun:
    job = Job(plan.source.directory)
    with stop_on_signal(job) as interruption:
        task = _begin(client, plan, target, task, run_name)
        status = see_through(task, job, client)
    if interruption.signal is not None:
        signal.raise_signal(interruption.signal)
    if status != FINISHED:
        raise RunFailed(task.run_id)
    return SubmittedRun(task.run_id, client)


def _run_apart(client: MlflowClient, plan: Plan, target: Target, task: Task, run_name: str | None) -> SubmittedRun:
    """Give the task to a process of its own, which outlives this one."""
    task = _begin(client, plan, target, task, run_name)
    try:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "millstream.projects"], stdin=subprocess.PIPE, start_new_session=True
        )
        assert supervisor.stdin is not None
        with supervisor.stdin:
            supervisor.stdin.write(msgspec.json.encode(task))
    except BaseException:
        client.set_terminated(task.run_id, FAILED)
        raise
    return SubmittedRun(task.run_id, client, supervisor)


def _begin(client: MlflowClient, plan: Plan, target: Target, task: Task, run_name: str | None) -> Task:
    """Make the run (or take up the one that was named); a failure on the way leaves it FAILED. Returns its task."""
    try:
        run_id = open_run(client, target, plan, run_name)
    except BaseException:
        _fail_quietly(client, task.run_id)
        raise
    if run_id != task.run_id:
        task = _task(plan, target, run_id)
    for invocation in task.invocations:
        say(f"=== Run (ID '{task.run_id}'): {shlex.join(invocation.argv)} ===")
    return task


def _fail_quietly(client: MlflowClient, run_id: str) -> None:
    """End a run that may not even have been made; the error that led here matters more than one on the way."""
    try:
        client.set_terminated(run_id, FAILED)
    except MillstreamError:
        pass
