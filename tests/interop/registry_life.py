"""The chapters of a client's life with the registry; as `life`."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import life
import verbs
import world

since, refused, pages = life.since, life.refused, life.pages


def _speaker(library: Any, store: str) -> Any:
    # Newer clients say at every call of a stage that stages are old.
    warnings.filterwarnings("ignore", category=FutureWarning)
    library.set_tracking_uri(store)
    return library.MlflowClient()


def registered(library: Any, store: str, names: list[str]) -> Any:
    """Names of models: made, described, tagged, found page by page, renamed, deleted, made again."""
    speaker = _speaker(library, store)
    made = [
        speaker.create_registered_model(name, tags={"순서": str(number)}, description=f"설명 {number}\n둘째 줄")
        for number, name in enumerate(names)
    ]
    speaker.set_registered_model_tag(names[1], "a/b", "값 'x'")
    speaker.set_registered_model_tag(names[1], "soon gone", "1")
    speaker.delete_registered_model_tag(names[1], "soon gone")
    speaker.update_registered_model(names[2], "바뀜")
    speaker.rename_registered_model(names[0], names[0] + " 2")
    gone = names[3]
    speaker.delete_registered_model(gone)
    names = [names[0] + " 2", *names[1:3], *names[4:]]
    mine = f"name LIKE '{names[1].split()[0]} %'"

    def search(text: str, order: list[str], size: int) -> Any:
        return pages(
            lambda token: speaker.search_registered_models(text, size, order, token),
            lambda item: names.index(item.name),
        )

    read = [speaker.get_registered_model(name) for name in names]
    return {
        "made": [[item.name, item.description, dict(item.tags)] for item in made],
        "read": [[item.name, item.description, dict(item.tags), list(item.latest_versions)] for item in read],
        "times": all(0 < item.creation_timestamp <= item.last_updated_timestamp for item in read),
        "up": search(mine, ["name ASC"], 3),
        "down": search(mine, ["name DESC"], 2),
        "changed": search(mine, ["last_updated_timestamp DESC", "name ASC"], 10)[0][:1],
        "like": search(mine.replace("LIKE", "ILIKE").upper().replace("NAME", "name"), ["name ASC"], 10),
        "exact": search(f'name = "{names[2]}"', [], 10),
        "nothing": search("name = 'no such model'", [], 10),
        "tagged": search(mine + " AND tags.`a/b` LIKE '값%'", [], 10),
        "listed": _listed(library, speaker, names),
        "refused": {
            "name taken": refused(speaker.create_registered_model, names[1]),
            "rename to a taken name": refused(speaker.rename_registered_model, names[1], names[2]),
            "name with a slash": refused(speaker.create_registered_model, "a/b"),
            "unknown": refused(speaker.get_registered_model, "no such model"),
            "deleted": refused(speaker.get_registered_model, gone),
            "deleted twice": refused(speaker.delete_registered_model, gone),
            "filter": refused(speaker.search_registered_models, "nonsense = 'a'"),
        },
        "again": dict(speaker.create_registered_model(gone).tags),
    }


def _listed(library: Any, speaker: Any, names: list[str]) -> Any:
    """Models by MLflow 1's list, which newer clients do not know."""
    if since(library, 2, 0):
        return None
    found = pages(lambda token: speaker.list_registered_models(2, token), lambda item: item.name)
    assert all(len(page) == 2 for page in found[:-1])
    return sorted(names.index(name) for page in found for name in page if name in names)


def versions(library: Any, store: str, name: str, source: str) -> Any:
    """Five versions of a model out of two runs: stages, tags, words, searches, places; one is deleted."""
    speaker = _speaker(library, store)
    experiment = speaker.create_experiment(name + " 실행")
    runs = [speaker.create_run(experiment, start_time=world.T0).info for _ in range(2)]
    for run in runs:
        speaker.log_artifacts(run.run_id, source, "모델 하나")
    speaker.create_registered_model(name)
    sources = [f"{run.artifact_uri}/모델 하나" for run in runs]
    made = speaker.create_model_version(
        name, sources[0], runs[0].run_id, tags={"k": "v"}, run_link="https://example.org/", description="첫째"
    )
    for number in (1, 0, 1):
        speaker.create_model_version(name, sources[number], runs[number].run_id)
    speaker.delete_model_version(name, "4")
    last = library.register_model(f"runs:/{runs[1].run_id}/모델 하나", name)
    speaker.transition_model_version_stage(name, "1", "Production")
    speaker.transition_model_version_stage(name, "2", "staging")
    speaker.transition_model_version_stage(name, "3", "Production", archive_existing_versions=True)
    speaker.set_model_version_tag(name, "2", "나라", "한국")
    speaker.set_model_version_tag(name, "2", "soon gone", "1")
    speaker.delete_model_version_tag(name, "2", "soon gone")
    speaker.update_model_version(name, "2", "둘째\n줄")
    numbers = ["1", "2", "3", "5"]
    read = [speaker.get_model_version(name, number) for number in numbers]
    return {
        "made": [str(made.version), made.current_stage, made.status, made.run_link, made.description, dict(made.tags)],
        "last": str(last.version),
        "read": [[str(v.version), v.current_stage, v.description or "", dict(v.tags)] for v in read],
        "runs": [[run.run_id for run in runs].index(v.run_id) for v in read],
        "sources": [v.source for v in read] == [sources[0], sources[1], sources[0], sources[1]],
        "places": [speaker.get_model_version_download_uri(name, number) for number in numbers[:2]] == sources,
        "latest": sorted([str(v.version), v.current_stage] for v in speaker.get_latest_versions(name)),
        "latest in": [str(v.version) for v in speaker.get_latest_versions(name, ["Staging"])],
        "of the model": sorted(str(v.version) for v in speaker.get_registered_model(name).latest_versions),
        "stages": speaker.get_model_version_stages(name, "1"),
        "found": {
            "all": _numbers(speaker.search_model_versions(f"name = '{name}'")),
            "of a run": _numbers(speaker.search_model_versions(f"run_id = '{runs[0].run_id}'")),
            "at a place": _numbers(speaker.search_model_versions(f"source_path = '{sources[1]}'")),
            "tagged": _numbers(speaker.search_model_versions(f"name = '{name}' AND tags.`나라` = '한국'")),
            "none": _numbers(speaker.search_model_versions("name = 'no such model'")),
        },
        "pages": _paged(library, speaker, name),
        "refused": {
            "unknown": refused(speaker.get_model_version, name, "99"),
            "deleted": refused(speaker.get_model_version, name, "4"),
            "stage": refused(speaker.transition_model_version_stage, name, "1", "no such stage"),
            "of no model": refused(speaker.create_model_version, "no such model", sources[0], runs[0].run_id),
            "deleted twice": refused(speaker.delete_model_version, name, "4"),
            "number": refused(speaker.get_model_version, name, "one"),
        },
    }


