"""Signed addresses of artifacts, where these are in a store that signs any."""

from __future__ import annotations

from typing import Protocol

from millstream.drivers.artifacts.base import Artifacts, signing_of
from millstream.values.addresses import Signed
from millstream.values.errors import InvalidValue
from millstream.values.paths import RelPath
from millstream.values.queries import SignArtifact


class Owners(Protocol):
    """What finds the artifacts of runs and logged models."""

    def artifacts(self, run_id: str) -> Artifacts:
        """Those of a run."""
        ...

    def model_artifacts(self, model_id: str) -> Artifacts:
        """Those of a logged model."""
        ...


def sign(owners: Owners, query: SignArtifact) -> Signed:
    """The answer to `query`."""
    artifacts = owners.model_artifacts(query.model_id) if query.model_id else owners.artifacts(query.run_id)
    signing = signing_of(artifacts)
    if signing is None:
        raise InvalidValue(
            "No addresses of these artifacts are signed, which is done for buckets of S3 only. Use the server's."
        )
    return signing.sign(query.method, RelPath.parse(query.path), query.seconds)
