"""However a process ends, its runs are ended and say how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import millstream
from tests.tracking.conftest import Script

START = """
import os, signal, sys, time
import millstream
run = millstream.start_run()
millstream.log_metric('m', 1)
"""


def only_run() -> millstream.entities.Run:
    (found,) = millstream.search_runs(["0"], output_format="list")
    return found


@pytest.mark.parametrize(
    ("end", "code", "status"),
    [
        ("", 0, "FINISHED"),
        ("sys.exit(0)", 0, "FINISHED"),
        ("raise ValueError('망함')", 1, "FAILED"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "KILLED"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -signal.SIGINT, "KILLED"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM, "KILLED"),
        (
            "with millstream.start_run(nested=True):\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(60)",
            -15,
            "KILLED",
        ),
        ("millstream.end_run('KILLED'); raise ValueError", 1, "KILLED"),
    ],
)
def test_the_end_of_a_process(script: Script, end: str, code: int, status: str) -> None:
    done = script(START + end)
    assert done.returncode == code, done.stderr
    runs = millstream.search_runs(["0"], output_format="list")
    assert {run.info.status for run in runs} == {status}
    assert all(run.info.end_time for run in runs)
    assert runs[-1].data.metrics == {"m": 1.0}
    if "망함" in end:
        assert "ValueError: 망함" in runs[0].data.tags["millstream.traceback"]


def test_an_exit_with_an_error_code_ends_the_run(script: Script) -> None:
    assert script(START + "sys.exit(3)").returncode == 3
    assert only_run().info.status in ("FINISHED", "FAILED")
    assert only_run().info.end_time


def test_a_killed_process_loses_no_point(script: Script) -> None:
    done = script(
        START + "for i in range(1000): millstream.log_metric('m', i, step=i)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert done.returncode == -signal.SIGKILL
    assert only_run().info.status == "RUNNING"
    assert len(millstream.MlflowClient().get_metric_history(only_run().info.run_id, "m")) == 1001


def test_a_handler_that_the_program_set_is_kept(script: Script) -> None:
    program = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))\n" + START
    done = script(program + "os.kill(os.getpid(), signal.SIGTERM)\n")
    assert (done.returncode, done.stdout.strip()) == (0, "mine")
    assert only_run().info.status == "FINISHED"


LOOP = """
import millstream
millstream.start_run()
print("started", flush=True)
step = 0
while True:
    step += 1
    millstream.log_metric("m", step, step=step)
    if step % 50 == 0:
        millstream.set_tag("t", step)
"""


@pytest.mark.parametrize("round_", range(5))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_logging_neither_hangs_nor_tears(here: Path, number: int, round_: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        run = only_run().info.run_id
        file = here / "mlruns" / "0" / run / "metrics" / "m"
        while not file.exists() or file.stat().st_size < 2000 * (round_ + 1):
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=60) == -number
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert only_run().info.status == "KILLED"
    assert file.read_bytes().endswith(b"\n")
    steps = [point.step for point in millstream.MlflowClient().get_metric_history(run, "m")]
    assert steps == list(range(1, len(steps) + 1))


def test_a_signal_within_an_append_does_not_wait_for_itself(script: Script) -> None:
    program = START + (
        "from millstream.drivers.files import appender\n"
        "real = os.write\n"
        "def write(descriptor, data):\n"
        "    written = real(descriptor, data)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return written\n"
        "class Fake:\n"
        "    def __getattr__(self, name): return write if name == 'write' else getattr(os, name)\n"
        "appender.os = Fake()\n"
        "millstream.log_metric('m', 2, step=1)\n"
    )
    assert script(program).returncode == -signal.SIGTERM
    assert (only_run().info.status, only_run().data.metrics) == ("KILLED", {"m": 2.0})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_do_not_end_their_parents_run(script: Script) -> None:
    program = START + (
        "import multiprocessing\n"
        "def work(n):\n"
        "    millstream.log_metric('child', n, step=n)\n"
        "    assert millstream.get_run(run.info.run_id).info.status == 'RUNNING'\n"
        "if os.fork() == 0:\n"
        "    millstream.log_metric('child', 0)\n"
        "    sys.exit(0)\n"
        "os.wait()\n"
        "if os.fork() == 0:\n"
        "    with run: os.kill(os.getpid(), signal.SIGTERM)\n"
        "os.wait()\n"
        "context = multiprocessing.get_context('fork')\n"
        "children = [context.Process(target=work, args=(n,)) for n in (1, 2, 3)]\n"
        "[child.start() for child in children]; [child.join() for child in children]\n"
        "assert [child.exitcode for child in children] == [0, 0, 0]\n"
        "assert millstream.get_run(run.info.run_id).info.status == 'RUNNING'\n"
        "millstream.log_metric('m', 2, step=1)\n"
    )
    done = script(program)
    assert done.returncode == 0, done.stderr
    assert only_run().info.status == "FINISHED"
    assert only_run().data.metrics == {"m": 2.0, "child": 3.0}


def test_children_inherit_store_and_experiment(script: Script, tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, millstream\n"
        f"millstream.set_tracking_uri({(tmp_path / '저장소').as_uri()!r})\n"
        "millstream.set_experiment('부모의 실험')\n"
        "child = 'import millstream\\nwith millstream.start_run(): millstream.log_metric(\"m\", 1)'\n"
        "subprocess.run([sys.executable, '-c', child], check=True)\n"
    )
    done = script(program)
    assert done.returncode == 0, done.stderr
    client = millstream.MlflowClient((tmp_path / "저장소").as_uri())
    experiment = client.get_experiment_by_name("부모의 실험")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_logging_imports_nothing_heavy(script: Script) -> None:
    """What a training process pays for by logging params, metrics, tags and artifacts to files."""
    program = (
        "import sys, millstream\n"
        "millstream.set_experiment('가벼운')\n"
        "with millstream.start_run() as run:\n"
        "    millstream.log_params({'a': 1}); millstream.log_metrics({'m': 1.0}); millstream.set_tag('t', 'x')\n"
        "    millstream.log_text('x', 'a.txt'); millstream.log_dict({'a': 1}, 'a.json')\n"
        "heavy = {'sqlalchemy', 'sqlite3', 'numpy', 'pandas', 'starlette', 'asyncio', 'http.client', 'click'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = script(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
