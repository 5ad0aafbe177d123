"""The MLmodel file (YAML) ↔ `Model`: reads what MLflow 1.x, 2.x and 3.x wrote, writes what MLflow 3.x loads."""

from __future__ import annotations

from typing import Any

import yaml
from msgspec import Struct, field

from millstream.formats.signature import ModelSignature
from millstream.values.errors import DataDamaged

FILE_NAME = "MLmodel"
MAX_BYTES = 1_000_000
PYFUNC = "python_function"
_MAX_DEPTH = 64
# The parser in C takes a tenth of the time, where PyYAML was built with it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Model(Struct, kw_only=True):
    """One model's description. `extra` holds fields this version does not know, so that rewriting loses nothing.

    `utc_time_created` is ``YYYY-MM-DD HH:MM:SS.ffffff``. `mlflow_version` is None when MLflow did not write the file.
    """

    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifact_path: str | None = None
    run_id: str | None = None
    utc_time_created: str | None = None
    model_uuid: str | None = None
    model_id: str | None = None
    mlflow_version: str | None = None
    millstream_version: str | None = None
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    model_size_bytes: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def pyfunc(self) -> dict[str, Any]:
        """The ``python_function`` flavour's settings; {} when the model has none."""
        return self.flavors.get(PYFUNC, {})

    def to_dict(self) -> dict[str, Any]:
        """The mapping of the file; fields that are None are left out."""
        known = {name: getattr(self, name) for name in (*_TYPES, "flavors") if getattr(self, name) is not None}
        if self.signature is not None:
            known["signature"] = self.signature.to_dict()
        return {**self.extra, **known}

    def get_input_schema(self) -> Any:
        """Schema of what the model takes, None when unknown."""
        return self.signature.inputs if self.signature else None

    def get_output_schema(self) -> Any:
        """Schema of what the model gives, None when unknown."""
        return self.signature.outputs if self.signature else None


class ModelInfo(Struct, frozen=True, kw_only=True):
    """What logging or looking up a model answers; `model_uri` opens it again."""

    artifact_path: str | None
    flavors: dict[str, dict[str, Any]]
    model_uri: str
    model_uuid: str | None
    run_id: str | None
    utc_time_created: str | None
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    mlflow_version: str | None = None
    metadata: dict[str, Any] | None = None
    model_id: str | None = None
    name: str | None = None
    registered_model_version: int | None = None

    @classmethod
    def of(cls, model: Model, model_uri: str) -> ModelInfo:
        """The answer for `model`, found at `model_uri`."""
        return cls(
            artifact_path=model.artifact_path,
            flavors=model.flavors,
            model_uri=model_uri,
            model_uuid=model.model_uuid,
            run_id=model.run_id,
            utc_time_created=model.utc_time_created,
            signature=model.signature,
            saved_input_example_info=model.saved_input_example_info,
            mlflow_version=model.mlflow_version,
            metadata=model.metadata,
            model_id=model.model_id,
            name=model.artifact_path,
        )


# Field → what its value must be. A time is text in quotes; YAML makes a bare one a datetime, which is turned back.
_TYPES: dict[str, type] = {
    "artifact_path": str,
    "run_id": str,
    "utc_time_created": str,
    "model_uuid": str,
    "model_id": str,
    "mlflow_version": str,
    "millstream_version": str,
    "saved_input_example_info": dict,
    "metadata": dict,
    "model_size_bytes": int,
}


def parse_mlmodel(data: bytes, source: str = FILE_NAME) -> Model:
    """Read an MLmodel file's bytes; raise DataDamaged, naming `source` and the field, when it is not one."""
    fields = parse_yaml(data, source)
    flavors = fields.pop("flavors", None)
    if not isinstance(flavors, dict) or not all(isinstance(settings, dict) for settings in flavors.values()):
        raise DataDamaged(f"{source} is not a model description: 'flavors' must map names to settings.")
    signature = fields.pop("signature", None)
    if signature is not None and not isinstance(signature, dict):
        raise DataDamaged(f"{source}: 'signature' must be a mapping, not {type(signature).__name__}.")
    known = {name: _check(fields.pop(name, None), kind, name, source) for name, kind in _TYPES.items()}
    return Model(
        flavors={str(name): settings for name, settings in flavors.items()},
        signature=ModelSignature.from_dict(signature) if signature else None,
        extra=fields,
        **known,
    )


def dump_mlmodel(model: Model) -> str:
    """The file's text: YAML with sorted keys, as MLflow writes it."""
    return dump_yaml(model.to_dict(), sort_keys=True)


def dump_yaml(value: Any, *, sort_keys: bool = False) -> str:
    """YAML text that `parse_yaml` reads: block style, no anchors, text other than ASCII as it is."""
    return yaml.dump(value, Dumper=_PlainDumper, sort_keys=sort_keys, allow_unicode=True, default_flow_style=False)


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def parse_yaml(data: bytes, source: str) -> dict[str, Any]:
    """Read a small YAML mapping without tags, anchors or aliases; raise DataDamaged when `data` is something else."""
    if len(data) > MAX_BYTES:
        raise DataDamaged(f"{source} has {len(data)} bytes; a description of at most {MAX_BYTES} is expected.")
    try:
        _check_events(data, source)
        fields = yaml.load(data, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataDamaged(f"{source} is not valid YAML: {reason}.") from error
    if not isinstance(fields, dict):
        raise DataDamaged(f"{source} must hold a mapping, not {type(fields).__name__}.")
    return {str(name): value for name, value in fields.items()}


def _check_events(data: bytes, source: str) -> None:
    """Refuse what makes a small file dear to read: aliases, which grow when walked, and nesting.

    No writer of these files uses either.
    """
    depth = 0
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise DataDamaged(f"{source} uses YAML aliases, which are not allowed here.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise DataDamaged(f"{source} nests deeper than {_MAX_DEPTH} levels.")


def _check(value: Any, kind: type, name: str, source: str) -> Any:
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    if kind is str and not isinstance(value, dict | list | bool):
        return str(value)
    raise DataDamaged(f"{source}: {name!r} must be {kind.__name__}, not {type(value).__name__}.")
