"""Simple meta.yaml files are read without the YAML library, and never differently."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from millstream.formats.mlruns import meta
from millstream.formats.mlruns.scalars import load_simple

GOLDEN = Path(__file__).parent.parent / "golden"
WORDS = ("null", "~", "true", "no", "On", "1e5", "1.5", "0x1f", "0b1", "012", "1:30", "2020-01-01", "1_000", "=", "<<")
VALUES = st.one_of(
    st.sampled_from(WORDS),
    st.text("abE019_./:-+ '#%,[]{}&*!|>\"@`\\\t", max_size=12),
    st.integers().map(str),
    st.text(max_size=5),
)
LINES = st.lists(st.tuples(st.sampled_from(["a", "b_c", "run_id", "yes", "null", "on"]), VALUES), max_size=4)


@given(LINES)
@example([("a", "b: c")])
@example([("a", "b #c")])
@example([("a", "b:")])
@example([("null", "1")])
@example([("yes", "1")])
@example([("on", "1")])
def test_what_is_read_quickly_is_what_yaml_says(lines: list[tuple[str, str]]) -> None:
    data = "".join(f"{name}: {value}\n" for name, value in lines).encode()
    found = load_simple(data)
    if found is not None:
        assert found == yaml.safe_load(data)


@given(st.dictionaries(st.sampled_from(["a", "b_c", "d"]), st.one_of(st.none(), st.integers(), st.text()), min_size=1))
def test_what_is_dumped_is_read_alike(fields: dict[str, object]) -> None:
    found = load_simple(meta.dump(fields))
    assert found in (None, fields)


def test_what_mlflow_writes_is_simple() -> None:
    with tarfile.open(GOLDEN / "mlflow-3.17.2.tar.gz") as archive:
        members = [member for member in archive if member.name.endswith("meta.yaml")]
        texts = [archive.extractfile(member).read() for member in members]  # type: ignore[union-attr]
    simple = [text for text in texts if load_simple(text) is not None]
    assert all(load_simple(text) == yaml.safe_load(text) for text in simple)
    assert len(simple) > len(texts) / 2


@pytest.mark.parametrize(
    "data", [b"", b"a", b"a: 1", b"a:\n", b"- a\n", b"a: 'b''c'\n", b'a: "b"\n', "a: ü\n".encode()]
)
def test_everything_else_is_left_to_yaml(data: bytes) -> None:
    assert load_simple(data) is None
