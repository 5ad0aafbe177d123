"""Which experiment a run or logged model is in: rights on them are those on their experiment."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from millstream.stores.base import Store
from millstream.values.errors import NotFound
from millstream.values.names import DEFAULT_EXPERIMENT_ID
from millstream.values.queries import GetExperiment, GetExperimentByName, GetLoggedModel, GetRunInfo

SECONDS = 5.0
"""So long an answer is believed: a run hardly ever moves, and training asks for the same one all the time."""

MOST = 20_000
EXPERIMENT, NAME, RUN, MODEL = "experiment", "experiment_name", "run", "logged_model"


class Homes:
    """Finds experiments, and remembers them for some seconds. Safe for threads."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask `store`."""
        self._store = store
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def find(self, kind: str, name: str) -> str | None:
        """Id of the experiment that a thing is (in); None when there is no such thing."""
        key = kind, name
        now = self._clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        try:
            home = self._ask(kind, name)
        except NotFound:
            # The default experiment is made by the first thing that goes there.
            return name if kind == EXPERIMENT and name == DEFAULT_EXPERIMENT_ID else None
        # A name is not remembered: it may be another experiment's a moment later.
        if kind != NAME:
            with self._lock:
                self._known[key] = now + SECONDS, home
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return home

    def _ask(self, kind: str, name: str) -> str:
        if kind == RUN:
            return self._store.read(GetRunInfo(run_id=name)).experiment_id
        if kind == MODEL:
            return self._store.read(GetLoggedModel(model_id=name, deleted=True)).experiment_id
        if kind == NAME:
            return self._store.read(GetExperimentByName(name=name)).experiment_id
        return self._store.read(GetExperiment(experiment_id=name)).experiment_id
