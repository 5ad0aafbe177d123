"""Files of a run: storing, listing, fetching, loading; shared by the fluent functions and the client."""

from __future__ import annotations

import json
import os
import re
import tempfile
import uuid
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.parallel import MANY, Meter, each
from millstream.drivers.terminal import transfer_bar
from millstream.formats.model_uris import is_model_uri, parse_model_uri
from millstream.stores.base import Store
from millstream.stores.locations import (
    RUNS_SCHEME,
    at_location,
    below_run,
    find_version,
    parse_run_uri,
    version_files,
)
from millstream.stores.open import open_store
from millstream.tracking.convert import now
from millstream.tracking.places import registry_store
from millstream.values.entities import FileInfo
from millstream.values.errors import InvalidValue, MissingDependency, NotFound
from millstream.values.paths import RelPath
from millstream.values.queries import ListArtifacts


def put(store: Store, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Store a file, or a directory under its own name, in the run's artifact directory `artifact_path`."""
    put_into(store.artifacts(run_id), local_path, artifact_path)


def put_into(artifacts: Artifacts, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Store a file, or a directory under its own name, in the directory `artifact_path` of `artifacts`."""
    source = Path(local_path)
    folder = RelPath.parse(artifact_path or "", what="artifact_path")
    if source.is_dir():
        put_directory_into(artifacts, source, str(folder / source.resolve().name))
        return
    if not source.is_file():
        raise NotFound(f"There is no file {str(local_path)!r} to log (looked from {Path.cwd()}).")
    artifacts.put_file(source, folder / source.name, Meter(source.stat().st_size, transfer_bar("Storing")).add)


def put_directory(
    store: Store,
    run_id: str,
    local_dir: str | os.PathLike[str],
    artifact_path: str | None = None,
) -> None:
    """Store everything below a local directory in the run's artifact directory `artifact_path`."""
    put_directory_into(store.artifacts(run_id), local_dir, artifact_path)


def put_directory_into(
    artifacts: Artifacts,
    local_dir: str | os.PathLike[str],
    artifact_path: str | None = None,
) -> None:
    """Store everything below a local directory in the directory `artifact_path` of `artifacts`."""
    source = Path(local_dir)
    if not source.is_dir():
        raise NotFound(f"There is no directory {str(local_dir)!r} to log (looked from {Path.cwd()}).")
    folder = RelPath.parse(artifact_path or "", what="artifact_path")
    found = [
        (Path(directory, name), folder / RelPath.parse(Path(directory).relative_to(source).as_posix()) / name)
        for directory, _, files in os.walk(source)
        for name in files
    ]
    # A disk is fastest with one after the other; what is far away answers many at once.
    at_once = MANY if artifacts.local_path(RelPath()) is None else 1
    bar = transfer_bar("Storing")
    meter = Meter(0 if bar is None else sum(_size(file) for file, _ in found), bar)
    each(found, lambda file: artifacts.put_file(*file, meter.add), at_once=at_once, meter=meter)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # whoever copies it says what is wrong


def put_text(store: Store, run_id: str, text: str, artifact_file: str) -> None:
    """Store `text` as UTF-8."""
    store.artifacts(run_id).put_bytes(text.encode(), _file(artifact_file))


def put_dict(store: Store, run_id: str, dictionary: Any, artifact_file: str) -> None:
    """Store a dictionary as YAML when the name ends in .yaml or .yml, as JSON otherwise."""
    if artifact_file.lower().endswith((".yaml", ".yml")):
        text = yaml.dump(dictionary, allow_unicode=True, default_flow_style=False, sort_keys=False)
    else:
        text = json.dumps(dictionary, indent=2, ensure_ascii=False, default=str)
    put_text(store, run_id, text, artifact_file)


def put_figure(
    store: Store, run_id: str, figure: Any, artifact_file: str, save_kwargs: dict[str, Any] | None = None
) -> None:
    """Store a matplotlib or plotly figure in the format that the file name's ending says."""
    path = _file(artifact_file)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder, path.name)
        if hasattr(figure, "savefig"):
            figure.savefig(local, **(save_kwargs or {}))
        elif hasattr(figure, "write_html"):
            write = figure.write_html if local.suffix == ".html" else figure.write_image
            write(str(local), **(save_kwargs or {}))
        else:
            raise InvalidValue(f"log_figure takes a matplotlib or plotly figure; got {type(figure).__name__}.")
        store.artifacts(run_id).put_file(local, path)


def put_image(
    store: Store,
    run_id: str,
    image: Any,
    artifact_file: str | None = None,
    *,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Store a PIL image or a numpy array (H×W, H×W×1, ×3 or ×4; uint8, bool, or floats in [0, 1]).

    Give either a file name, or a `key` for one image a `step`, which gets MLflow's name in `images/`.
    """
    if (artifact_file is None) == (key is None):
        raise InvalidValue("log_image takes either artifact_file or key, not both and not neither.")
    if artifact_file is not None:
        _save_image(store, run_id, _to_image(image), _file(artifact_file))
        return
    stamp = now() if timestamp is None else timestamp
    name = f"{re.sub('/', '#', str(key))}%step%{step or 0}%timestamp%{stamp}%{uuid.uuid4()}"
    picture = _to_image(image)
    _save_image(store, run_id, picture, RelPath(("images", f"{name}.png")))
    small = picture.copy()
    small.thumbnail((256, 256))
    _save_image(store, run_id, small, RelPath(("images", f"{name}.webp")))


def _save_image(store: Store, run_id: str, image: Any, path: RelPath) -> None:
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder, path.name)
        try:
            image.save(local)
        except ValueError as error:
            raise InvalidValue(
                f"Cannot save an image as {path.name!r}: {error}. Use a name such as plot.png."
            ) from error
        store.artifacts(run_id).put_file(local, path)


def _to_image(image: Any) -> Any:
    if hasattr(image, "save") and hasattr(image, "thumbnail"):
        return image
    if hasattr(image, "to_pil"):
        return image.to_pil()
    try:
        pillow = import_module("PIL.Image")
        numpy = import_module("numpy")
    except ImportError as error:
        raise MissingDependency(
            "Logging an array as an image needs Pillow and numpy: pip install pillow numpy"
        ) from error
    array = numpy.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidValue(f"An image has the shape H×W, H×W×1, H×W×3 or H×W×4; got {array.shape}.")
    if array.size == 0:
        raise InvalidValue(f"An image has at least one pixel; got the shape {array.shape}.")
    if array.dtype == bool:
        array = array.astype("uint8") * 255
    elif array.dtype.kind == "f":
        if not (numpy.nanmin(array) >= 0 and numpy.nanmax(array) <= 1):
            raise InvalidValue("A float image has values in [0, 1]; scale it, or convert it to uint8.")
        array = (array * 255).round().astype("uint8")
    elif array.dtype.kind in "iu":
        if array.min() < 0 or array.max() > 255:
            raise InvalidValue(f"An integer image has values in [0, 255]; got {array.min()} to {array.max()}.")
        array = array.astype("uint8")
    return pillow.fromarray(array)


def _file(artifact_file: str) -> RelPath:
    path = RelPath.parse(artifact_file, what="artifact_file")
    if not path.segments:
        raise InvalidValue("An artifact needs a file name, such as 'notes.txt'.")
    return path


def uri_of(store: Store, run_id: str, artifact_path: str | None = None) -> str:
    """The URI of a run's artifact, or of its artifact directory."""
    return str(store.artifacts(run_id).location / RelPath.parse(artifact_path or ""))


def locate(artifact_uri: str, tracking_uri: str | None = None) -> tuple[Artifacts, RelPath]:
    """The artifact store and path that a URI names.

    ``runs:/<run id>/<path>``; ``models:/`` with the id of a logged model, or the name of a registered one and a
    version, stage or alias; a local path, or another location.
    """
    if artifact_uri.startswith(RUNS_SCHEME):
        return below_run(open_store(tracking_uri), *parse_run_uri(artifact_uri))
    if is_model_uri(artifact_uri):
        uri = parse_model_uri(artifact_uri)
        store = open_store(tracking_uri)
        if uri.model_id:
            return store.model_artifacts(uri.model_id), uri.path
        files, path = version_files(store, find_version(registry_store(store), uri))
        return files, path / uri.path
    return at_location(artifact_uri, tracking_uri)


def resolve(artifact_uri: str, tracking_uri: str | None = None) -> Path:
    """The local path of an artifact, fetched into a temporary directory when it is not on this machine."""
    return Path(download_artifacts(artifact_uri, tracking_uri=tracking_uri))


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Make a file or directory available locally; returns its path.

    Name it by `artifact_uri`, or by `run_id` and `artifact_path`. Without `dst_path`, what is on this machine
    already is not copied: the path returned is then the artifact itself, to be read and not written.
    """
    if (artifact_uri is None) == (run_id is None):
        raise InvalidValue("Name the artifact either by artifact_uri or by run_id (and artifact_path).")
    if artifact_uri is None:
        path = RelPath.parse((artifact_path or "").strip("/"))
        artifacts, path = below_run(open_store(tracking_uri), str(run_id), path)
    else:
        artifacts, path = locate(artifact_uri, tracking_uri)
    local = artifacts.local_path(path)
    if dst_path is None and local is not None:
        if not local.exists():
            raise NotFound(f"There is no artifact at {artifact_uri or artifact_path!r} (looked at {local}).")
        return str(local)
    target = Path(dst_path) if dst_path is not None else Path(tempfile.mkdtemp(prefix="millstream-"))
    return str(artifacts.download(path, target, transfer_bar("Fetching")))


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Entries directly below an artifact directory, named as for `download_artifacts`."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidValue("Name the artifacts either by artifact_uri or by run_id (and artifact_path).")
    if run_id is not None:
        return open_store(tracking_uri).read(ListArtifacts(run_id=run_id, path=artifact_path or ""))
    artifacts, path = locate(str(artifact_uri), tracking_uri)
    return artifacts.list(path)


def load_text(artifact_uri: str) -> str:
    """The text of an artifact."""
    return resolve(artifact_uri).read_text(encoding="utf-8")


def load_dict(artifact_uri: str) -> Any:
    """The content of a JSON or YAML artifact."""
    text = load_text(artifact_uri)
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def load_image(artifact_uri: str) -> Any:
    """An image artifact as a PIL image."""
    try:
        pillow = import_module("PIL.Image")
    except ImportError as error:
        raise MissingDependency("Loading an image needs Pillow: pip install pillow") from error
    image = pillow.open(resolve(artifact_uri))
    image.load()
    return image
