"""Files of a run through the fluent functions: storing, naming, fetching."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy
import PIL.Image
import pytest
import yaml

import millstream
from millstream.values.errors import InvalidValue, MillstreamError, NotFound


@pytest.fixture
def run(here: Path) -> Any:
    """An active run."""
    with millstream.start_run() as started:
        yield started


def stored(run: Any) -> Path:
    """Where the run's artifacts lie."""
    return Path("mlruns").resolve() / "0" / run.info.run_id / "artifacts"


def test_files_and_directories(run: Any, tmp_path: Path) -> None:
    source = tmp_path / "내 파일.txt"
    source.write_text("안녕", encoding="utf-8")
    folder = tmp_path / "data dir"
    (folder / "안" / "더").mkdir(parents=True)
    (folder / "a").write_bytes(b"a")
    (folder / "안" / "더" / "b").write_bytes(b"b")
    millstream.log_artifact(source)
    millstream.log_artifact(str(source), "아래/더 아래")
    millstream.log_artifact(folder)
    millstream.log_artifacts(folder, "all")
    millstream.log_artifacts(str(folder))
    found = sorted(str(path.relative_to(stored(run))) for path in stored(run).rglob("*") if path.is_file())
    assert found == sorted(
        [
            *("내 파일.txt", "아래/더 아래/내 파일.txt", "data dir/a", "data dir/안/더/b"),
            *("all/a", "all/안/더/b", "a", "안/더/b"),
        ]
    )
    with pytest.raises(NotFound, match="nothing here"):
        millstream.log_artifact(tmp_path / "nothing here")
    with pytest.raises(NotFound):
        millstream.log_artifacts(source)
    for bad in ("..", "/abs", "a/../b"):
        with pytest.raises(InvalidValue):
            millstream.log_artifact(source, bad)


def test_texts_and_dictionaries(run: Any) -> None:
    value = {"이름": "값", "n": [1, 2.5, None], "z": {"a": True}}
    millstream.log_text("한 줄\n둘", "메모/a.txt")
    millstream.log_dict(value, "a.json")
    millstream.log_dict(value, "a.yaml")
    millstream.log_dict(value, "a.YML")
    millstream.log_dict(value, "no ending")
    assert (stored(run) / "메모/a.txt").read_bytes() == "한 줄\n둘".encode()
    assert json.loads((stored(run) / "a.json").read_text()) == value
    assert json.loads((stored(run) / "no ending").read_text()) == value
    for name in ("a.yaml", "a.YML"):
        assert yaml.safe_load((stored(run) / name).read_text()) == value
        assert millstream.artifacts.load_dict(f"runs:/{run.info.run_id}/{name}") == value
    assert "이름" in (stored(run) / "a.json").read_text()
    assert millstream.artifacts.load_dict(f"runs:/{run.info.run_id}/a.json") == value
    assert millstream.artifacts.load_text(f"runs:/{run.info.run_id}/메모/a.txt") == "한 줄\n둘"
    for call in (lambda: millstream.log_text("x", ""), lambda: millstream.log_dict({}, "../x")):
        with pytest.raises(InvalidValue):
            call()


@pytest.mark.parametrize(
    "make",
    [
        lambda: numpy.zeros((8, 6), dtype=numpy.uint8),
        lambda: numpy.full((8, 6, 1), 255, dtype=numpy.int64),
        lambda: numpy.random.default_rng(0).random((8, 6, 3)),
        lambda: numpy.ones((8, 6, 4), dtype=numpy.float32),
        lambda: numpy.eye(8, 6, dtype=bool),
        lambda: PIL.Image.new("RGB", (6, 8), "red"),
    ],
)
def test_images(run: Any, make: Callable[[], Any]) -> None:
    millstream.log_image(make(), "그림/a.png")
    image = millstream.artifacts.load_image(f"runs:/{run.info.run_id}/그림/a.png")
    assert image.size == (6, 8)


