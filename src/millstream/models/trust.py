"""Which models may run code when they are opened: pickles, bundled code and loaders of the user's own are code."""

from __future__ import annotations

from millstream.values.errors import UntrustedModel
from millstream.values.settings import given


def check_trust(trust: bool | None, what: str, source: str) -> None:
    """Raise UntrustedModel when loading `what` from `source` would run code that may not run.

    `trust` None asks the environment (``MILLSTREAM_TRUST_MODELS``, MLflow's ``MLFLOW_ALLOW_PICKLE_DESERIALIZATION``);
    when that is silent too, models on this machine's disk are trusted, and today there are no others.
    """
    allowed = given("TRUST_MODELS") if trust is None else trust
    if allowed is False:
        raise UntrustedModel(
            f"Loading {source!r} would run code ({what}). If you trust whoever wrote it, pass trust=True "
            "or set MILLSTREAM_TRUST_MODELS=true."
        )
