"""Where new experiments may keep their artifacts: only below directories that the operator named."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, structs

from millstream.values.databases import DatabaseUri
from millstream.values.errors import NotPermitted
from millstream.values.names import new_experiment_id
from millstream.values.ops import CreateExperiment
from millstream.values.paths import Location


class Places(Struct, frozen=True):
    """`roots` are directories that requests may name; `default`, if any, is where new experiments go unasked."""

    roots: tuple[Path, ...] = ()
    default: Location | None = None

    @classmethod
    def of(cls, store_uri: str, default: str | None = None) -> Places:
        """The store's own directory, and `default` when it is one. A database knows its default by itself."""
        base = Path.cwd()
        named = Location.parse(default, base=base) if default else None
        database = DatabaseUri.parse(store_uri, base)
        own = Location.parse(store_uri, base=base) if database is None else database.artifact_root(default, base)
        found = [own.local, named.local if named else None]
        return cls(tuple(path.resolve() for path in found if path), named if database is None else None)

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
        if location.local and not any(location.local.resolve().is_relative_to(root) for root in self.roots):
            raise NotPermitted(
                f"This server keeps no artifacts in {op.artifact_location[:200]!r}. Leave artifact_location out, "
                "or start the server with --default-artifact-root and a directory above it."
            )
        return structs.replace(op, artifact_location=str(location))
