"""Datasets: their digests, schemas, profiles and sources, and what a run keeps of them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import millstream as mlflow
from millstream.data import from_file, from_numpy, from_pandas, get_source
from millstream.data.code_dataset_source import CodeDatasetSource
from millstream.data.filesystem_dataset_source import FileSystemDatasetSource
from millstream.data.http_dataset_source import HTTPDatasetSource
from millstream.data.meta_dataset import MetaDataset
from millstream.formats.signature import ColSpec, Schema
from millstream.values.entities import Dataset as DatasetEntity
from millstream.values.entities import DatasetInput
from millstream.values.errors import DataDamaged, InvalidValue, NotFound, NotSupported


def frame(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame({"나이": [1, 2, 3], "b": ["x", "y", None]} | changes)


def test_a_frame_says_what_it_is() -> None:
    data = from_pandas(frame(), source="/tmp/꽃.csv", targets="b", name="꽃")
    assert (data.name, data.targets, data.profile) == ("꽃", "b", {"num_rows": 3, "num_elements": 6})
    said = data.to_dict()
    assert {key: said[key] for key in ("name", "digest", "source_type")} == {
        "name": "꽃",
        "digest": data.digest,
        "source_type": "local",
    }
    assert json.loads(said["source"]) == {"uri": "/tmp/꽃.csv"}
    assert [column["type"] for column in json.loads(said["schema"])["mlflow_colspec"]] == ["long", "string"]
    assert json.loads(data.to_json()) == said
    with pytest.raises(InvalidValue, match="nothing"):
        from_pandas(frame(), targets="nothing")
    with pytest.raises(InvalidValue, match="list"):
        from_pandas([1, 2])  # type: ignore[arg-type]


def test_a_frames_digest_is_of_all_that_is_in_it() -> None:
    digest = from_pandas(frame()).digest
    assert len(digest) == 8
    assert from_pandas(frame()).digest == digest
    others = [
        frame(b=["x", "y", "z"]),
        frame().rename(columns={"b": "c"}),
        frame().iloc[::-1],
        frame(b=[1.0, 2.0, None]),
        frame().astype({"나이": "int32"}),
        frame().iloc[:2],
        frame(b=[[1], [2], {"a": 1}]),
        frame(b=[[1], [2], {"a": 2}]),
        pd.DataFrame(),
    ]
    assert len({digest, *(from_pandas(other).digest for other in others)}) == len(others) + 1
    long = pd.DataFrame({"a": range(20_000)})
    changed = long.copy()
    changed.iloc[-1, 0] = -1
    assert from_pandas(long).digest != from_pandas(changed).digest
    assert from_pandas(frame(), digest="mine").digest == "mine"


def test_a_frame_without_types_has_no_schema() -> None:
    data = from_pandas(pd.DataFrame({"a": [object(), object()]}))
    assert data.schema is None
    assert "schema" not in data.to_dict()
    assert from_pandas(pd.DataFrame()).profile == {"num_rows": 0, "num_elements": 0}


def test_arrays_say_what_they_are() -> None:
    data = from_numpy(np.zeros((3, 4)), targets=np.array([1, 2, 3]))
    assert data.profile == {
        "features_shape": [3, 4],
        "features_size": 12,
        "features_nbytes": 96,
        "targets_shape": [3],
        "targets_size": 3,
        "targets_nbytes": 24,
    }
    fields = json.loads(data.to_dict()["schema"])["mlflow_tensorspec"]
    assert json.loads(fields["features"])[0]["tensor-spec"] == {"dtype": "float64", "shape": [-1, 4]}
    assert json.loads(fields["targets"])[0]["tensor-spec"] == {"dtype": "int64", "shape": [-1]}
    named = from_numpy({"b": np.zeros(2), "a": np.ones((2, 1))})
    assert named.profile["features_shape"] == {"b": [2], "a": [2, 1]}
    assert json.loads(named.to_dict()["schema"])["mlflow_tensorspec"]["targets"] is None
    with pytest.raises(InvalidValue, match="list"):
        from_numpy([1, 2])  # type: ignore[arg-type]


def test_arrays_digests_are_of_all_that_is_in_them() -> None:
    base = np.arange(12.0).reshape(3, 4)
    assert from_numpy(base).digest == from_numpy(base.copy(order="F")).digest
    others = [
        base,
        base.reshape(4, 3),
        base.astype("float32"),
        -base,
        {"a": base},
        {"b": base},
        np.array(["x", [1]], dtype=object),
        np.array(["y", [1]], dtype=object),
        np.zeros((0, 4)),
    ]
    digests = {from_numpy(other).digest for other in others}  # type: ignore[arg-type]
    digests.add(from_numpy(base, targets=base).digest)
    assert len(digests) == len(others) + 1
    assert {len(digest) for digest in digests} == {8}


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "내 데이터.bin"
    file.write_bytes(b"\0" * 3_000_000)
    data = from_file(file)
    assert (data.name, data.profile) == ("내 데이터.bin", {"num_files": 1, "num_bytes": 3_000_000})
    assert (len(data.digest), from_file(file, name="x").digest) == (32, data.digest)
    assert Path(data.source.load()) == file
    copy = Path(data.source.load(str(tmp_path / "there")))
    assert (copy.read_bytes(), copy.parent) == (file.read_bytes(), tmp_path / "there")
    folder = tmp_path / "all"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("1")
    (folder / "b").write_text("")
    before = from_file(folder)
    assert before.profile == {"num_files": 2, "num_bytes": 1}
    first = before.digest
    (folder / "b").rename(folder / "c")
    assert from_file(folder).digest != first
    with pytest.raises(NotFound, match="none"):
        from_file(tmp_path / "none")


def test_sources_are_told_apart() -> None:
    for place, kind, fields in (
        ("data.csv", "local", {"uri": "data.csv"}),
        ("file:///a/b.csv", "local", {"uri": "file:///a/b.csv"}),
        ("s3://b/k", "s3", {"uri": "s3://b/k"}),
        ("https://user:secret@x.org/a.csv?b=c", "http", {"url": "https://x.org/a.csv?b=c"}),
    ):
        data = from_pandas(frame(), source=place)
        assert (data.source._get_source_type(), data.source.to_dict()) == (kind, fields)
        assert get_source(data) == get_source(data._to_mlflow_entity()) == data.source
        assert get_source(DatasetInput(data._to_mlflow_entity())) == data.source
    made = from_pandas(frame()).source
    assert isinstance(made, CodeDatasetSource)
    assert "mlflow.source.name" in made.tags
    with pytest.raises(NotSupported, match="run that again"):
        made.load()
    for wrong in ("runs:/a/b", "javascript:x"):
        with pytest.raises(InvalidValue):
            from_pandas(frame(), source=wrong)
    with pytest.raises(InvalidValue, match="int"):
        from_pandas(frame(), source=5)


def test_sources_of_others_are_read_or_named() -> None:
    with pytest.raises(NotSupported, match="spark"):
        get_source(DatasetEntity("n", "d", "spark", "{}"))
    for damaged in ("no json", "[]", "{}"):
        with pytest.raises(DataDamaged, match="local"):
            get_source(DatasetEntity("n", "d", "local", damaged))
    with pytest.raises(InvalidValue):
        get_source("x")


def test_a_file_on_the_web_is_fetched(tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/data")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b"1,2\n" if found else b"")

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        path = Path(HTTPDatasetSource(f"{base}/data/%EA%BD%83.csv").load(str(tmp_path)))
        assert (path.name, path.read_text()) == ("꽃.csv", "1,2\n")
        with pytest.raises(NotFound, match="404"):
            HTTPDatasetSource(f"{base}/none").load(str(tmp_path))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises(InvalidValue):
        HTTPDatasetSource("file:///etc/passwd")


def test_a_place_alone_is_a_dataset() -> None:
    source = FileSystemDatasetSource("s3://b/k")
    plain = MetaDataset(source)
    typed = MetaDataset(source, schema=Schema([ColSpec("long", "a")]))
    assert len({plain.digest, typed.digest, MetaDataset(source, name="n").digest}) == 3
    assert set(plain.to_dict()) == {"name", "digest", "source", "source_type"}
    assert "mlflow_colspec" in typed.to_dict()["schema"]
    with pytest.raises(InvalidValue):
        MetaDataset("s3://b/k")  # type: ignore[arg-type]


def test_names_that_are_not_there_say_what_to_do() -> None:
    for name in ("from_spark", "load_delta", "from_tensorflow", "from_huggingface", "from_polars"):
        with pytest.raises(AttributeError, match="from_pandas"):
            getattr(mlflow.data, name)
    with pytest.raises(AttributeError, match="never"):
        mlflow.data.never  # noqa: B018
