"""The one table of routes, and where each is found."""

from __future__ import annotations

import re

from millstream.formats.wire import (
    artifacts,
    experiments,
    logged_models,
    metrics,
    model_versions,
    models,
    registered_models,
    runs,
    transfers,
)
from millstream.formats.wire.needs import check_needs
from millstream.formats.wire.route import Route

ROUTES: tuple[Route, ...] = (
    *experiments.ROUTES,
    *runs.ROUTES,
    *metrics.ROUTES,
    *models.ROUTES,
    *logged_models.ROUTES,
    *registered_models.ROUTES,
    *model_versions.ROUTES,
    *artifacts.ROUTES,
    *transfers.ROUTES,
)


Methods = dict[str, Route]


class Table:
    """Finds the routes of a path. A ``{name}`` in a route's path stands for a part of it; the last may hold slashes."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        """Find among `routes`."""
        self._exact = by_path(routes)
        self._patterns = [(_pattern(path), methods) for path, methods in self._exact.items() if "{" in path]

    def find(self, path: str) -> tuple[Methods, dict[str, str]]:
        """Routes of `path` by method, {} when there are none; and what stands in the places of its names."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, {}
        for pattern, methods in self._patterns:
            if match := pattern.fullmatch(path):
                return methods, match.groupdict()
        return {}, {}


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", path)
    text = re.escape(pieces[0])
    for index in range(1, len(pieces), 2):
        last = index == len(pieces) - 2 and not pieces[index + 1] and index > 1
        text += f"(?P<{pieces[index]}>{'.+' if last else '[^/]+'})" + re.escape(pieces[index + 1])
    return re.compile(text, re.DOTALL)


def by_path(routes: tuple[Route, ...] = ROUTES) -> dict[str, dict[str, Route]]:
    """Every full path with its routes by method."""
    found: dict[str, dict[str, Route]] = {}
    for route in routes:
        check_needs(route.needs, route.request, route.speaks)
        if route.again is not None:
            check_needs(route.again, route.request, None)
        for prefix in route.prefixes:
            for method in route.methods:
                methods = found.setdefault(prefix + route.path, {})
                if method in methods:
                    raise ValueError(f"{method} {prefix}{route.path} is in the table twice.")
                methods[method] = route
    return found
