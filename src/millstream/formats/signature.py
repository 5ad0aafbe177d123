"""What a model takes and gives: schemas of columns and tensors ↔ the JSON texts inside an MLmodel file.

The JSON forms are MLflow's: a column is ``{"type", "name", "required"}``, a tensor
``{"type": "tensor", "tensor-spec": {"dtype", "shape"}}``, a parameter ``{"name", "type", "default", "shape"}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct, structs

from millstream.values.errors import DataDamaged, InvalidValue
from millstream.values.readers import json_reader

SCALAR_TYPES = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
_MAX_DEPTH = 32


class DataType:
    """The scalar column types: ``integer`` has 32 bits, ``long`` 64, ``float`` 32, ``double`` 64."""

    boolean, integer, long, float, double, string, binary, datetime = SCALAR_TYPES


class Array(Struct, frozen=True):
    """A list whose items have one type."""

    items: ColumnType


class Property(Struct, frozen=True):
    """One entry of an `Object`."""

    name: str
    type: ColumnType
    required: bool = True


class Object(Struct, frozen=True):
    """A mapping with known keys."""

    properties: tuple[Property, ...]


class Map(Struct, frozen=True):
    """A mapping with any string keys whose values have one type."""

    values: ColumnType


class AnyType(Struct, frozen=True):
    """Any value at all; nothing is checked."""


ColumnType: TypeAlias = str | Array | Object | Map | AnyType


class ColSpec(Struct, frozen=True):
    """A column: its type, its name (None in a schema without names) and whether it must be there and full."""

    type: ColumnType
    name: str | None = None
    required: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.type, str) and self.type not in SCALAR_TYPES:
            raise InvalidValue(f"{self.type!r} is not a column type; use one of {', '.join(SCALAR_TYPES)}.")


class TensorSpec(Struct, frozen=True):
    """A tensor: NumPy's name of its element type, its shape (-1 = any length) and, among several, its name."""

    type: str
    shape: tuple[int, ...]
    name: str | None = None
    required: bool = True

    def __post_init__(self) -> None:
        # MLflow's code gives a NumPy dtype and any sequence.
        structs.force_setattr(self, "type", str(getattr(self.type, "name", self.type)))
        structs.force_setattr(self, "shape", tuple(self.shape))


class ParamSpec(Struct, frozen=True):
    """A parameter of `predict`: a scalar (`shape` None) or a list of scalars (`shape` (-1,)), with its default."""

    name: str
    dtype: str
    default: Any = None
    shape: tuple[int, ...] | None = None


