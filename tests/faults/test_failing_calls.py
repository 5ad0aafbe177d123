"""Every call of the file system fails once, or from one on: a clear error, and the op can be sent again."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.embedded import EmbeddedStore
from millstream.values.errors import AlreadyExists, InvalidState, NotFound, StorageFailed
from tests.faults.subjects import KINDS, make_op, state, subject

CALLS = ("write", "replace", "rename", "link", "open", "mkdir", "makedirs", "unlink", "rmdir", "ftruncate", "utime")
# What works on a full disk too.
FREEING = {"unlink", "rmdir", "ftruncate"}


class Failing:
    """Lets the `number`-th call fail with `code`, and, if `lasting`, every one after it that needs room."""

    def __init__(self, number: int, code: int, *, lasting: bool) -> None:
        self.number, self.code, self.lasting = number, code, lasting
        self.calls = 0
        self.failed: list[str] = []

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **more: Any) -> Any:
            if name == "open" and not given[1] & (os.O_WRONLY | os.O_RDWR):
                return call(*given, **more)  # a full disk can be read
            self.calls += 1
            fails = self.calls == self.number or (self.lasting and self.calls > self.number)
            if fails and not (self.lasting and name in FREEING):
                self.failed.append(name)
                path = given[0] if isinstance(given[0], str) else None
                raise OSError(self.code, os.strerror(self.code), path)
            return call(*given, **more)

        return wrapped

    @contextmanager
    def installed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self.wrap(name, getattr(os, name)))
            yield


@pytest.mark.parametrize(("code", "lasting"), [(errno.EIO, False), (errno.ENOSPC, True)], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_op_whose_nth_call_fails_says_so_and_can_be_sent_again(
    open_tree: Callable[[], EmbeddedStore], root: Path, kind: str, code: int, lasting: bool
) -> None:
    store = open_tree()
    op, experiment, run = make_op(kind, *subject(store, 1, kind), 1)
    state(store, experiment, run)  # with an index, as stores have one
    store.close()
    index = Path(os.environ["MILLSTREAM_INDEX_DIR"])
    for place in (root, index):
        shutil.copytree(place, place.with_name(f"{place.name} before"), symlinks=True)
    store.write(op)
    expected = repr(state(store, experiment, run))
    for number in itertools.count(1):
        store.close()
        for place in (root, index):
            shutil.rmtree(place)
            shutil.copytree(place.with_name(f"{place.name} before"), place, symlinks=True)
        store = open_tree()
        failing = Failing(number, code, lasting=lasting)
        error = None
        try:
            with failing.installed():
                store.write(op)
        except StorageFailed as raised:
            error = raised
        if not failing.failed:
            break
        if error is not None:
            assert os.strerror(code) in str(error)
            # What is done under a key is noted outside of the tree.
            assert any(path in str(error) for path in (str(root), str(index))), "no path is named"
            found = state(store, experiment, run)
            if kind in ("point", "points"):
                assert not {key for _, series in found[1] for key in series} - {"m"}, "a failed batch left points"
            with suppress(NotFound, InvalidState, AlreadyExists):  # It was done, and the failure came after.
                store.write(op)
        assert repr(state(store, experiment, run)) == expected, failing.failed
        left = [path for path in root.rglob(".millstream-*") if path.is_file()]
        assert len(left) <= failing.failed.count("unlink")
    assert number > 2 or kind in ("delete tag", "delete model tag")  # which needs no room
