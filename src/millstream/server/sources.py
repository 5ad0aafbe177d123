"""What clients may register as versions of models, and how they are told where these are."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.formats.filters.grammar import parse_filter
from millstream.formats.filters.printing import print_filter
from millstream.formats.filters.tree import And, Comparison, Node, Not, Or
from millstream.formats.filters.vocabulary import VERSIONS
from millstream.formats.model_uris import is_model_uri
from millstream.server.owners import MODELS, SCHEME, Owner, find_owner
from millstream.server.places import Places
from millstream.stores.base import Store
from millstream.stores.locations import RUNS_SCHEME, at_location, inside, parse_run_uri, version_files
from millstream.values.entities import ModelVersion, RegisteredModel
from millstream.values.errors import InvalidValue, MillstreamError, NotSupported
from millstream.values.names import check_experiment_id
from millstream.values.ops import CreateModelVersion
from millstream.values.paths import Location, RelPath
from millstream.values.queries import SearchModelVersions


def settle_source(op: CreateModelVersion, store: Store, places: Places) -> CreateModelVersion:
    """`op` with the true place of its source, as `store` shows it to clients with `places`.

    InvalidValue unless the source is a model of the registry, lies elsewhere, or belongs to the run or model named.
    Without this, whoever can reach the server could register, and then read, any file of its machine.
    """
    source = op.source
    if is_model_uri(source):
        return op
    if source.startswith(RUNS_SCHEME):
        run_id, _ = parse_run_uri(source)
        if run_id != op.run_id:
            raise _refused(source, "run_id must name the run that it is in")
        return op
    location = Location.parse(source, base=Path("/"))
    if location.local is None and location.scheme != SCHEME:
        return op
    for owner_id, find in ((op.run_id, store.artifacts), (op.model_id, store.model_artifacts)):
        place = _place_of(location, find(owner_id), owner_id, places) if owner_id else None
        if place is not None:
            return op if place == location else structs.replace(op, source=str(place))
    raise _refused(source, "it must lie in the artifact directory of the run or model that run_id or model_id names")


def settle_search(query: SearchModelVersions, store: Store, places: Places) -> SearchModelVersions:
    """`query` that finds by the addresses that clients are told what the store keeps by its true place.

    It goes for ``source_path`` with ``=`` and ``!=``; a pattern is compared with true places.
    """
    if not places.proxied or f"{SCHEME}:" not in query.filter:
        return query
    node = parse_filter(query.filter, VERSIONS)
    return query if node is None else structs.replace(query, filter=print_filter(_settled(node, store, places)))


def _settled(node: Node, store: Store, places: Places) -> Node:
    match node:
        case And(clauses) | Or(clauses):
            return structs.replace(node, clauses=tuple(_settled(clause, store, places) for clause in clauses))
        case Not(clause):
            return Not(_settled(clause, store, places))
        case Comparison(key="source_path", op="=" | "!=", value=str(address)):
            return structs.replace(node, value=_true_place(address, store, places))
    return node


def _true_place(address: str, store: Store, places: Places) -> str:
    if not address.startswith(f"{SCHEME}:"):
        return address
    try:
        location = Location.parse(address)
        owner, _ = find_owner(RelPath.parse(location.path.strip("/")))
        find = store.model_artifacts if owner.kind == "model" else store.artifacts
        place = _place_of(location, find(owner.id), owner.id, places)
    except MillstreamError:
        return address  # nobody's, so that nothing is there
    return address if place is None else str(place)


def _place_of(location: Location, artifacts: Artifacts, owner_id: str, places: Places) -> Location | None:
    """The true place of `location`, if it is in these artifacts of the run or model `owner_id`."""
    root = artifacts.location
    if location.scheme == SCHEME and places.passes_on(str(location)):
        try:
            owner, below = find_owner(RelPath.parse(location.path.strip("/")))
        except MillstreamError:
            return None
        if owner.id != owner_id:
            return None
        location = root / below
    if location.local is not None and root.local is not None:
        return location if location.local.resolve().is_relative_to(root.local.resolve()) else None
    return location if location == root or str(location).startswith(f"{root}/") else None


def _refused(source: str, reason: str) -> InvalidValue:
    return InvalidValue(f"Invalid model version source: {source[:200]!r}; {reason}.")


def show_version(version: ModelVersion, places: Places) -> ModelVersion:
    """As clients see it: what they reach through the server has an address there."""
    place = version.storage_location
    return structs.replace(
        version,
        source=_shown(version.source, version, places),
        storage_location=None if place is None else _shown(place, version, places),
    )


def show_registered(model: RegisteredModel, places: Places) -> RegisteredModel:
    """As clients see it."""
    return structs.replace(model, latest_versions=[show_version(version, places) for version in model.latest_versions])


def _shown(text: str, version: ModelVersion, places: Places) -> str:
    if not places.passes_on(text):
        return text
    for owner in (Owner("model", version.model_id or ""), Owner("run", version.run_id or "")):
        below = inside(text, owner.id)
        if below is not None:
            return "/".join((owner.uri(_experiment(text, owner)), *below.segments))
    return text


def _experiment(text: str, owner: Owner) -> str:
    """The directory that the owner's lies in, mostly the experiment's: whoever resolves the address does not look."""
    head = text.partition(f"/{owner.id}/")[0].removesuffix(f"/{MODELS}" if owner.kind == "model" else "")
    name = head.rpartition("/")[2]
    try:
        return check_experiment_id(name)
    except InvalidValue:
        return "0"


def served_files(version: ModelVersion, store: Store) -> tuple[Artifacts, RelPath]:
    """The files of a version; NotSupported for a remote place that is no run's or model's, which clients can name."""
    return version_files(store, version, elsewhere=_local)


def _local(text: str) -> tuple[Artifacts, RelPath]:
    # Before it is opened: nobody may have this server knock at a place that he names.
    if Location.parse(text, base=Path.cwd()).local is None:
        raise NotSupported(f"The files at {text[:200]!r} are at another server; ask that one.")
    return at_location(text)
