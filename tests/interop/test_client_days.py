"""Days of users of real clients with the server: notebooks, the command line, autologging, logged models, own disks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.interop.conftest import Peer, Server, serving
from tests.interop.test_clients import tree_of, write_files
from tests.interop.test_logged_models import alike


def test_a_day_in_a_notebook_looks_like_a_day_on_files(client: Peer, mark: str, served: Server, tmp_path: Path) -> None:
    day = {"experiment": mark + " 하루"}
    over_http = client("fluent_day", store=served.address, **day)
    assert over_http == client("fluent_day", store=str(tmp_path / "theirs"), **day)
    assert over_http["runs"] == [
        ["broken", "FAILED", False],
        ["child", "FINISHED", True],
        ["killed", "KILLED", False],
        ["parent", "FINISHED", False],
    ]


def test_the_command_line_of_clients_works(client: Peer, mark: str, served: Server, tmp_path: Path) -> None:
    source = tmp_path / "보내는 곳"
    contents = write_files(source)
    seen = client("commands", store=served.address, mark=mark, source=str(source), target=str(tmp_path / "받는 곳"))
    assert tree_of(Path(seen.pop("down"))) == contents
    assert seen == {
        "experiments": True,
        "runs": [True, True],
        "listed": sorted(f"전부/{entry.name}" for entry in source.iterdir()),
        "described": [True, {"lr": "0.1"}, {"손실": 0.5}],
        "table": [[True, "0.1", "0.5"]],
        "stages": [["deleted", "active"], ["active", "active"], ["deleted", "deleted"], ["active", "active"]],
    }


@pytest.mark.parametrize("served", ["sqlite"], indirect=True)
def test_autologging_over_http_looks_like_autologging_on_files(mlflow: Peer, served: Server, tmp_path: Path) -> None:
    over_http = mlflow("autologged", store=served.address)
    assert over_http == mlflow("autologged", store=str(tmp_path / "theirs"))
    assert len(over_http["children"]) == 3
    assert over_http["parent"][1]["best_C"] == str(over_http["best"]["C"])
    assert "cv_results.csv" in over_http["files"]


@pytest.mark.parametrize("served", ["sqlite", "postgresql"], indirect=True)  # a directory: test_logged_models
def test_logged_models_in_databases(mlflow: Peer, served: Server, tmp_path: Path) -> None:
    over_http = alike(mlflow("models_day", store=served.address))
    assert over_http == alike(mlflow("models_day", store=str(tmp_path / "theirs")))
    assert set(over_http["models"]) == {"하나", "둘"}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose clients write artifacts to a shared disk by themselves."""
    home: Path = tmp_path_factory.mktemp("apart")
    store, disk = f"sqlite:///{home}/runs.db", home / "공유 디스크"
    with serving(store, home, "--no-serve-artifacts", "--default-artifact-root", str(disk)) as address:
        yield Server(address, str(disk), store)


def test_clients_write_artifacts_by_themselves(client: Peer, mark: str, apart: Server, tmp_path: Path) -> None:
    contents = write_files(tmp_path / "보내는 곳")
    seen = client(
        "files", store=apart.address, mark=mark, source=str(tmp_path / "보내는 곳"), target=str(tmp_path / "받는 곳")
    )
    place = Path(unquote(urlsplit(seen["uri"]).path))
    assert place.is_relative_to(apart.root)
    assert contents.items() <= tree_of(place).items()
    assert tree_of(Path(seen["part"])) == contents
    assert seen["alone"]
    assert seen["refused"] == ["RestException", "RESOURCE_DOES_NOT_EXIST"]
