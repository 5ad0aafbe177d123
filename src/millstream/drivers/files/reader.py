"""Reading one experiment or one run of a tree, whole: what is damaged is named, the rest is returned."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import starmap
from typing import Protocol

from msgspec import Struct, field

from millstream.drivers.files.segments import SIZE, cut, tail_sum
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.points import Summary, parse_points
from millstream.formats.segments import Segment
from millstream.values.entities import DatasetInput, Experiment, InputTag, ModelInput, ModelOutput, RunInfo
from millstream.values.errors import DataDamaged

# Series are read in blocks so that a file of any length takes little memory.
BLOCK = 1 << 22
_SMALL = 1 << 13
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class FileState(Protocol):
    """How a metric file was when it was read: see `SeriesScan`."""

    @property
    def inode(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def tail(self) -> int: ...
    @property
    def time(self) -> int: ...
    @property
    def segmented(self) -> int: ...


class SeriesScan(Struct):
    """A metric file as far as it was read: complete lines up to `offset` of the file with number `inode`.

    `tail` is a checksum of the last bytes before `offset`, which tells a file that was written anew; `time` the file's
    modification time, 0 when it changed while it was read. Up to the byte `segmented` the file is in segments, of
    which `segments` are new; when the file was read from its beginning, `renewed`, there are no others.
    """

    inode: int
    offset: int
    summary: Summary
    bad: int = 0
    tail: int = 0
    time: int = 0
    segmented: int = 0
    segments: list[Segment] = field(default_factory=list)
    renewed: bool = False


class RunScan(Struct):
    """All that a run's directory says, and `problems`: sentences about files that could not be read.

    `elsewhere`: one of them lies outside of the directory, and may be mended without a trace in it.
    """

    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    series: dict[str, SeriesScan]
    datasets: list[DatasetInput]
    models_in: list[ModelInput]
    models_out: list[ModelOutput]
    problems: list[str]
    elsewhere: bool = False


def open_file(path: str) -> int:
    """A descriptor to read from; OSError when there is no such file, or it is none that ends, like a pipe or device."""
    descriptor = os.open(path, _READ)
    try:
        check_file(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_file(status: os.stat_result) -> None:
    """OSError for pipes and devices, which may have no end."""
    if not stat.S_ISREG(status.st_mode):
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(code, os.strerror(code) if code == errno.EISDIR else "it is a pipe or a device, no file")


def read_bytes(path: str) -> bytes:
    """Content of a file; DataDamaged when it is missing or unreadable."""
    try:
        descriptor = os.open(path, _READ)
        try:
            return _read_on(descriptor, _SMALL)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataDamaged(f"cannot be read ({error.strerror})") from error


def _read_on(descriptor: int, block: int) -> bytes:
    """All that follows in a file. Python's own file objects take twice the time for a file of a few bytes."""
    data = os.read(descriptor, block)
    if not 0 < len(data) < block:
        # Asking costs a tenth of the reading: only what may be no file is asked about.
        check_file(os.fstat(descriptor))
    while more := os.read(descriptor, block):
        # A file system may give less than there is; only nothing is the end.
        block = min(2 * block, BLOCK)
        data += more
    return data


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except DataDamaged as error:
        raise DataDamaged(f"{path}: {error}") from error


def read_experiment(directory: str, experiment_id: str, *, in_trash: bool) -> Experiment:
    """An experiment with its tags; DataDamaged when its meta.yaml is not good."""
    path = os.path.join(directory, layout.META)
    tags = read_texts(os.path.join(directory, layout.TAGS), [])
    with _naming(path):
        return meta.experiment_from_fields(meta.load(read_bytes(path)), experiment_id, in_trash=in_trash, tags=tags)


