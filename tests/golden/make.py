"""Make a golden tree with the real MLflow that runs this script: ``python tests/golden/make.py``.

Writes next to itself ``mlflow-<version>.tar.gz`` (the tree as that version left it, packed the same way each time)
and ``mlflow-<version>.json`` (what that version answers about it). ``make.py database`` does the same with a SQLite
database (``mlflow-<version>.sqlite.tar.gz`` and ``.sqlite.json``), which has registered and logged models besides.
``make.py models`` and ``make.py models database`` (MLflow 3) make ``mlflow-<version>.models.…``: logged models of all
kinds, and what is found of them.
``make.py registry`` and ``make.py registry database`` (MLflow 3) make ``mlflow-<version>.registry.…``: registered
models whose versions have files.
``make.py read ARCHIVE`` only reads what was made before (a database is upgraded first) and writes
``<archive>.read-by-<version>.json``, so that the newest MLflow's answers about old trees and databases are kept too.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = "/tmp/golden"  # a neutral path: it ends up in the artifact URIs of the trees
os.environ.update(MLFLOW_ALLOW_FILE_STORE="true", LOGNAME="golden", USER="golden", MLFLOW_DISABLE_TELEMETRY="true")
sys.path.insert(0, HERE)

import mlflow  # noqa: E402
import mlflow.tracking  # noqa: E402
from answers import (  # noqa: E402
    describe,
    describe_links,
    describe_logged_models,
    describe_registry,
    search_experiments,
    search_models,
    search_runs,
)
from queries import EXPERIMENT_QUERIES, MODEL_QUERIES, NEW_RUN_QUERIES, RUN_QUERIES  # noqa: E402
from world import write_logged_models, write_model_world, write_registry, write_registry_world, write_world  # noqa: E402


def answer(client):
    """Everything `client` says about its tree."""
    return {
        "mlflow": mlflow.__version__,
        "world": describe(client),
        "runs": search_runs(client, RUN_QUERIES),
        "new_runs": search_runs(client, NEW_RUN_QUERIES),
        "experiments": search_experiments(client, EXPERIMENT_QUERIES),
    }


def make(version):
    """Write, pack and answer."""
    root = os.path.join(WORK, "mlruns")
    client = mlflow.tracking.MlflowClient("file://" + root)
    client.search_experiments()  # opens the store: makes the root, .trash and the Default experiment
    write_world(client, root, long_value=500 if version.startswith("1.") else 5000)
    name = os.path.join(HERE, "mlflow-" + version)
    pack(root, name + ".tar.gz")
    save(name + ".json", answer(client))


def make_database(version):
    """As `make`, with a SQLite database; artifacts lie beside it."""
    os.chdir(WORK)  # the default artifact root is taken from there
    path = os.path.join(WORK, "mlflow.db")
    client = mlflow.tracking.MlflowClient("sqlite:///" + path)
    ids = write_world(client, None, long_value=500 if version.startswith("1.") else 5000)
    write_logged_models(client, ids)
    write_registry(client, ids)
    found = answer(client)
    found["registry"] = describe_registry(client)
    found["logged_models"] = describe_logged_models(client, list(found["world"]["experiments"]))
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("VACUUM")
    name = os.path.join(HERE, "mlflow-" + version + ".sqlite")
    pack(WORK, name + ".tar.gz")
    save(name + ".json", found)


def make_models(version, database):
    """A tree or a database whose runs made logged models."""
    os.chdir(WORK)
    path = os.path.join(WORK, "mlflow.db" if database else "mlruns")
    client = mlflow.tracking.MlflowClient(("sqlite:///" if database else "file://") + path)
    client.search_experiments()
    write_model_world(client)
    found = {
        "mlflow": mlflow.__version__,
        "models": describe_logged_models(client, [e.experiment_id for e in client.search_experiments()]),
        "links": describe_links(client),
        "searches": search_models(client, MODEL_QUERIES),
    }
    if database:
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute("VACUUM")
    name = os.path.join(HERE, "mlflow-" + version + ".models" + (".sqlite" if database else ""))
    pack(WORK if database else path, name + ".tar.gz")
    save(name + ".json", found)


def make_registry(version, database):
    """A tree or a database with registered models, whose versions come from its runs and logged models."""
    os.chdir(WORK)
    path = os.path.join(WORK, "mlflow.db" if database else "mlruns")
    uri = ("sqlite:///" if database else "file://") + path
    mlflow.set_tracking_uri(uri)  # where the registry looks for a logged model
    client = mlflow.tracking.MlflowClient(uri)
    client.search_experiments()
    write_registry_world(client)
    found = {"mlflow": mlflow.__version__, "registry": describe_registry(client)}
    if database:
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute("VACUUM")
    name = os.path.join(HERE, "mlflow-" + version + ".registry" + (".sqlite" if database else ""))
    pack(WORK if database else path, name + ".tar.gz")
    save(name + ".json", found)


def read(archive):
    """Unpack a tree made by another version and answer."""
    with tarfile.open(archive) as tar:
        tar.extractall(WORK)
    uri = "file://" + os.path.join(WORK, "mlruns")
    if archive.endswith(".sqlite.tar.gz"):
        uri = "sqlite:///" + os.path.join(WORK, "mlflow.db")
        subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", uri], check=True)
    client = mlflow.tracking.MlflowClient(uri)
    save(archive[: -len(".tar.gz")] + ".read-by-" + mlflow.__version__ + ".json", answer(client))


def save(path, value):
    """JSON that diffs well."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write("\n")


def pack(root, path):
    """An archive whose bytes depend on the tree's content only: sorted, no owners, no times."""

    def plain(info):
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    with open(path, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:  # noqa: SIM117 (Python 3.8)
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for folder, folders, files in os.walk(root):
                folders.sort()
                tar.add(folder, os.path.relpath(folder, WORK), recursive=False, filter=plain)
                for name in sorted(files):
                    full = os.path.join(folder, name)
                    tar.add(full, os.path.relpath(full, WORK), recursive=False, filter=plain)


if __name__ == "__main__":
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    if sys.argv[1:2] == ["read"]:
        read(os.path.abspath(sys.argv[2]))
    elif sys.argv[1:2] == ["models"]:
        make_models(mlflow.__version__, "database" in sys.argv)
    elif sys.argv[1:2] == ["registry"]:
        make_registry(mlflow.__version__, "database" in sys.argv)
    elif sys.argv[1:2] == ["database"]:
        make_database(mlflow.__version__)
    else:
        make(mlflow.__version__)
    shutil.rmtree(WORK)
