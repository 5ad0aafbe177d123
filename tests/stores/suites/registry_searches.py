"""What every store finds among registered models and their versions."""

from __future__ import annotations

import pytest

from millstream.stores.base import Store
from millstream.values import queries
from millstream.values.errors import InvalidValue
from millstream.values.rights import Seen
from tests.stores.calls import T0, covers, new_run
from tests.stores.suites.registry import add, find_models, find_versions, move, register


class RegistrySearchSuite:
    @covers(queries.SearchRegisteredModels)
    def test_registered_models_are_searched(self, store: Store) -> None:
        register(store, "b", tags={"t": "가"}, description="boosted", time=T0 + 1)
        register(store, "a", time=T0 + 2)
        register(store, "B", tags={"t": "나", "x y": "1"}, time=T0 + 3)
        for filter, expected in {
            "": ["B", "a", "b"],
            "name = 'a'": ["a"],
            "name != 'a'": ["B", "b"],
            "name IN ('a', 'B')": ["B", "a"],
            "name LIKE 'b%'": ["b"],
            "name ILIKE 'B%'": ["B", "b"],
            "attribute.name = 'a' OR tags.t = '나'": ["B", "a"],
            "tags.t LIKE '%'": ["B", "b"],
            "tags.`x y` = '1'": ["B"],
            "tags.t IS NULL": ["a"],
            "NOT tags.t = '가'": ["B", "a"],
            "description RLIKE '^boo'": ["b"],
            f"creation_timestamp > {T0 + 1}": ["B", "a"],
        }.items():
            assert find_models(store, filter) == expected, filter
        assert find_models(store, "", "creation_timestamp DESC") == ["B", "a", "b"]
        assert find_models(store, "", "name DESC") == ["b", "a", "B"]
        assert find_models(store, "", "timestamp") == ["b", "a", "B"]
        for bad in ("nothing = 'x'", "metrics.a > 1", "name", "name > 'a'"):
            with pytest.raises(InvalidValue):
                find_models(store, bad)
        for most in (0, -1, 1001):
            with pytest.raises(InvalidValue, match="max_results"):
                find_models(store, max_results=most)

    @covers(queries.SearchModelVersions)
    def test_versions_are_searched(self, store: Store) -> None:
        run = new_run(store)
        for name in ("a", "b"):
            register(store, name)
        add(store, "a", "s3://x/1", run_id=run, time=T0 + 1)
        add(store, "a", "s3://x/2", tags={"t": "가"}, time=T0 + 2)
        add(store, "b", "s3://y/1", time=T0 + 2)
        move(store, 1, "Staging", "a", time=T0 + 9)
        for filter, expected in {
            "": [("a", 1), ("a", 2), ("b", 1)],
            "name = 'a'": [("a", 1), ("a", 2)],
            "name = 'a' AND version_number > 1": [("a", 2)],
            "version_number = '2'": [("a", 2)],
            "version_number != 1": [("a", 2)],
            f"run_id = '{run}'": [("a", 1)],
            f"run_id IN ('{run}', 'x')": [("a", 1)],
            "source_path LIKE 's3://x/%'": [("a", 1), ("a", 2)],
            "current_stage = 'Staging'": [("a", 1)],
            "tags.t = '가'": [("a", 2)],
            "tags.t IS NULL AND name ILIKE 'A'": [("a", 1)],
            f"last_updated_timestamp >= {T0 + 9}": [("a", 1)],
        }.items():
            assert find_versions(store, filter) == expected, filter
        assert find_versions(store, "", "name DESC", "version_number DESC") == [("b", 1), ("a", 2), ("a", 1)]
        assert find_versions(store, "", "creation_timestamp") == [("a", 1), ("a", 2), ("b", 1)]
        assert find_versions(store, "", "version_number ASC") == [("a", 1), ("b", 1), ("a", 2)]
        for bad in ("nothing = 'x'", "version_number = 'x'", "name"):
            with pytest.raises(InvalidValue):
                find_versions(store, bad)
        for most in (0, 200_001):
            with pytest.raises(InvalidValue, match="max_results"):
                find_versions(store, max_results=most)

    def test_lists_know_only_of_models_that_are_seen(self, store: Store) -> None:
        for name in ("a", "b", "가"):
            register(store, name, tags={"t": "1"})
            add(store, name, tags={"t": "1"})
        for seen, expected in (
            (Seen(frozenset({"b", "가", "none"})), ["b", "가"]),
            (Seen(frozenset({"b"}), others=True), ["a", "가"]),
            (Seen(frozenset({"b"} | {f"x{number}" for number in range(1500)})), ["b"]),
            (Seen(), []),
        ):
            for filter in ("", "tags.t = '1'", "name != 'none' OR name = 'a'"):
                assert find_models(store, filter, seen=seen) == expected
                assert sorted(find_versions(store, filter, seen=seen)) == [(name, 1) for name in expected]
            page = store.read(queries.SearchModelVersions(seen=seen, max_results=1))
            assert (len(page), page.token is None) == (min(len(expected), 1), len(expected) < 2)

    def test_pages_of_models_and_versions_follow_each_other(self, store: Store) -> None:
        for number in range(5):
            register(store, f"m{number}")
            add(store, f"m{number}")
        for kind in (queries.SearchRegisteredModels, queries.SearchModelVersions):
            found: list[str] = []
            sizes, token = [], None
            while True:
                page = store.read(kind(max_results=2, page_token=token))
                sizes.append(len(page))
                found += [item.name for item in page]
                token = page.token
                if token is None:
                    break
            assert (sizes, found) == ([2, 2, 1], [f"m{number}" for number in range(5)])
        with pytest.raises(InvalidValue, match="token"):
            store.read(queries.SearchModelVersions(page_token="no token"))

    def test_prompts_are_shown_when_they_are_asked_for(self, store: Store) -> None:
        register(store, "model")
        register(store, "prompt", tags={"mlflow.prompt.is_prompt": "true"})
        add(store, "model")
        add(store, "prompt", "prompt", tags={"mlflow.prompt.is_prompt": "true"})
        tag = "tags.`mlflow.prompt.is_prompt`"
        for filter, expected in {
            "": "model",
            "name LIKE '%'": "model",
            f"{tag} = 'true'": "prompt",
            f"{tag} != 'true'": "model",
            f"name LIKE '%' AND {tag} = 'false'": "model",
            f"NOT {tag} = 'false'": "prompt",
            f"{tag} IS NOT NULL": "prompt",
        }.items():
            assert (find_models(store, filter), find_versions(store, filter)) == ([expected], [(expected, 1)]), filter

    def test_searches_know_only_what_is_seen(self, store: Store) -> None:
        names = [f"모델 {number}" for number in range(5)]
        for name in names:
            register(store, name)
            add(store, name)
            add(store, name)
        for seen, expected in (
            (Seen(frozenset({names[1], names[3], "not there", "*"})), [names[1], names[3]]),
            (Seen(frozenset({*names[:4], "x"}), others=True), [names[4]]),
            (Seen(), []),
            (Seen(frozenset(names) | {f"x{number}" for number in range(1500)}), names),
        ):
            for kind, each in ((queries.SearchRegisteredModels, 1), (queries.SearchModelVersions, 2)):
                found: list[str] = []
                token = None
                while True:
                    page = store.read(kind(seen=seen, max_results=1, page_token=token))
                    assert len(page) <= 1
                    found += [item.name for item in page]
                    token = page.token
                    if token is None:
                        break
                assert found == [name for name in expected for _ in range(each)], (kind, seen)
            assert find_models(store, "name LIKE '모델%'", seen=seen) == expected
            assert find_models(store, f"name = '{names[0]}'", seen=seen) == [name for name in names[:1] if name in seen]
            versions = find_versions(store, f"name = '{names[1]}'", seen=seen)
            assert {name for name, _ in versions} == {name for name in names[1:2] if name in seen}
