"""Points are appended whole or not at all, by any number of writers, and a full disk loses nothing that was said."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millstream.drivers.files import appender as module
from millstream.drivers.files.appender import Appender
from millstream.formats.mlruns.points import format_point, parse_points
from millstream.values.errors import StorageFailed

LINE = b"1700000000000 0.5 1\n"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A metrics directory, as callers name it: with a slash at its end."""
    made = tmp_path / "지표 metrics"
    made.mkdir()
    return f"{made}/"


@pytest.fixture
def appender() -> Iterator[Appender]:
    """An appender with room for three files."""
    made = Appender(max_open=3)
    yield made
    made.close()


def descriptors(folder: str) -> list[str]:
    """Files below `folder` that this process has open."""
    names = []
    for number in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return sorted(name.removeprefix(folder) for name in names if name.startswith(folder))


def test_keys_make_directories_below_but_never_the_folder_itself(appender: Appender, folder: str) -> None:
    appender.append(folder, "a/b/손실", LINE)
    assert Path(folder, "a/b/손실").read_bytes() == LINE
    for key in ("m", "a/m"):
        with pytest.raises(StorageFailed):
            appender.append(f"{folder}gone/", key, LINE)
    assert not Path(folder, "gone").exists()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_only_so_many_files_stay_open_the_least_used_closed_first(appender: Appender, folder: str) -> None:
    for round_ in range(2):
        for number in range(10):
            appender.append(folder, f"m{number}", LINE)
            appender.append(folder, "often", LINE)
            assert "often" in descriptors(folder)
            assert len(descriptors(folder)) <= 3
        assert Path(folder, "m0").read_bytes() == LINE * (round_ + 1)
    assert Path(folder, "often").read_bytes() == LINE * 20
    appender.close(below=folder.rstrip("/") + "x")
    assert descriptors(folder)
    appender.close(below=folder.rstrip("/"))
    assert descriptors(folder) == []
    appender.append(folder, "often", LINE)
    assert Path(folder, "often").read_bytes() == LINE * 21


@pytest.mark.parametrize("torn", [b"17", b"1700000000001 0.7", b"1700000000001 0.7 1", b"x" * 10_000, b"1\0\xff"])
@pytest.mark.parametrize("whole", [b"", LINE, LINE * 500])
def test_a_torn_tail_is_no_point_and_is_removed_before_the_next_append(
    appender: Appender, folder: str, whole: bytes, torn: bytes
) -> None:
    path = Path(folder, "m")
    path.write_bytes(whole + torn)
    assert len(parse_points(path.read_bytes()).points) == whole.count(b"\n")
    appender.append(folder, "m", LINE)
    assert path.read_bytes() == whole + LINE


def test_a_tail_that_is_still_growing_is_left_alone(
    appender: Appender, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(folder, "m")
    path.write_bytes(LINE + b"1700000000001 0.")

    def the_other_writer_goes_on(_seconds: float) -> None:
        with path.open("ab") as file:
            file.write(b"75 2\n")

    monkeypatch.setattr(module.time, "sleep", the_other_writer_goes_on)
    appender.append(folder, "m", LINE)
    assert path.read_bytes() == LINE + b"1700000000001 0.75 2\n" + LINE


def test_a_short_write_is_an_error_and_leaves_nothing_behind(
    appender: Appender, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    appender.append(folder, "m", LINE)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", lambda fd, data: real(fd, data[: len(LINE) + 7]))
        with pytest.raises(StorageFailed, match="space"):
            appender.append(folder, "m", LINE * 3)
    assert Path(folder, "m").read_bytes() == LINE
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", refuse)
        with pytest.raises(StorageFailed, match="space"):
            appender.append(folder, "m", LINE)
    appender.append(folder, "m", LINE)
    assert Path(folder, "m").read_bytes() == LINE * 2


def refuse(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


WRITER = """
import sys
from millstream.drivers.files.appender import Appender
from millstream.formats.mlruns.points import format_point
folder, writer, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
appender = Appender()
sys.stdin.readline()
for step in range(count):
    appender.append(folder, "m", format_point(writer, 1 / (step + 1), step))
"""


def test_processes_that_append_to_one_file_lose_and_tear_nothing(folder: str) -> None:
    count = 5000
    Path(folder, "m").write_bytes(LINE)
    command = [sys.executable, "-c", WRITER, folder]
    writers = [subprocess.Popen([*command, str(n), str(count)], stdin=subprocess.PIPE) for n in range(4)]
    for process in writers:
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in writers:
        process.communicate(timeout=120)
        assert process.returncode == 0
    chunk = parse_points(Path(folder, "m").read_bytes())
    assert chunk.bad == 0
    for writer in range(4):
        mine = [(value, step) for time, value, step in chunk.points if time == writer]
        assert mine == [(1 / (step + 1), step) for step in range(count)]


LIMITED = """
import resource, signal, sys
from millstream.drivers.files.appender import Appender
from millstream.formats.mlruns.points import format_point
from millstream.values.errors import StorageFailed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
appender, said = Appender(), 0
for step in range(200):
    try:
        appender.append(sys.argv[1], "m", format_point(1700000000000, step / 7, step))
    except StorageFailed as error:
        assert "append" in str(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("refused", step)
    else:
        said += 1
print("said", said)
"""


def test_a_file_that_may_not_grow_holds_just_what_was_acknowledged(folder: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, folder], capture_output=True, text=True, check=True)
    assert "said 199" in done.stdout
    refused = int(done.stdout.split()[1])
    chunk = parse_points(Path(folder, "m").read_bytes())
    assert chunk.bad == 0
    assert [step for _, _, step in chunk.points] == [step for step in range(200) if step != refused]
    assert all(value == step / 7 for _, value, step in chunk.points)


@pytest.mark.parametrize("value", [0.1, 1e-300, float("inf"), -0.0])
def test_a_line_says_the_value_exactly(value: float) -> None:
    assert parse_points(format_point(5, value, -7)).points == [(5, value, -7)]


def test_nothing_is_left_open_after_an_error(appender: Appender, folder: str) -> None:
    Path(folder, "m").mkdir()
    action: Callable[[], None] = lambda: appender.append(folder, "m", LINE)  # noqa: E731
    for _ in range(3):
        with pytest.raises(StorageFailed):
            action()
    assert descriptors(folder) == []
