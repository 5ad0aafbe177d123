"""Names inside an `mlruns` tree.

<root>/.trash/                        deleted experiments, whole
<root>/<experiment>/meta.yaml
<root>/<experiment>/tags/<key>
<root>/<experiment>/datasets/<hash>/meta.yaml
<root>/<experiment>/models/<model>/meta.yaml
<root>/<experiment>/models/<model>/{metrics,params,tags}/<key>
<root>/<experiment>/models/<model>/artifacts/…
<root>/<experiment>/<run>/meta.yaml
<root>/<experiment>/<run>/{metrics,params,tags}/<key>     '/' in a key makes sub-directories
<root>/<experiment>/<run>/artifacts/…
<root>/<experiment>/<run>/{inputs,outputs}/<hash or id>/meta.yaml
<root>/models/<registered model>/meta.yaml
<root>/models/<registered model>/{tags,aliases}/<key>
<root>/models/<registered model>/version-<number>/meta.yaml
<root>/models/<registered model>/version-<number>/tags/<key>
"""

from __future__ import annotations

from hashlib import md5

from millstream.values.names import HIDDEN_PREFIX

META = "meta.yaml"
TRASH = ".trash"
METRICS = "metrics"
PARAMS = "params"
TAGS = "tags"
ARTIFACTS = "artifacts"
INPUTS = "inputs"
OUTPUTS = "outputs"
DATASETS = "datasets"
MODELS = "models"
ALIASES = "aliases"
DEFAULT_DIRECTORY = "mlruns"

# Directories of an experiment that are never runs.
NOT_RUNS = frozenset({TAGS, DATASETS, MODELS, "traces"})
# A directory is a run only when all of these are there.
RUN_PARTS = (METRICS, PARAMS, ARTIFACTS)

# Ours. MLflow looks only at the names above, and at directories in the places of experiments and runs.
TEMPORARY_PREFIX = HIDDEN_PREFIX
# Lies in the tree for good. MLflow cannot list a tree with a directory whose name begins with a dot and is not its own.
QUARANTINE = "millstream-quarantine"
# A run or experiment that is being removed for good: renamed first, so that nobody sees half of it.
GONE_PREFIX = TEMPORARY_PREFIX + "gone-"
# In a run that is being moved: the ids of the experiments that it comes from and goes to, one a line.
MOVING = TEMPORARY_PREFIX + "moving"


def dataset_id(name: str, digest: str) -> str:
    """Directory of a dataset below `datasets/`."""
    return _hash(name, digest)


def input_id(source_id: str, run_id: str) -> str:
    """Directory of an input below `inputs/`; `source_id` is a dataset's or a model's id."""
    return _hash(source_id, run_id)


def _hash(*parts: str) -> str:
    digest = md5(usedforsecurity=False)
    for part in parts:
        digest.update(part.encode())
    return digest.hexdigest()
