"""What this machine's pip has been told, handed on to uv, which does not read pip's configuration.

Without it, a machine with a prepared CPU build of torch would load gigabytes of CUDA libraries instead, and one
behind a mirror or an own certificate would load nothing at all.
"""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path

CONFIGS = (
    "/etc/pip.conf",
    "~/.pip/pip.conf",
    "~/.config/pip/pip.conf",
    "~/Library/Application Support/pip/pip.conf",
)


def pip_option(name: str) -> str:
    """Value of a pip option (`find-links`, `cert` …): its variable, else its line in a configuration file, else ''."""
    if text := os.environ.get("PIP_" + name.upper().replace("-", "_")):
        return text
    value = ""
    for place in (*CONFIGS, os.environ.get("PIP_CONFIG_FILE", "")):
        parser = configparser.ConfigParser(interpolation=None)
        if place and parser.read(Path(place).expanduser(), encoding="utf-8"):
            value = parser.get("global", name, fallback=value)
    return value


def find_links() -> list[str]:
    """Directories and pages of wheels, from uv's variable or else from pip."""
    if text := os.environ.get("UV_FIND_LINKS"):
        return text.split(",")
    return pip_option("find-links").split()


def offers_torch(links: list[str]) -> bool:
    """Whether one of the directories holds a wheel of torch for the Python running this."""
    pattern = f"torch-*-cp{sys.version_info.major}{sys.version_info.minor}-*.whl"
    return any(True for link in links for _ in Path(link.removeprefix("file://")).glob(pattern))


def uv_environment() -> dict[str, str]:
    """This process's environment with pip's mirror and certificate where uv has none of its own."""
    environment = dict(os.environ)
    if (cert := pip_option("cert")) and not {"SSL_CERT_FILE", "UV_SYSTEM_CERTS"} & environment.keys():
        environment["SSL_CERT_FILE"] = cert
    if (index := pip_option("index-url")) and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys():
        environment["UV_DEFAULT_INDEX"] = index
    return environment
