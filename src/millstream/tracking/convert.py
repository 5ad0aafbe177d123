"""From what training code hands over to what an op holds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

from millstream.values.entities import Metric, Param, RunTag
from millstream.values.errors import InvalidValue


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def to_float(key: str, value: SupportsFloat | SupportsIndex | str | Any) -> float:
    """`value` as a float: numbers, and one-element arrays or tensors of numpy, PyTorch, TensorFlow, JAX."""
    if type(value) is float:
        return value
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidValue(
            f"Metric {key!r} got a number of type {type(value).__name__} that is too large for a 64-bit float."
        ) from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidValue(
            f"Metric {key!r} got the value {value!r:.80} of type {type(value).__name__}, which is not one number."
        ) from error


def to_metric(key: str, value: Any, step: int | None, timestamp: int | None) -> Metric:
    """One point: `step` None is 0, `timestamp` None is now."""
    if step is None:
        step = 0
    elif type(step) is not int:
        step = _whole(step, f"step of metric {key!r}")
    return Metric(key, to_float(key, value), time.time_ns() // 1_000_000 if timestamp is None else timestamp, step)


def to_metrics(metrics: Mapping[str, Any], step: int | None, timestamp: int | None) -> tuple[Metric, ...]:
    """One point a metric, all at the same step and time."""
    timestamp = now() if timestamp is None else timestamp
    return tuple(to_metric(key, value, step, timestamp) for key, value in _mapping(metrics, "log_metrics").items())


def to_params(params: Mapping[str, Any]) -> tuple[Param, ...]:
    """Params with their values as text."""
    return tuple(Param(key, str(value)) for key, value in _mapping(params, "log_params").items())


def to_tags(tags: Mapping[str, Any]) -> tuple[RunTag, ...]:
    """Tags with their values as text."""
    return tuple(RunTag(key, str(value)) for key, value in _mapping(tags, "set_tags").items())


def _mapping(value: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"{what} takes a dictionary; got {value!r:.80} of type {type(value).__name__}.")
    return value


def _whole(value: Any, what: str) -> int:
    try:
        number = int(value)
        if number != value:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue(f"The {what} must be a whole number; got {value!r:.80}.") from error
    return number
