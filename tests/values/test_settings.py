"""Settings: ours before MLflow's, unset and empty are the same, wrong ones are named."""

from __future__ import annotations

import pytest

from millstream.values.errors import InvalidValue
from millstream.values.settings import SETTINGS, given, setting, text_setting


def test_each_setting_has_one_name_and_a_line_of_help() -> None:
    variables = [setting.variable for setting in SETTINGS] + [setting.mlflow for setting in SETTINGS if setting.mlflow]
    assert len(variables) == len(set(variables))
    for entry in SETTINGS:
        assert entry.help.endswith(".")
        assert entry.default is None or isinstance(entry.default, entry.kind)


def test_ours_comes_before_mlflows_and_empty_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (setting("PORT"), given("PORT"), text_setting("RUN_ID")) == (5000, None, None)
    monkeypatch.setenv("MLFLOW_PORT", "6000")
    assert setting("PORT") == 6000
    monkeypatch.setenv("MILLSTREAM_PORT", "")
    assert setting("PORT") == 6000
    monkeypatch.setenv("MILLSTREAM_PORT", "7000")
    assert setting("PORT") == 7000


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("No", False)])
def test_yes_and_no(text: str, value: bool) -> None:
    assert setting("TRUST_MODELS", {"MILLSTREAM_TRUST_MODELS": text}) is value


@pytest.mark.parametrize(("name", "text"), [("TRUST_MODELS", "maybe"), ("PORT", "http"), ("PORT", "1.5")])
def test_a_wrong_value_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(InvalidValue, match=f"MILLSTREAM_{name}='{text}'"):
        setting(name, {f"MILLSTREAM_{name}": text})
