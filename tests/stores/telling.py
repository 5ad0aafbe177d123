"""The kernel tells of every run that has ended, from the first search on."""

from __future__ import annotations

import pytest

from millstream.stores import changes, intake, sentries


def tell_of_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch each run as soon as it has ended; ask about the others whenever something is asked."""
    for module, name in (
        (sentries, "WORTH_IT"), (changes, "REST_NS"), (changes, "SWEEP_SECONDS"), (intake, "UNAWARE_NS")
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 0)
