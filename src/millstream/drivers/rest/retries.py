"""When a request is sent again, and how long it waits for that."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from millstream.values.errors import Unavailable
from millstream.values.settings import setting

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_ASKED_SECONDS = 300.0
_log = logging.getLogger("millstream")


class Transient(Exception):
    """A failure that may be gone at the next try; `pause` is how many seconds the server asks to wait.

    `unheard`: the connection ended before anything of an answer came, and at once.
    """

    def __init__(self, reason: str, *, pause: float = 0.0, unheard: bool = False) -> None:
        """Say why."""
        super().__init__(reason)
        self.pause, self.unheard = pause, unheard


class Retries:
    """How often something was asked of `server` in vain; each pause is about twice the one before."""

    def __init__(self, server: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Nothing has failed yet."""
        self._server, self._sleep = server, sleep
        self._failed = 0

    def begin_again(self) -> None:
        """There was some progress: what failed before does not count."""
        self._failed = 0

    def wait(self, error: Transient, request: str) -> None:
        """Wait before `request` is sent again; Unavailable when it was sent often enough."""
        self._failed += 1
        retries = setting("HTTP_REQUEST_MAX_RETRIES")
        assert isinstance(retries, int)
        if self._failed > max(0, retries):
            raise Unavailable(
                f"{self._server} did not answer {request} after {self._failed} tries: {error}. Is the server running, "
                "and is this its address? MLFLOW_HTTP_REQUEST_MAX_RETRIES says how often it is asked again."
            ) from error
        if self._failed == 1:
            _log.warning("%s does not answer (%s); trying again.", self._server, error)
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(self._failed - 1, 16), _LONGEST_PAUSE_SECONDS)
        # Many clients of a server that is back do not come at once.
        self._sleep(max(pause * random.uniform(0.75, 1.25), min(error.pause, _LONGEST_ASKED_SECONDS)))


def asked_pause(text: str | None) -> float:
    """Seconds that a header Retry-After asks to wait; 0 for none, and for a date."""
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
