"""An mlruns tree as a dictionary of paths and bytes in which only what must differ has been replaced."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

TIMES = re.compile(rb"^(creation_time|last_update_time|deleted_time): \d+$", re.MULTILINE)
# On purpose: 1.x readers need the id's old name too, and without a tag the user is the process's own, not "unknown".
EXTRA = re.compile(rb"^run_uuid: .*\n|^user_id: .*\n", re.MULTILINE)


def contents(root: Path) -> dict[str, bytes]:
    """Files and directories (``b"/"``) below `root`; ids become names, `root` ROOT, times of the clock T."""
    names = {str(root).encode(): b"ROOT", **_names(root)}
    found = {}
    for path in sorted(root.rglob("*")):
        data = b"/" if path.is_dir() else path.read_bytes()
        if path.name == "meta.yaml":
            data = EXTRA.sub(b"", TIMES.sub(rb"\1: T", data))
        found[_replaced(_relative(path, root), names).decode()] = _replaced(data, names)
    return found


def _names(root: Path) -> dict[bytes, bytes]:
    """Ids of experiments and runs with the names that stand for them."""
    names = {}
    for path in root.rglob("meta.yaml"):
        meta: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "run_id" in meta:
            names[str(meta["run_id"]).encode()] = f"<run {meta['run_name']}>".encode()
        elif "name" in meta and "experiment_id" in meta and len(str(meta["experiment_id"])) > 4:
            names[str(meta["experiment_id"]).encode()] = f"<experiment {meta['name']}>".encode()
    return names


def _relative(path: Path, root: Path) -> bytes:
    """Path below `root`; directories of inputs, which are hashes over a run's id, by what they hash."""
    parts = list(path.relative_to(root).parts)
    if "inputs" in parts and len(parts) > parts.index("inputs") + 1:
        place = parts.index("inputs")
        meta = yaml.safe_load((root.joinpath(*parts[: place + 2]) / "meta.yaml").read_text(encoding="utf-8"))
        expected = hashlib.md5((meta["source_id"] + parts[place - 1]).encode()).hexdigest()
        if parts[place + 1] == expected:
            parts[place + 1] = f"<hash of {meta['source_id']} and the run>"
    return "/".join(parts).encode()


def _replaced(data: bytes, names: dict[bytes, bytes]) -> bytes:
    for old, new in names.items():
        data = data.replace(old, new)
    return data
