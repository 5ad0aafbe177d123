"""Where a run comes from: the tags that every run gets without being asked."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from millstream.values import names
from millstream.values.errors import InvalidValue
from millstream.values.settings import text_setting

CONSOLE = "<console>"


def default_tags() -> dict[str, str]:
    """User, source name and type, git commit, branch and repository, and what MLFLOW_RUN_CONTEXT adds."""
    name, kind = _source()
    tags = {names.USER_TAG: user_name(), names.SOURCE_NAME_TAG: name, names.SOURCE_TYPE_TAG: kind}
    if name != CONSOLE:
        tags |= git_tags(os.path.dirname(os.path.abspath(name)))
    return tags | _given_tags()


def user_name() -> str:
    """Who runs this: the tracking user name, else the login name, else "unknown"."""
    named = text_setting("TRACKING_USERNAME")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _source() -> tuple[str, str]:
    if "ipykernel" in sys.modules:
        return os.environ.get("JPY_SESSION_NAME") or CONSOLE, "NOTEBOOK"
    main = sys.argv[0] if sys.argv else ""
    return (CONSOLE if main in ("", "-c", "-") else main), "LOCAL"


def git_tags(directory: str) -> dict[str, str]:
    """Commit, branch and repository URL of the git work tree around `directory`; {} outside one or without git."""
    commit, branch, url = _git_facts(directory)
    found = {names.GIT_COMMIT_TAG: commit, names.GIT_BRANCH_TAG: branch, names.GIT_REPO_TAG: url}
    return {key: value for key, value in found.items() if value}


@lru_cache(maxsize=16)
def _git_facts(directory: str) -> tuple[str, str, str]:
    here = Path(directory)
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        return "", "", ""
    head = _git(directory, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").split("\n")
    if len(head) != 2 or head[0] == "HEAD":
        return "", "", ""
    branch = "" if head[1] == "HEAD" else head[1]
    return head[0], branch, without_password(_git(directory, "config", "--get", "remote.origin.url"))


def _git(directory: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", directory, *arguments], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def without_password(url: str) -> str:
    """`url` without user name and password, which have no business in a tag."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if scheme.startswith("http") else url


def _given_tags() -> dict[str, str]:
    text = text_setting("RUN_CONTEXT")
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise InvalidValue(f"MLFLOW_RUN_CONTEXT is not JSON: {error}.") from error
    if not isinstance(tags, dict):
        raise InvalidValue(f"MLFLOW_RUN_CONTEXT must be a JSON object of tags; got {text[:80]!r}.")
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in tags.items()}
