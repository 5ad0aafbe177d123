"""A look into every kind of file: each preview opened in a browser, and nothing of a file ever runs by itself."""

from __future__ import annotations

import io
import json
import math
import re
import struct
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import Watched, in_browser, serving, watching
from tests.journeys.test_ui import small_png

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect

pytestmark = in_browser

FIXTURES = Path(__file__).parents[2] / "ui/src/core/parquet/fixtures"
# Three colours on 16 by 16 pixels, VP8, recorded by a browser: MediaRecorder on the stream of a canvas.
FILM = Path(__file__).with_name("film.webm")
HOSTILE = """
<script>parent.document.title = 'taken'; fetch('https://example.org/stolen')</script>
<img src="x" onerror="parent.document.title = 'taken'">
<a href="javascript:parent.document.title = 'taken'">link</a>
"""
REFRESH = '<meta http-equiv="refresh" content="0;url=https://example.org/gone"><p>here</p>'
README = "# 제목\n\n![plot](./plots/plot.png) [config](config.json)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
REPORT = f"""<!doctype html><title>r</title><h1>Report 보고서</h1><p id="p">still</p>
<script>document.getElementById('p').textContent = 'alive ' + document.compatMode;
try {{ parent.document.title = 'taken'; }} catch (error) {{ document.body.append(' alone'); }}
fetch('/api/ui/about').then(() => document.body.append(' reached'), () => document.body.append(' cut off'));
try {{ localStorage.setItem('a', 'b'); }} catch (error) {{ document.body.append(' homeless'); }}
</script>{HOSTILE}"""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40">
<script>parent.document.title = 'taken'</script></svg>"""
MODEL = """artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    python_version: 3.12.1
  sklearn: {pickled_model: model.pkl}
model_size_bytes: 2048
run_id: RUN
signature:
  inputs: '[{"type": "double", "name": "나이", "required": true},
    {"type": "string", "name": "sex", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
  params: '[{"name": "top_k", "type": "long", "default": 5, "shape": null}]'
utc_time_created: '2026-01-02 03:04:05.678'
mlflow_version: 3.1.0
"""


def small_pdf() -> bytes:
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\ntrailer<</Root 1 0 R>>"
    )


def tone() -> bytes:
    body = io.BytesIO()
    with wave.open(body, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i / 8))) for i in range(8000)))
    return body.getvalue()


def archive() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("안/file.txt", "hello" * 100)
    return body.getvalue()


def array() -> bytes:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<4f", 1, 2, float("nan"), 6)


def files(run: str) -> dict[str, bytes]:
    long = "".join(f"{i},{i * 0.5},한글 {i}\n" for i in range(30_000))
    described = MODEL.replace("RUN", run)
    texts = {
        "train.py": "# a comment\ndef f():\n    return 'text'\n" + "x = 1\n" * 500,
        "config.json": '{"big": 12345678901234567890, "nan": NaN, "layers": [{"n": 1}], "글": "값"}',
        "broken.json": '{"never": ',
        "table.json": '{"columns": ["a", "b"], "data": [["x", 1], ["<b>y</b>", 2]]}',
        "tables/long.csv": "name,score,메모\n" + long,
        "README.md": README + HOSTILE,
        "report.html": REPORT,
        "refresh.html": REFRESH,
        "plots/figure.svg": SVG,
        "model/MLmodel": described,
        "model/requirements.txt": "numpy==2.0\n",
        "odd/MLmodel": "just: text\n",
        "empty.txt": "",
        "line.txt": "y" * 50_000,
    }
    parquets = {f"data/{path.name}": path.read_bytes() for path in sorted(FIXTURES.glob("*.parquet"))}
    return (
        {path: text.encode() for path, text in texts.items()}
        | parquets
        | {
            "plots/plot.png": small_png(),
            "plots/bad.png": b"no picture",
            "doc.pdf": small_pdf(),
            "tone.wav": tone(),
            "film.webm": FILM.read_bytes(),
            "bundle.zip": archive(),
            "array.npy": array(),
            "weights.bin": bytes(range(256)),
            "big.txt": b"line of text\n" * 100_000,
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The `id` of a run with a file of every kind, in the `folder` of its artifacts, behind a server at `address`."""
    base = tmp_path_factory.mktemp("previews")
    client = MlflowClient(str(base / "mlruns"))
    made = client.create_run("0", run_name="files")
    for path, body in files(made.info.run_id).items():
        place = base / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    client.log_artifacts(made.info.run_id, str(base / "files"))
    client.set_terminated(made.info.run_id)
    folder = made.info.artifact_uri.removeprefix("file://")
    with serving(base / "mlruns") as address:
        yield {"id": made.info.run_id, "folder": folder, "address": address}


@pytest.fixture
def watched(browser: Any, run: dict[str, str]) -> Iterator[Watched]:
    with watching(browser, run["address"]) as found:
        yield found


def shown(watched: Watched, run: dict[str, str], path: str) -> Any:
    """The page with a look into a file."""
    page = watched.open(f"r/{run['id']}/artifacts?path={path}")
    expect(page.locator(".preview-head .path")).to_have_text(path)
    return page


def test_code_has_numbers_of_lines_colours_and_wraps(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "train.py")
    expect(page.locator(".tok-comment")).to_have_text("# a comment")
    expect(page.locator(".tok-string")).to_have_text("'text'")
    expect(page.locator(".code-line").last).to_have_attribute("data-n", "503")
    wrap = page.get_by_role("button", name="Wrap lines")
    wrap.click()
    expect(page.locator(".code.wrap")).to_be_visible()
    page.get_by_role("treeitem", name="line.txt").click()
    expect(page.locator(".code")).to_contain_text("30,000 more characters in this line")
    page.get_by_role("treeitem", name="empty.txt").click()
    expect(page.locator(".preview")).to_contain_text("This file is empty")
    page.get_by_role("treeitem", name="big.txt").click()
    expect(page.locator(".more-of")).to_contain_text("The first 1 MiB of 1.24 MiB")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".code-line").last).to_have_attribute("data-n", "100000")
    expect(page.locator(".more-of")).to_have_count(0)
    assert (watched.errors, watched.strangers) == ([], [])


