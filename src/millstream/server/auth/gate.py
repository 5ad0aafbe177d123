"""Who may do what: `Needs` of a route against the rights of a caller, lists cut down to what he may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec import structs

from millstream.formats.model_uris import is_model_uri, parse_model_uri
from millstream.formats.wire.needs import Needs, Right, Who, named
from millstream.formats.wire.route import Request
from millstream.server.auth import homes
from millstream.server.auth.homes import Homes
from millstream.server.owners import SCHEME, find_owner
from millstream.stores.base import Store
from millstream.stores.locations import RUNS_SCHEME, parse_run_uri
from millstream.values import ops
from millstream.values.accounts import AccountOp, ForgetThing, GrantTo, RenameThing, check_grant
from millstream.values.errors import AlreadyExists, InvalidValue, MillstreamError, NotFound, NotPermitted
from millstream.values.paths import Location, RelPath
from millstream.values.queries import (
    GetLoggedModel,
    GetRegisteredModel,
    GetRunInfo,
    Query,
    SearchModelVersions,
    SearchRegisteredModels,
)
from millstream.values.rights import EVERY, EXPERIMENT, REGISTERED_MODEL, RUN, Caller, Level

T = TypeVar("T")

_WORDS = {
    homes.EXPERIMENT: "experiment",
    homes.NAME: "experiment called",
    homes.RUN: "run",
    homes.MODEL: "logged model",
    REGISTERED_MODEL: "registered model",
}


class Rights:
    """Says yes, or raises. What a caller may not read is to him as if it were not there, in the same words."""

    def __init__(self, found: Homes, accounts: Store) -> None:
        """`found` says which experiment things are in; `accounts` takes what is granted."""
        self._homes = found
        self._accounts = accounts

    def admit(self, caller: Caller, needs: Needs, request: Request) -> None:
        """Raise NotPermitted or NotFound unless `caller` has all that `needs` says about `request`."""
        self._check_who(caller, needs, request)
        for right in needs.rights:
            for name in named(request, right.field):
                self._check(caller, right, name, request)

    def _check_who(self, caller: Caller, needs: Needs, request: Request) -> None:
        allowed = {
            Who.ANYONE: True,
            Who.CALLER: True,
            Who.USER: bool(caller.name) or caller.rules,
            Who.MAKER: caller.makes,
            Who.ACCOUNT: caller.full,
            Who.ADMIN: caller.rules,
        }[needs.who]
        if not allowed:
            raise NotPermitted(_REFUSALS[needs.who])
        if needs.itself and not caller.rules and getattr(request, needs.itself) != caller.name:
            raise NotPermitted("Only an administrator may do this for another user.")

    def _check(self, caller: Caller, right: Right, name: str, request: Request) -> None:
        match right.kind:
            case "place":
                if not caller.rules:
                    raise NotPermitted(
                        "Only an administrator may say where an experiment keeps its artifacts; leave it out."
                    )
            case "resource":
                self._check_resource(caller, right.level, cast(Any, request).resource_type, name)
            case "artifact":
                self._check_artifact(caller, right.level, name)
            case "source":
                self._check_source(caller, right.level, name, request)
            case "registered_model":
                self._compare(caller.level(REGISTERED_MODEL, name), right.level, right.kind, name)
            case _:
                self._compare(self._level(caller, right.kind, name), right.level, right.kind, name)

    def _check_source(self, caller: Caller, level: Level, uri: str, request: Any) -> None:
        """The files that become a version are those of a run or model that the caller may read.

        A path on this machine must be in the artifacts of the run or model that the request names beside it
        (`server/sources`), which has a right of its own.
        """
        if is_model_uri(uri):
            model = parse_model_uri(uri)
            if model.model_id:
                self._compare(self._level(caller, homes.MODEL, model.model_id), level, homes.MODEL, model.model_id)
            else:
                self._compare(caller.level(REGISTERED_MODEL, model.name), level, REGISTERED_MODEL, model.name)
        elif uri.startswith(RUNS_SCHEME):
            run_id, _ = parse_run_uri(uri)
            self._compare(self._level(caller, homes.RUN, run_id), level, homes.RUN, run_id)
        else:
            location = Location.parse(uri, base=Path("/"))
            if location.scheme == SCHEME and not location.authority:
                self._check_artifact(caller, level, location.path)
            elif location.local is None and not caller.rules and not self._is_theirs(location, request):
                # The server, or whoever runs a model of the registry, would read it with rights of their own.
                raise NotPermitted(
                    "Only an administrator may register what lies outside of the artifacts of runs and models; name "
                    "the run or model that it is in as run_id or model_id."
                )

    def _is_theirs(self, location: Location, request: Any) -> bool:
        """Whether a remote place is in the artifacts of the run or model named beside it, which may be read."""
        roots = []
        if request.run_id:
            roots.append(self._accounts.read(GetRunInfo(run_id=request.run_id)).artifact_uri)
        if request.model_id:
            roots.append(self._accounts.read(GetLoggedModel(model_id=request.model_id)).artifact_location)
        return any(f"{location}/".startswith(f"{root.rstrip('/')}/") for root in roots)

    def _check_artifact(self, caller: Caller, level: Level, path: str) -> None:
        owner, _ = find_owner(RelPath.parse(path.strip("/")))
        kind = homes.MODEL if owner.kind == "model" else homes.RUN
        self._compare(self._level(caller, kind, owner.id), level, kind, owner.id)

    def _check_resource(self, caller: Caller, level: Level, kind: str, name: str) -> None:
        check_grant(kind, name)
        if name == EVERY:
            if not caller.rules:
                raise NotPermitted(f"Only an administrator may change permissions on every {kind}.")
        elif kind == EXPERIMENT:
            self._compare(self._level(caller, kind, name), level, kind, name)
        else:
            self._compare(caller.level(kind, name), level, kind, name)

    def _level(self, caller: Caller, kind: str, name: str) -> Level:
        """What the caller may do with a thing; nothing where it is not there."""
        home = self._homes.find(kind, name)
        if home is None:
            return Level.NO_PERMISSIONS
        level = caller.level(EXPERIMENT, home)
        return max(level, caller.level(RUN, name)) if kind == homes.RUN else level

    def _compare(self, has: Level, needed: Level, kind: str, name: str) -> None:
        if has < Level.READ:
            raise NotFound(f"There is no {_WORDS[kind]} {name[:200]!r} here, or none that you may read.")
        if has < needed:
            raise NotPermitted(
                f"This needs the permission {needed.name} on the {_WORDS[kind]} {name[:200]!r}; you have {has.name}. "
                "Ask whoever manages it, or use another token."
            )

    def narrow(self, caller: Caller, query: Query[T]) -> Query[T]:
        """`query` about nothing but what the caller may read."""
        of_models = isinstance(query, SearchRegisteredModels | SearchModelVersions)
        kind = REGISTERED_MODEL if of_models else EXPERIMENT
        seen = caller.seen(kind)
        fields = query.__struct_fields__
        changes: dict[str, Any] = {}
        if "seen" in fields:
            changes["seen"] = seen
        if "experiment_ids" in fields:
            changes["experiment_ids"] = seen.among(cast(Any, query).experiment_ids)
        return structs.replace(query, **changes)

    def write(self, caller: Caller, op: ops.Op[T], store: Store) -> T:
        """Have `store` carry out `op`; who makes an experiment or registered model manages it."""
        if EVERY in _new_models(op):
            raise InvalidValue(f"A registered model cannot be called {EVERY!r}: what is granted on that is for all.")
        try:
            result = store.write(op)
        except AlreadyExists as error:
            raise self._without_strangers(caller, op, error) from error
        if isinstance(op, ops.CreateExperiment):
            self._hand_over(caller, op, EXPERIMENT, str(result))
        elif isinstance(op, ops.CreateRegisteredModel):
            self._hand_over(caller, op, REGISTERED_MODEL, op.name)
        elif isinstance(op, ops.RenameRegisteredModel | ops.DeleteRegisteredModel) and op.name != EVERY:
            self._follow(op, store)
        return result

    def _follow(self, op: ops.RenameRegisteredModel | ops.DeleteRegisteredModel, store: Store) -> None:
        """Have grants go where their model has gone."""
        if op.op_id and _is_registered(op.name, store):
            return  # The op was sent again; since the first time another model has got the name.
        if isinstance(op, ops.RenameRegisteredModel):
            move = RenameThing(kind=REGISTERED_MODEL, pattern=op.name, to=op.new_name)
            self._accounts.write(_once(move, op, "grants"))
        else:
            self._accounts.write(_once(ForgetThing(kind=REGISTERED_MODEL, pattern=op.name), op, "grants"))

    def _hand_over(self, caller: Caller, op: ops.Op[Any], kind: str, name: str) -> None:
        # What was granted on a thing of this name before was granted on another one.
        self._accounts.write(_once(ForgetThing(kind=kind, pattern=name), op, "forgotten"))
        if caller.name:
            own = GrantTo(name=caller.name, kind=kind, pattern=name, level=Level.MANAGE)
            self._accounts.write(_once(own, op, "grants"))

    def _without_strangers(self, caller: Caller, op: ops.Op[Any], error: AlreadyExists) -> MillstreamError:
        """`error` without what it tells of an experiment that the caller may not read."""
        if isinstance(op, ops.CreateExperiment | ops.RenameExperiment):
            home = self._homes.find(homes.NAME, op.name)
            if home is None or caller.level(EXPERIMENT, home) < Level.READ:
                return AlreadyExists(f"The name {op.name!r} is taken; use another one.")
        if isinstance(op, ops.CreateRegisteredModel | ops.RenameRegisteredModel):
            name = op.name if isinstance(op, ops.CreateRegisteredModel) else op.new_name
            if caller.level(REGISTERED_MODEL, name) < Level.READ:
                return AlreadyExists(f"The name {name!r} is taken; use another one.")
        return error


def _once(change: AccountOp[T], op: ops.Op[Any], what: str) -> AccountOp[T]:
    """`change` as a part of `op`: when that is sent again, what was granted or taken since the first time stays."""
    return structs.replace(change, op_id=f"{op.op_id} {what}", op_digest=op.op_digest) if op.op_id else change


def _new_models(op: ops.Op[Any]) -> tuple[str, ...]:
    """Names that registered models get by `op`."""
    match op:
        case ops.CreateRegisteredModel():
            return (op.name,)
        case ops.RenameRegisteredModel():
            return (op.new_name,)
    return ()


def _is_registered(name: str, store: Store) -> bool:
    try:
        store.read(GetRegisteredModel(name=name))
    except NotFound:
        return False
    return True


_REFUSALS = {
    Who.USER: "This is for users; a share link only reads.",
    Who.MAKER: "Only a user with the right to edit may make something new; this token or link does not give it.",
    Who.ACCOUNT: "This needs a password, or a token with the scope 'full'.",
    Who.ADMIN: "Only an administrator may do this, with a password or a token of the scope 'full'.",
    Who.ANYONE: "",
    Who.CALLER: "",
}
