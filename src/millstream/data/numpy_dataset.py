"""numpy arrays as a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from millstream.data.dataset import Dataset
from millstream.data.dataset_source import DatasetSource
from millstream.data.sources import resolve
from millstream.formats.signature import Schema
from millstream.models.infer import infer_schema
from millstream.values.errors import InvalidValue

if TYPE_CHECKING:
    import numpy

    Arrays = numpy.ndarray[Any, Any] | Mapping[str, numpy.ndarray[Any, Any]]


class TensorDatasetSchema(Struct, frozen=True):
    """The tensors of the features, and of the targets where there are some."""

    features: Schema
    targets: Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """As MLflow writes it: each as JSON in a text."""
        targets = None if self.targets is None else self.targets.to_json()
        return {"mlflow_tensorspec": {"features": self.features.to_json(), "targets": targets}}


class NumpyDataset(Dataset):
    """Features, an array or a dictionary of arrays, and targets likewise."""

    def __init__(
        self,
        features: Arrays,
        source: DatasetSource,
        targets: Arrays | None = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        """Hold the arrays; InvalidValue for what is no array."""
        for value in (features, *(() if targets is None else (targets,))):
            _each(value, lambda array: array.shape)
        super().__init__(source, name, digest)
        self.features = features
        self.targets = targets

    def _compute_digest(self) -> str:
        whole = sha256()
        for role, arrays in (("features", self.features), ("targets", self.targets)):
            named = arrays if isinstance(arrays, Mapping) else {} if arrays is None else {"": arrays}
            for name in sorted(named):
                array = named[name]
                whole.update(f"{role} {name!r} {array.dtype.str} {array.shape} ".encode())
                whole.update(_bytes(array))
        return whole.hexdigest()[:8]

    @property
    def schema(self) -> TensorDatasetSchema:
        """The types and shapes of the tensors; the first length is free."""
        return TensorDatasetSchema(
            infer_schema(self.features), None if self.targets is None else infer_schema(self.targets)
        )

    def _schema_fields(self) -> Any:
        return self.schema.to_dict()

    @property
    def profile(self) -> dict[str, Any]:
        """Shape, number of elements and bytes of features and targets."""
        found: dict[str, Any] = {}
        for role, arrays in (("features", self.features), ("targets", self.targets)):
            if arrays is not None:
                found[f"{role}_shape"] = _each(arrays, lambda array: list(array.shape))
                found[f"{role}_size"] = _each(arrays, lambda array: int(array.size))
                found[f"{role}_nbytes"] = _each(arrays, lambda array: int(array.nbytes))
        return found


def from_numpy(
    features: Arrays,
    source: Any = None,
    targets: Arrays | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> NumpyDataset:
    """Arrays as a dataset. `source` is a path, URL or URI; the running program when None."""
    return NumpyDataset(features, resolve(source), targets, name, digest)


def _each(arrays: Any, ask: Callable[[Any], Any]) -> Any:
    """What `ask` says of the array, or of each by its name."""
    if isinstance(arrays, Mapping):
        return {str(name): _each(array, ask) for name, array in arrays.items()}
    if not all(hasattr(arrays, name) for name in ("shape", "dtype", "tobytes")):
        raise InvalidValue(f"from_numpy takes arrays or dictionaries of arrays; got {type(arrays).__name__}.")
    return ask(arrays)


def _bytes(array: Any) -> bytes:
    # The bytes of an array of objects are their addresses.
    content: bytes = repr(array.tolist()).encode(errors="replace") if array.dtype.hasobject else array.tobytes()
    return content
