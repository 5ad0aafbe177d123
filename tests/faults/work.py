"""What a process does until it dies: the work, the places where it may die, and the journal of what it was told.

Nothing here is built into the product: a process that is to die wraps the functions of the operating system, and
listens to the statements of its databases.
"""

from __future__ import annotations

import itertools
import os
import pickle
import random
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from millstream.server.app import make_app
from millstream.server.process import Hooks, serve
from millstream.server.sockets import bind
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values import ops
from millstream.values.entities import Dataset, DatasetInput, Metric, ModelOutput, Param, RunTag
from millstream.values.queries import SearchRuns

T0 = 1_700_000_000_000
# Calls that change something on a disk.
CALLS = ("write", "replace", "rename", "link", "open", "unlink", "mkdir", "rmdir", "ftruncate", "utime")
_write = os.write


@dataclass(frozen=True)
class Work:
    """A job for a process. It dies at its `die_at`-th failpoint, or `fuse` seconds after its op number `die_after`."""

    job: Callable[[Work, Journal], None]
    uri: str
    journal: Path
    ops: tuple[ops.Op[Any], ...] = ()
    name: int = 0
    seed: int = 0
    shared_run: str = ""
    die_at: int = 0
    die_after: int = -1
    fuse: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)

    def live(self) -> None:
        """Do the job, or as much of it as there is time for."""
        os.environ.update(self.environment)
        journal = Journal(self.journal)
        Failpoints(self.die_at, journal).install()
        self.job(self, journal)
        close_stores()

    def light_fuse(self) -> None:
        """By default this signal ends a process as SIGKILL does, at any instruction, with nothing run afterwards."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self.fuse)


class Journal:
    """What a process tried and what it was told, noted outside of itself: an append is not lost by a kill."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, kind: str, value: object) -> None:
        _write(self._descriptor, pickle.dumps((kind, value)))

    def carry_out(self, store: Store, op: ops.Op[Any]) -> Any:
        """Write `op`, noted before and after."""
        self.note("tried", op)
        result = store.write(op)
        self.note("done", None)
        return result


@dataclass
class Told:
    """A journal as read afterwards."""

    tried: list[ops.Op[Any]] = field(default_factory=list)
    done: int = 0
    failpoint: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def acknowledged(self) -> list[ops.Op[Any]]:
        return self.tried[: self.done]

    @property
    def unknown(self) -> list[ops.Op[Any]]:
        """The op whose answer never came: at most one."""
        return self.tried[self.done :]


def read_journal(path: Path) -> Told:
    told = Told()
    with path.open("rb") as file:
        while True:
            try:
                kind, value = pickle.load(file)
            except (EOFError, pickle.UnpicklingError):
                return told
            if kind == "tried":
                told.tried.append(value)
            elif kind == "done":
                told.done += 1
            elif kind == "dies":
                told.failpoint = value
            else:
                told.notes[kind] = value


