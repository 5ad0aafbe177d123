"""A project run, checked through and ready to start: what can be wrong is wrong here, before a run exists."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from millstream.formats.command import Command, Invocation, fill_command, parse_command
from millstream.formats.mlproject import EntryPoint
from millstream.projects.environment import check_environment, with_program
from millstream.projects.parameters import Arguments, resolve_parameters
from millstream.projects.source import Source, open_source
from millstream.values.errors import InvalidValue, ProjectFailed


class Plan(Struct, frozen=True):
    """What to run: the entry point of a source with its arguments."""

    source: Source
    entry: EntryPoint
    command: Command
    arguments: Arguments

    def invocations(self, environ: Mapping[str, str]) -> tuple[Invocation, ...]:
        """The processes to start, one after the other, in `environ`; ProjectFailed when they cannot be."""
        try:
            filled = fill_command(
                self.command,
                self.arguments.values,
                kinds=_kinds(self.entry),
                extras=self.arguments.extras,
                environ=environ,
            )
        except InvalidValue as error:
            raise _in_entry(self.entry, error) from error
        return tuple(
            with_program(invocation, self.source.directory, environ, required=position == 0)
            for position, invocation in enumerate(filled)
        )


def make_plan(
    uri: str,
    entry_point: str,
    version: str | None,
    parameters: Mapping[str, object],
    storage_dir: str | None,
    env_manager: str | None,
    use_conda: bool | None,
) -> Plan:
    """Read the project and check entry point, environment, parameters and command. Nothing is written or started."""
    source = open_source(uri, version)
    entry = source.entry_point(entry_point)
    check_environment(source.spec.environment, env_manager, use_conda)
    arguments = resolve_parameters(entry, parameters, source.directory, storage_dir)
    try:
        command = parse_command(entry.command, _kinds(entry))
    except InvalidValue as error:
        raise _in_entry(entry, error) from error
    return Plan(source, entry, command, arguments)


def _kinds(entry: EntryPoint) -> dict[str, str]:
    return {spec.name: spec.type for spec in entry.parameters}


def _in_entry(entry: EntryPoint, error: InvalidValue) -> ProjectFailed:
    return ProjectFailed(f"Entry point {entry.name!r}: {error.message}")
