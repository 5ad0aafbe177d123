"""Every rule on keys, names, ids and lengths, once. The limits are MLflow's (its REST interface and files)."""

from __future__ import annotations

import posixpath
import random
import re
import uuid

from millstream.values.entities import STAGES
from millstream.values.errors import InvalidValue

MAX_KEY = 250
# MLflow cuts params at 6,000 and tags at 8,000 characters without a word. Here they are kept whole, and what is
# longer than anyone could mean is refused.
MAX_PARAM_VALUE = 500_000
MAX_TAG_VALUE = 500_000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_LOCATION = 2048
MAX_REGISTRY_TAG_VALUE = 100_000
MAX_DESCRIPTION = 100_000
MAX_MODELS_PAGE = 1000
MAX_VERSIONS_PAGE = 200_000
MAX_BATCH_METRICS = 1000
MAX_BATCH_PARAMS = 100
MAX_BATCH_TAGS = 100
MAX_BATCH = 1000
MAX_RESULTS = 50_000
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

DEFAULT_EXPERIMENT_ID = "0"
DEFAULT_EXPERIMENT_NAME = "Default"
RUN_NAME_TAG = "mlflow.runName"
PARENT_RUN_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"
USER_TAG = "mlflow.user"
SOURCE_NAME_TAG = "mlflow.source.name"
SOURCE_TYPE_TAG = "mlflow.source.type"
GIT_COMMIT_TAG = "mlflow.source.git.commit"
GIT_BRANCH_TAG = "mlflow.source.git.branch"
GIT_REPO_TAG = "mlflow.source.git.repoURL"
MODEL_VERSIONS_TAG = "mlflow.modelVersions"
MODEL_HISTORY_TAG = "mlflow.log-model.history"
TRACEBACK_TAG = "millstream.traceback"

_KEY = re.compile(r"[\w\-. /:]+")
_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_EXPERIMENT_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,63}")
_ALIAS = re.compile(r"[\w\-]+")
_VERSION_ALIAS = re.compile(r"[vV][0-9]+")
# The alias that every registered model has: its newest version.
LATEST = "latest"
# Names of our own files, which no reader of a directory looks at.
HIDDEN_PREFIX = ".millstream-"
RESERVED_RUN_IDS = frozenset({"tags", "datasets", "traces", "models"})


def check_key(key: object, what: str) -> str:
    """Return `key` when it may name a metric, param or tag (`what` says which), else raise InvalidValue.

    A key becomes a file name, so it must be a normal relative POSIX path of at most 250 characters.
    """
    if not isinstance(key, str) or not key:
        raise InvalidValue(f"The {what} needs a non-empty string as its name; got {key!r}.")
    if len(key) > MAX_KEY:
        raise InvalidValue(
            f"The {what} name {key[:60] + '…'!r} has {len(key)} characters; at most {MAX_KEY} are allowed."
        )
    if not _KEY.fullmatch(key):
        raise InvalidValue(
            f"The {what} name {key!r} has a character that is not allowed. Use letters, digits, "
            "underscores, dashes, periods, spaces, colons and slashes."
        )
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        raise InvalidValue(
            f"The {what} name {key!r} is not a plain path: leave out '.', '..', doubled, leading and trailing slashes."
        )
    if any(len(part.encode()) > 255 for part in key.split("/")):
        raise InvalidValue(
            f"The {what} name {key[:60] + '…'!r} has a part of over 255 bytes, too long for a file name."
        )
    return key


def check_run_id(run_id: object) -> str:
    """Return `run_id` when it has the form of a run id, else raise InvalidValue."""
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id) or run_id in RESERVED_RUN_IDS:
        raise InvalidValue(f"{run_id!r} is not a run id: letters, digits, dashes and underscores, at most 256.")
    return run_id


