"""Keys, ids, names and numbers: what may be stored, and that a refusal says why."""

from __future__ import annotations

import posixpath
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.values import names
from millstream.values.errors import InvalidValue


@given(st.text(max_size=300) | st.lists(st.sampled_from([*"ab가 .-_:/", "..", "//"]), max_size=20).map("".join))
def test_a_key_is_refused_or_a_plain_path_below(key: str) -> None:
    try:
        assert names.check_key(key, "metric") == key
    except InvalidValue:
        return
    assert posixpath.normpath(posixpath.join("/run/metrics", key)) == f"/run/metrics/{key}"
    assert ".." not in key.split("/")
    assert len(key) <= 250
    assert all(len(part.encode()) <= 255 for part in key.split("/"))


@pytest.mark.parametrize("key", ["a", "학습률", "a b", "a.b-c_d:e/f", ".hidden", "a/.b", "x" * 250, "가" * 85])
def test_good_keys(key: str) -> None:
    assert names.check_key(key, "param") == key


@pytest.mark.parametrize("key", [None, 1, b"a", ["a"]])
def test_a_key_is_a_string(key: Any) -> None:
    with pytest.raises(InvalidValue, match="string"):
        names.check_key(key, "tag")


@pytest.mark.parametrize("bad", [None, True, 1.0, "", "a\n", "-a", "_a", "a/b", "..", "x" * 65, -1])
def test_experiment_ids(bad: Any) -> None:
    assert names.check_experiment_id(0) == names.check_experiment_id("0") == "0"
    assert names.check_experiment_id("a-b_1") == "a-b_1"
    with pytest.raises(InvalidValue):
        names.check_experiment_id(bad)


@pytest.mark.parametrize("bad", [True, 1.0, "1", None, 2**63, -(2**63) - 1])
def test_whole_numbers(bad: Any) -> None:
    assert names.check_int64(2**63 - 1, "step") == 2**63 - 1
    with pytest.raises(InvalidValue, match="step"):
        names.check_int64(bad, "step")


def test_texts() -> None:
    assert names.check_text("가\n", "note") == "가\n"
    for bad, why in (("a\0", "NUL"), ("\udc00", "surrogate"), ("abcd", "4 characters; at most 3")):
        with pytest.raises(InvalidValue, match=why):
            names.check_text(bad, "note", 3)


def test_made_ids_and_names_have_their_form_and_leave_the_users_random_numbers_alone() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    runs = {names.new_run_id() for _ in range(200)}
    experiments = {names.new_experiment_id() for _ in range(200)}
    made = [names.random_name() for _ in range(200)]
    assert random.random() == expected
    assert (len(runs), len(experiments)) == (200, 200)
    assert len(set(made)) > 150
    assert all(names.check_run_id(run) and re.fullmatch("[0-9a-f]{32}", run) for run in runs)
    assert all(re.fullmatch("[1-9][0-9]{17}", experiment) for experiment in experiments)
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{1,3}", name) and len(name) <= 20 for name in made)
