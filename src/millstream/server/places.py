"""Where artifacts may be kept, only below directories that the operator named; and how clients name these places."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct, structs

from millstream.drivers.artifacts.signing import can_sign
from millstream.server.owners import SCHEME, Owner
from millstream.values.databases import ARTIFACTS, DatabaseUri
from millstream.values.entities import Experiment, LoggedModel, RunInfo
from millstream.values.errors import NotPermitted
from millstream.values.names import new_experiment_id
from millstream.values.ops import CreateExperiment
from millstream.values.paths import Location, RelPath
from millstream.values.queries import RunTable

_REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]+:")  # A single letter is a drive of Windows.


class Places(Struct, frozen=True):
    """Places of artifacts, and whether clients reach them through the server (`proxied`) or by themselves.

    `roots` are directories that requests may name; `default`, if any, is where new experiments go unasked;
    `destination`, if any, is what the operator gave to be passed on; `home` is where ``mlflow-artifacts:/`` lies.
    `remotes` are the places in buckets that the operator named: the only ones this server has business in.
    """

    roots: tuple[Path, ...] = ()
    remotes: tuple[Location, ...] = ()
    default: Location | None = None
    destination: Location | None = None
    home: Location = Location("file", "", "/nowhere")
    proxied: bool = False

    @classmethod
    def of(
        cls, store_uri: str, default: str | None = None, destination: str | None = None, *, proxied: bool = True
    ) -> Places:
        """Places of a store. New experiments go to `default`, else to `destination` if `proxied`, else its own place.

        A database knows where its new experiments go by itself: it was opened with that root.
        """
        base = Path.cwd()
        passed_on = Location.parse(destination, base=base) if destination and proxied else None
        named = Location.parse(default, base=base) if default else passed_on
        database = DatabaseUri.parse(store_uri, base)
        own = Location.parse(store_uri, base=base) if database is None else database.artifact_root(default, base)
        home = passed_on or (own if database is not None or own.local is None else _beside(own.local))
        places = [place for place in (own, named, home) if place is not None]
        return cls(
            roots=tuple(dict.fromkeys(place.local.resolve() for place in places if place.local)),
            remotes=tuple(dict.fromkeys(place for place in places if place.local is None)),
            default=named if database is None else None,
            destination=passed_on,
            home=home,
            proxied=proxied,
        )

    def settle(self, op: CreateExperiment) -> CreateExperiment:
        """`op` with the location parsed; NotPermitted when it is a local directory outside of the roots.

        Without this, whoever can reach the server could have it read and write anywhere on its machine.
        """
        if op.artifact_location is None:
            if self.default is None:
                return op
            experiment_id = op.experiment_id or new_experiment_id()
            place = str(self.default / experiment_id)
            return structs.replace(op, experiment_id=experiment_id, artifact_location=place)
        location = Location.parse(op.artifact_location, base=Path.cwd())
        location = self.home_of(str(location)) or location
        if location.local and not any(location.local.resolve().is_relative_to(root) for root in self.roots):
            raise NotPermitted(
                f"This server keeps no artifacts in {op.artifact_location[:200]!r}. Leave artifact_location out, "
                "or start the server with --default-artifact-root and a directory above it."
            )
        return structs.replace(op, artifact_location=str(location))

    def may_open(self, location: Location) -> bool:
        """Whether this server goes to `location` for its clients.

        They may write any place into experiments, and would have it use its own credentials there.
        """
        if location.local is not None:
            return True
        return any(
            (location.scheme, location.authority) == (root.scheme, root.authority)
            and f"{location.path}/".startswith(f"{root.path.rstrip('/')}/")
            for root in self.remotes
        )

    def home_of(self, uri: str) -> Location | None:
        """Where a URI of the proxied store of this server really is; None for every other URI."""
        if not self.proxied or not uri.startswith(f"{SCHEME}:"):
            return None
        location = Location.parse(uri)
        return None if location.authority else self.home / RelPath.parse(location.path.strip("/"))

    def signs(self) -> bool:
        """Whether clients may ask for signed addresses of what is passed on: new artifacts go to S3, with keys."""
        return self.proxied and self.destination is not None and can_sign(self.destination)

    def passes_on(self, uri: str) -> bool:
        """Whether clients reach the artifacts at `uri` through the server: on its disk, or below its destination."""
        if not self.proxied:
            return False
        if uri.startswith("file:") or not _REMOTE.match(uri):
            return True
        if uri.startswith(f"{SCHEME}:"):
            return not uri.startswith(f"{SCHEME}://")
        return self.destination is not None and f"{uri}/".startswith(f"{str(self.destination).rstrip('/')}/")

    def show_run(self, info: RunInfo) -> RunInfo:
        """As clients see it."""
        if not self.passes_on(info.artifact_uri):
            return info
        return structs.replace(info, artifact_uri=Owner("run", info.run_id).uri(info.experiment_id))

    def show_table(self, table: RunTable) -> RunTable:
        """As clients see it."""
        if not self.proxied:
            return table
        rows = zip(table.artifact_uri, table.run_id, table.experiment_id, strict=True)
        shown = [Owner("run", run).uri(experiment) if self.passes_on(uri) else uri for uri, run, experiment in rows]
        return structs.replace(table, artifact_uri=shown)

    def show_model(self, model: LoggedModel) -> LoggedModel:
        """As clients see it."""
        if not self.passes_on(model.artifact_location):
            return model
        return structs.replace(model, artifact_location=Owner("model", model.model_id).uri(model.experiment_id))

    def show_experiment(self, experiment: Experiment) -> Experiment:
        """As clients see it: a place that one of them named in the proxied store is told as it was named."""
        uri, home = experiment.artifact_location, f"{str(self.home).rstrip('/')}/"
        if not self.passes_on(uri) or uri.startswith(f"{SCHEME}:"):
            return experiment
        path = uri.removeprefix(home) if uri.startswith(home) else experiment.experiment_id
        return structs.replace(experiment, artifact_location=f"{SCHEME}:/{path}")


def _beside(tree: Path) -> Location:
    # Where an MLflow server that was started beside its mlruns keeps what it passes on.
    return Location("file", "", (tree.parent / ARTIFACTS).as_posix())
