"""Through the page of one run: what it tells of itself, notes, logs, source, what belongs to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.entities import Metric, Param
from millstream.tracking.client import MlflowClient
from millstream.values import ops
from millstream.values.entities import Dataset, DatasetInput, InputTag
from tests.journeys.pages import Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect

pytestmark = in_browser

NAME = "아주 긴 이름의 실행: resnet50 <b>lr 0.01</b> " + "가나다 " * 20
TAGS = {
    "mlflow.source.git.commit": "0123456789abcdef0123456789abcdef01234567",
    "mlflow.source.git.branch": "main",
    "mlflow.source.git.repoURL": "git@example.org:team/project.git",
    "mlflow.source.name": "https://example.org/team/project",
    "mlflow.source.type": "PROJECT",
    "mlflow.project.entryPoint": "train",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A store behind a server: a run with everything, one with 1,000 metrics, an empty one; by name, with `address`."""
    store = tmp_path_factory.mktemp("run-page") / "mlruns"
    client = MlflowClient(str(store))
    experiment = client.create_experiment("시험")
    parent = client.create_run(experiment, run_name="parent").info.run_id
    full = client.create_run(experiment, run_name=NAME, tags=TAGS | {"mlflow.parentRunId": parent}).info.run_id
    client.log_param(full, "lr", "0.01")
    client.log_metric(full, "val/loss", 0.25, step=3)
    client.log_metric(full, "nan", float("nan"))
    for fold in range(3):
        child = client.create_run(experiment, run_name=f"fold {fold}", tags={"mlflow.parentRunId": full}).info.run_id
        client.set_terminated(child, "FAILED" if fold == 1 else "FINISHED")
    dataset = Dataset(
        "학습 데이터", "ab12", "s3", '{"uri": "s3://bucket/train"}', json.dumps(SCHEMA), '{"num_rows": 7}'
    )
    source = DatasetInput(dataset, (InputTag("mlflow.data.context", "training"),))
    client._store.write(ops.LogInputs(run_id=full, datasets=(source,), models=()))
    client.log_text(full, "numpy==2.0\n", "requirements.txt")
    client.log_text(full, "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n", "changes.diff")
    lines = "".join(f"\x1b[31mstep {step}\x1b[0m <i>한글</i>\n" for step in range(400))
    client.log_text(full, f"{lines}10%\r50%\r100%\ntail\n", "output.log")
    client.log_text(full, "other\n", "logs/rank1.txt")
    client.log_text(full, "", "logs/rank2.txt")
    client.set_terminated(full)
    many = client.create_run(experiment, run_name="many").info.run_id
    client.log_batch(many, metrics=[Metric(f"layer/weight_{i:04}", i / 7, 1, i) for i in range(1000)])
    client.log_batch(many, params=[Param(f"p{i}", str(i)) for i in range(100)])
    empty = client.create_run(experiment, run_name="empty").info.run_id
    live = client.create_run(experiment, run_name="live").info.run_id
    ids = {"parent": parent, "full": full, "many": many, "empty": empty, "live": live, "store": str(store)}
    with serving(store) as address:
        yield ids | {"address": address}


SCHEMA = {"mlflow_colspec": [{"type": "double", "name": "나이"}, {"type": "string", "name": "b"}]}


@pytest.fixture
def watched(browser: Any, runs: dict[str, str]) -> Iterator[Watched]:
    with watching(browser, runs["address"]) as found:
        yield found


