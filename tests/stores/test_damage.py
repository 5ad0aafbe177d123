"""Damaged trees: lists never fail, only the damaged thing is hidden or shortened, and the store names it."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from millstream.drivers.files import reader
from millstream.formats.mlruns import meta
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries
from millstream.values.entities import Dataset, DatasetInput, Experiment, ModelOutput, RunInfo
from millstream.values.errors import DataDamaged, InvalidValue, MillstreamError, StorageFailed
from tests.stores.calls import T0, experiment_names, get, history, log, new_experiment, new_run, search
from tests.stores.snapshots import snapshot


def problems(store: EmbeddedStore) -> tuple[str, ...]:
    return store.read(queries.DescribeStore()).problems


@pytest.fixture
def pair(store: EmbeddedStore) -> tuple[str, str]:
    """A run that will be damaged, and one beside it that must stay as it is."""
    runs = new_run(store, run_name="다칠 것"), new_run(store, run_name="괜찮은 것")
    for run in runs:
        log(store, run, [("loss", 0.5, 1), ("loss", 0.25, 2)], {"p": "값"}, {"t": "꼬리표"})
    return runs


def telling_lengths(whole: bytes) -> list[int]:
    """Where to cut a file: before, in and after every line. (Every byte is tried where no store is needed.)"""
    ends = [index for index in range(len(whole)) if whole[index : index + 1] == b"\n"]
    return sorted({0, 1, *(end + shift for end in ends for shift in (-3, 0, 1) if end + shift < len(whole))})


def test_a_meta_file_cut_at_any_byte_is_damaged_or_says_less() -> None:
    info = RunInfo("r" * 32, "12", "지민", "FINISHED", T0, T0 + 5, "active", "file:///어딘가/artifacts", "이름: #1")
    experiment = Experiment("12", "실험: 하나", "file:///어딘가", tags={"k": "v"}, creation_time=T0)
    for fields, read in (
        (meta.run_to_fields(info), lambda found: meta.run_from_fields(found, "r" * 32, "12")),
        (
            meta.experiment_to_fields(experiment, rewritten=True),
            lambda found: meta.experiment_from_fields(found, "12", in_trash=False, tags={}),
        ),
    ):
        whole = meta.dump(fields)
        for length in range(len(whole)):
            try:
                found = read(meta.load(whole[:length]))
            except DataDamaged:
                continue
            assert b"experiment_id: '12'" in whole[:length]
            assert repr(found)


def test_a_run_file_cut_at_any_byte_hides_that_run_only(
    store: EmbeddedStore, root: Path, pair: tuple[str, str]
) -> None:
    hurt, well = pair
    path = root / "0" / hurt / "meta.yaml"
    whole = path.read_bytes()
    before = snapshot(store)["runs"]
    for length in telling_lengths(whole):
        path.write_bytes(whole[:length])
        after = snapshot(store)
        assert after["runs"][well] == before[well]
        assert len(after["experiments"]) == 1
        if hurt in after["runs"]:
            # Cut where YAML cannot tell: what is left of the file is believed, nothing is made up.
            assert f"run_id='{hurt}'" in after["runs"][hurt]
        else:
            assert [problem for problem in after["problems"] if str(path) in problem], length
    path.write_bytes(whole)
    assert snapshot(store) == {**snapshot(store), "runs": before, "problems": []}


def test_an_experiment_file_cut_at_any_byte_hides_that_experiment_only(store: EmbeddedStore, root: Path) -> None:
    hurt = new_experiment(store, "다칠 것", tags={"k": "v"})
    new_experiment(store, "괜찮은 것")
    path = root / hurt / "meta.yaml"
    whole = path.read_bytes()
    for length in telling_lengths(whole):
        path.write_bytes(whole[:length])
        names = experiment_names(store)
        assert {"Default", "괜찮은 것"} <= set(names)
        assert len(names) == 3 or any(str(path) in problem for problem in problems(store)), length
        with pytest.raises(MillstreamError):
            new_experiment(store, "괜찮은 것")
    path.write_bytes(whole)
    assert len(experiment_names(store)) == 3
    assert problems(store) == ()


def test_a_metric_file_cut_at_any_byte_keeps_its_whole_lines(
    store: EmbeddedStore, root: Path, pair: tuple[str, str]
) -> None:
    path = root / "0" / pair[0] / "metrics/loss"
    get(store, pair[0])
    whole = b"1700000000000 0.5 1\n1700000000001 -1e-05 22\n1700000000002 nan 333\n"
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        lines = whole[:length].count(b"\n")
        assert len(history(store, pair[0], "loss")) == lines
        metrics = get(store, pair[0]).data.metrics
        assert repr(metrics.get("loss")) == [repr(None), "0.5", "-1e-05", "nan"][lines]
        assert problems(store) == ()


GARBAGE = [
    b"",
    b"\0" * 100,
    b"\xff\xfe\x00\x01",
    random.Random(1).randbytes(4096),
    b"[1, 2",
    b"- a\n- b\n",
    b"just text",
    b"null",
    b"{}",
    b"!!python/object/apply:os.system ['true']\n",
    b"!!int ''\n",
    b"!!bool x\n",
    b"!!timestamp x\n",
    b"!!float ''\n",
    b"? [a]\n: b\n",
    b"a: 0001-01-01 00:00:00+23:59\n",
    b"a: " + b"9" * 5000,
    b"[" * 1000,
    b"a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nrun_id: &d [*c,*c,*c,*c,*c]\n",
    b"&a [*a]\n",
    b"run_id: &a [*a]\nexperiment_id: {1: 2}\n",
    b'"\\ud800"\n',
    b"%YAML 9.9\n---\nx\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_anywhere_hurts_nothing_else(
    store: EmbeddedStore, root: Path, pair: tuple[str, str], garbage: bytes
) -> None:
    hurt, well = pair
    made = new_experiment(store)
    source = DatasetInput(Dataset("d", "1", "local", "x"))
    store.write(ops.LogInputs(run_id=hurt, datasets=(source,)))
    store.write(ops.LogOutputs(run_id=hurt, models=(ModelOutput("m-1"),)))
    before = snapshot(store)["runs"][well]
    run = root / "0" / hurt
    targets = [*(run / "inputs").glob("*/meta.yaml"), *(run / "outputs").glob("*/meta.yaml"), run / "metrics/loss"]
    targets += [run / "params/p", run / "tags/t", root / made / "meta.yaml", run / "meta.yaml"]
    for path in targets:
        path.write_bytes(garbage)
        after = snapshot(store)
        assert after["runs"][well] == before
        assert history(store, well, "loss") == [(1, 0.5, T0), (2, 0.25, T0)]
    assert hurt not in after["runs"]
    assert len(after["experiments"]) == 1
    assert {str(path) for path in (root / made / "meta.yaml", run / "meta.yaml")} <= {
        problem.partition(": ")[0] for problem in after["problems"]
    }


def test_lines_that_are_no_points_are_counted_and_left_out(
    store: EmbeddedStore, root: Path, pair: tuple[str, str]
) -> None:
    path = root / "0" / pair[0] / "metrics/loss"
    with path.open("ab") as file:
        file.write(
            b"rubbish\n\xff\xfe\n1 2\n1 2 3 4\n1 x 3\n99999999999999999999 1 1\n5 0.125 7 name digest\n\n1e3 1 1\n"
        )
    assert history(store, pair[0], "loss")[2:] == [(0, 2.0, 1), (7, 0.125, 5)]
    assert get(store, pair[0]).data.metrics["loss"] == 0.125
    (problem,) = problems(store)
    assert problem.startswith(f"{path}: 6 ")


def test_odd_things_in_the_place_of_files(store: EmbeddedStore, root: Path, pair: tuple[str, str]) -> None:
    hurt, well = pair
    run = root / "0" / hurt
    before = snapshot(store)["runs"][well]
    for part in ("metrics", "params", "tags"):
        (run / part / "directory").mkdir()
        (run / part / "circle").symlink_to(run / part / "circle")
        (run / part / "dangling").symlink_to("nowhere")
        (run / part / "up").symlink_to("..")
        os.mkfifo(run / part / "pipe")
        (run / part / "endless").symlink_to("/dev/zero")
        (run / part / "silent").symlink_to("pipe")
        Path(os.fsdecode(os.fsencode(run / part) + b"/bad\xff")).write_text("1 1.0 1\n")
        (run / part / "line\nbreak").write_text("1 1.0 1\n")
        (run / part / "empty").write_text("")
    (root / "circle").symlink_to(root / "circle")
    (root / "0" / "circle").symlink_to("circle")
    (root / "0" / "self").symlink_to(".")
    (root / "file").write_text("")
    (root / "0" / "file").write_text("")
    Path(os.fsdecode(os.fsencode(root) + b"/bad\xff")).mkdir()
    Path(os.fsdecode(os.fsencode(root / "0") + b"/bad\xff")).mkdir()
    after = snapshot(store)
    assert after["runs"].keys() == {hurt, well}
    assert after["runs"][well] == before
    data = get(store, hurt).data
    assert (data.metrics["loss"], data.params["p"], data.params["empty"]) == (0.25, "값", "")
    assert "directory" not in data.params
    text = "\n".join(after["problems"])
    for name in ("circle", "dangling", "up", "endless", "silent", "bad\N{REPLACEMENT CHARACTER}"):
        assert text.count(f"/{name}: ") >= 3, name


def test_a_pipe_or_a_device_in_the_place_of_a_file_keeps_nobody_waiting(
    store: EmbeddedStore, root: Path, pair: tuple[str, str]
) -> None:
    hurt, well = pair
    (root / "0" / hurt / "meta.yaml").unlink()
    (root / "0" / hurt / "meta.yaml").symlink_to("/dev/zero")
    os.mkfifo(root / "0" / well / "metrics" / "pipe")
    assert snapshot(store)["runs"].keys() == {well}
    (problem,) = problems(store)
    assert "pipe or a device" in problem
    with pytest.raises(StorageFailed, match="pipe or a device"):
        history(store, well, "pipe")


@pytest.mark.parametrize("part", ["metrics", "params", "artifacts", "meta.yaml", "tags"])
def test_a_directory_where_a_file_should_be_and_the_other_way_round(
    store: EmbeddedStore, root: Path, pair: tuple[str, str], part: str
) -> None:
    hurt, well = pair
    path = root / "0" / hurt / part
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("x")
    else:
        path.unlink()
        path.mkdir()
    assert well in search(store)
    if part == "tags":
        assert search(store) == [well, hurt]
    else:
        assert search(store) == [well]
        assert any(hurt in problem for problem in problems(store))
    with suppress(MillstreamError):
        log(store, hurt, [("x", 1.0)], {"q": "1"}, {"u": "1"})


def test_an_experiment_whose_file_is_a_directory(store: EmbeddedStore, root: Path) -> None:
    made = new_experiment(store)
    (root / made / "meta.yaml").unlink()
    (root / made / "meta.yaml").mkdir()
    assert experiment_names(store) == ["Default"]
    assert any(made in problem for problem in problems(store))


@pytest.mark.parametrize("step", ["99999999999999999999999", "x", "1.5", "[1]", "true", "null"])
def test_an_output_with_an_odd_step(store: EmbeddedStore, root: Path, pair: tuple[str, str], step: str) -> None:
    store.write(ops.LogOutputs(run_id=pair[0], models=(ModelOutput("m-1", 3),)))
    path = root / "0" / pair[0] / "outputs/m-1/meta.yaml"
    path.write_text(path.read_text().replace("step: 3", f"step: {step}"))
    assert len(search(store)) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(store: EmbeddedStore, root: Path, pair: tuple[str, str]) -> None:
    hurt, well = pair
    (root / "0" / hurt / "params/p").chmod(0)
    assert get(store, hurt).data.params == {}
    assert any("params/p" in problem for problem in problems(store))
    (root / "0" / hurt).chmod(0)
    assert search(store) == [well]
    (root / "0" / hurt).chmod(0o755)


def test_what_cannot_be_read_is_named(
    store: EmbeddedStore, root: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, for root too: the reader is told that it may not."""
    hurt, well = pair
    real: Callable[[str], bytes] = reader.read_bytes

    def refusing(path: str) -> bytes:
        if hurt in path and path.endswith(("params/p", "tags/t")):
            raise DataDamaged("cannot be read (Permission denied)")
        return real(path)

    monkeypatch.setattr(reader, "read_bytes", refusing)
    assert set(search(store)) == {hurt, well}
    assert get(store, hurt).data.params == {}
    assert len([problem for problem in problems(store) if "Permission denied" in problem]) == 2


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
@example(b"a: !!int ''")
def test_any_bytes_are_a_mapping_or_damaged(data: bytes) -> None:
    try:
        fields = meta.load(data)
    except DataDamaged:
        return
    assert isinstance(fields, dict)
    for read in (
        lambda: meta.experiment_from_fields(fields, "0", in_trash=False, tags={}),
        lambda: meta.run_from_fields(fields, "r", "0"),
        lambda: meta.dataset_from_fields(fields),
    ):
        try:
            read()
        except DataDamaged:
            pass


@pytest.mark.parametrize("part", ["metrics", "params", "tags"])
def test_what_is_in_the_way_of_a_key_is_named(store: EmbeddedStore, root: Path, part: str) -> None:
    run = new_run(store)
    folder = root / "0" / run / part

    def put(key: str) -> None:
        given: dict[str, Any] = {"metrics": {"metrics": [(key, 1.0, 1)]}, "params": {"params": {key: "v"}}}
        log(store, run, **given.get(part, {"tags": {key: "v"}}))

    (folder / "acc" / "deep").mkdir(parents=True)
    with pytest.raises(InvalidValue, match="in which there is no file") as raised:
        put("acc")
    assert repr(str(folder / "acc")) in raised.value.message
    put("acc/deep/one")
    with pytest.raises(InvalidValue, match="and begin with it") as raised:
        put("acc")
    assert repr(str(folder / "acc")) in raised.value.message
    with pytest.raises(InvalidValue, match="collides with the file") as raised:
        put("acc/deep/one/two/three")
    assert repr(str(folder / "acc" / "deep" / "one")) in raised.value.message