def read_info(directory: str) -> RunInfo:
    """A run's info; DataDamaged when its meta.yaml is not good."""
    path = os.path.join(directory, layout.META)
    experiment_dir, run_id = os.path.split(directory)
    experiment_id = os.path.basename(experiment_dir)
    with _naming(path):
        fields = meta.load(read_bytes(path))
        if str(fields.get("experiment_id")) != experiment_id:
            # Either the run is being moved, or it was until a moment ago, and its info is right by now.
            if experiment_id in moving_between(directory):
                fields["experiment_id"] = experiment_id
            else:
                fields = meta.load(read_bytes(path))
        return meta.run_from_fields(fields, run_id, experiment_id)


def read_fields(directory: str) -> dict[str, object]:
    """Everything that the meta.yaml of an experiment, run or model says; DataDamaged when it is not good."""
    path = os.path.join(directory, layout.META)
    with _naming(path):
        return meta.load(read_bytes(path))


def moving_between(directory: str) -> tuple[str, ...]:
    """Ids of the experiments that the run in `directory` comes from and goes to, () unless it is being moved."""
    try:
        with open(os.path.join(directory, layout.MOVING), encoding="utf-8") as file:
            return tuple(file.read().split())
    except (OSError, UnicodeDecodeError):
        return ()


def read_run(directory: str, known: dict[str, SeriesScan]) -> RunScan:
    """A run, reading only what is new of the series in `known`; DataDamaged when it is no good run at all."""
    info = read_info(directory)
    for part in layout.RUN_PARTS:
        if not os.path.isdir(os.path.join(directory, part)):
            raise DataDamaged(f"{directory}: it has no {part}/")
    problems: list[str] = []
    scan = RunScan(
        info=info,
        params=read_texts(os.path.join(directory, layout.PARAMS), problems),
        tags=read_texts(os.path.join(directory, layout.TAGS), problems),
        series=_read_series(os.path.join(directory, layout.METRICS), known, problems),
        datasets=[],
        models_in=[],
        models_out=[],
        problems=problems,
    )
    _read_links(directory, scan)
    return scan


