"""The three files that say which environment a model needs: requirements.txt, python_env.yaml, conda.yaml."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from millstream.formats.mlmodel import dump_yaml, parse_yaml
from millstream.models.requirements import installed_version
from millstream.values.errors import InvalidValue

CONDA_FILE = "conda.yaml"
PYTHON_ENV_FILE = "python_env.yaml"
REQUIREMENTS_FILE = "requirements.txt"
_MAX_BYTES = 1_000_000

CondaEnv = str | os.PathLike[str] | Mapping[str, Any] | None
PipRequirements = str | os.PathLike[str] | Sequence[str] | None


def environment_files(
    inferred: list[str],
    conda_env: CondaEnv = None,
    pip_requirements: PipRequirements = None,
    extra_pip_requirements: PipRequirements = None,
) -> dict[str, str]:
    """File name → text. What the caller gives wins over what was `inferred`; a conda environment is kept as given.

    Raises InvalidValue when both a conda environment and pip requirements are given.
    """
    if conda_env is not None:
        if pip_requirements is not None or extra_pip_requirements is not None:
            raise InvalidValue("Give either conda_env or pip requirements, not both.")
        conda = _read_conda(conda_env)
        return _texts(_conda_pip(conda), conda)
    lines = inferred if pip_requirements is None else _read_lines(pip_requirements)
    lines = lines + [line for line in _read_lines(extra_pip_requirements) if line not in lines]
    return _texts(lines, None)


def _texts(lines: list[str], conda: Mapping[str, Any] | None) -> dict[str, str]:
    python = platform.python_version()
    tools = [f"{name}=={version}" for name in ("pip", "setuptools", "wheel") if (version := installed_version(name))]
    pip = next((tool.replace("==", "<=") for tool in tools if tool.startswith("pip==")), "pip")
    if conda is None:
        dependencies: list[Any] = [f"python={python}", pip, {"pip": lines}]
        conda = {"channels": ["conda-forge"], "dependencies": dependencies, "name": "mlflow-env"}
    build = tools or ["pip"]
    return {
        CONDA_FILE: dump_yaml(dict(conda)),
        PYTHON_ENV_FILE: dump_yaml(
            {"python": python, "build_dependencies": build, "dependencies": [f"-r {REQUIREMENTS_FILE}"]}
        ),
        REQUIREMENTS_FILE: "".join(f"{line}\n" for line in lines),
    }


def _read_conda(conda_env: str | os.PathLike[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(conda_env, Mapping):
        return conda_env
    path = Path(conda_env)
    if not path.is_file():
        raise InvalidValue(f"The conda environment file {str(path)!r} does not exist.")
    return parse_yaml(path.read_bytes(), str(path))


def _conda_pip(conda: Mapping[str, Any]) -> list[str]:
    dependencies = conda.get("dependencies") or []
    if not isinstance(dependencies, list):
        raise InvalidValue("The conda environment's 'dependencies' must be a list.")
    return [str(line) for entry in dependencies if isinstance(entry, Mapping) for line in entry.get("pip") or []]


def _read_lines(requirements: PipRequirements) -> list[str]:
    if requirements is None:
        return []
    if isinstance(requirements, str | os.PathLike):
        path = Path(requirements)
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            raise InvalidValue(f"The requirements file {str(path)!r} does not exist or is no small text file.")
        lines: Sequence[str] = path.read_text("utf-8").splitlines()
    else:
        lines = requirements
    stripped = (str(line).strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]
