"""What a client says is what the server understands, and what the server answers is what the client takes it for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from msgspec import structs

from millstream.formats.wire.calls.call import Message, write_message
from millstream.formats.wire.calls.registry import PLACE
from millstream.formats.wire.calls.runs import split
from millstream.formats.wire.calls.table import CALLS
from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.encode import write_body
from millstream.formats.wire.route import Given, Route
from millstream.formats.wire.table import Table
from millstream.server.app import all_routes
from millstream.server.interface import Server
from millstream.values import entities, ops, outlines, overviews, queries
from millstream.values.entities import Metric, Page, Param, RunTag
from millstream.values.errors import DataDamaged, InvalidValue

RUN, OTHER, MODEL = "a" * 32, "b" * 32, "m-" + "c" * 32
T0 = 1_700_000_000_000
TEXT = "값 %/?#&=+\"'\\\n끝"
TABLE = Table(all_routes(Server("1", T0)))

INFO = entities.RunInfo(RUN, "7", "지민", "FINISHED", T0, T0 + 1, "active", "file:///가/나", "이름")
POINT = Metric("손실/a b", math.nan, T0, -3)
ENDS = (Metric("i", math.inf, T0, 2**62), Metric("j", -math.inf, T0), Metric("k", 0.1 + 0.2, T0, 1))
INPUT = entities.DatasetInput(
    entities.Dataset("꽃", "d1", "local", "{}", "schema", "profile"), (entities.InputTag("mlflow.data.context", "t"),)
)
NAMED = entities.RunData({}, {}, {"mlflow.runName": "이름"})
RUN_WHOLE = entities.Run(
    INFO,
    entities.RunData(
        {"k": 0.1 + 0.2, "i": math.inf}, {"p": TEXT}, {"mlflow.runName": "이름", "t": ""}, (ENDS[2], ENDS[0])
    ),
    entities.RunInputs((INPUT,), (entities.ModelInput(MODEL),)),
    entities.RunOutputs((entities.ModelOutput(MODEL, 4),)),
)
LOGGED = entities.LoggedModel(
    MODEL, "7", "이름", "file:///가", T0, T0 + 1, "sklearn", RUN, entities.LoggedModelStatus.READY,
    tags={"t": TEXT}, params={"p": ""}, metrics=(Metric("m", 0.5, T0, 1, RUN, MODEL, "꽃", "d1"),),
)  # fmt: skip
VERSION = entities.ModelVersion(
    "꽃 모델",
    3,
    T0,
    T0 + 1,
    "s3://b/가",
    "Production",
    "글",
    "지민",
    RUN,
    "http://x",
    tags={"t": TEXT},
    aliases=["champ"],
)
REGISTERED = entities.RegisteredModel("꽃 모델", T0, T0 + 1, "글", {"t": TEXT}, {"champ": 3}, [VERSION])
EXPERIMENT = entities.Experiment("7", "실험 #1", "file:///가/나", "deleted", {"t": TEXT}, T0, T0 + 1)
TABLE_OF_RUNS = queries.RunTable(
    3, [RUN], ["7"], ["이름"], ["RUNNING"], ["active"], ["u"], [T0], [None], ["file:///x"],
    {"m": [-math.inf], "m.count": [3.0]}, {"p": [None]}, {"t": [TEXT]},
)  # fmt: skip
ENVELOPE = queries.Envelope(
    RUN, "m", "step", 0, 9, 5, [0, 4], [1, 2], [0, 1], [0, 8], [1.0, math.inf], [0, 9], [1.0, -0.5],
    [0, None], [1.0, None], [0, 9], [1.0, math.inf],
)  # fmt: skip

NAME, KEY = {"name": "꽃 모델"}, {"key": "t/u v"}
GROUPS = outlines.RunGroups(
    ["g"],
    [2],
    {"params.p": ["0.5"], "tags.가": [None]},
    {"metrics.m": outlines.Spread([2], [0.5], [None], [-0.0], [1e300])},
)
KEYS = outlines.RunKeys(
    2,
    outlines.KeyColumns(["m"], [2], [True], [True], [None]),
    outlines.KeyColumns(["p", "값"], [1, 2], [True, False], [False, True], [None, "0.5"]),
    outlines.KeyColumns([], [], [], [], []),
)
RUNS_ONLY = structs.replace(TABLE_OF_RUNS, metrics={}, params={}, tags={})
ALL_EXPERIMENTS = overviews.ExperimentColumns(
    ["7", "8"], ["실험 #1", ""], ["active", "deleted"], [T0, None], [TEXT, ""], [2, 0], [1, 0], [RUN, None],
    ["이름", None], ["RUNNING", None], [T0, None],
)  # fmt: skip
SAID: list[tuple[Any, Any]] = [
    (ops.CreateExperiment(name="실험 #1", time=T0, artifact_location="s3://b/x", tags={"t": TEXT, "e": ""}), "7"),
    (ops.CreateExperiment(name="0", time=T0), "7"),
    (ops.RenameExperiment(experiment_id="7", name=TEXT, time=T0), None),
    (ops.DeleteExperiment(experiment_id="7", time=T0), None),
    (ops.RestoreExperiment(experiment_id="7", time=T0), None),
    (ops.SetExperimentTag(experiment_id="7", **KEY, value=TEXT), None),
    (ops.SetExperimentTag(experiment_id="7", **KEY, value=""), None),
    (ops.DeleteExperimentTag(experiment_id="7", **KEY), None),
    (
        ops.CreateRun(
            run_id=RUN, experiment_id="7", start_time=T0, user_id="지민", run_name="이름", tags={"t": TEXT, "e": ""}
        ),
        RUN_WHOLE,
    ),
    (ops.CreateRun(run_id=RUN, experiment_id="7", start_time=0), entities.Run(INFO, NAMED)),
    (ops.UpdateRun(run_id=RUN, status="KILLED", end_time=T0, run_name="새"), INFO),
    (ops.UpdateRun(run_id=RUN), structs.replace(INFO, end_time=None)),
    (ops.DeleteRun(run_id=RUN, time=T0), None),
    (ops.RestoreRun(run_id=RUN), None),
    (
        ops.LogBatch(
            run_id=RUN,
            metrics=(POINT, *ENDS, Metric("m", 1.0, T0, 0, None, MODEL, "꽃", "d")),
            params=(Param("p", TEXT), Param("q", "")),
            tags=(RunTag("t", TEXT), RunTag("u", "")),
        ),
        None,
    ),
    (ops.LogBatch(run_id=RUN), None),
    (ops.DeleteTag(run_id=RUN, **KEY), None),
    (ops.LogInputs(run_id=RUN, datasets=(INPUT,), models=(entities.ModelInput(MODEL),)), None),
    (ops.LogInputs(run_id=RUN), None),
    (ops.LogOutputs(run_id=RUN, models=(entities.ModelOutput(MODEL, 4), entities.ModelOutput(MODEL))), None),
    (
        ops.CreateLoggedModel(
            model_id=MODEL, experiment_id="7", time=T0, name="이름", model_type="t", source_run_id=RUN,
            params={"p": TEXT, "q": ""}, tags={"t": TEXT},
        ),
        LOGGED,
    ),
    (ops.CreateLoggedModel(model_id=MODEL, experiment_id="7", time=T0), LOGGED),
    (ops.FinalizeLoggedModel(model_id=MODEL, status=entities.LoggedModelStatus.FAILED, time=T0), LOGGED),
    (ops.SetLoggedModelTags(model_id=MODEL, tags={"t": TEXT, "e": ""}), LOGGED),
    (ops.DeleteLoggedModelTag(model_id=MODEL, **KEY), None),
    (ops.LogLoggedModelParams(model_id=MODEL, params={"p": TEXT, "e": ""}), None),
    (ops.DeleteLoggedModel(model_id=MODEL, time=T0), None),
    (ops.CreateRegisteredModel(**NAME, time=T0, description="글", tags={"t": TEXT}), REGISTERED),
    (ops.CreateRegisteredModel(**NAME, time=T0), structs.replace(REGISTERED, description=None)),
    (ops.RenameRegisteredModel(**NAME, new_name="새 이름", time=T0), REGISTERED),
    (ops.UpdateRegisteredModel(**NAME, description="", time=T0), REGISTERED),
    (ops.UpdateRegisteredModel(**NAME, description=None, time=T0), REGISTERED),
    (ops.DeleteRegisteredModel(**NAME), None),
    (ops.SetRegisteredModelTag(**NAME, **KEY, value=TEXT), None),
    (ops.DeleteRegisteredModelTag(**NAME, **KEY), None),
    (ops.SetModelAlias(**NAME, alias="champ", version=3), None),
    (ops.DeleteModelAlias(**NAME, alias="champ"), None),
    (
        ops.CreateModelVersion(
            **NAME, source="s3://b/가", time=T0, run_id=RUN, run_link="http://x", description="글", model_id=MODEL,
            tags={"t": TEXT},
        ),
        VERSION,
    ),
    (ops.CreateModelVersion(**NAME, source="s3://b/가", time=T0), VERSION),
    (ops.UpdateModelVersion(**NAME, version=3, description=TEXT, time=T0), VERSION),
    (ops.UpdateModelVersion(**NAME, version=3, description=None, time=T0), structs.replace(VERSION, description=None)),
    (ops.TransitionModelVersion(**NAME, version=3, stage="Archived", time=T0, archive=True), VERSION),
    (ops.TransitionModelVersion(**NAME, version=3, stage="None", time=T0), VERSION),
    (ops.DeleteModelVersion(**NAME, version=3, time=T0), None),
    (ops.SetModelVersionTag(**NAME, version=3, **KEY, value=TEXT), None),
    (ops.DeleteModelVersionTag(**NAME, version=3, **KEY), None),
    (queries.GetExperiment(experiment_id="7"), EXPERIMENT),
    (queries.GetExperimentByName(name=TEXT), EXPERIMENT),
    (
        queries.SearchExperiments(
            view=3, filter=TEXT, order_by=("name ASC", "creation_time"), max_results=5, page_token="abc="
        ),
        Page([EXPERIMENT], "more"),
    ),
    (queries.SearchExperiments(), Page()),
    (queries.SearchDatasets(experiment_ids=("7", "8")), [entities.DatasetSummary("7", "꽃", "d", "train")]),
    (queries.GetRun(run_id=RUN), RUN_WHOLE),
    (queries.GetRunInfo(run_id=RUN), INFO),
    (
        queries.SearchRuns(
            experiment_ids=("7", "8"), filter=TEXT, view=2, order_by=("metrics.m",), max_results=3, page_token="x"
        ),
        Page([RUN_WHOLE], "more"),
    ),
    (queries.SearchRuns(experiment_ids=()), Page()),
    (queries.MetricHistory(run_id=RUN, key="손실/a b", max_results=3, page_token="x"), Page([POINT, *ENDS], "more")),
    (queries.MetricHistory(run_id=RUN, key="m"), Page()),
    (queries.MetricHistories(run_ids=(RUN, OTHER), key="m", max_results=7), [structs.replace(POINT, run_id=RUN)]),
    (
        queries.SampledHistories(run_ids=(RUN, OTHER), key="m", start_step=-1, end_step=5, max_results=9),
        [structs.replace(POINT, run_id=OTHER)],
    ),
    (queries.SampledHistories(run_ids=(RUN,), key="m"), []),
    (
        queries.ListArtifacts(run_id=RUN, path="가 나/%41"),
        [entities.FileInfo("a", False, 0), entities.FileInfo("b", True)],
    ),
    (queries.ListArtifacts(run_id=RUN), []),
    (queries.GetLoggedModel(model_id=MODEL), LOGGED),
    (queries.GetLoggedModel(model_id=MODEL, deleted=True), LOGGED),
    (
        queries.SearchLoggedModels(
            experiment_ids=("7",),
            filter=TEXT,
            datasets=(queries.ModelDataset("꽃", "d"), queries.ModelDataset("e")),
            order_by=(queries.ModelOrder("metrics.m", False, "꽃", "d"), queries.ModelOrder("name")),
            max_results=3,
            page_token="x",
        ),
        Page([LOGGED], "more"),
    ),
    (queries.SearchLoggedModels(experiment_ids=("7",)), Page()),
    (queries.ListModelArtifacts(model_id=MODEL, path="가/나"), [entities.FileInfo("a", False, 2**40)]),
    (queries.GetRegisteredModel(**NAME), REGISTERED),
    (
        queries.SearchRegisteredModels(filter=TEXT, order_by=("name",), max_results=3, page_token="x"),
        Page([REGISTERED], "y"),
    ),
    (queries.SearchRegisteredModels(), Page()),
    (queries.GetLatestVersions(**NAME, stages=("Staging", "None")), [VERSION]),
    (queries.GetLatestVersions(**NAME), []),
    (queries.GetModelVersion(**NAME, version=3), VERSION),
    (queries.GetModelVersionByAlias(**NAME, alias="champ"), VERSION),
    (queries.SearchModelVersions(filter=TEXT, order_by=("name",), max_results=3, page_token="x"), Page([VERSION], "y")),
    (queries.SearchModelVersions(), Page()),
    (
        queries.TabulateRuns(
            experiment_ids=("7",), filter=TEXT, view=3, order_by=("m",), offset=4, limit=0, columns=("metrics.m.min",)
        ),
        TABLE_OF_RUNS,
    ),
    (queries.TabulateRuns(experiment_ids=(), columns=()), TABLE_OF_RUNS),
    (queries.FacetRuns(experiment_ids=("7",), keys=("params.p",), filter=TEXT, view=2, limit=3), [
        queries.Facet("params.p", 4, 3, (("0.5", 2), ("x", 1)), -math.inf, 3.5, 1), queries.Facet("x", 0, 0),
        queries.Facet("start_time", 1, 1, (), T0, T0),
    ]),
    (
        outlines.OutlineRuns(
            experiment_ids=("7",), filter=TEXT, view=3, order_by=("metrics.m DESC",), group_by=("params.p", "tags.가"),
            nested=True, open=("g", RUN), offset=4, limit=9, columns=("metrics.m.min",),
        ),
        outlines.RunOutline(3, 2, [None, 0, 1], [0, 1, 2], [2, 1, 0], TABLE_OF_RUNS, GROUPS),
    ),
    (outlines.OutlineRuns(experiment_ids=()), outlines.RunOutline(0, 0, [], [], [], TABLE_OF_RUNS, GROUPS)),
    (outlines.ListKeys(experiment_ids=("7",), filter=TEXT, view=2), KEYS),
    (outlines.ListKeys(experiment_ids=()), KEYS),
    (overviews.ListExperiments(view=3), ALL_EXPERIMENTS),
    (overviews.ListExperiments(), overviews.ExperimentColumns([], [], [], [], [], [], [], [], [], [], [])),
    (overviews.FindRuns(text=TEXT, status="RUNNING", limit=3), RUNS_ONLY),
    (overviews.FindRuns(), RUNS_ONLY),
    (queries.MetricEnvelope(run_id=RUN, key="m", x="relative", low=-1, high=2**40, width=7), ENVELOPE),
    (queries.MetricEnvelope(run_id=RUN, key="m"), ENVELOPE),
    (
        queries.MetricCurves(
            run_ids=(RUN, OTHER), keys=("m", "손실/a b"), x="time", low=-1, high=2**40, width=7, since=(None, 3)
        ),
        [queries.Curve(RUN, "m", 3, 1, True, [0, 1, 2], [0.5, math.nan, math.inf])],
    ),
    (queries.MetricCurves(run_ids=(RUN,), keys=("m",)), []),
    (queries.DescribeStore(), queries.StoreFacts("directory", "/가", True, 2, 3, ("problem",), 1)),
]  # fmt: skip
# What the server adds by itself, and what each sink has for itself.
OWN = {"time", "op_id", "op_digest", "user_id", "seen", "storage_location", "columns"}
MADE = {ops.CreateLoggedModel: {"model_id"}, ops.CreateRun: set()}


def understood(message: Message) -> tuple[Route, Any, Given]:
    """Route, op or query and what the border adds, as the server has it."""
    path, _, query = message.target.partition("?")
    methods, named = TABLE.find(unquote(path))
    route = methods[message.method]
    given = Given(T0, lambda: RUN, first=INFO if "logged-models" not in path else LOGGED)
    if message.method == "GET":
        return route, route.call(read_query(query.encode(), route.request, named), given), given
    return route, route.call(read_body(message.body or b"", route.request, named), given), given


def same(one: Any, other: Any) -> bool:
    """Whether two ops or queries ask the same, apart from what is not said."""
    own = OWN - {"columns"} if isinstance(one, queries.TabulateRuns) else OWN
    if isinstance(one, ops.CreateRun):
        own = own - {"user_id"}
    own = own | MADE.get(type(one), set())
    fields = [name for name in one.__struct_fields__ if name not in own]
    return repr([getattr(one, name) for name in fields]) == repr([getattr(other, name) for name in fields])


@pytest.mark.parametrize("what", [what for what, _ in SAID], ids=lambda what: type(what).__name__)
def test_the_server_understands_what_the_client_means(what: Any) -> None:
    _, heard, _ = understood(CALLS[type(what)].message(what))
    if isinstance(what, queries.GetRunInfo):
        assert heard == queries.GetRun(run_id=what.run_id)
    else:
        assert type(heard) is type(what)
        assert same(what, heard)


@pytest.mark.parametrize(("what", "result"), SAID, ids=lambda what: type(what).__name__)
def test_the_client_takes_an_answer_for_what_it_is(what: Any, result: Any) -> None:
    call = CALLS[type(what)]
    route, _, given = understood(call.message(what))
    meant = RUN_WHOLE if isinstance(what, queries.GetRunInfo) else result
    found = call.read(msgspec.json.decode(write_body(route.reply(meant, given))), what)
    assert repr(found) == repr(result)
    assert getattr(found, "token", None) == getattr(result, "token", None)


def test_every_kind_is_tried() -> None:
    assert {type(what) for what, _ in SAID} | {queries.CountRuns} == set(CALLS)


def test_a_count_is_the_total_of_an_empty_table() -> None:
    query = queries.CountRuns(experiment_ids=("7",), filter=TEXT, view=2)
    _, heard, _ = understood(CALLS[queries.CountRuns].message(query))
    assert heard == queries.TabulateRuns(experiment_ids=("7",), filter=TEXT, view=2, limit=0)
    assert CALLS[queries.CountRuns].read({"total": 12}, query) == 12


def test_the_place_of_a_version_is_asked_for() -> None:
    route, heard, given = understood(PLACE.message(queries.GetModelVersion(**NAME, version=3)))
    assert heard == queries.GetModelVersion(**NAME, version=3)
    assert PLACE.read(route.reply(VERSION, given), heard) == "s3://b/가"


def test_long_batches_are_cut_where_a_request_ends() -> None:
    points = tuple(Metric("m", float(step), T0, step) for step in range(2001))
    params = tuple(Param(f"p{number}", "1") for number in range(250))
    tags = tuple(RunTag(f"t{number % 150}", str(number)) for number in range(300))
    parts = list(split(ops.LogBatch(run_id=RUN, metrics=points, params=(*params, params[0]), tags=tags)))
    assert [(len(p.params), len(p.tags), len(p.metrics)) for p in parts] == [
        (100, 0, 0), (100, 0, 0), (50, 0, 0), (0, 100, 0), (0, 50, 0), (0, 0, 1000), (0, 0, 1000), (0, 0, 1),
    ]  # fmt: skip
    assert tuple(point for part in parts for point in part.metrics) == points
    assert tuple(param for part in parts for param in part.params) == params
    assert {tag.key: tag.value for part in parts for tag in part.tags} == {tag.key: tag.value for tag in tags}
    for part in parts:
        assert understood(CALLS[ops.LogBatch].message(part))
    small = ops.LogBatch(run_id=RUN, metrics=points[:800], params=params[:100], tags=tags[:100])
    assert [(len(p.params), len(p.tags), len(p.metrics)) for p in split(small)] == [(100, 100, 800)]
    assert list(split(ops.LogBatch(run_id=RUN))) == [ops.LogBatch(run_id=RUN)]


def test_what_is_no_text_is_refused_before_it_is_sent() -> None:
    for method in ("GET", "POST"):
        with pytest.raises(InvalidValue, match="not valid text"):
            write_message(method, "/x", {"name": "\ud800"})


@pytest.mark.parametrize(
    "broken",
    [
        lambda: CALLS[queries.GetRun].read(
            {"run": {"info": {"run_id": RUN, "experiment_id": "0", "status": "?"}}}, None
        ),
        lambda: CALLS[queries.GetRun].read({"run": {"info": INFO_FIELDS, "data": {"metrics": [{"key": "m"}]}}}, None),
        lambda: CALLS[queries.GetRun].read({"run": {"info": INFO_FIELDS, "data": {"params": [{"value": "1"}]}}}, None),
        lambda: CALLS[queries.MetricHistory].read({"metrics": [{"key": "m", "value": "x"}]}, None),
        lambda: CALLS[queries.GetExperiment].read({"experiment": None}, None),
        lambda: CALLS[queries.GetModelVersion].read({"model_version": {"name": "n", "version": "x"}}, None),
    ],
)
def test_an_answer_that_is_none_is_said_to_be(broken: Callable[[], Any]) -> None:
    with pytest.raises(DataDamaged, match="badly"):
        broken()


INFO_FIELDS = {"run_id": RUN, "experiment_id": "0"}
