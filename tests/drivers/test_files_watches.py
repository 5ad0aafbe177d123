"""Watches: the kernel tells what happened in directories; and which file systems it can be asked about."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millstream.drivers.files import mounts

if not sys.platform.startswith("linux"):
    pytest.skip("inotify is Linux's", allow_module_level=True)

from millstream.drivers.files import watches as module
from millstream.drivers.files.watches import Watches


@pytest.fixture
def watches() -> Iterator[Watches]:
    made = Watches()
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "폴더 a"
    (made / "below").mkdir(parents=True)
    (made / "file").write_text("1")
    return made


WAYS: dict[str, Callable[[Path], object]] = {
    "add": lambda folder: (folder / "새 것").write_text(""),
    "make a directory": lambda folder: (folder / "new").mkdir(),
    "overwrite in place": lambda folder: (folder / "file").write_text("2"),
    "append": lambda folder: os.close(write(os.open(folder / "file", os.O_APPEND | os.O_WRONLY))),
    "truncate": lambda folder: os.truncate(folder / "file", 0),
    "replace": lambda folder: write_beside(folder).rename(folder / "file"),
    "remove": lambda folder: (folder / "file").unlink(),
    "move out": lambda folder: (folder / "file").rename(folder.parent / "file"),
    "link": lambda folder: os.link(folder / "file", folder / "other"),
    "move": lambda folder: folder.rename(folder.with_name("b")),
    "remove below": lambda folder: (folder / "below").rmdir(),
}


def write(descriptor: int) -> int:
    os.write(descriptor, b"x")
    return descriptor


def write_beside(folder: Path) -> Path:
    (folder.parent / "new").write_text("2")
    return folder.parent / "new"


@pytest.mark.parametrize("way", WAYS)
def test_what_happens_in_a_directory_is_told_once(way: str, watches: Watches, folder: Path) -> None:
    number = watches.add(str(folder))
    assert watches.take() == set()
    WAYS[way](folder)
    assert watches.take() == {number}
    assert watches.take() == set()


def test_reading_and_looking_is_not_told(watches: Watches, folder: Path) -> None:
    watches.add(str(folder))
    (folder / "file").read_text()
    os.listdir(folder)
    (folder / "file").stat()
    assert watches.take() == set()


def test_what_happens_below_is_told_by_the_watch_there(watches: Watches, folder: Path) -> None:
    watches.add(str(folder))
    below = watches.add(str(folder / "below"))
    (folder / "below" / "x").write_text("")
    assert watches.take() == {below}


def test_a_directory_that_is_made_anew_is_another(watches: Watches, folder: Path) -> None:
    number = watches.add(str(folder / "below"))
    (folder / "below").rmdir()
    (folder / "below").mkdir()
    assert watches.take() == {number}
    (folder / "below" / "x").write_text("")
    assert watches.take() == set()
    assert watches.add(str(folder / "below")) != number


def test_a_removed_watch_tells_nothing_more(watches: Watches, folder: Path) -> None:
    number = watches.add(str(folder))
    watches.remove(number)
    watches.take()
    (folder / "file").write_text("3")
    assert watches.take() == set()
    watches.remove(number)


def test_links_files_and_nothing_cannot_be_watched(watches: Watches, folder: Path) -> None:
    (folder / "link").symlink_to("below")
    for name, error in (("link", NotADirectoryError), ("file", NotADirectoryError), ("none", FileNotFoundError)):
        with pytest.raises(error):
            watches.add(str(folder / name))


def test_more_than_the_kernel_keeps_is_lost_and_says_so(watches: Watches, folder: Path) -> None:
    watches.add(str(folder))
    watches.add(str(folder / "below"))
    for _ in range(int(Path(module.LIMITS, "max_queued_events").read_text()) // 2 + 1):
        # By turns, as the kernel makes one of what is repeated.
        os.truncate(folder / "file", 0)
        os.close(os.open(folder / "below/x", os.O_CREAT | os.O_WRONLY))
        os.unlink(folder / "below/x")
    assert watches.take() is None
    assert watches.take() == set()


def test_a_child_has_no_watches_and_takes_nothing_from_its_parent(watches: Watches, folder: Path) -> None:
    number = watches.add(str(folder))
    (folder / "file").write_text("2")
    child = os.fork()
    if child == 0:
        try:
            watches.take()
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == errno.EBADF
    assert watches.take() == {number}


def test_the_descriptor_goes_with_its_owner() -> None:
    before = set(os.listdir("/proc/self/fd"))
    made = [Watches(), Watches()]
    assert len(set(os.listdir("/proc/self/fd")) - before) == 2
    made.pop().close()
    made.clear()
    assert set(os.listdir("/proc/self/fd")) == before


def test_the_quota_is_a_quarter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMITS", str(tmp_path))
    assert module.quota() == 0
    (tmp_path / "max_user_watches").write_text("8192\n")
    assert module.quota() == 2048


TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
30 22 0:40 / /home rw shared:2 master:3 - nfs4 server:/home rw,vers=4.2
31 30 8:2 / /home/me/local\040disk\134x rw - xfs /dev/sdb rw
32 22 0:50 / /mnt rw - ext4 /dev/sdc rw
33 32 0:51 / /mnt rw - fuse.sshfs me@there:/ rw
34 22 0:52 / /home2 rw - btrfs /dev/sdd rw
"""


def test_only_local_file_systems_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text(TABLE)
    monkeypatch.setattr(mounts, "TABLE", str(tmp_path / "mountinfo"))
    found = mounts.read_mounts()
    assert ("/home/me/local disk\\x", "xfs") in found
    local = ("/", "/data/mlruns", "/home/me/local disk\\x/mlruns", "/home2", "/home22/x")
    assert [path for path in local if not mounts.is_local(path, found)] == []
    distant = ("/home", "/home/me/mlruns", "/home/me/local disk", "/mnt", "/mnt/x", "/proc/x")
    assert [path for path in distant if mounts.is_local(path, found)] == []


def test_where_nobody_says_nothing_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "TABLE", str(tmp_path / "none"))
    assert mounts.read_mounts() == []
    assert not mounts.is_local("/", [])
