"""A machine's pip configuration reaches uv."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import wheels

NAMES = ("UV_FIND_LINKS", "PIP_FIND_LINKS", "PIP_CERT", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "UV_SYSTEM_CERTS", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(wheels, "CONFIGS", ())


def test_nothing_told_changes_nothing() -> None:
    assert wheels.find_links() == []
    assert not {"SSL_CERT_FILE", "UV_DEFAULT_INDEX"} & wheels.uv_environment().keys()


def test_a_configuration_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nfind-links = /a\n  /b\ncert = /c%d.crt\nindex-url = https://mirror.example/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    assert wheels.find_links() == ["/a", "/b"]
    environment = wheels.uv_environment()
    assert environment["SSL_CERT_FILE"] == "/c%d.crt"
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


def test_a_variable_wins_over_the_file_and_uv_over_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nfind-links = /a\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_FIND_LINKS", "/b /c")
    assert wheels.find_links() == ["/b", "/c"]
    monkeypatch.setenv("UV_FIND_LINKS", "/with space,/d")
    assert wheels.find_links() == ["/with space", "/d"]


def test_uv_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example")
    assert wheels.uv_environment()["UV_DEFAULT_INDEX"] == "https://uv.example"


def test_torch_is_found_for_this_python_only(tmp_path: Path) -> None:
    assert not wheels.offers_torch([str(tmp_path), "https://mirror.example/wheels"])
    (tmp_path / "torch-2.13.0+cpu-cp27-cp27m-linux_x86_64.whl").touch()
    assert not wheels.offers_torch([str(tmp_path)])
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    (tmp_path / f"torch-2.13.0+cpu-{tag}-{tag}-linux_x86_64.whl").touch()
    assert wheels.offers_torch([f"file://{tmp_path}"])
