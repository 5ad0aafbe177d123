"""Starting, nesting, resuming and ending runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import millstream
from millstream.tracking import state
from millstream.values.errors import InvalidState, InvalidValue, MillstreamError, NotFound

Elsewhere = Callable[[Callable[[], Any]], Any]


def status(run_id: str) -> str:
    return millstream.get_run(run_id).info.status


def test_a_block_ends_its_run_finished() -> None:
    with millstream.start_run(run_name="첫 run", tags={"k": 1}, description="설명") as run:
        assert millstream.active_run() is run
        assert status(run.info.run_id) == "RUNNING"
        millstream.log_metric("m", 1)
    found = millstream.get_run(run.info.run_id)
    assert millstream.active_run() is None
    assert (found.info.status, found.info.run_name, found.info.experiment_id) == ("FINISHED", "첫 run", "0")
    assert found.info.end_time is not None
    assert found.info.start_time is not None
    assert found.info.start_time <= found.info.end_time
    assert (found.data.tags["k"], found.data.tags["mlflow.note.content"]) == ("1", "설명")
    assert "millstream.traceback" not in found.data.tags


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("망했다"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(0), "FINISHED"),
        (SystemExit(None), "FINISHED"),
        (SystemExit(3), "FAILED"),
        (SystemExit("message"), "FAILED"),
    ],
)
def test_a_block_says_how_it_ended_and_why(error: BaseException, expected: str) -> None:
    with pytest.raises(type(error)), millstream.start_run() as run:
        raise error
    found = millstream.get_run(run.info.run_id)
    assert found.info.status == expected
    trace = found.data.tags.get("millstream.traceback", "")
    assert (type(error).__name__ in trace) is (expected != "FINISHED")
    if isinstance(error, ValueError):
        assert "망했다" in trace
        assert "raise error" in trace
    assert millstream.active_run() is None


def test_a_traceback_that_cannot_be_stored_as_it_is_does_no_harm() -> None:
    with pytest.raises(ValueError, match="x"), millstream.start_run() as run:
        raise ValueError("x\0\ud800" + "y" * 1_000_000)
    assert status(run.info.run_id) == "FAILED"


def test_a_second_run_must_be_nested() -> None:
    with millstream.start_run() as outer:
        with pytest.raises(InvalidState, match=rf"{outer.info.run_id} is already active.*nested=True"):
            millstream.start_run()
        with pytest.raises(Exception, match="already active"):
            millstream.start_run(run_id=outer.info.run_id)
        with millstream.start_run(nested=True) as inner, millstream.start_run(nested=True) as innermost:
            millstream.log_metric("m", 1)
        assert millstream.active_run() is outer
        millstream.log_metric("m", 2)
    runs = [millstream.get_run(run.info.run_id) for run in (outer, inner, innermost)]
    assert [run.data.metrics for run in runs] == [{"m": 2.0}, {}, {"m": 1.0}]
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    assert parents == [None, outer.info.run_id, inner.info.run_id]
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    parent = millstream.get_parent_run(inner.info.run_id)
    assert parent is not None
    assert parent.info.run_id == outer.info.run_id
    assert millstream.get_parent_run(outer.info.run_id) is None


def test_a_parent_may_be_named() -> None:
    with millstream.start_run() as parent:
        pass
    with millstream.start_run(parent_run_id=parent.info.run_id) as child:
        pass
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    with pytest.raises(NotFound):
        millstream.start_run(parent_run_id="a" * 32)
    assert millstream.active_run() is None


def test_ending_by_hand() -> None:
    millstream.end_run()
    for word, number in (("FAILED", 4), ("KILLED", 5), ("FINISHED", 3)):
        for given in (word, number):
            run = millstream.start_run()
            millstream.end_run(given)
            assert status(run.info.run_id) == word
    millstream.start_run()
    with pytest.raises(InvalidValue, match="DONE"):
        millstream.end_run("DONE")
    with millstream.start_run(nested=True) as ended:
        millstream.end_run("FAILED")
    assert status(ended.info.run_id) == "FAILED"


def test_a_run_is_resumed_by_its_id() -> None:
    with millstream.start_run(run_name="old", tags={"a": "1", "b": "1"}) as run:
        millstream.log_metric("m", 1)
    before = millstream.get_run(run.info.run_id).info
    with millstream.start_run(run_id=run.info.run_id, tags={"b": "2"}, run_name="new") as again:
        assert again.info.run_id == run.info.run_id
        running = millstream.get_run(run.info.run_id).info
        assert (running.status, running.end_time) == ("RUNNING", before.end_time)
        assert again.data.metrics == {"m": 1.0}
        millstream.log_metric("m", 2, step=1)
    found = millstream.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name, found.data.metrics) == ("FINISHED", "new", {"m": 2.0})
    assert (found.data.tags["a"], found.data.tags["b"]) == ("1", "2")
    with millstream.start_run(run_uuid=run.info.run_id) as old_spelling:
        assert old_spelling.info.run_id == run.info.run_id


def test_what_cannot_be_resumed() -> None:
    with millstream.start_run() as run:
        pass
    other = millstream.create_experiment("다른 실험")
    with pytest.raises(InvalidValue, match="belongs to experiment '0'"):
        millstream.start_run(run_id=run.info.run_id, experiment_id=other)
    millstream.set_experiment("다른 실험")
    with pytest.raises(MillstreamError, match="experiment"):
        millstream.start_run(run_id=run.info.run_id)
    millstream.set_experiment(experiment_id="0")
    millstream.delete_run(run.info.run_id)
    with pytest.raises(InvalidState, match="deleted"):
        millstream.start_run(run_id=run.info.run_id)
    with pytest.raises(NotFound):
        millstream.start_run(run_id="b" * 32)
    assert millstream.active_run() is None


def test_the_environment_names_the_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with millstream.start_run() as run:
        pass
    for variable in ("MLFLOW_RUN_ID", "MILLSTREAM_RUN_ID"):
        monkeypatch.setenv(variable, run.info.run_id)
        with millstream.start_run() as resumed:
            assert resumed.info.run_id == run.info.run_id
        with millstream.start_run() as new:
            assert new.info.run_id != run.info.run_id


def test_the_experiment_of_a_new_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def used(**given: Any) -> str:
        with millstream.start_run(**given) as run:
            return run.info.experiment_id

    assert used() == "0"
    ids = [millstream.create_experiment(name) for name in ("하나", "둘", "셋")]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", ids[0])
    assert used() == ids[0]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "하나")
    assert used() == ids[0]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "둘")
    with pytest.raises(InvalidValue, match="둘"):
        used()
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
    assert used() == ids[1]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "새로 만든 것")
    made = millstream.get_experiment(used())
    assert made.name == "새로 만든 것"
    assert millstream.set_experiment("셋").experiment_id == ids[2]
    assert used() == ids[2]
    assert used(experiment_id=ids[0]) == ids[0]
    assert used(experiment_id=int(ids[0])) == ids[0]
    assert used(experiment_id=0) == "0"
    with pytest.raises(NotFound):
        used(experiment_id="424242")


def test_set_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    made = millstream.set_experiment("실험")
    assert millstream.set_experiment("실험") == made
    assert millstream.set_experiment(experiment_id=made.experiment_id) == made
    for wrong in ({}, {"experiment_name": "x", "experiment_id": "0"}):
        with pytest.raises(InvalidValue):
            millstream.set_experiment(**wrong)
    with pytest.raises(NotFound):
        millstream.set_experiment(experiment_id="4242")
    millstream.delete_experiment(made.experiment_id)
    for named in ({"experiment_name": "실험"}, {"experiment_id": made.experiment_id}):
        with pytest.raises(InvalidState, match="deleted"):
            millstream.set_experiment(**named)
    with pytest.raises(InvalidState):
        millstream.start_run()
    assert millstream.active_run() is None


def test_wrong_arguments_start_nothing() -> None:
    for wrong in (
        {"tags": "x"},
        {"tags": {"../x": 1}},
        {"tags": {"mlflow.note.content": "a"}, "description": "b"},
        {"run_name": "a", "tags": {"mlflow.runName": "b"}},
        {"run_name": "x" * 300},
        {"log_system_metrics": True},
    ):
        with pytest.raises(InvalidValue):
            millstream.start_run(**wrong)  # type: ignore[arg-type]
    assert millstream.active_run() is None
    assert millstream.search_runs(["0"], output_format="list") == []


def test_any_logging_call_starts_a_run() -> None:
    calls: list[Callable[[], object]] = [
        lambda: millstream.log_metric("m", 1),
        lambda: millstream.log_metrics({"m": 1}),
        lambda: millstream.log_param("p", 1),
        lambda: millstream.log_params({"p": 1}),
        lambda: millstream.set_tag("t", 1),
        lambda: millstream.set_tags({"t": 1}),
        lambda: millstream.log_text("x", "x.txt"),
        lambda: millstream.get_artifact_uri(),
    ]
    for call in calls:
        call()
        run = millstream.active_run()
        assert run is not None
        millstream.end_run()
        last = millstream.last_active_run()
        assert last is not None
        assert (last.info.run_id, last.info.status) == (run.info.run_id, "FINISHED")


def test_a_thread_starts_with_no_active_run() -> None:
    seen: list[Any] = []

    def work() -> None:
        seen.append(millstream.active_run())
        with millstream.start_run() as run:
            seen.append(run.info.run_id)
            millstream.log_metric("thread", 1)

    with millstream.start_run() as outer:
        for _ in range(3):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert millstream.active_run() is outer
    assert seen[0::2] == [None] * 3
    for run_id in seen[1::2]:
        found = millstream.get_run(run_id)
        assert (found.info.status, found.data.metrics) == ("FINISHED", {"thread": 1.0})
        assert "mlflow.parentRunId" not in found.data.tags
    assert millstream.get_run(outer.info.run_id).data.metrics == {}


def test_tasks_have_stacks_of_their_own() -> None:
    async def work(number: int, barrier: asyncio.Barrier) -> str:
        with millstream.start_run(nested=True, run_name=f"task {number}") as run:
            await barrier.wait()
            millstream.log_metric("number", number)
            await asyncio.sleep(0)
            assert millstream.active_run() is run
            return run.info.run_id

    async def everything() -> list[str]:
        barrier = asyncio.Barrier(5)
        with millstream.start_run() as outer:
            found = await asyncio.gather(*(work(number, barrier) for number in range(5)))
            assert millstream.active_run() is outer
            return [outer.info.run_id, *found]

    outer, *inner = asyncio.run(everything())
    for number, run_id in enumerate(inner):
        data = millstream.get_run(run_id).data
        assert (data.metrics, data.tags["mlflow.parentRunId"]) == ({"number": float(number)}, outer)


def test_a_run_keeps_its_store_when_another_one_is_set(tmp_path: Path) -> None:
    with millstream.start_run() as run:
        millstream.set_tracking_uri((tmp_path / "other").as_uri())
        millstream.log_metric("m", 1)
    assert not (tmp_path / "other").exists()
    millstream.set_tracking_uri("")
    found = millstream.get_run(run.info.run_id)
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"m": 1.0})


def test_a_run_deleted_while_it_is_active_does_not_stay_active() -> None:
    with pytest.raises(InvalidState), millstream.start_run() as run:
        millstream.delete_run(run.info.run_id)
    assert millstream.active_run() is None
    assert state._open_runs == {}


def test_an_active_run_shows_itself() -> None:
    with millstream.start_run(run_name="이름") as run:
        assert run.info.run_id in repr(run)
        assert run.to_dictionary()["info"]["run_name"] == "이름"
        assert (run.inputs.dataset_inputs, run.outputs.model_outputs) == ((), ())