def test_json_is_a_tree_that_opens_and_keeps_every_digit(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "config.json")
    tree = page.locator(".json")
    expect(tree).to_contain_text("12345678901234567890")
    expect(tree).to_contain_text("NaN")
    expect(tree).to_contain_text('"값"')
    layers = tree.get_by_role("button", name="layers")
    expect(layers).to_have_attribute("aria-expanded", "true")
    layers.click()
    expect(layers).to_contain_text("[{…}]")
    page.get_by_role("button", name="Text").click()
    expect(page.locator(".code")).to_contain_text('{"big": 12345678901234567890, "nan": NaN')
    page.get_by_role("treeitem", name="table.json").click()
    expect(page.get_by_role("cell", name="<b>y</b>")).to_be_visible()
    page.get_by_role("button", name="Tree").click()
    expect(page.locator(".json")).to_contain_text("columns")
    page.get_by_role("treeitem", name="broken.json").click()
    expect(page.locator(".preview")).to_contain_text("This is not JSON")
    expect(page.locator(".code")).to_contain_text('{"never": ')
    assert (watched.errors, watched.strangers) == ([], [])


def test_long_tables_are_scrolled_searched_and_walked(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "tables/long.csv")
    sheet = page.get_by_role("table")
    expect(page.locator(".view-bar")).to_contain_text("30,000 rows · 3 columns")
    assert page.get_by_role("row").count() < 60
    sheet.focus()
    page.keyboard.press("End")
    expect(page.get_by_role("cell", name="한글 29999")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".sheet-active")).to_contain_text("Row 30,000, 메모")
    expect(page.locator(".sheet-value")).to_have_text("한글 29999")
    page.get_by_role("searchbox", name="Find in rows").fill("한글 1234")
    expect(page.locator(".view-bar")).to_contain_text("11 rows")
    expect(page.get_by_role("cell", name="617.0", exact=True)).to_be_visible()
    assert (watched.errors, watched.strangers) == ([], [])


def test_parquet_is_a_table_without_anything_on_the_server(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "data/snappy.parquet")
    expect(page.locator(".view-bar")).to_contain_text("40 rows · 22 columns")
    expect(page.get_by_role("columnheader", name=re.compile("이름 string"))).to_be_visible()
    expect(page.get_by_role("cell", name="9223372036854775807")).to_be_visible()
    expect(page.get_by_role("cell", name="null").first).to_be_visible()
    page.locator(".sheet-box").evaluate("box => { box.scrollLeft = 1e6; }")
    expect(page.get_by_role("cell", name="[null, 3]")).to_have_count(0)
    expect(page.get_by_role("columnheader", name=re.compile("map.value"))).to_be_visible()
    expect(page.get_by_role("cell", name="[0]", exact=True)).to_be_visible()
    page.get_by_role("treeitem", name="empty.parquet").click()
    expect(page.locator(".view-bar")).to_contain_text("0 rows · 1 column")
    assert (watched.errors, watched.strangers) == ([], [])