def test_pixels_are_kept(run: Any) -> None:
    millstream.log_image(numpy.array([[0.0, 0.5, 1.0]]), "a.png")
    image = millstream.artifacts.load_image(f"runs:/{run.info.run_id}/a.png")
    assert numpy.asarray(image).tolist() == [[0, 128, 255]]


def test_images_by_key_and_step(run: Any) -> None:
    image = numpy.zeros((600, 500, 3), dtype=numpy.uint8)
    millstream.log_image(image, key="val/예측", step=7, timestamp=1234)
    millstream.log_image(image, key="val/예측")
    names = sorted(os.listdir(stored(run) / "images"))
    assert len(names) == 4
    stems = {re.sub(r"%[0-9a-f-]{36}\.(png|webp)$", r".\1", name) for name in names}
    assert {"val#예측%step%7%timestamp%1234.png", "val#예측%step%7%timestamp%1234.webp"} <= stems
    with PIL.Image.open(stored(run) / "images" / next(name for name in names if name.endswith(".webp"))) as small:
        assert max(small.size) <= 256
    assert millstream.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"
    assert len(millstream.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="images")) == 4


@pytest.mark.parametrize(
    ("image", "given"),
    [
        (numpy.zeros((2, 2)), {}),
        (numpy.zeros((2, 2)), {"artifact_file": "a.png", "key": "k"}),
        (numpy.zeros((2, 2, 2)), {"artifact_file": "a.png"}),
        (numpy.zeros(4), {"artifact_file": "a.png"}),
        (numpy.full((2, 2), 2.0), {"artifact_file": "a.png"}),
        (numpy.full((2, 2), numpy.nan), {"artifact_file": "a.png"}),
        (numpy.full((2, 2), 256), {"artifact_file": "a.png"}),
        (numpy.zeros((0, 4)), {"artifact_file": "a.png"}),
        (numpy.zeros((2, 2), dtype=numpy.uint8), {"artifact_file": "a.nonsense"}),
        ("not an image", {"artifact_file": "a.png"}),
    ],
)
@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_what_is_no_image_is_refused(run: Any, image: Any, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        millstream.log_image(image, **given)
    assert os.listdir(stored(run)) == []


def test_figures(run: Any) -> None:
    figure = matplotlib.figure.Figure()
    figure.subplots().plot([1, 2], [3, 4])
    millstream.log_figure(figure, "그림/plot.png", save_kwargs={"dpi": 30})
    millstream.log_figure(figure, "plot.svg")
    assert (stored(run) / "그림/plot.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (stored(run) / "plot.svg").read_text()
    with pytest.raises(InvalidValue, match="str"):
        millstream.log_figure("figure", "x.png")


def test_uris_lead_to_the_artifacts(run: Any, tmp_path: Path) -> None:
    millstream.log_text("x", "하나/a b.txt")
    root = millstream.get_artifact_uri()
    assert root == millstream.get_run(run.info.run_id).info.artifact_uri
    inside = millstream.get_artifact_uri("하나/a b.txt")
    assert inside.startswith(root + "/")
    place = stored(run) / "하나" / "a b.txt"
    for uri in (inside, f"runs:/{run.info.run_id}/하나/a b.txt", str(place), place.as_uri()):
        assert Path(millstream.artifacts.download_artifacts(uri)).read_text() == "x"
    here = millstream.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="하나")
    assert Path(here) == place.parent
    copy = millstream.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="하나", dst_path=str(tmp_path / "new" / "dir")
    )
    assert Path(copy) == tmp_path / "new" / "dir" / "하나"
    assert (tmp_path / "new/dir/하나/a b.txt").read_text() == "x"
    (tmp_path / "new/dir/하나/a b.txt").write_text("changed")
    assert place.read_text() == "x"
    whole = millstream.artifacts.download_artifacts(f"runs:/{run.info.run_id}", dst_path=str(tmp_path / "whole"))
    assert (Path(whole) / "하나/a b.txt").read_text() == "x"


