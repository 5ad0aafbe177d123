"""Whose artifacts a path of the proxied store names: ``mlflow-artifacts:/<experiment>/<run>/artifacts/…`` and models'.

What such a path means is decided by the run's or model's id alone, never by where files lie: no path leads anywhere
else than below the artifact directory of one run or one logged model.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from millstream.values.errors import NotFound
from millstream.values.names import check_model_id, check_run_id
from millstream.values.paths import RelPath

SCHEME = "mlflow-artifacts"
ARTIFACTS = "artifacts"
MODELS = "models"


class Owner(Struct, frozen=True):
    """A run or a logged model that has artifacts."""

    kind: Literal["run", "model"]
    id: str

    def uri(self, experiment_id: str) -> str:
        """Its artifact directory as clients of a server name it that passes artifacts on."""
        folder = f"{MODELS}/" if self.kind == "model" else ""
        return f"{SCHEME}:/{experiment_id}/{folder}{self.id}/{ARTIFACTS}"


def find_owner(path: RelPath) -> tuple[Owner, RelPath]:
    """Whose artifacts `path` names, and the path below them; NotFound when it is in nobody's.

    The experiment is not looked at: a run keeps its address when it is moved to another.
    """
    match path.segments:
        case (_, "models", model_id, "artifacts", *below):
            return Owner("model", check_model_id(model_id)), RelPath(tuple(below))
        case (_, run_id, "artifacts", *below):
            return Owner("run", check_run_id(run_id)), RelPath(tuple(below))
    raise NotFound(
        f"{str(path)!r} is in the artifacts of no run and no logged model. They are at <experiment id>/<run id>/"
        "artifacts and <experiment id>/models/<model id>/artifacts."
    )
