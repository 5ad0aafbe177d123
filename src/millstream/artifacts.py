"""Fetching and reading artifacts, as `mlflow.artifacts` does."""

from __future__ import annotations

from millstream.tracking.artifacts import download_artifacts, list_artifacts, load_dict, load_image, load_text

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"]
