"""The one table of routes, and where each is found."""

from __future__ import annotations

from millstream.formats.wire import artifacts, experiments, metrics, models, runs
from millstream.formats.wire.route import Route

ROUTES: tuple[Route, ...] = (
    *experiments.ROUTES,
    *runs.ROUTES,
    *metrics.ROUTES,
    *models.ROUTES,
    *artifacts.ROUTES,
)


def by_path(routes: tuple[Route, ...] = ROUTES) -> dict[str, dict[str, Route]]:
    """Every full path with its routes by method."""
    found: dict[str, dict[str, Route]] = {}
    for route in routes:
        for prefix in route.prefixes:
            for method in route.methods:
                methods = found.setdefault(prefix + route.path, {})
                if method in methods:
                    raise ValueError(f"{method} {prefix}{route.path} is in the table twice.")
                methods[method] = route
    return found
