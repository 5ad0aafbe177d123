"""What every store does with the life of a run, its params and its tags."""

from __future__ import annotations

from contextlib import suppress

import pytest

from millstream.stores.base import Store
from millstream.values import names, ops, queries
from millstream.values.entities import (
    DELETED,
    Dataset,
    DatasetInput,
    InputTag,
    ModelInput,
    ModelOutput,
    Param,
    RunTag,
)
from millstream.values.errors import InvalidState, InvalidValue, NotFound
from tests.stores.calls import T0, covers, finish, get, log, new_experiment, new_run, search

DATA = Dataset("꽃 사진", "a1b2", "local", '{"uri": "꽃.csv"}', '{"mlflow_colspec": []}', '{"rows": 3}')


class RunSuite:
    @covers(ops.CreateRun, queries.GetRun, queries.GetRunInfo)
    def test_a_new_run_is_there_whole(self, store: Store) -> None:
        made = new_experiment(store)
        run_id = names.new_run_id()
        op = ops.CreateRun(
            run_id=run_id, experiment_id=made, start_time=T0, user_id="지민", run_name="첫 번째", tags={"k": "값"}
        )
        returned = store.write(op)
        found = get(store, run_id)
        assert returned.info == found.info == store.read(queries.GetRunInfo(run_id=run_id))
        assert returned.data.tags == found.data.tags == {"k": "값", "mlflow.runName": "첫 번째"}
        info = found.info
        assert (info.run_id, info.experiment_id, info.user_id, info.run_name) == (run_id, made, "지민", "첫 번째")
        assert (info.status, info.start_time, info.end_time) == ("RUNNING", T0, None)
        assert (info.lifecycle_stage, info.run_uuid) == ("active", run_id)
        location = store.read(queries.GetExperiment(experiment_id=made)).artifact_location
        assert info.artifact_uri == f"{location}/{run_id}/artifacts"

    def test_making_the_same_run_again_changes_nothing(self, store: Store) -> None:
        run = new_run(store, run_id="abc", run_name="one", start_time=T0)
        log(store, run, [("m", 1.0)], {"p": "1"}, {"t": "1"})
        finish(store, run)
        before = get(store, run)
        again = store.write(
            ops.CreateRun(run_id="abc", experiment_id="0", start_time=T0, run_name="one", tags={"t": "other"})
        )
        assert again.info == before.info
        assert get(store, run) == before
        assert search(store) == [run]

    def test_the_name_is_that_given_else_the_tag_else_made(self, store: Store) -> None:
        assert get(store, new_run(store, run_name="n")).info.run_name == "n"
        tagged = get(store, new_run(store, tags={"mlflow.runName": "이름"}))
        assert tagged.info.run_name == tagged.data.tags["mlflow.runName"] == "이름"
        made = get(store, new_run(store))
        assert made.info.run_name == made.data.tags["mlflow.runName"]
        assert 0 < len(made.info.run_name) <= 20
        assert get(store, new_run(store, run_name="", tags={})).info.run_name
        new_run(store, run_name="n", tags={"mlflow.runName": "n"})
        with pytest.raises(InvalidValue, match="twice"):
            new_run(store, run_name="n", tags={"mlflow.runName": "other"})

    @pytest.mark.parametrize("run_id", ["", "../x", "a/b", "tags", "datasets", ".x", "x" * 257, "a b", "a\n", "가"])
    def test_a_bad_run_id_is_refused(self, store: Store, run_id: str) -> None:
        with pytest.raises(InvalidValue):
            new_run(store, run_id=run_id)
        with pytest.raises((InvalidValue, NotFound)):
            store.read(queries.GetRun(run_id=run_id))
        with pytest.raises((InvalidValue, NotFound)):
            log(store, run_id, [("m", 1.0)])

    @covers(ops.UpdateRun)
    def test_an_update_changes_only_what_is_given(self, store: Store) -> None:
        run = new_run(store, run_name="old", start_time=T0)
        info = store.write(ops.UpdateRun(run_id=run, status="FAILED", end_time=T0 + 9))
        assert (info.status, info.end_time, info.run_name, info.start_time) == ("FAILED", T0 + 9, "old", T0)
        info = store.write(ops.UpdateRun(run_id=run, run_name="새 이름"))
        assert (info.status, info.end_time, info.run_name) == ("FAILED", T0 + 9, "새 이름")
        info = store.write(ops.UpdateRun(run_id=run, status="RUNNING"))
        assert (info.status, info.end_time) == ("RUNNING", T0 + 9)
        found = get(store, run)
        assert found.info == info
        assert found.data.tags["mlflow.runName"] == "새 이름"
        with pytest.raises(InvalidValue, match="DONE"):
            store.write(ops.UpdateRun(run_id=run, status="DONE"))

    def test_the_name_tag_renames_the_run(self, store: Store) -> None:
        run = new_run(store, run_name="old")
        log(store, run, tags={"mlflow.runName": "new"})
        assert get(store, run).info.run_name == "new"
        assert search(store, "run_name = 'new'") == [run]
        log(store, run, [("m", 1.0)])
        assert get(store, run).info.run_name == "new"

    @covers(ops.DeleteRun, ops.RestoreRun)
    def test_deleting_and_restoring_is_idempotent(self, store: Store) -> None:
        run = new_run(store)
        log(store, run, [("m", 1.0)])
        for _ in range(2):
            store.write(ops.DeleteRun(run_id=run, time=T0))
            assert get(store, run).info.lifecycle_stage == DELETED
        assert search(store) == []
        for batch in ({"metrics": [("m", 2.0)]}, {"params": {"p": "1"}}, {"tags": {"t": "1"}}):
            with pytest.raises(InvalidState, match="'active'"):
                log(store, run, **batch)
        for op in (
            ops.UpdateRun(run_id=run, status="FINISHED"),
            ops.DeleteTag(run_id=run, key="mlflow.runName"),
            ops.LogInputs(run_id=run, datasets=(DatasetInput(DATA),)),
            ops.LogOutputs(run_id=run, models=(ModelOutput("m-1"),)),
        ):
            with pytest.raises(InvalidState):
                store.write(op)
        for _ in range(2):
            store.write(ops.RestoreRun(run_id=run))
        log(store, run, [("m", 3.0, 1)])
        found = get(store, run)
        assert (found.info.lifecycle_stage, found.data.metrics) == ("active", {"m": 3.0})

    def test_an_unknown_run_is_not_found(self, store: Store) -> None:
        new_run(store)
        unknown = names.new_run_id()
        for query in (
            queries.GetRun(run_id=unknown),
            queries.GetRunInfo(run_id=unknown),
            queries.MetricHistory(run_id=unknown, key="m"),
            queries.ListArtifacts(run_id=unknown),
        ):
            with pytest.raises(NotFound, match=unknown):
                store.read(query)
        for op in (
            ops.UpdateRun(run_id=unknown, status="FINISHED"),
            ops.DeleteRun(run_id=unknown, time=T0),
            ops.RestoreRun(run_id=unknown),
            ops.DeleteTag(run_id=unknown, key="k"),
            ops.LogBatch(run_id=unknown, tags=(RunTag("k", "v"),)),
            ops.LogBatch(run_id=unknown),
        ):
            with pytest.raises(NotFound, match=unknown):
                store.write(op)
        with pytest.raises(NotFound):
            store.artifacts(unknown)

    @covers(ops.LogBatch)
    def test_a_batch_lands_whole(self, store: Store) -> None:
        run = new_run(store)
        metrics = [("loss", 0.5, 1, T0 + 1), ("loss", 0.25, 2, T0 + 2), ("정확도/top 1", 0.9)]
        log(store, run, metrics, {"lr": "0.1", "모델/종류": "resnet"}, {"비고": "좋음", "a/b/c": "x"})
        data = get(store, run).data
        assert data.metrics == {"loss": 0.25, "정확도/top 1": 0.9}
        assert data.params == {"lr": "0.1", "모델/종류": "resnet"}
        assert {key: data.tags[key] for key in ("비고", "a/b/c")} == {"비고": "좋음", "a/b/c": "x"}
        assert [(p.key, p.value, p.step, p.timestamp) for p in sorted(data.latest, key=lambda p: p.key)] == [
            ("loss", 0.25, 2, T0 + 2),
            ("정확도/top 1", 0.9, 0, T0),
        ]

    def test_a_param_is_written_once(self, store: Store) -> None:
        run = new_run(store)
        log(store, run, params={"lr": "0.1"})
        log(store, run, params={"lr": "0.1"})
        with pytest.raises(InvalidValue, match=r"Changing param values is not allowed.*lr.*0\.1.*0\.2"):
            log(store, run, params={"lr": "0.2"})
        with pytest.raises(InvalidValue, match="Changing"):
            log(store, run, [("m", 1.0)], {"new": "1", "lr": "0.2"}, {"t": "1"})
        data = get(store, run).data
        assert (data.params, data.metrics, "t" in data.tags) == ({"lr": "0.1"}, {}, False)

    def test_a_param_given_twice_in_a_batch_must_agree(self, store: Store) -> None:
        run = new_run(store)
        store.write(ops.LogBatch(run_id=run, params=(Param("p", "1"), Param("p", "1"))))
        with pytest.raises(InvalidValue, match="Duplicate parameter keys"):
            store.write(ops.LogBatch(run_id=run, params=(Param("q", "1"), Param("q", "2"))))
        assert get(store, run).data.params == {"p": "1"}

    @pytest.mark.parametrize("value", ["", " ", "\n", "가" * 100_000, "a\r\nb\tc", "null", "'\"{}", "🦦"])
    def test_a_text_comes_back_as_it_went_in(self, store: Store, value: str) -> None:
        run = new_run(store)
        log(store, run, params={"p": value}, tags={"t": value})
        data = get(store, run).data
        assert (data.params["p"], data.tags["t"]) == (value, value)

    def test_a_text_nobody_can_mean_is_refused_not_cut(self, store: Store) -> None:
        run = new_run(store)
        for value in ("x" * (names.MAX_PARAM_VALUE + 1), "a\0b", "\ud800"):
            with pytest.raises(InvalidValue):
                log(store, run, params={"p": value})
            with pytest.raises(InvalidValue):
                log(store, run, tags={"t": value})
        assert get(store, run).data.params == {}

    @pytest.mark.parametrize(
        "key",
        ["", ".", "..", "../x", "a/../b", "/a", "a/", "a//b", "a\\b", "a\nb", "x" * 251, "가" * 100, "a*"],
    )
    def test_a_bad_key_is_refused(self, store: Store, key: str) -> None:
        run = new_run(store)
        for batch in ({"metrics": [(key, 1.0)]}, {"params": {key: "1"}}, {"tags": {key: "1"}}):
            with pytest.raises(InvalidValue):
                log(store, run, **batch)
        with pytest.raises(InvalidValue):
            store.write(ops.DeleteTag(run_id=run, key=key))

    def test_a_key_below_another_key_is_refused_as_a_wrong_value(self, store: Store) -> None:
        """Files cannot hold `a` and `a/b`; whoever can may, but nobody answers with a server's error."""
        run = new_run(store)
        log(store, run, [("a", 1.0), ("x/y", 1.0)], {"a": "1", "x/y": "1"}, {"a": "1", "x/y": "1"})
        for key in ("a/b", "x"):
            for batch in ({"metrics": [(key, 1.0)]}, {"params": {key: "1"}}, {"tags": {key: "1"}}):
                with suppress(InvalidValue):
                    log(store, run, **batch)
        data = get(store, run).data
        assert data.metrics["a"] == data.metrics["x/y"] == 1.0
        with pytest.raises(NotFound):
            store.write(ops.DeleteTag(run_id=run, key="a/z"))

    @covers(ops.DeleteTag)
    def test_tags_are_overwritten_and_removed(self, store: Store) -> None:
        run = new_run(store, tags={"k": "1"})
        log(store, run, tags={"k": "2", "폴더/안": "3"})
        assert get(store, run).data.tags["k"] == "2"
        store.write(ops.DeleteTag(run_id=run, key="k"))
        store.write(ops.DeleteTag(run_id=run, key="폴더/안"))
        assert set(get(store, run).data.tags) == {"mlflow.runName"}
        for key in ("k", "폴더", "never"):
            with pytest.raises(NotFound, match=key):
                store.write(ops.DeleteTag(run_id=run, key=key))
        log(store, run, tags={"k": "back"})
        assert search(store, "tags.k = 'back'") == [run]

    @covers(ops.LogInputs, ops.LogOutputs)
    def test_inputs_and_outputs_are_noted_once(self, store: Store) -> None:
        run, other = new_run(store), new_run(store)
        source = DatasetInput(DATA, (InputTag("mlflow.data.context", "training"),))
        for _ in range(2):
            store.write(ops.LogInputs(run_id=run, datasets=(source,), models=(ModelInput("m-in"),)))
            store.write(ops.LogOutputs(run_id=run, models=(ModelOutput("m-out", 7),)))
        store.write(ops.LogInputs(run_id=other, datasets=(DatasetInput(DATA),)))
        found = get(store, run)
        assert found.inputs.dataset_inputs == (source,)
        assert found.inputs.model_inputs == (ModelInput("m-in"),)
        assert found.outputs.model_outputs == (ModelOutput("m-out", 7),)
        assert get(store, other).inputs.dataset_inputs == (DatasetInput(DATA),)
        assert search(store, "dataset.context = 'training'") == [run]
        assert set(search(store, "dataset.name = '꽃 사진'")) == {run, other}

    def test_a_dataset_without_what_it_needs_is_refused(self, store: Store) -> None:
        run = new_run(store)
        for bad in (
            Dataset("", "d", "t", "s"),
            Dataset("n", "", "t", "s"),
            Dataset("n", "d" * 37, "t", "s"),
            Dataset("n" * 501, "d", "t", "s"),
        ):
            with pytest.raises(InvalidValue):
                store.write(ops.LogInputs(run_id=run, datasets=(DatasetInput(bad),)))
        with pytest.raises(InvalidValue):
            store.write(ops.LogInputs(run_id=run, models=(ModelInput("../x"),)))
