"""What a saved model needs installed, found without running anything: no child process, no unpickling.

The names come from the opcodes of the model's own pickle (which module each class and function is in) and from
the flavour's short list; the versions are those installed now, local labels such as ``+cpu`` included.
"""

from __future__ import annotations

import pickletools
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import IO

from millstream.values.errors import DataDamaged

# Whoever opens a model has Millstream or MLflow; neither belongs to what the model itself needs.
_NEEDS_NOTHING = frozenset({"__main__", "__builtin__", "copy_reg", "millstream", "mlflow"})
# Stands for cloudpickle's function that imports the module named next; no string in a pickle is equal to it.
_IMPORTER = "\0import"
_KNOWN = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "PyYAML",
}
_TORCH = frozenset({"torch", "torchvision", "torchaudio"})
_TORCH_LABEL = re.compile(r"cpu|cu\d+|xpu|rocm[\d.]+")
_STRING_OPCODES = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_GET_OPCODES = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUT_OPCODES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


def pickle_modules(path: Path) -> set[str]:
    """Top-level modules that unpickling `path` (a pickle, or a zip of pickles as torch writes) would import.

    Only the opcodes are read; nothing in the file is executed. Raises DataDamaged when they cannot be read.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            found: set[str] = set()
            for name in archive.namelist():
                if name.endswith(".pkl"):
                    with archive.open(name) as stream:
                        found |= _modules(stream, path)
            return found
    with path.open("rb") as stream:
        return _modules(stream, path)


def _modules(stream: IO[bytes], path: Path) -> set[str]:
    try:
        return {name.split(".")[0] for name in _named_modules(stream) if name}
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise DataDamaged(f"{path.name} is not a readable pickle: {error}.") from error


def _named_modules(stream: IO[bytes]) -> Iterator[str]:
    """Module of each global, and of each module that cloudpickle would import by name.

    STACK_GLOBAL takes module and name from the two strings pushed last, fresh or from the memo.
    """
    memo: dict[int, str | None] = {}
    strings = ["", ""]
    last: str | None = None
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in _STRING_OPCODES or opcode.name in _GET_OPCODES:
            last = str(argument) if opcode.name in _STRING_OPCODES else memo.get(int(str(argument)))
            if last not in (None, _IMPORTER):
                if strings[1] == _IMPORTER:
                    yield str(last)
                strings = [strings[1], str(last)]
            elif last == _IMPORTER:
                strings = ["", _IMPORTER]
        elif opcode.name == "MEMOIZE" or opcode.name in _PUT_OPCODES:
            memo[len(memo) if opcode.name == "MEMOIZE" else int(str(argument))] = last
        elif opcode.name in ("GLOBAL", "INST", "STACK_GLOBAL"):
            module, name = strings if opcode.name == "STACK_GLOBAL" else str(argument).split(" ")
            yield module
            last = _IMPORTER if name == "subimport" else None
            strings = ["", last or ""]
        else:
            last = None


def requirements_for(modules: Iterable[str], extra: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Pinned requirement lines for `modules` and `extra` distributions, and the modules nobody distributes.

    The standard library and ``__main__`` need nothing. Lines are sorted; when a PyTorch build has a local label,
    the first line names the index that has such builds, since the Python package index does not.
    """
    names: set[str] = set(extra)
    unknown: list[str] = []
    for module in sorted(set(modules)):
        if module in sys.stdlib_module_names or module in _NEEDS_NOTHING:
            continue
        found = distribution_of(module)
        if found:
            names.add(found)
        else:
            unknown.append(module)
    pins = {name: installed_version(name) for name in names}
    lines = [f"{name}=={version}" for name, version in sorted(pins.items(), key=lambda pin: pin[0].lower()) if version]
    return _torch_indexes(pins) + lines, unknown


def distribution_of(module: str) -> str | None:
    """Name of the installed distribution that brings the top-level `module`, None when none does."""
    for name in (_KNOWN.get(module), module):
        if name and installed_version(name):
            return str(metadata.distribution(name).metadata["Name"])
    owners = _owners().get(module)
    return owners[0] if owners else None


def installed_version(distribution: str) -> str | None:
    """Installed version of a distribution with its local label, None when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


# Reading every distribution's file list takes a tenth of a second or two, so only for names that need it.
@lru_cache(maxsize=1)
def _owners() -> dict[str, list[str]]:
    return {module: list(names) for module, names in metadata.packages_distributions().items()}


def _torch_indexes(pins: dict[str, str | None]) -> list[str]:
    labels = {version.partition("+")[2] for name, version in pins.items() if name in _TORCH and version}
    found = sorted(label for label in labels if _TORCH_LABEL.fullmatch(label))
    return [f"--extra-index-url https://download.pytorch.org/whl/{label}" for label in found]


def differing_versions(lines: Iterable[str]) -> list[tuple[str, str, str | None]]:
    """(distribution, wanted, installed or None) of each ``name==version`` line that is not what is installed."""
    differing = []
    for line in lines:
        pin = re.fullmatch(r"([\w.\-]+)(?:\[[\w,\-. ]*\])?==([^\s;,]+)(?:\s*;.*)?", line.split(" #")[0].strip())
        if pin and pin[1] not in _NEEDS_NOTHING and (found := installed_version(pin[1])) != pin[2]:
            differing.append((pin[1], pin[2], found))
    return differing
