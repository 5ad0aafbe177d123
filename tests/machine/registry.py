"""Rules on registered models and their versions, and what they do, said once more in plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import rule

from millstream.values import ops, queries
from millstream.values.entities import ARCHIVED, NO_STAGE, STAGES, ModelVersion, RegisteredModel
from millstream.values.errors import AlreadyExists, InvalidValue, MillstreamError, NotFound

T0 = 1_700_000_000_000
HAND = st.integers(0, 1)
NAMES = st.sampled_from(["분류 a", "b", "분류 c"])
NUMBERS = st.integers(1, 4)
TEXTS = st.sampled_from(["1", "값\n둘"])
KEYS = st.sampled_from(["k", "팀/열쇠"])
ALIASES = st.sampled_from(["champ", "도전자"])
TIMES = st.integers(T0, T0 + 5)
STAGE = st.sampled_from(STAGES)


@dataclass
class VersionRecord:
    source: str
    made: int
    changed: int
    tags: dict[str, str]
    description: str | None = None
    stage: str = NO_STAGE


@dataclass
class ModelRecord:
    made: int
    changed: int
    description: str | None
    tags: dict[str, str]
    aliases: dict[str, int] = field(default_factory=dict)
    versions: dict[int, VersionRecord] = field(default_factory=dict)
    last: int = 0


class RegistryRecords:
    """All registered models by name."""

    def __init__(self) -> None:
        self.models: dict[str, ModelRecord] = {}
        self.writers: dict[type, Callable[[Any], None]] = {
            ops.CreateRegisteredModel: self._create,
            ops.RenameRegisteredModel: self._rename,
            ops.UpdateRegisteredModel: self._describe,
            ops.DeleteRegisteredModel: lambda op: self.delete(op.name),
            ops.SetRegisteredModelTag: lambda op: self.model(op.name).tags.update({op.key: op.value}),
            ops.DeleteRegisteredModelTag: lambda op: self.model(op.name).tags.pop(op.key, None),
            ops.SetModelAlias: self._set_alias,
            ops.DeleteModelAlias: lambda op: self.model(op.name).aliases.pop(op.alias, None),
            ops.CreateModelVersion: self._create_version,
            ops.UpdateModelVersion: self._describe_version,
            ops.TransitionModelVersion: self._transition,
            ops.DeleteModelVersion: self._delete_version,
            ops.SetModelVersionTag: lambda op: self.version(op).tags.update({op.key: op.value}),
            ops.DeleteModelVersionTag: lambda op: self.version(op).tags.pop(op.key, None),
            ops.ImportRegisteredModel: self._import,
        }

    def model(self, name: str) -> ModelRecord:
        if name not in self.models:
            raise NotFound(name)
        return self.models[name]

    def version(self, op: Any) -> VersionRecord:
        model = self.model(op.name)
        if op.version not in model.versions:
            raise NotFound(str(op.version))
        return model.versions[op.version]

    def delete(self, name: str) -> None:
        self.model(name)
        del self.models[name]

    def _create(self, op: ops.CreateRegisteredModel) -> None:
        if op.name in self.models:
            raise AlreadyExists(op.name)
        self.models[op.name] = ModelRecord(op.time, op.time, op.description, dict(op.tags))

    def _rename(self, op: ops.RenameRegisteredModel) -> None:
        model = self.model(op.name)
        if op.new_name in self.models:
            raise AlreadyExists(op.new_name)
        model.changed = op.time
        self.models[op.new_name] = self.models.pop(op.name)

    def _describe(self, op: ops.UpdateRegisteredModel) -> None:
        model = self.model(op.name)
        model.description, model.changed = op.description, op.time

    def _set_alias(self, op: ops.SetModelAlias) -> None:
        self.version(op)
        self.model(op.name).aliases[op.alias] = op.version

    def _create_version(self, op: ops.CreateModelVersion) -> None:
        model = self.model(op.name)
        model.last += 1
        model.changed = op.time
        model.versions[model.last] = VersionRecord(op.source, op.time, op.time, dict(op.tags))

    def _describe_version(self, op: ops.UpdateModelVersion) -> None:
        version = self.version(op)
        version.description, version.changed = op.description, op.time

    def _transition(self, op: ops.TransitionModelVersion) -> None:
        if op.archive and op.stage in (NO_STAGE, ARCHIVED):
            raise InvalidValue(op.stage)
        moved, model = self.version(op), self.model(op.name)
        for version in model.versions.values():
            if version is moved or (op.archive and version.stage == op.stage):
                version.stage, version.changed = op.stage if version is moved else ARCHIVED, op.time
        model.changed = op.time

    def _delete_version(self, op: ops.DeleteModelVersion) -> None:
        self.version(op)
        model = self.model(op.name)
        del model.versions[op.version]
        model.aliases = {alias: number for alias, number in model.aliases.items() if number != op.version}
        model.changed = op.time

    def _import(self, op: ops.ImportRegisteredModel) -> None:
        given = op.model
        if not op.known and given.name in self.models:
            raise AlreadyExists(given.name)
        model = self.model(given.name) if op.known else ModelRecord(0, 0, None, {})
        new = {version.version for version in op.versions}
        if new & model.versions.keys():
            raise AlreadyExists(given.name)
        if {version.version for version in op.changed} - model.versions.keys() - new:
            raise NotFound(given.name)
        if set(given.aliases.values()) - model.versions.keys() - new:
            raise NotFound(given.name)
        self.models[given.name] = model
        for version in (*op.versions, *op.changed):
            tags = model.versions[version.version].tags if version.version in model.versions else {}
            times = version.creation_timestamp, version.last_updated_timestamp
            model.versions[version.version] = VersionRecord(
                version.source, *times, tags | version.tags, version.description, version.current_stage
            )
        model.made, model.changed = given.creation_timestamp, given.last_updated_timestamp
        model.description = given.description
        model.tags |= given.tags
        model.aliases |= given.aliases
        model.last = max(model.last, op.last, *new, 0)


class Machine(Protocol):
    """What the rules need of the machine that they belong to."""

    registry: RegistryRecords
    queries_asked: set[type]

    def step(self) -> None: ...
    def read(self, hand: int, query: queries.Query[Any]) -> Any: ...
    def write(self, hand: int, op: ops.Op[Any]) -> Any: ...


class Registry:
    """Rules to be mixed into a machine."""

    @rule(hand=HAND, name=NAMES, time=TIMES, text=TEXTS | st.none(), key=KEYS)
    def register(self: Machine, hand: int, name: str, time: int, text: str | None, key: str) -> None:
        self.step()
        tags = {} if text is None else {key: text}
        made = self.write(hand, ops.CreateRegisteredModel(name=name, time=time, description=text, tags=tags))
        if made is not None:
            assert _said(made) == _known(self.registry, name)

    @rule(hand=HAND, name=NAMES, time=TIMES, text=TEXTS, key=KEYS)
    def add_version(self: Machine, hand: int, name: str, time: int, text: str, key: str) -> None:
        self.step()
        op = ops.CreateModelVersion(name=name, source=f"s3://b/{text[0]}", time=time, tags={key: text})
        made = self.write(hand, op)
        if made is not None:
            assert _version_said(made) == _version_known(self.registry, name, self.registry.models[name].last)

    @rule(
        hand=HAND, name=NAMES, numbers=st.sets(NUMBERS, max_size=2), changed=NUMBERS | st.none(), time=TIMES,
        text=TEXTS, known=st.booleans(), alias=st.none() | NUMBERS, last=st.integers(0, 5), stage=STAGE,
    )  # fmt: skip
    def import_registered(
        self: Machine, hand: int, name: str, numbers: set[int], changed: int | None, time: int, text: str, known: bool,
        alias: int | None, last: int, stage: str,
    ) -> None:  # fmt: skip
        """A registered model from elsewhere, or more of one that is there."""
        self.step()

        def version(number: int) -> ModelVersion:
            return ModelVersion(name, number, time, time + 1, f"s3://c/{text[0]}", stage, text, tags={"k": text})

        op = ops.ImportRegisteredModel(
            model=RegisteredModel(name, time, time + 2, text, {"k": text}, {} if alias is None else {"champ": alias}),
            versions=tuple(version(number) for number in sorted(numbers)),
            changed=() if changed is None or changed in numbers else (version(changed),),
            last=last, known=known,
        )  # fmt: skip
        made = self.write(hand, op)
        if made is not None:
            assert _said(made) == _known(self.registry, name)

    @rule(hand=HAND, name=NAMES, number=st.none() | NUMBERS, time=TIMES, other=NAMES)
    def unregister(self: Machine, hand: int, name: str, number: int | None, time: int, other: str) -> None:
        """Versions go more often than models, and some models only get another name."""
        self.step()
        if number is not None:
            self.write(hand, ops.DeleteModelVersion(name=name, version=number, time=time))
        elif time % 2:
            self.write(hand, ops.DeleteRegisteredModel(name=name))
        else:
            self.write(hand, ops.RenameRegisteredModel(name=name, new_name=other, time=time))

    @rule(hand=HAND, name=NAMES, number=st.none() | NUMBERS, time=TIMES, text=TEXTS | st.none())
    def describe(self: Machine, hand: int, name: str, number: int | None, time: int, text: str | None) -> None:
        self.step()
        if number is None:
            self.write(hand, ops.UpdateRegisteredModel(name=name, description=text, time=time))
        else:
            self.write(hand, ops.UpdateModelVersion(name=name, version=number, description=text, time=time))

    @rule(hand=HAND, name=NAMES, number=st.none() | NUMBERS, key=KEYS, text=TEXTS | st.none())
    def tag_registered(self: Machine, hand: int, name: str, number: int | None, key: str, text: str | None) -> None:
        self.step()
        op: ops.Op[None]
        if number is None:
            op = ops.DeleteRegisteredModelTag(name=name, key=key)
            if text is not None:
                op = ops.SetRegisteredModelTag(name=name, key=key, value=text)
        else:
            op = ops.DeleteModelVersionTag(name=name, version=number, key=key)
            if text is not None:
                op = ops.SetModelVersionTag(name=name, version=number, key=key, value=text)
        self.write(hand, op)

    @rule(hand=HAND, name=NAMES, number=st.none() | NUMBERS, alias=ALIASES)
    def name_alias(self: Machine, hand: int, name: str, number: int | None, alias: str) -> None:
        self.step()
        if number is None:
            self.write(hand, ops.DeleteModelAlias(name=name, alias=alias))
        else:
            self.write(hand, ops.SetModelAlias(name=name, alias=alias, version=number))

    @rule(
        hand=HAND, name=NAMES, number=NUMBERS, stage=st.sampled_from(STAGES), time=TIMES, archive=st.booleans()
    )  # fmt: skip
    def transition(self: Machine, hand: int, name: str, number: int, stage: str, time: int, archive: bool) -> None:
        self.step()
        self.write(hand, ops.TransitionModelVersion(name=name, version=number, stage=stage, time=time, archive=archive))

    @rule(hand=HAND, name=NAMES, number=NUMBERS, alias=ALIASES | st.just("latest"), stage=st.sampled_from(STAGES))
    def look_at_registered(self: Machine, hand: int, name: str, number: int, alias: str, stage: str) -> None:
        self.step()
        model = self.registry.models.get(name)
        answers = _ask(self, hand, name, number, alias, stage)
        if model is None:
            assert answers == [NotFound] * 4
            return
        known = {number: _version_known(self.registry, name, number) for number in model.versions}
        newest = max(model.versions, default=0)
        meant = newest if alias == "latest" else model.aliases.get(alias, 0)
        none = NotFound if alias == "latest" else InvalidValue
        assert answers == [
            _known(self.registry, name), known.get(number, NotFound), known.get(meant, none), _newest(model, stage)
        ]  # fmt: skip

    @rule(hand=HAND, key=KEYS, text=TEXTS, size=st.integers(1, 3))
    def search_registry(self: Machine, hand: int, key: str, text: str, size: int) -> None:
        self.step()
        word = text.partition("\n")[0]
        filter = f"tags.`{key}` LIKE '{word}%'"
        models = self.registry.models
        found = _pages(self, hand, queries.SearchRegisteredModels, filter, size)
        expected = [name for name in sorted(models) if models[name].tags.get(key, "").startswith(word)]
        assert list(map(_said, found)) == [_known(self.registry, name) for name in expected]
        versions = [
            (name, number)
            for name in sorted(models)
            for number in sorted(models[name].versions, reverse=True)
            if models[name].versions[number].tags.get(key, "").startswith(word)
        ]
        versions.sort(key=lambda one: models[one[0]].versions[one[1]].changed, reverse=True)
        found = _pages(self, hand, queries.SearchModelVersions, filter, size)
        assert list(map(_version_said, found)) == [_version_known(self.registry, *one) for one in versions]


def _ask(machine: Machine, hand: int, name: str, number: int, alias: str, stage: str) -> list[Any]:
    """What is said of a model, a version, an alias, and a stage; of what is not there, the error."""
    answers: list[Any] = []
    for query, said in (
        (queries.GetRegisteredModel(name=name), _said),
        (queries.GetModelVersion(name=name, version=number), _version_said),
        (queries.GetModelVersionByAlias(name=name, alias=alias), _version_said),
        (queries.GetLatestVersions(name=name, stages=(stage,)), lambda found: [item.version for item in found]),
    ):
        try:
            answers.append(said(machine.read(hand, query)))
        except MillstreamError as error:
            answers.append(type(error))
    return answers


def _pages(machine: Machine, hand: int, kind: Any, filter: str, size: int) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = machine.read(hand, kind(filter=filter, max_results=size, page_token=token))
        found += page
        token = page.token
        if token is None:
            return found


def _newest(model: ModelRecord, stage: str) -> list[int]:
    return [max(found)] if (found := [n for n, version in model.versions.items() if version.stage == stage]) else []


def _said(model: RegisteredModel) -> Any:
    times = model.creation_timestamp, model.last_updated_timestamp
    latest = {version.current_stage: version.version for version in model.latest_versions}
    return model.name, times, model.description, model.tags, model.aliases, latest


def _known(registry: RegistryRecords, name: str) -> Any:
    model = registry.models[name]
    latest = {stage: number for stage in STAGES for number in _newest(model, stage)}
    return name, (model.made, model.changed), model.description, model.tags, model.aliases, latest


def _version_said(version: ModelVersion) -> Any:
    times = version.creation_timestamp, version.last_updated_timestamp
    whose = version.name, version.version, version.source
    return whose, times, version.description, version.current_stage, version.tags, sorted(version.aliases)


def _version_known(registry: RegistryRecords, name: str, number: int) -> Any:
    model = registry.models[name]
    version = model.versions[number]
    aliases = sorted(alias for alias, meant in model.aliases.items() if meant == number)
    whose = name, number, version.source
    return whose, (version.made, version.changed), version.description, version.stage, version.tags, aliases
