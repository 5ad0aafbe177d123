"""How a server is watched: its numbers at /metrics and its access log; the options of `server` and `ui` for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from millstream.values.errors import InvalidValue
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    from millstream.server.access import AccessLog
    from millstream.server.counts import Counts
    from millstream.server.watch import Watch

FORMS = ("off", "text", "json")

WATCHING_OPTIONS = (
    click.option(
        "--expose-prometheus",
        metavar="[PATH]",
        is_flag=False,
        flag_value=".",
        help="Answer /metrics for Prometheus. MLflow's PATH may be given; nothing is written there.",
    ),
    click.option(
        "--access-log",
        type=click.Choice(FORMS),
        help="One line a request on stderr, as text or JSON.  [default: off]",
    ),
)
WATCHING = ("expose_prometheus", "access_log")
"""The names of the parameters of `WATCHING_OPTIONS`."""


class Watching(NamedTuple):
    """What watches a server, in each of its processes."""

    counts: Counts | None
    log: AccessLog | None

    def enter(self, number: int) -> None:
        """This process is worker `number` (from 0) from now on."""
        if self.counts is not None:
            self.counts.enter(number)

    def close(self) -> None:
        """Nothing more comes: write what is left."""
        if self.log is not None:
            self.log.close()

    @property
    def watch(self) -> Watch:
        """What `make_app` takes."""
        from millstream.server.watch import Watch

        if self.counts is None:
            return Watch(log=self.log)
        from millstream.server.metrics import Metrics

        return Watch(self.counts, self.log, Metrics(self.counts).doors)


def read_watching(
    workers: int, trusted_proxies: str | None, *, expose_prometheus: str | None, access_log: str | None
) -> Watching:
    """What the options, and the settings that stand for them, say; each of so many workers counts by itself."""
    form: Any = access_log or text_setting("ACCESS_LOG") or "off"
    if form not in FORMS:
        raise InvalidValue(f"MILLSTREAM_ACCESS_LOG={form!r} is no form of the access log; say {', '.join(FORMS)}.")
    exposed = expose_prometheus or text_setting("EXPOSE_PROMETHEUS")
    counts: Counts | None = None
    log: AccessLog | None = None
    if exposed and exposed.lower() not in ("0", "false", "no", "off"):
        from millstream.server.counts import Counts

        counts = Counts(workers)
    if form != "off":
        from millstream.server.access import AccessLog
        from millstream.server.auth.addresses import Proxies

        log = AccessLog(form, Proxies(trusted_proxies or text_setting("TRUSTED_PROXIES") or ""))
    return Watching(counts, log)