def walk_keys(directory: str, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(key, entry) of every file or link below a metrics, params or tags directory; '/' in keys for sub-directories.

    Directories are entered, links to directories are not: they could lead in a circle.
    """
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from walk_keys(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
            yield prefix + entry.name, entry


def _walk_names(directory: str, problems: list[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    for key, entry in walk_keys(directory):
        if is_text(key):
            yield key, entry
        else:
            problems.append(f"{printable(entry.path)}: its name is not UTF-8 text; it is left out")


def is_text(name: str) -> bool:
    """Whether a file name is made of UTF-8 bytes; others cannot be stored or sent."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def printable(path: str) -> str:
    """`path` with � for bytes that are not UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def read_texts(directory: str, problems: list[str]) -> dict[str, str]:
    """Params or tags: file name to whole text."""
    texts: dict[str, str] = {}
    for key, entry in _walk_names(directory, problems):
        try:
            data = read_bytes(entry.path)
        except DataDamaged as error:
            problems.append(f"{entry.path}: {error}")
            continue
        try:
            texts[key] = data.decode()
        except UnicodeDecodeError:
            problems.append(f"{entry.path}: is not UTF-8 text; undecodable bytes are shown as �")
            texts[key] = data.decode(errors="replace")
    return texts


def _read_series(directory: str, known: dict[str, SeriesScan], problems: list[str]) -> dict[str, SeriesScan]:
    series: dict[str, SeriesScan] = {}
    for key, entry in _walk_names(directory, problems):
        try:
            scan = continue_series(entry.path, known.get(key))
        except OSError as error:
            problems.append(f"{entry.path}: cannot be read ({error.strerror})")
            continue
        if scan.bad:
            problems.append(f"{entry.path}: {scan.bad} line(s) are not points and are left out")
        if scan.summary.count:
            series[key] = scan
    return series


def continue_series(path: str, known: SeriesScan | None) -> SeriesScan:
    """Read what was appended since `known`; the whole file when it is another file or was written anew."""
    descriptor = os.open(path, _READ)
    try:
        status = os.fstat(descriptor)
        check_file(status)
        if known is None or not is_continued(descriptor, known, status):
            scan = SeriesScan(inode_of(status), 0, Summary(), renewed=True)
        else:
            scan = known
        if status.st_size - scan.offset >= SIZE:
            _take_segments(descriptor, scan, status.st_size)
        _take_lines(descriptor, scan, BLOCK if status.st_size - scan.offset >= _SMALL else _SMALL)
        if scan.offset - scan.segmented >= SIZE:
            _add_segment(descriptor, scan)
        scan.tail = tail_sum(descriptor, scan.offset)
        after = os.fstat(descriptor)
        scan.time = (
            after.st_mtime_ns if (after.st_mtime_ns, after.st_size) == (status.st_mtime_ns, status.st_size) else 0
        )
    finally:
        os.close(descriptor)
    return scan


def inode_of(status: os.stat_result) -> int:
    """The number of a file, as far as it fits 63 bits."""
    return status.st_ino & (2**63 - 1)


def is_continued(descriptor: int, known: FileState, status: os.stat_result) -> bool:
    """Whether a file is what was `known`, with perhaps more after it.

    A file that was touched and has not grown is taken for another one: who writes points makes it longer.
    """
    if known.inode != inode_of(status) or status.st_size < known.offset:
        return False
    if status.st_size == known.offset and known.time not in (0, status.st_mtime_ns):
        return False
    return known.tail == tail_sum(descriptor, known.offset)


def _take_segments(descriptor: int, scan: SeriesScan, size: int) -> None:
    """Read on in whole segments, as long as there are that many bytes."""
    if scan.segmented < scan.offset:
        _add_segment(descriptor, scan)
        if scan.segmented < scan.offset:
            return
    for segment, columns in cut(descriptor, scan.offset, size):
        if segment.size < SIZE // 2:
            return  # The rest of the file, which may grow into a segment yet.
        scan.segments.append(segment)
        scan.summary.add_columns(columns.times, columns.values, columns.steps, columns.sources or {})
        scan.bad += segment.bad
        scan.offset = scan.segmented = segment.offset + segment.size


def _add_segment(descriptor: int, scan: SeriesScan) -> None:
    """Make segments of lines that were read before."""
    for segment, _ in cut(descriptor, scan.segmented, scan.offset):
        scan.segments.append(segment)
        scan.segmented = segment.offset + segment.size


def _take_lines(descriptor: int, scan: SeriesScan, size: int) -> None:
    os.lseek(descriptor, scan.offset, os.SEEK_SET)
    rest = b""
    while block := os.read(descriptor, size):
        chunk = parse_points(rest + block)
        rest = (rest + block)[chunk.size :]
        scan.summary.add_sourced(chunk.points, chunk.sources)
        scan.offset += chunk.size
        scan.bad += chunk.bad


def _read_links(directory: str, scan: RunScan) -> None:
    for part in (layout.INPUTS, layout.OUTPUTS):
        folder = os.path.join(directory, part)
        try:
            found = sorted(os.listdir(folder)) if os.path.isdir(folder) else ()
        except OSError as error:
            scan.problems.append(f"{folder}: cannot be read ({error.strerror})")
            continue
        for name in found:
            path = os.path.join(folder, name, layout.META)
            try:
                fields = meta.load(read_bytes(path))
                _take_link(directory, part, fields, scan)
            except DataDamaged as error:
                scan.problems.append(f"{printable(path)}: {error}")


def _take_link(directory: str, part: str, fields: dict[str, object], scan: RunScan) -> None:
    if part == layout.OUTPUTS:
        scan.models_out.append(meta.output_from_fields(fields))
        return
    source, texts = meta.input_from_fields(fields)
    if fields.get("source_type") == "MODEL":
        scan.models_in.append(ModelInput(source))
    else:
        path = os.path.join(os.path.dirname(directory), layout.DATASETS, os.path.basename(source), layout.META)
        tags = tuple(starmap(InputTag, texts.items()))
        try:
            with _naming(path):
                scan.datasets.append(DatasetInput(meta.dataset_from_fields(meta.load(read_bytes(path))), tags))
        except DataDamaged:
            scan.elsewhere = True
            raise
