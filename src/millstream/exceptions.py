"""Errors under the names that MLflow's users catch."""

from __future__ import annotations

from millstream.values.errors import MillstreamError, MissingDependency, NotFound, ProjectFailed

MlflowException = MillstreamError
ExecutionException = ProjectFailed
RestException = MillstreamError
MissingConfigException = NotFound

__all__ = [
    "ExecutionException",
    "MillstreamError",
    "MissingConfigException",
    "MissingDependency",
    "MlflowException",
    "RestException",
]
