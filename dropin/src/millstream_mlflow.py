"""Millstream under the names of MLflow: what the module `mlflow` and the command `mlflow` of this distribution do.

A module of its own, so that the command can say in one line why it refuses.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

ALIAS = "mlflow"
TARGET = "millstream"
_REAL = ("mlflow", "mlflow_skinny", "mlflow_tracing")


def installed_mlflow() -> list[str]:
    """Distributions of the real MLflow that this Python would find, e.g. ``["mlflow 3.17.2"]``.

    Reads directory names only: importlib.metadata would cost more than all the rest of the import.
    """
    found = set()
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue  # a zip file or a directory that is not there
        for name in names:
            stem, suffix = os.path.splitext(name)
            distribution, _, rest = stem.partition("-")
            # Installers differ in case, `-`, `_` and `.`; the version ends at the next dash (…-py3.11.egg-info).
            if suffix in (".dist-info", ".egg-info") and distribution.lower().replace(".", "_") in _REAL:
                found.add(f"{distribution.lower().replace('_', '-')} {rest.partition('-')[0]}".strip())
    return sorted(found)


def refusal(installed: Sequence[str]) -> str:
    """What to say when the real MLflow is there: both names, and how to choose."""
    names = " ".join(entry.split()[0] for entry in installed)
    return (
        f"The name 'mlflow' is claimed twice here: by the real MLflow ({', '.join(installed)}) and by "
        f"millstream-mlflow, Millstream's drop-in for it (in {os.path.dirname(os.path.abspath(__file__))}). Keep one. "
        f"For Millstream: pip uninstall {names} && pip install --force-reinstall --no-deps millstream-mlflow. "
        f"For MLflow: pip uninstall millstream-mlflow && pip install --force-reinstall --no-deps {names}. "
        f"Beside MLflow, Millstream works under its own name: import millstream."
    )


class SameModule:
    """A loader that gives a module which exists under its own name, and leaves it as it was."""

    def __init__(self, module: ModuleType) -> None:
        """Hold the module and its own spec."""
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself."""
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back: the import system has just put the alias's there."""
        module.__spec__ = self.spec


class Aliases:
    """A meta path finder: `mlflow.a.b` is `millstream.a.b`."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        """Spec of an alias; ModuleNotFoundError says which module Millstream lacks. None for other names."""
        if not fullname.startswith(f"{ALIAS}.") or fullname == f"{ALIAS}.__main__":
            return None
        name = TARGET + fullname.removeprefix(ALIAS)
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise
            text = f"No module named {fullname!r}: Millstream, which stands in for MLflow here, has no {name!r}"
            raise ModuleNotFoundError(text, name=fullname) from None
        return ModuleSpec(fullname, SameModule(module), is_package=hasattr(module, "__path__"))  # type: ignore[arg-type]


def look_up(name: str) -> object:
    """The object `mlflow.<name>`: Millstream's of that name, a module of it that nobody has imported yet included."""
    try:
        return getattr(importlib.import_module(TARGET), name)
    except AttributeError as error:
        why = str(error)
    if not name.startswith("_"):
        try:
            return importlib.import_module(f"{ALIAS}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{ALIAS}.{name}":
                raise
    text = f"{why.replace(TARGET, ALIAS, 1)} (Millstream stands in for MLflow here)"
    raise AttributeError(text, name=name)


def all_names() -> list[str]:
    """Names that Millstream has."""
    return dir(importlib.import_module(TARGET))


def take_the_name() -> None:
    """Make `mlflow.*` importable; ImportError where the real MLflow is installed."""
    installed = installed_mlflow()
    if installed:
        raise ImportError(refusal(installed), name=ALIAS)
    if not any(isinstance(finder, Aliases) for finder in sys.meta_path):
        sys.meta_path.insert(0, Aliases())


def main() -> int:
    """The command `mlflow`: Millstream's command line; exit code 1 where the real MLflow is installed."""
    installed = installed_mlflow()
    if installed:
        sys.stderr.write(f"Error: {refusal(installed)}\n")
        return 1
    command_line = importlib.import_module("millstream.cli.main")
    command_line.main()
    return 0
