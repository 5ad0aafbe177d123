"""Numbers in the text format that Prometheus reads, version 0.0.4.

Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal

from msgspec import Struct

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Sample(Struct, frozen=True):
    """One number of a family; `suffix` is what stands behind the family's name."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(Struct, frozen=True):
    """Numbers of one name, which differ in their labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


def write_families(families: Iterable[Family]) -> str:
    """The text of `families`; those without a number are left out."""
    return "".join(line for family in families if family.samples for line in _lines(family))


def histogram(
    labels: Mapping[str, str], bounds: Sequence[float], counts: Sequence[float], total: float
) -> list[Sample]:
    """The numbers of a histogram: `counts` are those up to each of `bounds`, then the rest; `total` is their sum."""
    edges = [*(_number(bound) for bound in bounds), "+Inf"]
    below = list(accumulate(counts))
    buckets = [Sample(count, {**labels, "le": edge}, "_bucket") for edge, count in zip(edges, below, strict=True)]
    return [*buckets, Sample(total, labels, "_sum"), Sample(below[-1], labels, "_count")]


def _lines(family: Family) -> Iterator[str]:
    about = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {about}\n# TYPE {family.name} {family.kind}\n"
    for sample in family.samples:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
        yield f"{family.name}{sample.suffix}{f'{{{labels}}}' if labels else ''} {_number(sample.value)}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
