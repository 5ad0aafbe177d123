"""The public names are a contract: each is there, says what it guarantees, and MLflow's spelling of its home works."""

from __future__ import annotations

from importlib import import_module

import pytest

import millstream
from millstream.values.later import LATER

HOMES = {
    "millstream.artifacts": {"download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"},
    "millstream.client": {"MlflowClient"},
    "millstream.entities": {"Experiment", "FileInfo", "Metric", "Param", "Run", "RunStatus", "RunTag", "ViewType"},
    "millstream.exceptions": {"MlflowException"},
    "millstream.models": {"Model", "infer_signature"},
    "millstream.models.signature": {"ModelSignature", "infer_signature"},
    "millstream.projects": {"run"},
    "millstream.pyfunc": {"PythonModel", "load_model", "log_model", "save_model"},
    "millstream.pytorch": {"load_model", "log_model", "save_model"},
    "millstream.sklearn": {"load_model", "log_model", "save_model"},
    "millstream.tracking": {"MlflowClient"},
    "millstream.types": {"DataType", "Schema"},
    "millstream.types.schema": {"ColSpec", "Schema", "TensorSpec"},
}


@pytest.mark.parametrize("name", millstream.__all__)
def test_every_public_name_is_there_and_described(name: str) -> None:
    value = getattr(millstream, name)
    assert name == "__version__" or value.__doc__


@pytest.mark.parametrize("home", HOMES)
def test_names_live_where_mlflow_has_them(home: str) -> None:
    missing = {name for name in HOMES[home] if not hasattr(import_module(home), name)}
    assert not missing


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = millstream.no_such_name


@pytest.mark.parametrize("name", LATER)
def test_what_is_not_there_yet_says_what_to_do_instead(name: str) -> None:
    assert name not in millstream.__all__
    with pytest.raises(AttributeError) as caught:
        getattr(millstream, name)
    assert LATER[name] in str(caught.value)


@pytest.mark.parametrize("flavor", ["sklearn", "pytorch"])
def test_a_flavour_says_that_it_does_not_log_by_itself(flavor: str) -> None:
    with pytest.raises(AttributeError, match="log_params"):
        _ = getattr(millstream, flavor).autolog