def check_experiment_id(experiment_id: object) -> str:
    """Return the id as a string (an int is accepted), else raise InvalidValue."""
    text = str(experiment_id) if isinstance(experiment_id, int | str) and experiment_id is not True else ""
    if not _EXPERIMENT_ID.fullmatch(text) or text == "models":  # The registry of a tree is a directory of that name.
        raise InvalidValue(f"{experiment_id!r} is not an experiment id; `experiments search` lists the ids.")
    return text


def check_experiment_name(name: object) -> str:
    """Return `name` when it may name an experiment, else raise InvalidValue."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(f"An experiment needs a non-empty string as its name; got {name!r}.")
    if len(name) > MAX_EXPERIMENT_NAME:
        raise InvalidValue(
            f"The experiment name has {len(name)} characters; at most {MAX_EXPERIMENT_NAME} are allowed."
        )
    return check_text(name, "experiment name")


def check_text(value: str, what: str, limit: int | None = None) -> str:
    """Return `value` when it can be stored as UTF-8 text of at most `limit` characters, else raise InvalidValue."""
    if limit is not None and len(value) > limit:
        raise InvalidValue(
            f"The {what} has {len(value)} characters; at most {limit} are allowed. Log it as an artifact instead."
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            f"The {what} has a lone surrogate at position {error.start}; it is not valid text."
        ) from error
    if "\0" in value:
        raise InvalidValue(f"The {what} has a NUL character, which cannot be stored.")
    return value


def check_int64(value: object, what: str) -> int:
    """Return `value` when it is a whole number that fits 64 bits, else raise InvalidValue."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(f"The {what} must be a whole number; got {value!r}.")
    if not INT64_MIN <= value <= INT64_MAX:
        raise InvalidValue(f"The {what} {value} does not fit in 64 bits.")
    return value


def new_run_id() -> str:
    """A fresh run id: 32 hexadecimal digits (a UUID4)."""
    return uuid.uuid4().hex


def check_model_id(model_id: object) -> str:
    """Return `model_id` when it has the form of a logged model's id, else raise InvalidValue."""
    if not isinstance(model_id, str) or not _RUN_ID.fullmatch(model_id):
        raise InvalidValue(
            f"{model_id!r} is not the id of a logged model: letters, digits, dashes and underscores, at most 256."
        )
    return model_id


def check_model_name(name: object) -> str:
    """Return `name` when it may name a logged model: text of 1 to 500 characters without ``/ : . % " '``."""
    if not isinstance(name, str) or not name or any(mark in name for mark in "/:.%\"'"):
        raise InvalidValue(
            f"{name!r} cannot name a logged model: it must be a non-empty text without any of / : . % \" '."
        )
    return check_text(name, "name of a logged model", MAX_EXPERIMENT_NAME)