def test_a_run_tells_what_it_is_and_what_belongs_to_it(watched: Watched, runs: dict[str, str]) -> None:
    page = watched.open(f"r/{runs['full']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME.strip())
    # Said once: neither is a name for the other.
    expect(page.get_by_role("link", name="Compare…")).to_have_count(1)
    expect(page.locator("header").get_by_text("Register model…")).to_have_count(1)
    expect(page.locator(".facts")).to_contain_text(re.compile(r" [0-2]\d:\d\d:\d\d [^AP]"))
    metrics = page.get_by_role("region", name="Metrics")
    expect(metrics.get_by_role("row", name=re.compile("val.loss"))).to_contain_text("0.25")
    expect(metrics.get_by_role("row", name=re.compile("nan"))).to_contain_text("NaN")
    expect(page.get_by_role("region", name="Parameters")).to_contain_text("0.01")
    expect(page.get_by_role("navigation", name="Child of run").get_by_role("link")).to_have_text("parent")
    children = page.get_by_role("region", name="Child runs")
    expect(children.get_by_role("row")).to_have_count(3)
    expect(children.get_by_role("row", name=re.compile("fold 1"))).to_contain_text("Failed")
    data = page.get_by_role("region", name="Datasets")
    expect(data).to_contain_text("학습 데이터")
    expect(data).to_contain_text("training")
    expect(data).to_contain_text("s3://bucket/train")
    data.get_by_text("2 columns").click()
    expect(data.get_by_role("row", name=re.compile("나이"))).to_contain_text("double")
    children.get_by_role("link", name="In the table").click()
    expect(page.locator("[role=row].body:visible", has_text="fold 2")).to_have_count(1)
    page.go_back()
    page.get_by_role("link", name="val/loss").click()
    expect(page.get_by_role("img", name=re.compile("Line chart of val.loss"))).to_be_visible()
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_thousand_metrics_are_searched_and_drawn_as_they_are_scrolled_to(
    watched: Watched, runs: dict[str, str]
) -> None:
    page = watched.open(f"r/{runs['many']}")
    metrics = page.get_by_role("region", name="Metrics")
    expect(metrics.get_by_role("heading")).to_have_text("Metrics 1000")
    rows = metrics.locator("tbody tr")
    expect(rows).to_have_count(200)
    metrics.locator(".scroll-box").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    expect(rows).to_have_count(400)
    metrics.get_by_role("searchbox").fill("WEIGHT_0999")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("142.71")
    expect(metrics.get_by_role("heading")).to_have_text("Metrics 1 of 1,000")
    metrics.get_by_role("searchbox").fill("none such")
    expect(metrics).to_contain_text("Nothing here has “none such” in it.")
    assert (watched.errors, watched.strangers) == ([], [])


def test_an_empty_run_says_what_it_lacks_and_what_to_do(watched: Watched, runs: dict[str, str]) -> None:
    page = watched.open(f"r/{runs['empty']}")
    expect(page.get_by_role("region", name="Metrics")).to_contain_text("has logged no metrics")
    expect(page.get_by_role("region", name="Notes")).to_contain_text("No notes yet")
    expect(page.get_by_role("region", name="Child runs")).to_have_count(0)
    page.get_by_role("link", name="Logs").click()
    expect(page.get_by_role("heading", name="This run has no log files")).to_be_visible()
    expect(page.locator(".snippet")).to_contain_text("output.log")
    page.get_by_role("link", name="Source").click()
    expect(page.get_by_role("region", name="Packages")).to_contain_text("No list of packages was recorded")
    page.get_by_role("link", name="Artifacts").click()
    expect(page.locator(".tree")).to_contain_text("This run has logged no files")
    assert (watched.errors, watched.strangers) == ([], [])


def test_notes_are_markdown_and_written_in_place(watched: Watched, runs: dict[str, str]) -> None:
    client = MlflowClient(runs["store"])
    run = client.create_run("0", run_name="noted").info.run_id
    page = watched.open(f"r/{run}")
    notes = page.get_by_role("region", name="Notes")
    notes.get_by_role("button", name="Write some").click()
    text = "# 제목\n\n**bold** [site](https://example.org)\n\n![far](https://example.org/a.png)\n\n"
    text += "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
    notes.get_by_role("textbox").fill(text)
    notes.get_by_role("button", name="Preview").click()
    expect(notes.get_by_role("heading", name="제목")).to_be_visible()
    notes.get_by_role("button", name="Save").click()
    expect(notes.locator("strong")).to_have_text("bold")
    expect(notes.get_by_role("link", name="site")).to_have_attribute("rel", "noopener noreferrer")
    expect(notes.get_by_role("link", name="far")).to_have_attribute("href", "https://example.org/a.png")
    expect(notes.locator("script, img")).to_have_count(0)
    assert client.get_run(run).data.tags["mlflow.note.content"] == text
    page.reload()
    expect(notes.get_by_role("heading", name="제목")).to_be_visible()
    assert "taken" not in page.title()
    # The browser itself reports the picture that is not there.
    assert ([error for error in watched.errors if "404" not in error], watched.strangers) == ([], [])


def test_what_the_server_refuses_is_as_it_was_and_the_draft_is_kept(watched: Watched, runs: dict[str, str]) -> None:
    page = watched.open(f"r/{runs['parent']}")
    page.route("**/runs/set-tag", lambda route: route.fulfill(status=403, json={"message": "not yours"}))
    page.route("**/runs/update", lambda route: route.fulfill(status=403, json={"message": "not yours"}))
    notes = page.get_by_role("region", name="Notes")
    notes.get_by_role("button", name="Edit the notes").click()
    notes.get_by_role("textbox").fill("kept draft")
    notes.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("not yours")
    expect(notes.get_by_role("textbox")).to_have_value("kept draft")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name of the run").fill("other")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("parent")
    assert [error for error in watched.errors if "403" not in error] == []


def test_a_run_is_renamed_deleted_and_restored(watched: Watched, runs: dict[str, str]) -> None:
    client = MlflowClient(runs["store"])
    run = client.create_run("0", run_name="before").info.run_id
    page = watched.open(f"r/{run}")
    page.get_by_role("button", name="Rename").click()
    field = page.get_by_role("textbox", name="Name of the run")
    field.fill("이름 after")
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("이름 after")
    expect(page).to_have_title(re.compile("이름 after"))
    page.get_by_role("button", name="More about this run").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_text("This run is deleted.")).to_be_visible()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("This run is deleted.")).to_have_count(0)
    # The page shows what was asked for before the server has done it; the notice comes after.
    expect(page.locator(".toast")).to_contain_text("The run is back")
    found = client.get_run(run)
    assert (found.info.run_name, found.info.lifecycle_stage) == ("이름 after", "active")
    assert (watched.errors, watched.strangers) == ([], [])


