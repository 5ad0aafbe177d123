"""The MLproject file: YAML ↔ `ProjectSpec`.

The format is that of MLflow 1.x to 3.x: ``name``, at most one of ``python_env``, ``conda_env`` and ``docker_env``,
and ``entry_points`` with their parameters and command. The file comes with code from elsewhere, so it is read
without YAML tags and aliases and its size is capped. Keys that are not known are passed over, as MLflow does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from msgspec import Struct, field

from millstream.values.errors import InvalidValue

FILE_NAME = "MLproject"
MAX_BYTES = 1_000_000
MAIN = "main"
ENVIRONMENT_KEYS = ("python_env", "conda_env", "docker_env")


class ParameterSpec(Struct, frozen=True):
    """A declared parameter: its type word (``string`` unless said) and its default, None when a value must be given."""

    name: str
    type: str = "string"
    default: str | None = None


class EntryPoint(Struct, frozen=True):
    """What can be run: a command template and the parameters it knows, in the file's order."""

    name: str
    command: str
    parameters: tuple[ParameterSpec, ...] = ()


class DockerEnvironment(Struct, frozen=True):
    """A ``docker_env``: the image, volumes to mount, and variables to set or (value None) to copy from the host."""

    image: str
    volumes: tuple[str, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()


class EnvironmentSpec(Struct, frozen=True):
    """What the project asks to run in: `key` is the MLproject word, `file` its YAML file (relative), or `docker`."""

    key: str
    file: str | None = None
    docker: DockerEnvironment | None = None


class ProjectSpec(Struct, frozen=True):
    """An MLproject file; an empty one stands for a directory without it."""

    name: str | None = None
    environment: EnvironmentSpec | None = None
    entry_points: dict[str, EntryPoint] = field(default_factory=dict)


def parse_project(text: str) -> ProjectSpec:
    """Read an MLproject text; InvalidValue says which part is not as it should be."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise InvalidValue(f"The {FILE_NAME} file is larger than {MAX_BYTES // 1_000_000} MB; that cannot be meant.")
    content = _load(text)
    if "databricks_spark_job" in content:
        raise InvalidValue(f"{FILE_NAME}: databricks_spark_job runs on Databricks only; leave it out to run here.")
    name = content.get("name")
    if name is not None and not isinstance(name, str | int | float):
        raise InvalidValue(f"{FILE_NAME}: name must be text; got {name!r}.")
    entry_points = _mapping(content.get("entry_points"), "entry_points")
    return ProjectSpec(
        name=None if name is None else str(name),
        environment=_environment(content),
        entry_points={str(key): _entry_point(str(key), value) for key, value in entry_points.items()},
    )


def format_project(spec: ProjectSpec) -> str:
    """The MLproject text of `spec`; `parse_project` gives `spec` back."""
    content: dict[str, Any] = {}
    if spec.name is not None:
        content["name"] = spec.name
    if spec.environment is not None:
        docker = spec.environment.docker
        content[spec.environment.key] = spec.environment.file if docker is None else _docker_content(docker)
    if spec.entry_points:
        content["entry_points"] = {name: _entry_content(entry) for name, entry in spec.entry_points.items()}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1 << 20)


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases (a short file could otherwise grow without bound) and without repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise InvalidValue(f"{FILE_NAME}, line {line}: YAML aliases (*name) are not allowed; write the value out.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise InvalidValue(f"{FILE_NAME}, line {line}: {key.value!r} is given twice.")
            seen.add(key.value if isinstance(key.value, str) else repr(key))
        return super().construct_mapping(node, deep)


def _load(text: str) -> dict[Any, Any]:
    try:
        content = yaml.load(text, _PlainLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidValue(f"{FILE_NAME}{line} is not valid YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InvalidValue(f"{FILE_NAME} is not valid YAML: {str(error).splitlines()[0]}.") from error
    return _mapping(content, "the file")


def _mapping(value: Any, what: str) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(f"{FILE_NAME}: {what} must be a mapping (key: value); got {value!r:.80}.")
    return value


def _environment(content: Mapping[Any, Any]) -> EnvironmentSpec | None:
    given = [key for key in ENVIRONMENT_KEYS if content.get(key) is not None]
    if len(given) > 1:
        raise InvalidValue(
            f"Project cannot contain multiple environment fields; {FILE_NAME} has {' and '.join(given)}."
        )
    if not given:
        return None
    key, value = given[0], content[given[0]]
    if key == "docker_env":
        return EnvironmentSpec(key, docker=_docker(_mapping(value, key)))
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"{FILE_NAME}: {key} must be the path of a YAML file in the project; got {value!r}.")
    return EnvironmentSpec(key, file=value)


def _docker(content: Mapping[Any, Any]) -> DockerEnvironment:
    image = content.get("image")
    if not isinstance(image, str) or not image:
        raise InvalidValue(f"{FILE_NAME}: docker_env needs an image, e.g. image: python:3.12-slim.")
    volumes = content.get("volumes") or []
    if not isinstance(volumes, list) or not all(isinstance(volume, str) for volume in volumes):
        raise InvalidValue(
            f"{FILE_NAME}: docker_env volumes must be a list of 'host:container' texts; got {volumes!r}."
        )
    variables = content.get("environment") or []
    if not isinstance(variables, list):
        raise InvalidValue(f"{FILE_NAME}: docker_env environment must be a list; got {variables!r}.")
    return DockerEnvironment(image, tuple(volumes), tuple(_variable(variable) for variable in variables))


def _variable(variable: Any) -> tuple[str, str | None]:
    if isinstance(variable, str):
        return variable, None
    if isinstance(variable, list) and len(variable) == 2 and isinstance(variable[0], str):
        return variable[0], str(variable[1])
    raise InvalidValue(f"{FILE_NAME}: docker_env environment takes NAME or [NAME, value]; got {variable!r}.")


def _entry_point(name: str, value: Any) -> EntryPoint:
    content = _mapping(value, f"entry point {name!r}")
    command = content.get("command")
    if not isinstance(command, str) or not command.strip():
        raise InvalidValue(f"{FILE_NAME}: entry point {name!r} needs a command, e.g. command: python train.py.")
    parameters = _mapping(content.get("parameters"), f"the parameters of {name!r}")
    return EntryPoint(name, command, tuple(_parameter(str(key), value) for key, value in parameters.items()))


def _parameter(name: str, value: Any) -> ParameterSpec:
    if value is None or isinstance(value, str):
        return ParameterSpec(name, value or "string")
    content = _mapping(value, f"parameter {name!r}")
    kind, default = content.get("type", "string"), content.get("default")
    if not isinstance(kind, str):
        raise InvalidValue(f"{FILE_NAME}: the type of parameter {name!r} must be a word such as float; got {kind!r}.")
    if isinstance(default, dict | list):
        raise InvalidValue(f"{FILE_NAME}: the default of parameter {name!r} must be a single value; got {default!r}.")
    return ParameterSpec(name, kind, None if default is None else str(default))


def _docker_content(docker: DockerEnvironment) -> dict[str, Any]:
    content: dict[str, Any] = {"image": docker.image}
    if docker.volumes:
        content["volumes"] = list(docker.volumes)
    if docker.environment:
        content["environment"] = [name if value is None else [name, value] for name, value in docker.environment]
    return content


def _entry_content(entry: EntryPoint) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if entry.parameters:
        content["parameters"] = {
            spec.name: {"type": spec.type} | ({} if spec.default is None else {"default": spec.default})
            for spec in entry.parameters
        }
    return content | {"command": entry.command}