class Failpoints:
    """Counts the moments around everything that reaches a disk or a database; at number `die_at` the process is killed.

    A write has three: before, in the middle (half of the bytes are there), after.
    """

    def __init__(self, die_at: int, journal: Journal) -> None:
        self._die_at = die_at
        self._journal = journal
        self._count = 0

    def install(self) -> None:
        """Wrap the calls of this process, for good."""
        for name in CALLS:
            setattr(os, name, self._around(name, getattr(os, name)))
        event.listen(Engine, "before_cursor_execute", self._before_statement)
        commit = DefaultDialect.do_commit

        def do_commit(dialect: DefaultDialect, connection: Any) -> None:
            self.reach("before commit")
            commit(dialect, connection)
            self.reach("after commit")

        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]

    def reach(self, name: str) -> None:
        """One failpoint."""
        self._count += 1
        if self._count == self._die_at:
            self._journal.note("dies", name)
            os.kill(os.getpid(), signal.SIGKILL)

    def _before_statement(self, *given: Any) -> None:
        # What reads changes nothing, so dying around it is dying before the next change.
        verb = given[2].split()[0]
        if verb not in ("SELECT", "PRAGMA", "BEGIN"):
            self.reach(f"before {verb}")

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **more: Any) -> Any:
            if name == "open" and not given[1] & (os.O_WRONLY | os.O_RDWR):
                return call(*given, **more)  # what reads changes nothing
            self.reach(f"before {name}")
            if name == "write":
                if self._count + 1 == self._die_at:
                    call(given[0], bytes(given[1])[: len(given[1]) // 2])
                self.reach("in write")
            result = call(*given, **more)
            self.reach(f"after {name}")
            return result

        return wrapped


def carry_out(work: Work, journal: Journal) -> None:
    """Write the given ops."""
    store = open_store(work.uri)
    for op in work.ops:
        journal.carry_out(store, op)


def search(work: Work, journal: Journal) -> None:
    """Ask for all runs, which brings the index up to date."""
    found = open_store(work.uri).read(SearchRuns(experiment_ids=("0",), max_results=50_000))
    journal.note("found", len(found))


def write_for_ever(work: Work, journal: Journal) -> None:
    """Write whatever `random_ops` says until the end comes."""
    store = open_store(work.uri)
    for number, op in enumerate(random_ops(work)):
        if number == work.die_after:
            work.light_fuse()
        journal.carry_out(store, op)


def answer(work: Work, journal: Journal) -> None:
    """Serve the store over HTTP; the port is noted."""
    sock: socket.socket = bind("127.0.0.1", 0)
    journal.note("port", sock.getsockname()[1])
    serve(make_app(open_store(work.uri)), sock, Hooks(ready=lambda: journal.note("ready", True)))


def random_ops(work: Work) -> Iterator[ops.Op[Any]]:
    """Runs of its own and a shared one, everything that can be written to them; no point is written twice."""
    rng = random.Random(f"{work.seed} {work.name}")
    numbers = itertools.count(work.name * 1_000_000)
    own = ""
    for number in numbers:
        op_id = f"{work.seed}-{number}"
        if not own or rng.random() < 0.03:
            own = f"{rng.getrandbits(128):032x}"
            yield ops.CreateRun(run_id=own, experiment_id="0", start_time=T0 + number, tags={"k": "값"}, op_id=op_id)
            continue
        run = rng.choice((own, work.shared_run)) if work.shared_run else own
        yield _random_op(rng, run, number, op_id, own)


def _random_op(rng: random.Random, run: str, number: int, op_id: str, own: str) -> ops.Op[Any]:
    kind = rng.choice(("point", "point", "points", "batch", "param", "tag", "input", "output", "end"))
    value = number / 7
    if kind == "point":
        return ops.LogBatch(run_id=run, metrics=(Metric("loss", value, T0, number),), op_id=op_id)
    if kind == "points":
        points = tuple(Metric(f"m/{place % 3}", value, T0 + place, number) for place in range(rng.randrange(2, 40)))
        return ops.LogBatch(run_id=run, metrics=points, op_id=op_id)
    if kind == "batch":
        return ops.LogBatch(
            run_id=run, metrics=(Metric("acc", value, T0, number),), params=(Param(f"p{number}", str(number)),),
            tags=(RunTag(f"t{number}", "x"),), op_id=op_id,
        )  # fmt: skip
    if kind == "param":
        return ops.LogBatch(run_id=run, params=(Param(f"p{number}", "값 " + str(number)),), op_id=op_id)
    if kind == "tag":
        return ops.LogBatch(run_id=run, tags=(RunTag(f"t{number}", "y" * rng.randrange(5000)),), op_id=op_id)
    if kind == "input":
        source = DatasetInput(Dataset("자료", str(number), "local", "{}"), {"mlflow.data.context": "train"})
        return ops.LogInputs(run_id=run, datasets=(source,), op_id=op_id)
    if kind == "output":
        return ops.LogOutputs(run_id=run, models=(ModelOutput(f"m-{number:032x}", number),), op_id=op_id)
    return ops.UpdateRun(run_id=own, status=rng.choice(("FINISHED", "RUNNING", "FAILED")), end_time=T0, op_id=op_id)


def main() -> None:
    """Fork a process for each `Work` on standard input, answer with its number; or wait for one, and say how it ended.

    This process has imported everything and has one thread, so a life costs a fork and no more.
    """
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            asked = pickle.load(source)
        except EOFError:
            return
        if isinstance(asked, int):
            _, status = os.waitpid(asked, 0)
            answered = os.waitstatus_to_exitcode(status)
        else:
            answered = os.fork()
            if answered == 0:
                _be(asked)
        pickle.dump(answered, sink)
        sink.flush()


def _be(work: Work) -> None:
    code = 1
    try:
        work.live()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)
