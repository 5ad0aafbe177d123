"""What the logging functions take, and what they refuse."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest

import millstream
from millstream.values.errors import InvalidValue, NotFound


@pytest.fixture
def run(here: Path) -> Any:
    """An active run."""
    with millstream.start_run() as started:
        yield started


def data(run: Any) -> Any:
    return millstream.get_run(run.info.run_id).data


class Tensor:
    """What PyTorch, TensorFlow and JAX hand over: something that `float()` takes."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __float__(self) -> float:
        return self._value


@pytest.mark.parametrize(
    "value",
    [
        1,
        True,
        0.5,
        "0.5",
        numpy.float32(0.5),
        numpy.int64(3),
        numpy.array(0.5),
        Tensor(0.25),
        Decimal("0.1"),
        Fraction(1, 3),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_any_number_is_a_metric(run: Any, value: Any) -> None:
    millstream.log_metric("m", value)
    millstream.log_metrics({"n": value})
    assert data(run).metrics == {"m": float(value), "n": float(value)}


@pytest.mark.parametrize("value", [None, "x", [1, 2], numpy.array([1.0, 2.0]), {}, 1j, 10**400])
def test_what_is_no_number_is_refused_by_its_key(run: Any, value: Any) -> None:
    with pytest.raises(InvalidValue, match="loss"):
        millstream.log_metric("loss", value)
    with pytest.raises(InvalidValue, match="loss"):
        millstream.log_metrics({"good": 1, "loss": value})
    assert data(run).metrics == {}


def test_steps_and_times(run: Any) -> None:
    millstream.log_metric("m", 1.0)
    millstream.log_metric("m", 2.0, step=numpy.int64(5), timestamp=123)
    millstream.log_metric("m", 3.0, step=-1)
    millstream.log_metric("m", 4.0, step=2.0)  # type: ignore[arg-type]
    millstream.log_metrics({"a": 1, "b": math.nan}, step=9, timestamp=77)
    points = millstream.MlflowClient().get_metric_history(run.info.run_id, "m")
    assert [(point.value, point.step) for point in points] == [(1.0, 0), (2.0, 5), (3.0, -1), (4.0, 2)]
    assert points[1].timestamp == 123
    assert abs(points[0].timestamp - run.info.start_time) < 3_600_000
    (point,) = millstream.MlflowClient().get_metric_history(run.info.run_id, "b")
    assert (point.step, point.timestamp, math.isnan(point.value)) == (9, 77, True)
    for bad in (1.5, "x", 2**63, math.nan):
        with pytest.raises(InvalidValue):
            millstream.log_metric("m", 1.0, step=bad)  # type: ignore[arg-type]


def test_params_and_tags_are_kept_as_text(run: Any) -> None:
    assert millstream.log_param("lr", 0.1) == 0.1
    millstream.log_params({"층": [64, 32], "none": None, "모델/이름": "resnet", "long": "가" * 100_000})
    millstream.set_tag("t", 1)
    millstream.set_tags({"u": True, "a/b": ""})
    found = data(run)
    assert found.params["lr"] == "0.1"
    assert (found.params["층"], found.params["none"], found.params["long"]) == ("[64, 32]", "None", "가" * 100_000)
    assert (found.tags["t"], found.tags["u"], found.tags["a/b"]) == ("1", "True", "")
    with pytest.raises(InvalidValue, match="Changing param values"):
        millstream.log_param("lr", 0.2)
    with pytest.raises(InvalidValue, match="Changing param values"):
        millstream.log_params({"new": 1, "lr": 0.2})
    assert "new" not in data(run).params
    millstream.delete_tag("t")
    with pytest.raises(NotFound):
        millstream.delete_tag("t")


def test_a_dictionary_is_wanted(run: Any) -> None:
    for call in (millstream.log_metrics, millstream.log_params, millstream.set_tags):
        with pytest.raises(InvalidValue, match="dictionary"):
            call([("a", 1)])  # type: ignore[arg-type]
        call({})


def test_calls_that_could_be_asynchronous_can_be_waited_for(run: Any) -> None:
    millstream.log_metric("m", 1.0, synchronous=False).wait()
    millstream.log_params({"p": 1}, synchronous=False).wait()
    millstream.set_tag("t", 1, synchronous=False).wait()
    millstream.flush_async_logging()
    assert data(run).metrics == {"m": 1.0}


def test_another_run_may_be_named(run: Any) -> None:
    other = millstream.MlflowClient().create_run("0").info.run_id
    millstream.log_metric("m", 1.0, run_id=other)
    millstream.log_metrics({"n": 1.0}, run_id=other)
    millstream.log_params({"p": 1}, run_id=other)
    found = millstream.get_run(other).data
    assert (found.metrics, found.params) == ({"m": 1.0, "n": 1.0}, {"p": "1"})
    assert data(run).metrics == {}
    with pytest.raises(NotFound):
        millstream.log_metric("m", 1.0, run_id="d" * 32)


def test_experiments_and_their_tags(here: Path) -> None:
    made = millstream.create_experiment("실험", tags={"k": 1})
    assert millstream.get_experiment(made).tags == {"k": "1"}
    assert millstream.get_experiment_by_name("실험") == millstream.get_experiment(made)
    assert millstream.get_experiment_by_name("없음") is None
    millstream.set_experiment("실험")
    millstream.set_experiment_tag("팀", "비전")
    millstream.set_experiment_tags({"n": 2})
    millstream.delete_experiment_tag("k")
    assert millstream.get_experiment(made).tags == {"팀": "비전", "n": "2"}
    assert millstream.active_run() is None
    found = millstream.search_experiments(filter_string="tags.n = '2'")
    assert [experiment.name for experiment in found] == ["실험"]
    millstream.rename_experiment(made, "새 이름")
    millstream.delete_experiment(made)
    assert [experiment.name for experiment in millstream.search_experiments()] == ["Default"]
    millstream.restore_experiment(made)
    assert {experiment.name for experiment in millstream.search_experiments()} == {"Default", "새 이름"}
    assert millstream.search_experiments(max_results=1, order_by=["name DESC"])[0].name == "새 이름"


def test_an_experiment_keeps_its_artifacts_where_it_is_told(here: Path, tmp_path: Path) -> None:
    made = millstream.create_experiment("따로", artifact_location=str(tmp_path / "내 artifacts"))
    with millstream.start_run(experiment_id=made) as run:
        millstream.log_text("x", "a.txt")
        assert Path(millstream.artifacts.download_artifacts(millstream.get_artifact_uri("a.txt"))).read_text() == "x"
    assert (tmp_path / "내 artifacts" / run.info.run_id / "artifacts" / "a.txt").read_text() == "x"


def test_runs_are_deleted_and_restored(here: Path) -> None:
    with millstream.start_run() as run:
        pass
    millstream.delete_run(run.info.run_id)
    assert millstream.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    millstream.restore_run(run.info.run_id)
    assert millstream.get_run(run.info.run_id).info.lifecycle_stage == "active"