def test_the_log_is_coloured_searched_and_followed(watched: Watched, runs: dict[str, str]) -> None:
    page = watched.open(f"r/{runs['full']}/logs")
    log = page.locator(".console")
    expect(log).to_contain_text("step 399 <i>한글</i>")
    expect(log.locator(".log-line", has_text="100%")).to_have_text("100%\n")
    expect(log.locator('[data-n="0"] span').first).to_have_attribute("style", re.compile("ansi-1"))
    expect(log.locator(".log-line").last).to_be_in_viewport()
    page.get_by_role("searchbox", name="Search the log").fill("STEP 1 ")
    expect(log.locator(".current")).to_contain_text("step 1 ")
    expect(log.locator(".current")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")
    page.get_by_label("File").select_option("logs/rank1.txt")
    expect(log).to_contain_text("other")
    page.get_by_label("File").select_option("logs/rank2.txt")
    expect(log).to_contain_text("This file is empty")
    page.goto(f"{runs['address']}/r/{runs['full']}/artifacts?path=output.log")
    expect(log.locator(".code-line", has_text="100%")).to_have_text("100%\n")
    expect(log.locator('[data-n="1"] span')).to_have_attribute("style", re.compile("ansi-1"))
    expect(log).not_to_contain_text("[31m")
    page.get_by_role("treeitem", name="logs").click()
    page.get_by_role("treeitem", name="rank2.txt").click()
    expect(page.locator(".preview")).to_contain_text("This file is empty")
    assert (watched.errors, watched.strangers) == ([], [])


def test_the_log_of_a_run_that_goes_on_grows_on_the_page(watched: Watched, runs: dict[str, str]) -> None:
    client = MlflowClient(runs["store"])
    page = watched.open(f"r/{runs['live']}/logs")
    expect(page.get_by_text("The run is still going")).to_be_visible()
    client.log_text(runs["live"], "first\n", "train.log")
    log = page.locator(".console")
    expect(log).to_contain_text("first")
    folder = Path(client.get_run(runs["live"]).info.artifact_uri.removeprefix("file://"))
    with (folder / "train.log").open("a") as file:
        file.write("second 한글\n")
    expect(log).to_contain_text("second 한글")
    (folder / "train.log").write_text("anew\n")
    expect(log).not_to_contain_text("first")
    expect(log).to_contain_text("anew")
    # The browser itself reports that a file was asked for beyond its end.
    assert ([error for error in watched.errors if "416" not in error], watched.strangers) == ([], [])


def test_the_source_names_commit_command_changes_and_packages(watched: Watched, runs: dict[str, str]) -> None:
    page = watched.open(f"r/{runs['full']}/source")
    code = page.get_by_role("region", name="Code")
    commit = code.get_by_role("link", name=TAGS["mlflow.source.git.commit"])
    expect(commit).to_have_attribute(
        "href", f"https://example.org/team/project/commit/{TAGS['mlflow.source.git.commit']}"
    )
    expect(code.locator(".snippet")).to_contain_text("millstream run https://example.org/team/project -e train -v 0123")
    changes = page.get_by_role("region", name="Changes that were not committed")
    expect(changes.locator(".tok-added")).to_have_text("+new")
    packages = page.get_by_role("region", name="Packages")
    packages.get_by_text("requirements.txt").click()
    expect(packages.locator(".code")).to_contain_text("numpy==2.0")
    assert (watched.errors, watched.strangers) == ([], [])


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark", "locale": "ko-KR"}], ids=["light English", "dark Korean"]
)
def test_nothing_is_wider_than_a_phone(browser: Any, runs: dict[str, str], look: dict[str, str]) -> None:
    with watching(browser, runs["address"], viewport={"width": 390, "height": 800}, **look) as watched:
        for tab in ("", "/logs", "/artifacts", "/source"):
            page = watched.open(f"r/{runs['full']}{tab}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.locator(".run-page > :last-child")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab
            # Nothing of a file's own look comes over the page.
            assert page.evaluate("getComputedStyle(document.querySelector('h1')).colorScheme") == "light dark", tab
        assert (watched.errors, watched.strangers) == ([], [])