def test_markdown_shows_files_beside_it_and_nothing_that_runs(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "README.md")
    prose = page.locator(".prose")
    expect(prose.get_by_role("heading", name="제목")).to_be_visible()
    expect(prose.get_by_role("img", name="plot")).to_have_js_property("naturalWidth", 1)
    expect(prose.locator("td").first).to_have_text("1")
    expect(prose.locator("script, meta, [onerror], a[href^=javascript]")).to_have_count(0)
    prose.get_by_role("link", name="config").click()
    expect(page.locator(".preview-head .path")).to_have_text("config.json")
    assert "taken" not in page.title()
    # The picture without a file is asked for, and told of by the browser.
    assert ([error for error in watched.errors if "404" not in error], watched.strangers) == ([], [])


def test_pictures_are_fitted_or_whole_and_svg_runs_nothing(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "plots/plot.png")
    expect(page.locator(".picture img")).to_have_js_property("naturalWidth", 1)
    expect(page.locator(".view-bar")).to_contain_text("1 × 1")
    page.get_by_role("button", name="100 %").click()
    expect(page.locator(".picture.whole")).to_be_visible()
    page.get_by_role("treeitem", name="figure.svg").click()
    expect(page.locator(".picture img")).to_have_js_property("naturalWidth", 80)
    page.get_by_role("button", name="Text").click()
    expect(page.locator(".code")).to_contain_text("<script>parent.document.title")
    page.get_by_role("treeitem", name="bad.png").click()
    expect(page.locator(".preview")).to_contain_text("The browser cannot show what is in this file")
    assert "taken" not in page.title()
    assert (watched.errors, watched.strangers) == ([], [])


def test_html_lies_still_until_the_reader_says_so_and_is_alone_then(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "report.html")
    frame = page.frame_locator("iframe.file-frame")
    expect(frame.get_by_role("heading", name="Report 보고서")).to_be_visible()
    expect(frame.locator("#p")).to_have_text("still")
    expect(page.locator("iframe.file-frame")).to_have_attribute("sandbox", "")
    page.get_by_role("button", name="Run its scripts").click()
    expect(page.locator("iframe.file-frame")).to_have_attribute("sandbox", "allow-scripts")
    expect(frame.locator("#p")).to_have_text("alive CSS1Compat")
    for word in ("alone", "cut off", "homeless"):
        expect(frame.locator("body")).to_contain_text(word)
    page.get_by_role("button", name="Without scripts").click()
    expect(frame.locator("#p")).to_have_text("still")
    page.get_by_role("treeitem", name="refresh.html").click()
    expect(frame.locator("p")).to_have_text("here")
    assert "taken" not in page.title()
    assert watched.strangers == []


def test_documents_and_sound_are_shown_by_the_browser(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "doc.pdf")
    expect(page.locator("iframe.file-frame")).to_have_attribute("src", re.compile("^blob:"))
    page.get_by_role("treeitem", name="tone.wav").click()
    expect(page.locator("audio")).to_have_js_property("duration", 1)
    page.locator("audio").evaluate("sound => { sound.currentTime = 0.5; }")
    expect(page.locator("audio")).to_have_js_property("currentTime", 0.5)
    page.get_by_role("treeitem", name="film.webm").click()
    expect(page.locator("video")).to_have_js_property("videoWidth", 16)
    page.locator("video").evaluate("film => { film.muted = true; return film.play(); }")
    expect(page.locator("video")).to_have_js_property("ended", True)
    # The browser's viewer is an extension that it brings.
    assert [url for url in watched.strangers if not url.startswith("chrome")] == []


