"""scikit-learn models, saved and opened for real."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from millstream.models import pyfunc
from millstream.models.flavors import sklearn as flavor
from millstream.models.infer import infer_signature
from millstream.models.model import read_model
from millstream.values.errors import DataDamaged, InvalidValue, MissingDependency, NotFound, UntrustedModel

FRAME = pd.DataFrame({"a": [0.0, 1, 2, 3, 4, 5], "b": [1.0, 0, 1, 0, 1, 0]})
TARGET = [0, 0, 0, 1, 1, 1]


@pytest.fixture
def fitted() -> LogisticRegression:
    return LogisticRegression().fit(FRAME, TARGET)


@pytest.mark.parametrize("form", ["cloudpickle", "pickle", "skops", None])
def test_a_model_comes_back_the_same(tmp_path: Path, fitted: LogisticRegression, form: str | None) -> None:
    if form == "skops":
        pytest.importorskip("skops")
    path = tmp_path / "m"
    flavor.save_model(fitted, path, serialization_format=form, signature=infer_signature(FRAME))
    file = "model.skops" if form == "skops" else "model.pkl"
    assert (path / file).is_file()
    settings = read_model(path).flavors["sklearn"]
    assert settings["pickled_model"] == file
    assert settings["serialization_format"] == (form or "cloudpickle")
    assert np.array_equal(flavor.load_model(str(path)).coef_, fitted.coef_)
    assert pyfunc.load_model(str(path)).predict(FRAME).tolist() == fitted.predict(FRAME).tolist()
    assert "scikit-learn==" in (path / "requirements.txt").read_text()


def test_another_method_can_predict(tmp_path: Path, fitted: LogisticRegression) -> None:
    flavor.save_model(fitted, tmp_path / "m", pyfunc_predict_fn="predict_proba")
    assert pyfunc.load_model(str(tmp_path / "m")).predict(FRAME).shape == (6, 2)
    with pytest.raises(InvalidValue, match="'predict_log'"):
        flavor.save_model(fitted, tmp_path / "n", pyfunc_predict_fn="predict_log")


def test_mlflow_1_said_data_where_2_says_model_path(tmp_path: Path, fitted: LogisticRegression) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(fitted))
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function: {data: model.pkl, env: conda.yaml, loader_module: mlflow.sklearn}\n"
        "  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}\n"
    )
    assert pyfunc.load_model(str(tmp_path)).predict(FRAME).tolist() == fitted.predict(FRAME).tolist()


CATEGORIES = pd.DataFrame({"c": ["x", "y", "x", "y", "x", "y"], "n": [0.0, 1, 2, 3, 4, 5]})


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (LogisticRegression(), FRAME),
        (LogisticRegression(), FRAME.to_numpy()),
        (RandomForestClassifier(n_estimators=3, random_state=0), FRAME),
        (make_pipeline(StandardScaler(), LogisticRegression()), FRAME),
        (VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]), FRAME),
        (
            make_pipeline(
                ColumnTransformer([("c", OneHotEncoder(), ["c"]), ("n", "passthrough", ["n"])]), LogisticRegression()
            ),
            CATEGORIES,
        ),
    ],
)
def test_frames_and_arrays_give_the_same_answer_without_warnings(tmp_path: Path, estimator, data) -> None:
    estimator.fit(data, TARGET)
    flavor.save_model(estimator, tmp_path / "m")
    opened = pyfunc.load_model(str(tmp_path / "m"))
    expected = estimator.predict(data).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened.predict(data).tolist() == expected
        if isinstance(data, pd.DataFrame) and opened.predictor.takes_arrays(list(data.columns)):
            assert opened.predict(data.to_numpy()).tolist() == expected
        elif isinstance(data, np.ndarray):
            assert opened.predict(pd.DataFrame(data)).tolist() == expected


def test_the_estimator_itself_keeps_its_names(tmp_path: Path, fitted: LogisticRegression) -> None:
    flavor.save_model(fitted, tmp_path / "m")
    assert pyfunc.load_model(str(tmp_path / "m")).get_raw_model().feature_names_in_.tolist() == ["a", "b"]


def test_a_class_of_the_script_is_pickled_by_value(tmp_path: Path) -> None:
    space: dict[str, object] = {"__name__": "__main__"}
    exec("class Twice:\n    def predict(self, x): return [2 * v for v in x]\n", space)
    flavor.save_model(space["Twice"](), tmp_path / "m")  # type: ignore[operator]
    del space["Twice"]
    assert flavor.load_model(str(tmp_path / "m")).predict([1, 2]) == [2, 4]


def test_what_runs_code_can_be_refused(
    tmp_path: Path, fitted: LogisticRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    flavor.save_model(fitted, tmp_path / "m")
    with pytest.raises(UntrustedModel, match=r"model\.pkl.*trust=True"):
        flavor.load_model(str(tmp_path / "m"), trust=False)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with pytest.raises(UntrustedModel):
        pyfunc.load_model(str(tmp_path / "m"))
    assert flavor.load_model(str(tmp_path / "m"), trust=True).coef_.shape == (1, 2)


def test_safe_files_load_even_then(tmp_path: Path, fitted: LogisticRegression) -> None:
    pytest.importorskip("skops")
    flavor.save_model(fitted, tmp_path / "m", serialization_format="skops")
    assert flavor.load_model(str(tmp_path / "m"), trust=False).coef_.shape == (1, 2)


def test_broken_and_foreign_files_are_named(tmp_path: Path, fitted: LogisticRegression) -> None:
    with pytest.raises(InvalidValue, match="'xml'"):
        flavor.save_model(fitted, tmp_path / "x", serialization_format="xml")
    with pytest.raises(InvalidValue, match="pickled"):
        flavor.save_model(object.__new__(type(iter([]).__class__.__name__, (), {"__reduce__": None})), tmp_path / "x")
    assert not (tmp_path / "x").exists()
    flavor.save_model(fitted, tmp_path / "m")
    file = tmp_path / "m" / "model.pkl"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataDamaged, match=r"model\.pkl"):
        flavor.load_model(str(tmp_path / "m"))
    file.write_bytes(pickle.dumps(fitted, 0).replace(b"sklearn.linear_model._logistic", b"no_such_library.x"))
    with pytest.raises(MissingDependency, match="no_such_library"):
        flavor.load_model(str(tmp_path / "m"))
    file.unlink()
    with pytest.raises(DataDamaged, match="incomplete"):
        flavor.load_model(str(tmp_path / "m"))
    with pytest.raises(NotFound, match="nowhere"):
        flavor.load_model(str(tmp_path / "nowhere"))
