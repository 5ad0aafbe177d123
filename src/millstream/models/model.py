"""Saving and finding models: a directory that appears whole or not at all, with MLmodel and environment files.

A flavour brings its own bytes (`Parts`); everything else that a model directory holds is made here.
"""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import uuid
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from millstream.formats.mlmodel import FILE_NAME, MAX_BYTES, PYFUNC, Model, dump_mlmodel, parse_mlmodel
from millstream.formats.signature import ModelSignature
from millstream.models.environment import CONDA_FILE, PYTHON_ENV_FILE, CondaEnv, PipRequirements, environment_files
from millstream.models.examples import write_example
from millstream.models.infer import infer_signature
from millstream.models.requirements import requirements_for
from millstream.values.errors import AlreadyExists, DataDamaged, InvalidValue, NotFound, StorageFailed
from millstream.values.paths import RelPath
from millstream.values.version import VERSION

CODE_DIR = "code"


class Parts(Struct):
    """What a flavour wrote: its settings in MLmodel, and the modules and distributions that loading needs."""

    flavors: dict[str, dict[str, Any]]
    modules: set[str] = field(default_factory=set)
    distributions: tuple[str, ...] = ()


class Options(Struct, kw_only=True):
    """What every flavour's `save_model` and `log_model` take alike."""

    conda_env: CondaEnv = None
    code_paths: Sequence[str | os.PathLike[str]] | None = None
    pip_requirements: PipRequirements = None
    extra_pip_requirements: PipRequirements = None
    signature: ModelSignature | bool | None = None
    input_example: Any = None
    metadata: dict[str, Any] | None = None


Write = Callable[[Path], Parts]
Predict = Callable[[Path, Model, Any], Any]


def save_directory(
    target: Path, write: Write, options: Options, predict: Predict, model: Model | None = None, *, replace: bool = False
) -> Model:
    """Make the model directory `target`, whole or not at all, and return its description.

    `write` puts the flavour's files into the directory it is given; `predict` tries the input example, when there is
    one, on the model as it will be loaded. Raises AlreadyExists when `target` holds something and not `replace`.
    """
    if not replace and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyExists(f"{str(target)!r} already exists and is not empty; save the model to a new path.")
    model = model or Model()
    partial = target.parent / f".{target.name}.partial-{uuid.uuid4().hex[:8]}"
    try:
        partial.mkdir(parents=True)
        _fill(partial, write, options, predict, model)
        _move(partial, target)
    except OSError as error:
        raise StorageFailed(f"The model could not be saved to {str(target)!r}: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return model


def _fill(directory: Path, write: Write, options: Options, predict: Predict, model: Model) -> None:
    code = _copy_code(directory, options.code_paths)
    parts = write(directory)
    model.flavors = parts.flavors
    model.utc_time_created = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    model.model_uuid = uuid.uuid4().hex
    model.millstream_version = VERSION
    model.metadata = options.metadata
    pyfunc = model.flavors[PYFUNC]
    pyfunc["python_version"] = platform.python_version()
    pyfunc["env"] = {"conda": CONDA_FILE, "virtualenv": PYTHON_ENV_FILE}
    if code:
        for settings in model.flavors.values():
            settings["code"] = CODE_DIR
    _write_environment(directory, parts, options, code)
    _describe_data(directory, options, predict, model)
    model.model_size_bytes = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    # Last, because a directory without this file is no model.
    (directory / FILE_NAME).write_text(dump_mlmodel(model), "utf-8")


def _write_environment(directory: Path, parts: Parts, options: Options, code: set[str]) -> None:
    lines, unknown = requirements_for(parts.modules - code, parts.distributions)
    if unknown:
        warnings.warn(
            f"The model uses {', '.join(unknown)}, which no installed package brings. Pass the files as "
            "code_paths=[…], or it will not load where they are missing.",
            stacklevel=2,
        )
    texts = environment_files(lines, options.conda_env, options.pip_requirements, options.extra_pip_requirements)
    for name, text in texts.items():
        (directory / name).write_text(text, "utf-8")


def _describe_data(directory: Path, options: Options, predict: Predict, model: Model) -> None:
    example = options.input_example
    if isinstance(options.signature, ModelSignature):
        model.signature = options.signature
    if example is None:
        return
    model.saved_input_example_info = write_example(directory, example)
    if options.signature is None:
        model.signature = infer_signature(example)
        model.signature = infer_signature(example, predict(directory, model, example))


def _copy_code(directory: Path, code_paths: Sequence[str | os.PathLike[str]] | None) -> set[str]:
    """Copy the user's modules below ``code/``; return their names."""
    names = set()
    if isinstance(code_paths, str):
        raise InvalidValue("code_paths must be a list of files and directories, not one string.")
    for given in code_paths or ():
        source = Path(given).resolve()
        destination = directory / CODE_DIR / source.name
        if source.is_dir():
            shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.is_file():
            destination.parent.mkdir(exist_ok=True)
            shutil.copy2(source, destination)
        else:
            raise InvalidValue(f"The code path {str(given)!r} does not exist.")
        names.add(source.stem)
    return names


def _move(partial: Path, target: Path) -> None:
    """Rename `partial` to `target`; what was there stays until the new one is complete."""
    old = partial.with_name(partial.name.replace(".partial-", ".old-"))
    replaced = target.exists()
    if replaced:
        target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        if replaced:
            with suppress(OSError):
                old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def read_model(directory: Path) -> Model:
    """The description in a model directory; NotFound when there is no MLmodel file, DataDamaged when it is broken."""
    path = directory / FILE_NAME
    if not path.is_file():
        raise NotFound(f"{str(directory)!r} is not a model directory: it has no {FILE_NAME} file.")
    with path.open("rb") as stream:
        return parse_mlmodel(stream.read(MAX_BYTES + 1), str(path))


def flavor_settings(model: Model, flavor: str, where: Path) -> dict[str, Any]:
    """Settings of one flavour; NotFound, naming those there are, when the model has not got it."""
    settings = model.flavors.get(flavor)
    if settings is None:
        there = ", ".join(sorted(model.flavors)) or "none"
        raise NotFound(f"The model in {str(where)!r} has no {flavor!r} flavour; it has: {there}.")
    return settings


def file_inside(directory: Path, text: object, what: str) -> Path:
    """The file or directory that MLmodel calls `text`; DataDamaged when it is missing or outside the model."""
    try:
        path = directory.joinpath(*RelPath.parse(text if isinstance(text, str) else "", what=what).segments)
    except InvalidValue as error:
        raise DataDamaged(f"{FILE_NAME} in {str(directory)!r}: {error.message}") from error
    if not path.resolve().is_relative_to(directory.resolve()):
        raise DataDamaged(f"{FILE_NAME} in {str(directory)!r}: the {what} {text!r} leads out of the model directory.")
    if not path.exists():
        raise DataDamaged(f"The model in {str(directory)!r} is incomplete: its {what} {text!r} is missing.")
    return path
