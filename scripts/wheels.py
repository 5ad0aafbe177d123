"""Where wheels may lie on this machine, beside the package index."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

CONFIGS = (
    "/etc/pip.conf",
    "~/.pip/pip.conf",
    "~/.config/pip/pip.conf",
    "~/Library/Application Support/pip/pip.conf",
)


def find_links() -> list[str]:
    """Wheel directories and pages that the user has told uv or pip about, in that order.

    uv does not read pip's configuration; without this, a machine with a prepared CPU build of torch
    would load gigabytes of CUDA libraries instead.
    """
    if text := os.environ.get("UV_FIND_LINKS"):
        return text.split(",")
    if text := os.environ.get("PIP_FIND_LINKS"):
        return text.split()
    links: list[str] = []
    for name in (*CONFIGS, os.environ.get("PIP_CONFIG_FILE", "")):
        parser = configparser.ConfigParser(interpolation=None)
        if name and parser.read(Path(name).expanduser(), encoding="utf-8"):
            links += parser.get("global", "find-links", fallback="").split()
    return links


def offers_torch(links: list[str]) -> bool:
    """Whether one of the directories holds any wheel of torch."""
    return any(next(Path(link.removeprefix("file://")).glob("torch-*.whl"), None) is not None for link in links)
