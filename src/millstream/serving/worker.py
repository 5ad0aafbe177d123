"""One thread that predicts, behind a queue with a limit: a slow model never stops the event loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from millstream.values.errors import Unavailable


class Worker:
    """Runs calls one after the other, because few models are safe to use from two threads at once.

    At most `calls` calls of together `size` bytes wait or run; a cancelled call that has not started never does.
    """

    def __init__(self, calls: int = 128, size: int = 64_000_000) -> None:
        """Start the thread. It is a daemon: a model that hangs does not keep the process alive."""
        self._limit, self._size_limit = calls, size
        self._count, self._size = 0, 0
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="predict", daemon=True).start()

    def submit(self, call: Callable[[], Any], size: int = 0) -> Future[Any]:
        """Queue `call`, which holds `size` bytes; Unavailable when the queue is full."""
        with self._lock:
            if self._count >= self._limit or (self._count and self._size + size > self._size_limit):
                raise Unavailable(f"The model is busy: {self._count} requests are waiting. Try again later.")
            self._count += 1
            self._size += size
        future: Future[Any] = Future()
        future.add_done_callback(lambda _: self._release(size))
        self._queue.put((future, call))
        return future

    def _release(self, size: int) -> None:
        with self._lock:
            self._count -= 1
            self._size -= size

    def _run(self) -> None:
        while True:
            future, call = self._queue.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001  a border: whatever the model raises goes to the caller
                future.set_exception(error)
            else:
                future.set_result(answer)
            del future, call
