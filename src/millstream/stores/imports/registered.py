"""Registered models of a source into a store: only what is not there yet, and what changed since."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import structs

from millstream.formats.model_uris import SCHEME, is_model_uri, logged_model_in
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.additions import new_tags
from millstream.stores.imports.base import NONE, Options, SourceRegistered
from millstream.stores.imports.cleaning import good_texts
from millstream.stores.imports.databases import DatabaseSource
from millstream.stores.imports.summary import Summary
from millstream.stores.imports.trees import TreeSource
from millstream.stores.locations import RUNS_SCHEME, inside
from millstream.values import names, ops, queries
from millstream.values.entities import ModelVersion, RegisteredModel
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound
from millstream.values.paths import Location
from millstream.values.registry_rules import check_imported_version

# New versions written at a time.
PIECE = 500
_FOLLOWS = ("current_stage", "description", "status", "status_message")
Thing = TypeVar("Thing", ModelVersion, RegisteredModel)
_OWNER = re.compile(r"/([^/]+)/artifacts(?=/|$)")


class Registered:
    """Brings registered models one by one, after the runs and logged models that their versions come from."""

    def __init__(self, target: Store, options: Options, summary: Summary) -> None:
        """Into `target`; counts and sentences go into `summary`."""
        self._target = target
        self._options = options
        self._summary = summary
        self._places: dict[str, Location | None] = {}

    def bring(self, found: SourceRegistered, seen: set[str] | None) -> None:
        """Make a registered model in the target, or add what it lacks; an error is about this one alone.

        With `seen`, only versions of these runs and logged models come.
        """
        source = self._chosen(found, seen)
        if source is None:
            return
        model = source.model
        names.check_registered_name(model.name)
        present = self._present(model.name)
        if present is None:
            self._write(model, [self._placed(version) for version in source.versions], [], source.last, known=False)
            self._summary.registered_models_created += 1
            return
        if present.model.creation_timestamp != model.creation_timestamp:
            raise AlreadyExists(
                f"another one of this name, made at {present.model.creation_timestamp} and not "
                f"{model.creation_timestamp}, is in the target; it is left as it is. Import under another name with "
                "--prefix."
            )
        self._extend(source, present)

    def _extend(self, source: SourceRegistered, present: SourceRegistered) -> None:
        known = {version.version: version for version in present.versions}
        new, changed, same = [], [], set()
        for version in source.versions:
            here = known.get(version.version)
            if here is None:
                new.append(self._placed(version))
            elif here.creation_timestamp != version.creation_timestamp:
                self._summary.problems.append(
                    f"{_named(version)}: another one of this number, made at {here.creation_timestamp} and not "
                    f"{version.creation_timestamp}, is in the target; it is left as it is"
                )
                continue
            else:
                found = self._version_additions(here, version)
                if found is None:
                    self._summary.model_versions_unchanged += 1
                else:
                    changed.append(found)
            same.add(version.version)
        model = self._model_additions(present.model, source.model, same)
        bare = structs.replace(present.model, tags={}, aliases={}, latest_versions=[])
        if not new and not changed and model == bare and source.last <= present.last:
            self._summary.registered_models_unchanged += 1
            return
        self._write(model, new, changed, source.last, known=True)
        self._summary.registered_models_extended += 1

    def _chosen(self, found: SourceRegistered, seen: set[str] | None) -> SourceRegistered | None:
        """What of a model is wanted and can be kept, under the name that it gets here; None for nothing."""
        name = self._options.prefix + found.model.name
        versions = found.versions
        if seen is not None:
            versions = [version for version in versions if seen & {version.run_id or "", version.model_id or ""}]
            if not versions:
                return None
        kept = list(self._kept(structs.replace(version, name=name) for version in versions))
        numbers = {version.version for version in kept}
        whose = f"registered model {name!r}"
        model = structs.replace(
            found.model,
            name=name,
            tags=self._good_tags(whose, found.model.tags),
            aliases={a: n for a, n in found.model.aliases.items() if n in numbers and self._is_alias(a, whose)},
            latest_versions=[],
        )
        return SourceRegistered(model, kept, max([found.last, *numbers]))

    def _kept(self, versions: Iterable[ModelVersion]) -> Iterator[ModelVersion]:
        for version in versions:
            whose = _named(version)
            cleaned = structs.replace(version, tags=self._good_tags(whose, version.tags), aliases=[])
            try:
                check_imported_version(cleaned)
            except InvalidValue as error:
                self._summary.problems.append(f"{whose}: {error.message} It is left out")
            else:
                yield cleaned

    def _good_tags(self, whose: str, tags: dict[str, str]) -> dict[str, str]:
        def left_out(sentence: str) -> None:
            self._summary.problems.append(f"{whose}: {sentence} It is left out")

        files = isinstance(self._target, EmbeddedStore)
        return good_texts(tags, "tag", names.MAX_REGISTRY_TAG_VALUE, left_out, files=files)

    def _is_alias(self, alias: str, whose: str) -> bool:
        try:
            names.check_alias(alias)
        except InvalidValue as error:
            self._summary.problems.append(f"{whose}: {error.message} It is left out")
            return False
        return True

    def _present(self, name: str) -> SourceRegistered | None:
        try:
            self._target.read(queries.GetRegisteredModel(name=name))
        except NotFound:
            return None
        if isinstance(self._target, EmbeddedStore):
            return TreeSource(self._target.root).registered_model(name, self._summary.problems.append)
        assert isinstance(self._target, DatabaseStore)
        return DatabaseSource(self._target).registered_model(name)

    def _version_additions(self, present: ModelVersion, source: ModelVersion) -> ModelVersion | None:
        """What `present` becomes, with those tags only that it lacks; None when it lacks nothing."""
        whose = _named(source)
        note, overwrite = self._summary.note, self._options.overwrite
        tags = new_tags(whose, present.tags, source.tags, note, overwrite=overwrite)
        bare = structs.replace(present, tags={}, aliases=[])
        info = self._later(whose, bare, source, _FOLLOWS)
        placed = self._placed(source)
        if _place(present) == _place(source) != _place(placed):
            info = structs.replace(info, source=placed.source, storage_location=placed.storage_location)
        if info == bare and not tags:
            return None
        return structs.replace(info, tags=tags)

    def _model_additions(self, present: RegisteredModel, source: RegisteredModel, same: set[int]) -> RegisteredModel:
        """What `present` becomes, with those tags and aliases only that it lacks."""
        whose = f"registered model {source.name!r}"
        note, overwrite = self._summary.note, self._options.overwrite
        tags = new_tags(whose, present.tags, source.tags, note, overwrite=overwrite)
        aliases = {}
        for alias, number in source.aliases.items():
            here = present.aliases.get(alias)
            if here == number:
                continue
            if number not in same:
                note(f"{whose}: the alias {alias!r} is left out, because its version {number} is another one here")
            elif here is None or here in same or overwrite:
                aliases[alias] = number
            else:
                note(f"{whose}: the alias {alias!r} stands for version {here}, which was made here, and stays")
        bare = structs.replace(present, tags={}, aliases={}, latest_versions=[])
        return structs.replace(self._later(whose, bare, source, ("description",)), tags=tags, aliases=aliases)

    def _later(self, whose: str, present: Thing, source: Thing, follows: Iterable[str]) -> Thing:
        """`present` with what the source says, if that changed later; else what differs is named."""
        differ = [name for name in follows if (getattr(present, name) or "") != (getattr(source, name) or "")]
        if self._options.overwrite or source.last_updated_timestamp > present.last_updated_timestamp:
            changes = {name: getattr(source, name) for name in differ}
            return structs.replace(present, **changes, last_updated_timestamp=source.last_updated_timestamp)
        for name in differ:
            self._summary.note(f"{whose}: its {name} differs and is left as it is")
        return present

    def _placed(self, version: ModelVersion) -> ModelVersion:
        """`version` with the places where its files are in the target, if they came along."""
        if self._options.artifacts == NONE or self._options.dry_run:
            return version
        source = self._moved(version.source, version)
        if is_model_uri(source) and not logged_model_in(source):
            head, _, rest = source.removeprefix(SCHEME).lstrip("/").partition("/")
            source = f"{SCHEME}/{self._options.prefix}{head}" + (f"/{rest}" if rest else "")
        place = None if version.storage_location is None else self._moved(version.storage_location, version)
        model_id = logged_model_in(source)
        if model_id is not None and place is None:
            found = self._place_of(model_id)
            place = None if found is None else str(found)
        return structs.replace(version, source=source, storage_location=None if place == source else place)

    def _moved(self, text: str, version: ModelVersion) -> str:
        """Where the files at `text` are in the target: those of runs and logged models that are there."""
        if is_model_uri(text) or text.startswith(RUNS_SCHEME):
            return text
        for owner in (version.model_id, version.run_id, *reversed(_OWNER.findall(text))):
            below = inside(text, owner)
            place = self._place_of(owner) if owner and below is not None else None
            if place is None or below is None:
                continue
            if text.startswith(f"{place}/") or (_is_there(text) and not _is_there(str(place / below))):
                return text
            return str(place / below)
        if text.startswith("mlflow-artifacts:"):
            self._summary.note(f"{_named(version)}: its files at {text!r:.200} stay with the server")
        return text

    def _place_of(self, owner: str) -> Location | None:
        """Where the artifacts of a run or logged model of the target are."""
        if owner not in self._places:
            self._places[owner] = self._find_place(owner)
        return self._places[owner]

    def _find_place(self, owner: str) -> Location | None:
        try:
            if owner.startswith("m-"):
                text = self._target.read(queries.GetLoggedModel(model_id=owner, deleted=True)).artifact_location
            else:
                text = self._target.read(queries.GetRunInfo(run_id=owner)).artifact_uri
            return Location.parse(text)
        except (InvalidValue, NotFound):
            return None

    def _write(
        self, model: RegisteredModel, new: list[ModelVersion], changed: list[ModelVersion], last: int, *, known: bool
    ) -> None:
        """Versions in pieces; what says that it is complete comes last."""
        if not self._options.dry_run:
            while len(new) > PIECE:
                piece, new = tuple(new[:PIECE]), new[PIECE:]
                # Older than it will be, so that an import that is cut off here goes on when it is done again.
                begun = structs.replace(model, aliases={}, last_updated_timestamp=model.creation_timestamp)
                self._target.write(ops.ImportRegisteredModel(model=begun, versions=piece, known=known))
                self._summary.model_versions_created += len(piece)
                known = True
            self._target.write(
                ops.ImportRegisteredModel(
                    model=model, versions=tuple(new), changed=tuple(changed), last=last, known=known
                )
            )
        self._summary.model_versions_created += len(new)
        self._summary.model_versions_extended += len(changed)


def _named(version: ModelVersion) -> str:
    return f"registered model {version.name!r}, version {version.version}"


def _place(version: ModelVersion) -> tuple[str, str | None]:
    return version.source, version.storage_location


def _is_there(text: str) -> bool:
    try:
        local = Location.parse(text).local
    except InvalidValue:
        return False
    return local is not None and local.exists()