def check_registered_name(name: object) -> str:
    """Return `name` when it may name a registered model, which is a directory of that name, else raise InvalidValue."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(f"A registered model needs a non-empty string as its name; got {name!r}.")
    if any(mark in name for mark in "/:\\%") or name in (".", "..") or name.startswith(HIDDEN_PREFIX):
        raise InvalidValue(
            f"Invalid model name {name!r:.200}. Names cannot contain '/', ':', '\\' or '%', be '.' or '..', or begin "
            f"with {HIDDEN_PREFIX!r}."
        )
    check_text(name, "name of a registered model")
    if len(name.encode()) > 255 or any(ord(mark) < 32 or mark == "\x7f" for mark in name):
        raise InvalidValue(
            f"Invalid model name {name[:60] + '…'!r}: it must be one line of at most 255 bytes, so that it can name a "
            f"directory; it has {len(name.encode())}."
        )
    return name


def check_alias(alias: object) -> str:
    """Return `alias` when it may stand for a version of a registered model, else raise InvalidValue."""
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
        raise InvalidValue(f"Invalid alias {alias!r:.200}: use letters, digits, dashes and underscores.")
    if alias.lower() == LATEST or _VERSION_ALIAS.fullmatch(alias):
        raise InvalidValue(f"The alias {alias!r} is reserved: 'latest' and v1, v2 … stand for versions by themselves.")
    if len(alias.encode()) > 255:
        raise InvalidValue(f"The alias {alias[:60] + '…'!r} has over 255 bytes.")
    return alias


def is_latest(alias: object) -> bool:
    """Whether `alias` is "latest", which stands for the newest version; InvalidValue for what cannot be an alias."""
    if isinstance(alias, str) and alias.lower() == LATEST:
        return True
    check_alias(alias)
    return False


def check_version(version: object) -> int:
    """The number of a model version (an int, or its decimal digits), else InvalidValue."""
    text = str(version) if isinstance(version, int | str) and version is not True else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidValue(f"The version of a model must be a whole number such as 1; got {version!r:.60}.")
    return int(text)


def check_model_stage(stage: object) -> str:
    """The stage of a model version as it is written, whatever its case was, else InvalidValue."""
    found = {name.lower(): name for name in STAGES}.get(stage.lower()) if isinstance(stage, str) else None
    if found is None:
        raise InvalidValue(f"Invalid Model Version stage: {stage!r:.60}. It must be one of {', '.join(STAGES)}.")
    return found


def new_model_id() -> str:
    """A fresh id of a logged model: ``m-`` and 32 hexadecimal digits."""
    return f"m-{uuid.uuid4().hex}"


def new_experiment_id() -> str:
    """A fresh experiment id: 18 decimal digits, as MLflow's file store makes them."""
    return str(_own_random.randrange(10**17, 10**18))


# Names must not draw from the generator that the user seeds: a seeded script would get the same names
# for every run, and its own random numbers would depend on whether it logs.
_own_random = random.SystemRandom()

_ADJECTIVES = [
    "amber",
    "azure",
    "bold",
    "brave",
    "bright",
    "brisk",
    "calm",
    "clear",
    "clever",
    "cosy",
    "crisp",
    "dapper",
    "eager",
    "early",
    "fair",
    "fleet",
    "fond",
    "gentle",
    "glad",
    "golden",
    "grand",
    "happy",
    "hardy",
    "honest",
    "jolly",
    "keen",
    "kind",
    "lively",
    "lucid",
    "mellow",
    "merry",
    "mild",
    "misty",
    "noble",
    "patient",
    "plucky",
    "polite",
    "proud",
    "quick",
    "quiet",
    "ready",
    "rosy",
    "silver",
    "smart",
    "snowy",
    "steady",
    "still",
    "sunny",
    "swift",
    "tidy",
    "upbeat",
    "warm",
    "wise",
    "witty",
    "young",
    "zesty",
]
_NOUNS = [
    "acorn",
    "alder",
    "beck",
    "birch",
    "brook",
    "cedar",
    "clover",
    "creek",
    "crane",
    "dale",
    "delta",
    "dove",
    "elm",
    "fern",
    "field",
    "finch",
    "ford",
    "glen",
    "grove",
    "hare",
    "harbor",
    "heron",
    "hill",
    "ibis",
    "jay",
    "lake",
    "lark",
    "leaf",
    "linden",
    "loch",
    "maple",
    "marsh",
    "meadow",
    "mill",
    "moss",
    "oak",
    "otter",
    "owl",
    "pine",
    "pond",
    "quail",
    "reed",
    "ridge",
    "river",
    "robin",
    "rush",
    "sage",
    "spring",
    "stone",
    "stream",
    "swan",
    "thrush",
    "tide",
    "vale",
    "weir",
    "wheel",
    "willow",
    "wren",
]


def random_name() -> str:
    """A readable name for a run that was given none: adjective-noun-number, at most 20 characters."""
    return f"{_own_random.choice(_ADJECTIVES)}-{_own_random.choice(_NOUNS)}-{_own_random.randrange(1000)}"