def _numbers(found: Any) -> list[str]:
    return sorted(str(version.version) for version in found)


def _paged(library: Any, speaker: Any, name: str) -> Any:
    """Versions page by page, which MLflow 1 does not have."""
    if not since(library, 2, 0):
        return None
    return pages(
        lambda token: speaker.search_model_versions(
            f"name = '{name}'", max_results=3, order_by=["version_number DESC"], page_token=token
        ),
        lambda version: int(version.version),
    )


def aliases(library: Any, store: str, name: str) -> Any:
    """Aliases set, moved, read, deleted, and gone with their version and with another name of the model."""
    speaker = _speaker(library, store)
    speaker.create_registered_model(name)
    for _ in range(3):
        speaker.create_model_version(name, "s3://bucket/모델")
    for alias, version in (("champ", "1"), ("챔피언", "2"), ("champ", "2"), ("doomed", "3"), ("short", "1")):
        speaker.set_registered_model_alias(name, alias, version)
    speaker.delete_registered_model_alias(name, "short")
    speaker.delete_model_version(name, "3")
    speaker.rename_registered_model(name, name + " 새")
    name += " 새"
    model = speaker.get_registered_model(name)
    return {
        "of the model": {alias: str(version) for alias, version in model.aliases.items()},
        "of versions": [sorted(speaker.get_model_version(name, number).aliases) for number in ("1", "2")],
        "read": str(speaker.get_model_version_by_alias(name, "champ").version),
        "searched": [
            sorted(v.aliases)
            for v in speaker.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
        ],
        "refused": {
            "gone": refused(speaker.get_model_version_by_alias, name, "short"),
            "gone with its version": refused(speaker.get_model_version_by_alias, name, "doomed"),
            "of no version": refused(speaker.set_registered_model_alias, name, "x", "99"),
            "latest": refused(speaker.set_registered_model_alias, name, "latest", "1"),
            "like a version": refused(speaker.set_registered_model_alias, name, "v1", "1"),
        },
    }


def registered_models(library: Any, store: str, name: str) -> Any:
    """A model of Python code logged and registered in one call, twice; loaded by every kind of name, with its files."""
    import pandas

    speaker = _speaker(library, store)
    library.set_experiment(name + " 학습")

    class Scale(library.pyfunc.PythonModel):  # local, so that it is pickled whole
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return [value * self.factor for value in model_input["값"]]

    where = {"name": "model"} if since(library, 3, 0) else {"artifact_path": "model"}
    runs = []
    for factor in (2, 3):
        with library.start_run() as run:
            library.pyfunc.log_model(
                python_model=Scale(factor), registered_model_name=name, pip_requirements=["mlflow"], **where
            )
        runs.append(run.info.run_id)
    speaker.transition_model_version_stage(name, "1", "Production")
    places = ["1", "2", "latest", "Production"]
    uris = [f"models:/{name}/{place}" for place in places]
    if since(library, 2, 3):
        speaker.set_registered_model_alias(name, "champ", "1")
        uris.append(f"models:/{name}@champ")
    frame = pandas.DataFrame({"값": [1, 10]})
    loaded = {uri.removeprefix(f"models:/{name}"): library.pyfunc.load_model(uri).predict(frame) for uri in uris}
    with tempfile.TemporaryDirectory() as target:
        trees = []
        for uri in (f"runs:/{runs[0]}/model", f"models:/{name}/1"):
            root = Path(tempfile.mkdtemp(dir=target))
            down = Path(library.artifacts.download_artifacts(uri, dst_path=str(root)))
            files = {path.relative_to(down).as_posix(): path.read_bytes() for path in down.rglob("*") if path.is_file()}
            # Clients write down beside a model where in the registry it came from.
            files.pop("registered_model_meta", None)
            trees.append(files)
    return {
        "loaded": loaded,
        "runs": [speaker.get_model_version(name, str(number + 1)).run_id == run for number, run in enumerate(runs)],
        "files": sorted(trees[0]),
        "alike": trees[0] == trees[1],
        "unknown": verbs.refusal(library.pyfunc.load_model, f"models:/{name}/99"),
    }
