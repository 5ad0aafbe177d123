"""What every store does with registered models, their versions, stages, aliases and tags."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import ModelVersion, RegisteredModel
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound
from tests.stores.calls import T0, covers, new_run
from tests.stores.suites.models import new_model

NAME = "분류기 v1.2 (꽃)"


def register(store: Store, name: str = NAME, **fields: Any) -> RegisteredModel:
    return store.write(ops.CreateRegisteredModel(name=name, time=fields.pop("time", T0), **fields))


def add(store: Store, name: str = NAME, source: str = "s3://bucket/m", **fields: Any) -> ModelVersion:
    return store.write(ops.CreateModelVersion(name=name, source=source, time=fields.pop("time", T0), **fields))


def registered(store: Store, name: str = NAME) -> RegisteredModel:
    return store.read(queries.GetRegisteredModel(name=name))


def version(store: Store, number: int, name: str = NAME) -> ModelVersion:
    return store.read(queries.GetModelVersion(name=name, version=number))


def move(store: Store, number: int, stage: str, name: str = NAME, **more: Any) -> ModelVersion:
    time = more.pop("time", T0)
    return store.write(ops.TransitionModelVersion(name=name, version=number, stage=stage, time=time, **more))


def name_alias(store: Store, alias: str, number: int, name: str = NAME) -> None:
    store.write(ops.SetModelAlias(name=name, alias=alias, version=number))


def by_alias(store: Store, alias: str, name: str = NAME) -> int:
    return store.read(queries.GetModelVersionByAlias(name=name, alias=alias)).version


def find_models(store: Store, filter: str = "", *order: str, **more: Any) -> list[str]:
    query = queries.SearchRegisteredModels(filter=filter, order_by=order, **more)
    return [model.name for model in store.read(query)]


def find_versions(store: Store, filter: str = "", *order: str, **more: Any) -> list[tuple[str, int]]:
    query = queries.SearchModelVersions(filter=filter, order_by=order, **more)
    return [(found.name, found.version) for found in store.read(query)]


class RegistrySuite:
    @covers(ops.CreateRegisteredModel, queries.GetRegisteredModel)
    def test_a_registered_model_is_there_whole(self, store: Store) -> None:
        made = register(store, description="설명\n둘째 줄", tags={"팀": "가", "a/b": ""})
        assert made == registered(store)
        assert (made.name, made.description, made.tags) == (NAME, "설명\n둘째 줄", {"팀": "가", "a/b": ""})
        assert (made.creation_timestamp, made.last_updated_timestamp) == (T0, T0)
        assert (made.latest_versions, made.aliases) == ([], {})
        with pytest.raises(AlreadyExists, match="already exists"):
            register(store)
        with pytest.raises(NotFound, match="없음"):
            registered(store, "없음")
        assert register(store, "b").description is None

    def test_what_cannot_name_a_registered_model_is_refused(self, store: Store) -> None:
        for bad in (
            "",
            " ",
            "a/b",
            "a:b",
            "a\\b",
            "a%b",
            ".",
            "..",
            "x" * 256,
            "가" * 86,
            "a\nb",
            ".millstream-x",
            "\ud800",
        ):
            with pytest.raises(InvalidValue):
                register(store, bad)
            with pytest.raises(InvalidValue):
                registered(store, bad)
        for good in ("x" * 255, "가" * 85, ".hidden", " a", "a..b", "models", "meta.yaml", "version-1", "@", "!*'()"):
            assert register(store, good) == registered(store, good)
        assert len(find_models(store)) == 10

    @covers(ops.CreateModelVersion, queries.GetModelVersion)
    def test_versions_are_numbered_and_there_whole(self, store: Store) -> None:
        run = new_run(store)
        register(store)
        first = add(
            store,
            source="s3://bucket/첫째",
            run_id=run,
            run_link="http://x",
            description="d",
            user_id="나",
            tags={"k/l": "값"},
            time=T0 + 5,
        )
        assert first == version(store, 1)
        assert (first.name, first.version, first.source, first.run_id) == (NAME, 1, "s3://bucket/첫째", run)
        assert (first.run_link, first.description, first.user_id) == ("http://x", "d", "나")
        assert (first.current_stage, first.status, first.tags, first.aliases) == ("None", "READY", {"k/l": "값"}, [])
        assert (first.creation_timestamp, first.last_updated_timestamp) == (T0 + 5, T0 + 5)
        assert first.location == first.source
        assert [add(store).version, add(store).version] == [2, 3]
        model = registered(store)
        assert model.last_updated_timestamp == T0
        assert [found.version for found in model.latest_versions] == [3]
        for number in (0, 4):
            with pytest.raises(NotFound):
                version(store, number)
        with pytest.raises(NotFound):
            add(store, "never")
        for bad in (
            {"source": ""},
            {"source": "a\0"},
            {"run_id": "../x"},
            {"tags": {"../a": ""}},
            {"tags": {"a": "x" * 100_001}},
        ):
            with pytest.raises(InvalidValue):
                add(store, **bad)
        assert find_versions(store) == [(NAME, 1), (NAME, 3), (NAME, 2)]

    @covers(ops.RenameRegisteredModel)
    def test_a_model_is_renamed_with_all_that_is_its(self, store: Store) -> None:
        register(store, tags={"t": "1"})
        register(store, "taken")
        for _ in range(3):
            add(store, tags={"v": "1"})
        name_alias(store, "champ", 2)
        store.write(ops.DeleteModelVersion(name=NAME, version=3, time=T0))
        found = store.write(ops.RenameRegisteredModel(name=NAME, new_name="새 이름", time=T0 + 9))
        assert found == registered(store, "새 이름")
        assert (found.name, found.tags, found.aliases) == ("새 이름", {"t": "1"}, {"champ": 2})
        assert (found.creation_timestamp, found.last_updated_timestamp) == (T0, T0 + 9)
        assert (version(store, 1, "새 이름").name, version(store, 1, "새 이름").tags) == ("새 이름", {"v": "1"})
        assert find_models(store) == ["taken", "새 이름"]
        assert find_versions(store, "name = '새 이름'", "version_number") == [("새 이름", 1), ("새 이름", 2)]
        assert add(store, "새 이름").version == 4
        with pytest.raises(NotFound):
            registered(store)
        for taken in ("taken", "새 이름"):
            with pytest.raises(AlreadyExists):
                store.write(ops.RenameRegisteredModel(name="새 이름", new_name=taken, time=T0))
        with pytest.raises(NotFound):
            store.write(ops.RenameRegisteredModel(name=NAME, new_name="x", time=T0))
        with pytest.raises(InvalidValue):
            store.write(ops.RenameRegisteredModel(name="taken", new_name="a/b", time=T0))
        register(store)

    @covers(ops.UpdateRegisteredModel, ops.UpdateModelVersion)
    def test_descriptions_change(self, store: Store) -> None:
        register(store)
        add(store)
        for text in ("설명", "", None):
            model = store.write(ops.UpdateRegisteredModel(name=NAME, description=text, time=T0 + 1))
            assert model == registered(store)
            assert (model.description, model.last_updated_timestamp) == (text, T0 + 1)
            found = store.write(ops.UpdateModelVersion(name=NAME, version=1, description=text, time=T0 + 2))
            assert found == version(store, 1)
            assert (found.description, found.last_updated_timestamp, found.creation_timestamp) == (text, T0 + 2, T0)
        for call in (
            ops.UpdateRegisteredModel(name="x", description="", time=T0),
            ops.UpdateModelVersion(name=NAME, version=9, description="", time=T0),
        ):
            with pytest.raises(NotFound):
                store.write(call)

    @covers(ops.DeleteRegisteredModel)
    def test_a_deleted_model_is_gone_and_its_name_is_free(self, store: Store) -> None:
        register(store, tags={"t": "1"})
        register(store, "other")
        add(store, tags={"t": "1"})
        name_alias(store, "champ", 1)
        assert find_models(store, "tags.t = '1'") == [NAME]
        store.write(ops.DeleteRegisteredModel(name=NAME))
        assert (find_models(store), find_versions(store)) == (["other"], [])
        for call in (lambda: registered(store), lambda: store.write(ops.DeleteRegisteredModel(name=NAME))):
            with pytest.raises(NotFound):
                call()
        assert register(store) == registered(store)
        assert add(store).version == 1
        assert (registered(store).aliases, version(store, 1).tags) == ({}, {})

    @covers(ops.DeleteModelVersion)
    def test_the_number_of_a_deleted_version_is_not_given_again(self, store: Store) -> None:
        register(store)
        for _ in range(2):
            add(store, tags={"t": "1"})
        for alias, number in (("old", 1), ("champ", 2), ("best", 2)):
            name_alias(store, alias, number)
        store.write(ops.DeleteModelVersion(name=NAME, version=2, time=T0 + 3))
        model = registered(store)
        assert (model.aliases, model.last_updated_timestamp) == ({"old": 1}, T0 + 3)
        assert [found.version for found in model.latest_versions] == [1]
        assert find_versions(store) == [(NAME, 1)]
        for call in (
            lambda: version(store, 2),
            lambda: store.write(ops.DeleteModelVersion(name=NAME, version=2, time=T0)),
            lambda: name_alias(store, "again", 2),
            lambda: move(store, 2, "Staging"),
            lambda: store.write(ops.SetModelVersionTag(name=NAME, version=2, key="a", value="")),
            lambda: store.write(ops.DeleteModelVersionTag(name=NAME, version=2, key="t")),
        ):
            with pytest.raises(NotFound, match="version=2"):
                call()
        assert add(store).version == 3
        store.write(ops.DeleteModelVersion(name=NAME, version=3, time=T0))
        assert add(store).version == 4

    @covers(ops.SetRegisteredModelTag, ops.DeleteRegisteredModelTag, ops.SetModelVersionTag, ops.DeleteModelVersionTag)
    def test_tags_of_models_and_versions_come_and_go(self, store: Store) -> None:
        register(store)
        add(store)
        one = {"name": NAME, "version": 1}
        for key, value in (("a", "1"), ("a", "2"), ("나/다", "x" * 100_000)):
            store.write(ops.SetRegisteredModelTag(name=NAME, key=key, value=value))
            store.write(ops.SetModelVersionTag(**one, key=key, value=value))
        expected = {"a": "2", "나/다": "x" * 100_000}
        assert registered(store).tags == version(store, 1).tags == expected
        assert find_versions(store, "tags.a = '2'") == [(NAME, 1)]
        for key in ("a", "a", "never", "나/다"):
            store.write(ops.DeleteRegisteredModelTag(name=NAME, key=key))
            store.write(ops.DeleteModelVersionTag(**one, key=key))
        assert registered(store).tags == version(store, 1).tags == {}
        assert find_versions(store, "tags.a = '2'") == find_models(store, "tags.a = '2'") == []
        for bad in ("../x", "", "x" * 251):
            with pytest.raises(InvalidValue):
                store.write(ops.SetRegisteredModelTag(name=NAME, key=bad, value=""))
        with pytest.raises(InvalidValue):
            store.write(ops.SetModelVersionTag(**one, key="k", value="x" * 100_001))
        with pytest.raises(NotFound):
            store.write(ops.SetRegisteredModelTag(name="x", key="k", value=""))

    @covers(ops.SetModelAlias, ops.DeleteModelAlias, queries.GetModelVersionByAlias)
    def test_an_alias_stands_for_one_version(self, store: Store) -> None:
        register(store)
        with pytest.raises(NotFound):
            by_alias(store, "latest")
        for _ in range(2):
            add(store)
        name_alias(store, "champ", 1)
        name_alias(store, "한글_-9", 1)
        assert version(store, 1).aliases == ["champ", "한글_-9"]
        name_alias(store, "champ", 2)
        assert (by_alias(store, "champ"), by_alias(store, "한글_-9")) == (2, 1)
        assert registered(store).aliases == {"champ": 2, "한글_-9": 1}
        assert [found.aliases for found in registered(store).latest_versions] == [["champ"]]
        assert (by_alias(store, "latest"), by_alias(store, "LATEST")) == (2, 2)
        for alias in ("champ", "champ", "never"):
            store.write(ops.DeleteModelAlias(name=NAME, alias=alias))
        assert (registered(store).aliases, version(store, 2).aliases) == ({"한글_-9": 1}, [])
        with pytest.raises(InvalidValue, match="champ"):
            by_alias(store, "champ")
        for nothing in (None, 5, "", "a b", "../champ"):
            with pytest.raises(InvalidValue):
                by_alias(store, nothing)  # type: ignore[arg-type]
        for bad in ("latest", "Latest", "v1", "V22", "a b", "a.b", "a/b", "", "..", "x" * 256, "가" * 86):
            with pytest.raises(InvalidValue):
                name_alias(store, bad, 1)
        for good in ("v1a", "-", "version1", "x" * 255):
            name_alias(store, good, 1)
        with pytest.raises(NotFound):
            name_alias(store, "a", 3)
        with pytest.raises(NotFound):
            name_alias(store, "a", 1, "x")

    @covers(ops.TransitionModelVersion, queries.GetLatestVersions)
    def test_stages(self, store: Store) -> None:
        register(store)
        for _ in range(5):
            add(store)

        def latest(*stages: str) -> list[tuple[int, str]]:
            found = store.read(queries.GetLatestVersions(name=NAME, stages=stages))
            return [(item.version, item.current_stage) for item in found]

        found = move(store, 1, "Staging", time=T0 + 4)
        assert found == version(store, 1)
        assert (found.current_stage, found.last_updated_timestamp) == ("Staging", T0 + 4)
        assert registered(store).last_updated_timestamp == T0 + 4
        move(store, 2, "Staging")
        assert latest() == [(2, "Staging"), (5, "None")]
        move(store, 3, "Staging", archive=True, time=T0 + 6)
        assert [version(store, number).current_stage for number in range(1, 6)] == [
            "Archived",
            "Archived",
            "Staging",
            "None",
            "None",
        ]
        assert version(store, 1).last_updated_timestamp == T0 + 6
        assert latest() == [(2, "Archived"), (3, "Staging"), (5, "None")]
        assert latest("staging", "PRODUCTION", "none") == [(3, "Staging"), (5, "None")]
        for bad in ("staging", "foo", ""):
            with pytest.raises(InvalidValue):
                move(store, 1, bad)
        with pytest.raises(InvalidValue, match="foo"):
            latest("foo")
        for stage in ("None", "Archived"):
            with pytest.raises(InvalidValue, match="archive"):
                move(store, 1, stage, archive=True)
        with pytest.raises(NotFound):
            store.read(queries.GetLatestVersions(name="x"))
        with pytest.raises(NotFound):
            move(store, 9, "Staging")

    def test_a_version_may_come_from_a_model_or_another_version(self, store: Store) -> None:
        run = new_run(store)
        logged = new_model(store, source_run_id=run)
        place = store.read(queries.GetLoggedModel(model_id=logged)).artifact_location
        register(store)
        first = add(store, source=f"models:/{logged}")
        assert first == version(store, 1)
        assert (first.source, first.location) == (f"models:/{logged}", place)
        assert (first.model_id, first.run_id) == (logged, run)
        move(store, 1, "Production")
        name_alias(store, "champ", 1)
        for source in ("1", "production", "latest"):
            copied = add(store, source=f"models:/{NAME}/{source}")
            assert (copied.location, copied.model_id, copied.run_id) == (place, logged, run)
        assert add(store, source=f"models:/{NAME}@champ").location == place
        for bad in (f"models:/{NAME}/99", f"models:/{NAME}/staging", "models:/none/1", f"models:/m-{'0' * 32}"):
            with pytest.raises(NotFound):
                add(store, source=bad)
        for bad in ("models:/", f"models:/{NAME}", f"models:/{NAME}@never"):
            with pytest.raises(InvalidValue):
                add(store, source=bad)
        assert add(store).version == 6

    def test_many_hands_never_get_one_number_twice(self, store: Store) -> None:
        register(store)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda number: add(store, tags={"n": str(number)}).version, range(40)))
        assert sorted(made) == list(range(1, 41))
        for number in range(40):
            assert version(store, made[number]).tags == {"n": str(number)}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: move(store, number, "Staging", archive=True), range(1, 9)))
        stages = [version(store, number).current_stage for number in range(1, 9)]
        assert sorted(stages) == ["Archived"] * 7 + ["Staging"]

    def test_of_many_who_take_a_name_one_gets_it(self, store: Store) -> None:
        def take(number: int) -> int:
            try:
                register(store, "one", tags={"n": str(number)})
            except AlreadyExists:
                return 0
            return number

        with ThreadPoolExecutor(8) as pool:
            won = sum(pool.map(take, range(1, 17)))
        assert registered(store, "one").tags == {"n": str(won)}

    def test_an_op_that_is_sent_again_has_one_effect(self, store: Store) -> None:
        made = register(store, tags={"t": "1"}, op_id="a")
        assert register(store, tags={"t": "1"}, op_id="a") == made
        versions = [add(store, op_id=f"v {number}").version for number in range(3)]
        assert versions == [add(store, op_id=f"v {number}").version for number in range(3)] == [1, 2, 3]
        rename = ops.RenameRegisteredModel(name=NAME, new_name="새 이름", time=T0 + 1, op_id="r")
        assert store.write(rename) == store.write(rename)
        assert register(store, op_id="b").name == NAME
        assert store.write(rename) == registered(store, "새 이름")
        for op_id in ("", "c"):
            with pytest.raises(AlreadyExists):
                register(store, op_id=op_id)
        assert sorted(find_models(store)) == [NAME, "새 이름"]
        assert len(find_versions(store)) == 3