def test_archives_arrays_and_bytes_tell_what_they_are(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "bundle.zip")
    expect(page.get_by_role("cell", name="안/file.txt")).to_be_visible()
    page.get_by_role("treeitem", name="array.npy").click()
    facts = page.locator(".preview .facts")
    expect(facts).to_contain_text("float32")
    expect(facts).to_contain_text("(2, 2)")
    expect(facts).to_contain_text("NaN")
    page.get_by_role("treeitem", name="weights.bin").click()
    expect(page.locator(".hex")).to_contain_text("000000f0  f0 f1 f2")
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_folder_with_a_model_is_a_card(watched: Watched, run: dict[str, str]) -> None:
    page = watched.open(f"r/{run['id']}/artifacts")
    page.get_by_role("treeitem", name="model", exact=True).click()
    card = page.locator(".model-card")
    signature = card.get_by_role("region", name="Signature")
    expect(signature.get_by_role("row", name=re.compile("나이"))).to_contain_text("double")
    expect(signature.get_by_role("row", name=re.compile("sex"))).to_contain_text("optional")
    expect(signature).to_contain_text("float64 (-1)")
    expect(signature.get_by_role("row", name=re.compile("top_k"))).to_contain_text("5")
    expect(card).to_contain_text("2 KiB")
    use = card.get_by_role("region", name="Use it")
    expect(use).to_contain_text(f'millstream.pyfunc.load_model("runs:/{run["id"]}/model")')
    expect(use).to_contain_text(f"millstream models serve -m runs:/{run['id']}/model")
    expect(use).to_contain_text('{"dataframe_records": [{"나이": 0.5, "sex": "text"}]}')
    card.get_by_text("requirements.txt").click()
    expect(card.locator(".code")).to_contain_text("numpy==2.0")
    page.get_by_role("treeitem", name="MLmodel").click()
    expect(card.get_by_role("region", name="Signature")).to_be_visible()
    page.get_by_role("treeitem", name="odd", exact=True).click()
    expect(page.locator(".preview")).to_contain_text("This model description cannot be read")
    expect(page.locator(".code")).to_contain_text("just: text")
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_logged_model_stands_beside_the_files_of_its_run(browser: Any, tmp_path: Path) -> None:
    client = MlflowClient(str(tmp_path / "mlruns"))
    run = client.create_run("0", run_name="maker").info.run_id
    model = client.create_logged_model("0", name="가격 예측", source_run_id=run)
    (tmp_path / "MLmodel").write_text(MODEL.replace("RUN", run))
    client.log_model_artifact(model.model_id, str(tmp_path / "MLmodel"))
    client.finalize_logged_model(model.model_id, "READY")
    with serving(tmp_path / "mlruns") as address, watching(browser, address) as watched:
        page = watched.open(f"r/{run}")
        page.get_by_role("region", name="Models").get_by_role("link", name="가격 예측").click()
        expect(page.locator(".model-card")).to_contain_text(f"models:/{model.model_id}")
        page.get_by_role("treeitem", name="MLmodel").click()
        page.get_by_role("button", name="Text").click()
        expect(page.locator(".code")).to_contain_text("artifact_path: model")
        assert (watched.errors, watched.strangers) == ([], [])


def test_what_is_gone_says_so_and_what_to_do(watched: Watched, run: dict[str, str]) -> None:
    page = shown(watched, run, "train.py")
    expect(page.locator(".code")).to_be_visible()
    gone = Path(run["folder"]) / "train.py"
    body = gone.read_bytes()
    gone.unlink()
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("train.py is not there any more")
    expect(page.locator(".preview")).to_contain_text("Choose another file from the list")
    gone.write_bytes(body)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".code")).to_contain_text("# a comment")
    for path in ("nothing.png", "nothing.wav", "nothing.parquet", "nothing.md"):
        page = shown(watched, run, path)
        expect(page.get_by_role("alert")).to_contain_text(f"{path} is not there any more")
    assert [error for error in watched.errors if "404" not in error] == []


def test_the_tree_is_walked_with_keys(watched: Watched, run: dict[str, str]) -> None:
    page = watched.open(f"r/{run['id']}/artifacts")
    page.get_by_role("treeitem", name="data", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem", name="delta.parquet")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("treeitem", name="delta.parquet")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("treeitem", name="delta.parquet")).to_have_count(0)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator(".preview-head .path")).to_have_text("weights.bin")
    assert (watched.errors, watched.strangers) == ([], [])


def test_the_empty_page_for_scripts_is_of_no_origin(run: dict[str, str], watched: Watched) -> None:
    found = watched.page.request.get(f"{run['address']}/sandbox.html")
    policy = found.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert json.dumps(found.text()).count("parent") == 1