class Schema:
    """Columns or tensors, in order; never a mix, and either all named or none."""

    def __init__(self, inputs: Iterable[ColSpec | TensorSpec]) -> None:
        """Hold `inputs`; raise InvalidValue when they are none, mixed, or named twice."""
        self.inputs = list(inputs)
        names = [spec.name for spec in self.inputs]
        if not self.inputs:
            raise InvalidValue("A schema needs at least one column or tensor.")
        if len({isinstance(spec, TensorSpec) for spec in self.inputs}) > 1:
            raise InvalidValue("A schema holds columns or tensors, not both.")
        if None in names and any(name is not None for name in names):
            raise InvalidValue("Either every column of a schema has a name, or none has.")
        if None not in names and len(set(names)) < len(names):
            raise InvalidValue(f"Two columns of the schema are called {_first_repeated(names)!r}.")
        if None in names and self.is_tensor_spec() and len(names) > 1:
            raise InvalidValue("Several tensors in one schema need names.")

    def is_tensor_spec(self) -> bool:
        """Whether this is a schema of tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether the columns or tensors have names."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """Names in order; positions where there are none."""
        return [position if spec.name is None else spec.name for position, spec in enumerate(self.inputs)]

    def required_input_names(self) -> list[str | int]:
        """Names of what must be there."""
        return [name for name, spec in zip(self.input_names(), self.inputs, strict=True) if spec.required]

    def input_types(self) -> list[ColumnType]:
        """Types in order."""
        return [spec.type for spec in self.inputs]

    def to_dict(self) -> list[dict[str, Any]]:
        """The list that becomes the JSON text."""
        return [_tensor_dict(spec) if isinstance(spec, TensorSpec) else _column_dict(spec) for spec in self.inputs]

    def to_json(self) -> str:
        """The JSON text of an MLmodel file."""
        return msgspec.json.encode(self.to_dict()).decode()

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read a JSON text; raise DataDamaged when it is not a schema."""
        return cls(_parse_spec(item) for item in _parse_list(text, "schema"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.inputs == other.inputs

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[ColSpec | TensorSpec]:
        return iter(self.inputs)

    def __repr__(self) -> str:
        return f"[{', '.join(_describe(spec) for spec in self.inputs)}]"


class ParamSchema:
    """Parameters of `predict`, by name."""

    def __init__(self, params: Iterable[ParamSpec]) -> None:
        """Hold `params`; raise InvalidValue when a name comes twice."""
        self.params = list(params)
        names = [spec.name for spec in self.params]
        if len(set(names)) < len(names):
            raise InvalidValue(f"Two parameters of the signature are called {_first_repeated(names)!r}.")

    def to_json(self) -> str:
        """The JSON text of an MLmodel file."""
        return msgspec.json.encode([_param_dict(spec) for spec in self.params]).decode()

    @classmethod
    def from_json(cls, text: str) -> ParamSchema:
        """Read a JSON text; raise DataDamaged when it is not a list of parameters."""
        return cls(_parse_param(item) for item in _parse_list(text, "params"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParamSchema) and self.params == other.params

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def __repr__(self) -> str:
        return f"[{', '.join(f'{spec.name!r}: {spec.dtype} (default {spec.default!r})' for spec in self.params)}]"


class ModelSignature(Struct, frozen=True):
    """What a model takes (`inputs`, `params`) and gives (`outputs`); each may be unknown (None)."""

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: ParamSchema | None = None

    def to_dict(self) -> dict[str, str | None]:
        """The mapping of an MLmodel file: a JSON text or None for each part."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": self.params.to_json() if self.params else None,
        }

    @classmethod
    def from_dict(cls, parts: dict[str, Any]) -> ModelSignature:
        """Read the mapping of an MLmodel file; raise DataDamaged when a part is not what it should be."""
        for key, text in parts.items():
            if text is not None and not isinstance(text, str):
                raise DataDamaged(f"The signature's {key!r} is not a JSON text but {type(text).__name__}.")
        inputs, outputs, params = (parts.get(key) for key in ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )


def _first_repeated(names: list[Any]) -> Any:
    return next(name for position, name in enumerate(names) if name in names[:position])


def _describe(spec: ColSpec | TensorSpec) -> str:
    name = "" if spec.name is None else f"{spec.name!r}: "
    if isinstance(spec, TensorSpec):
        return f"{name}tensor {spec.type} {spec.shape}"
    kind = spec.type if isinstance(spec.type, str) else _type_dict(spec.type)["type"]
    return f"{name}{kind} ({'required' if spec.required else 'optional'})"


def _tensor_dict(spec: TensorSpec) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "tensor", "tensor-spec": {"dtype": spec.type, "shape": list(spec.shape)}}
    return made if spec.name is None else {"name": spec.name, **made}


def _column_dict(spec: ColSpec) -> dict[str, Any]:
    made = _type_dict(spec.type)
    if spec.name is not None:
        made["name"] = spec.name
    return {**made, "required": spec.required}


def _type_dict(kind: ColumnType) -> dict[str, Any]:
    match kind:
        case Array(items=items):
            return {"type": "array", "items": _type_dict(items)}
        case Object(properties=properties):
            fields = {entry.name: {**_type_dict(entry.type), "required": entry.required} for entry in properties}
            return {"type": "object", "properties": fields}
        case Map(values=values):
            return {"type": "map", "values": _type_dict(values)}
        case AnyType():
            return {"type": "any"}
    return {"type": kind}


def _param_dict(spec: ParamSpec) -> dict[str, Any]:
    shape = None if spec.shape is None else list(spec.shape)
    return {"name": spec.name, "type": spec.dtype, "default": spec.default, "shape": shape}


_read_list = json_reader(list[dict[str, Any]])


def _parse_list(text: str, what: str) -> list[dict[str, Any]]:
    try:
        return _read_list(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataDamaged(f"The model's {what} text is not a JSON list of objects: {error}.") from error


def _parse_spec(item: dict[str, Any]) -> ColSpec | TensorSpec:
    name, required = item.get("name"), item.get("required", not item.get("optional", False))
    if name is not None and not isinstance(name, str):
        name = str(name)
    if not isinstance(required, bool):
        raise DataDamaged(f"'required' of column {name!r} is {required!r}, neither true nor false.")
    if item.get("type") != "tensor":
        return ColSpec(_parse_type(item, 0), name, required)
    spec = item.get("tensor-spec")
    shape = spec.get("shape") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(spec.get("dtype"), str) or not _is_shape(shape):
        raise DataDamaged(f"The tensor {name!r} of the schema lacks a 'tensor-spec' with 'dtype' and 'shape'.")
    return TensorSpec(spec["dtype"], tuple(shape or ()), name)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(length) is int and length >= -1 for length in shape)


def _parse_type(item: Any, depth: int) -> ColumnType:
    kind = item.get("type") if isinstance(item, dict) else None
    if depth > _MAX_DEPTH:
        raise DataDamaged(f"The schema nests types deeper than {_MAX_DEPTH} levels.")
    if isinstance(kind, str) and kind in SCALAR_TYPES:
        return kind
    if kind == "array":
        return Array(_parse_type(item.get("items"), depth + 1))
    if kind == "map":
        return Map(_parse_type(item.get("values"), depth + 1))
    if kind == "any":
        return AnyType()
    if kind == "object" and isinstance(item.get("properties"), dict):
        fields = item["properties"].items()
        kinds = {key: (_parse_type(entry, depth + 1), entry.get("required", True) is True) for key, entry in fields}
        return Object(tuple(Property(key, kind, required) for key, (kind, required) in kinds.items()))
    raise DataDamaged(f"The schema has a column of unknown type {kind!r}.")


def _parse_param(item: dict[str, Any]) -> ParamSpec:
    # MLflow 2.6 wrote "dtype"; every later one writes "type".
    name, dtype, shape = item.get("name"), item.get("type", item.get("dtype")), item.get("shape")
    if not isinstance(name, str) or not isinstance(dtype, str) or not (shape is None or _is_shape(shape)):
        raise DataDamaged(f"The signature has a parameter without a name, type or proper shape: {name!r}.")
    return ParamSpec(name, dtype, item.get("default"), None if shape is None else tuple(shape))
