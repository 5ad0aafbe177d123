"""The conformance suite: what every store does, whatever it keeps its runs in.

A test module makes a class of it with a fixture `store` that gives an empty one. What it does not ask is left to the
store: the kind of ids it makes, the order of equal points, what artifact locations look like.
"""

from __future__ import annotations

from tests.stores.suites.change_feeds import ChangeFeedSuite
from tests.stores.suites.curves import CurveSuite
from tests.stores.suites.envelopes import EnvelopeSuite
from tests.stores.suites.experiments import ExperimentSuite
from tests.stores.suites.imports import ImportSuite
from tests.stores.suites.life import LifeSuite
from tests.stores.suites.metrics import MetricSuite
from tests.stores.suites.model_life import ModelLifeSuite
from tests.stores.suites.model_points import ModelPointSuite
from tests.stores.suites.models import ModelSuite
from tests.stores.suites.outlines import OutlineSuite
from tests.stores.suites.overviews import OverviewSuite
from tests.stores.suites.registry import RegistrySuite
from tests.stores.suites.registry_searches import RegistrySearchSuite
from tests.stores.suites.runs import RunSuite
from tests.stores.suites.searches import SearchSuite
from tests.stores.suites.writers import WriterSuite


class StoreSuite(
    ExperimentSuite,
    RunSuite,
    MetricSuite,
    EnvelopeSuite,
    CurveSuite,
    SearchSuite,
    OutlineSuite,
    OverviewSuite,
    ModelSuite,
    ModelPointSuite,
    ModelLifeSuite,
    RegistrySuite,
    RegistrySearchSuite,
    LifeSuite,
    ImportSuite,
    WriterSuite,
    ChangeFeedSuite,
):
    """Everything."""


def covered() -> set[type]:
    """Ops and queries that a test of the suite is about."""
    return {kind for name in dir(StoreSuite) for kind in getattr(getattr(StoreSuite, name), "covers", ())}
