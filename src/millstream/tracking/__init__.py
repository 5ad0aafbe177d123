"""Floor 4: the API that training code calls."""

from __future__ import annotations

from millstream.tracking.client import MlflowClient
from millstream.tracking.fluent import get_tracking_uri, is_tracking_uri_set, set_tracking_uri

__all__ = ["MlflowClient", "get_tracking_uri", "is_tracking_uri_set", "set_tracking_uri"]