def test_what_cannot_be_fetched(run: Any, tmp_path: Path) -> None:
    millstream.log_text("x", "a.txt")
    for given in (
        {},
        {"artifact_uri": "a", "run_id": "b"},
        {"artifact_uri": f"runs:/{run.info.run_id}/nothing"},
        {"artifact_uri": f"runs:/{'c' * 32}/a.txt"},
        {"artifact_uri": f"runs:/{run.info.run_id}/../../meta.yaml"},
        {"artifact_uri": "nowhere/at all"},
        {"artifact_uri": "sftp://bucket/x"},
        {"run_id": run.info.run_id, "artifact_path": "a/../../x"},
        {"run_id": run.info.run_id, "artifact_path": "nothing", "dst_path": str(tmp_path / "d")},
    ):
        with pytest.raises(MillstreamError):
            millstream.artifacts.download_artifacts(**given)


def test_listing(run: Any) -> None:
    millstream.log_text("x", "b/c.txt")
    millstream.log_text("xy", "a.txt")
    by_run = millstream.artifacts.list_artifacts(run_id=run.info.run_id)
    by_uri = millstream.artifacts.list_artifacts(f"runs:/{run.info.run_id}")
    assert [(file.path, file.is_dir, file.file_size) for file in by_run] == [("a.txt", False, 2), ("b", True, None)]
    assert by_uri == by_run
    below = millstream.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="b")
    assert [file.path for file in below] == ["b/c.txt"]


def test_another_run_may_be_named(run: Any, tmp_path: Path) -> None:
    other = millstream.MlflowClient().create_run("0").info.run_id
    millstream.log_text("x", "a.txt", run_id=other)
    millstream.log_dict({}, "b.json", run_id=other)
    (tmp_path / "f").write_text("")
    millstream.log_artifact(tmp_path / "f", run_id=other)
    assert [file.path for file in millstream.artifacts.list_artifacts(run_id=other)] == ["a.txt", "b.json", "f"]
    assert os.listdir(stored(run)) == []


def test_artifacts_of_a_tree_that_was_moved_are_found_beside_the_run(run: Any, here: Path, tmp_path: Path) -> None:
    millstream.log_text("x", "a.txt")
    run_id = run.info.run_id
    millstream.end_run()
    (here / "mlruns").rename(tmp_path / "옮긴 곳")
    client = millstream.MlflowClient((tmp_path / "옮긴 곳").as_uri())
    assert Path(client.download_artifacts(run_id, "a.txt")).read_text() == "x"
    client.log_text(run_id, "y", "b.txt")
    assert [file.path for file in client.list_artifacts(run_id)] == ["a.txt", "b.txt"]
    assert not (here / "mlruns").exists()


def test_artifacts_in_a_bucket(s3: str, tmp_path: Path) -> None:
    made = millstream.create_experiment("in a bucket", artifact_location=f"{s3}/실험 1")
    (tmp_path / "한 글").mkdir()
    for number in range(40):
        (tmp_path / "한 글" / f"{number} +%.txt").write_text(str(number))
    with millstream.start_run(experiment_id=made) as run:
        millstream.log_artifacts(str(tmp_path / "한 글"), "안 d")
        millstream.log_text("가", "a b.txt")
        uri = millstream.get_artifact_uri("안 d/7 +%.txt")
    assert uri.startswith(f"{s3}/")
    assert Path(millstream.artifacts.download_artifacts(uri)).read_text() == "7"
    assert len(millstream.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="안 d")) == 40
    whole = Path(millstream.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(tmp_path / "out")))
    assert (whole / "안 d" / "39 +%.txt").read_text() == "39"
    assert millstream.artifacts.load_text(f"runs:/{run.info.run_id}/a b.txt") == "가"
    with pytest.raises(MillstreamError):
        millstream.artifacts.download_artifacts(f"{s3}/%2e%2e")
