"""More real clients at once than the server takes on: all come again by themselves, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import Peer, serving


def test_two_hundred_real_clients_at_once_lose_nothing(mlflow: Peer, tmp_path: Path) -> None:
    with serving(str(tmp_path / "mlruns"), tmp_path, MILLSTREAM_MAX_REQUESTS="16") as address:
        steps = mlflow("log_together", store=address, callers=200, points=3)
    assert steps == list(range(600))
