"""Where a project's code is, and what its MLproject file says.

This version runs directories of this machine, in place. Git repositories and zip archives are refused by name.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct

from millstream.formats.mlproject import FILE_NAME, MAX_BYTES, EntryPoint, ProjectSpec, parse_project
from millstream.formats.words import quote_word
from millstream.values.errors import InvalidValue, NotSupported, ProjectFailed
from millstream.values.paths import Location, RelPath

SCRIPT_PROGRAMS = {".py": "python", ".sh": "bash"}
_REPOSITORY = re.compile(r"(https?|ssh|git|git\+\w+)://|[\w.+\-]+@[\w.\-]+:")
_OTHER_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]+://")


class Source(Struct, frozen=True):
    """A project on this machine: its directory (absolute) and its MLproject, an empty one when there is no file."""

    directory: Path
    spec: ProjectSpec

    def entry_point(self, name: str) -> EntryPoint:
        """The entry point called `name`, else the script file of that name; ProjectFailed for neither.

        A script is run by the program for its ending, and takes any parameter, as ``--key value``.
        """
        if name in self.spec.entry_points:
            return self.spec.entry_points[name]
        program = SCRIPT_PROGRAMS.get(Path(name).suffix)
        if program is None and not self.spec.entry_points:
            raise ProjectFailed(
                f"Could not find {name!r}: the directory {str(self.directory)!r} has no {FILE_NAME} file with entry "
                f"points. Name a script of it with -e FILE.py, or the directory that has the {FILE_NAME} file."
            )
        if program is None:
            raise ProjectFailed(
                f"Could not find {name!r} among the entry points {self._names()}, and it is not a script "
                f"file ({' or '.join(SCRIPT_PROGRAMS)}) of the project {str(self.directory)!r}."
            )
        script = str(RelPath.parse(name, what="script"))
        if not (self.directory / script).is_file():
            raise ProjectFailed(
                f"Could not find {name!r} among the entry points {self._names()}, "
                f"and the project {str(self.directory)!r} has no such file."
            )
        # A file called -c.py must not be taken for an option.
        return EntryPoint(name, f"{program} {quote_word(script if script[0] != '-' else './' + script)}")

    def _names(self) -> str:
        return f"[{', '.join(map(repr, self.spec.entry_points))}]"


def open_source(uri: str, version: str | None = None) -> Source:
    """Find the project at `uri`: a directory or ``file:`` URI, with ``#sub/dir`` for a directory inside.

    NotSupported for Git repositories and zip archives, and for a `version`, which needs a repository to be cloned.
    """
    directory = _directory(uri.strip().strip("'\""))
    if version is not None:
        if not any((parent / ".git").exists() for parent in (directory, *directory.parents)):
            raise ProjectFailed(
                f"A version ({version!r}) can be set for Git projects only; {str(directory)!r} is not one."
            )
        raise NotSupported(
            f"This version runs a directory as it is and does not check out {version!r}; check it out "
            f"(git -C {directory} checkout {version}) and leave --version out."
        )
    return Source(directory, _read_spec(directory))


def _directory(uri: str) -> Path:
    if not uri:
        raise ProjectFailed("The project is empty text; give a directory, e.g. `millstream run .`.")
    if not _is_plain(uri):
        raise ProjectFailed(f"The project {uri[:80] + '…'!r} is no path: too long, or with a NUL character.")
    if Path(uri).is_dir():
        return Path(uri).resolve()
    base, _, inner = uri.partition("#")
    place = Location.parse(base, base=Path.cwd()).local if base.lower().startswith("file:") else Path(base)
    if base.lower().endswith(".zip"):
        raise NotSupported(
            f"The project {uri!r} is a zip archive; this version runs directories: unpack it and run that."
        )
    if _REPOSITORY.match(base) and not (place is not None and place.is_dir()):
        raise NotSupported(
            f"The project {uri!r} is a Git repository; this version runs directories: clone it and run the clone."
        )
    if place is None or (_OTHER_SCHEME.match(base) and not base.lower().startswith("file:")):
        raise ProjectFailed(f"The project {uri!r} is not a directory of this machine.")
    directory = place / str(RelPath.parse(inner, what="directory inside the project")) if inner else place
    if directory.is_file():
        raise ProjectFailed(f"The project {uri!r} is a file; give its directory, and the file with --entry-point.")
    if not directory.is_dir():
        raise ProjectFailed(f"The project {uri!r} does not exist: there is no directory {str(directory.absolute())!r}.")
    return directory.resolve()


def _is_plain(uri: str) -> bool:
    """Whether the operating system can be asked about it as a path."""
    return "\0" not in uri and all(len(os.fsencode(part)) <= 255 for part in uri.split("/")) and len(uri) < 4096


def _read_spec(directory: Path) -> ProjectSpec:
    """The MLproject of `directory`, its name in any case; an empty one when there is none."""
    names = sorted(path.name for path in directory.iterdir() if path.name.lower() == FILE_NAME.lower())
    if not names:
        return ProjectSpec()
    path = directory / (FILE_NAME if FILE_NAME in names else names[0])
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        spec = parse_project(content.decode())
    except UnicodeDecodeError as error:
        raise ProjectFailed(f"{path} is not UTF-8 text: byte {error.start} cannot be read.") from error
    except OSError as error:
        raise ProjectFailed(f"{path} cannot be read: {error.strerror}.") from error
    except InvalidValue as error:
        raise ProjectFailed(f"{path}: {error.message}") from error
    file_name = spec.environment.file if spec.environment else None
    if spec.environment and file_name is not None and not (directory / file_name).is_file():
        raise ProjectFailed(f"{path}: {spec.environment.key} names {file_name!r}, and the project has no such file.")
    return spec
