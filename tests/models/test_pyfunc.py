"""Any model behind one `predict`: models in Python, loaders of one's own, and what may not be loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from millstream.formats.signature import ModelSignature
from millstream.models import pyfunc
from millstream.models.infer import infer_signature
from millstream.models.model import read_model
from millstream.models.pickles import Unpickler
from millstream.models.pyfunc import PythonModel, PythonModelContext
from millstream.values.errors import DataDamaged, InvalidValue, MissingDependency, NotSupported, UntrustedModel


class Scale(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        self.factor = int(Path(context.artifacts["factor"]).read_text())

    def predict(self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return model_input * self.factor + (params or {}).get("add", 0)


def in_main(source: str) -> dict[str, Any]:
    """Classes as a script defines them."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(source, space)
    return space


def test_artifacts_and_parameters_reach_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    (tmp_path / "인수.txt").write_text("3")
    signature = infer_signature(np.ones((1, 2)), params={"add": 1})
    artifacts = {"factor": str(tmp_path / "인수.txt")}
    pyfunc.save_model(tmp_path / "m", python_model=Scale(), artifacts=artifacts, signature=signature)
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    (tmp_path / "인수.txt").unlink()
    opened = pyfunc.load_model(str(tmp_path / "m"))
    assert opened.predict(np.ones((1, 2))).tolist() == [[4, 4]]
    assert opened.predict(np.ones((1, 2)), params={"add": 2}).tolist() == [[5, 5]]
    assert opened.unwrap_python_model().factor == 3
    entry = read_model(tmp_path / "m").pyfunc["artifacts"]["factor"]
    assert entry == {"path": "artifacts/factor/인수.txt", "uri": str(tmp_path / "인수.txt")}


@pytest.mark.parametrize(
    "source",
    [
        "class M:\n def predict(self, context, model_input): return len(model_input)",
        "class M:\n def predict(self, model_input, params=None): return len(model_input)",
        "class M:\n def predict(self, model_input): return len(model_input)",
        "def M():\n return lambda model_input: len(model_input)",
    ],
)
def test_every_form_of_predict_is_called_rightly(tmp_path: Path, source: str) -> None:
    pyfunc.save_model(tmp_path / "m", python_model=in_main(source)["M"]())
    assert pyfunc.load_model(str(tmp_path / "m")).predict([1, 2, 3]) == 3


def test_our_base_class_is_pickled_under_mlflows_name(tmp_path: Path) -> None:
    source = "from millstream.models.pyfunc import PythonModel\nclass M(PythonModel):\n def predict(s, c, x): return x"
    pyfunc.save_model(tmp_path / "m", python_model=in_main(source)["M"]())
    data = (tmp_path / "m" / "python_model.pkl").read_bytes()
    assert b"mlflow.pyfunc.model" in data
    assert b"millstream" not in data
    assert isinstance(pyfunc.load_model(str(tmp_path / "m")).unwrap_python_model(), PythonModel)
    assert "millstream" not in (tmp_path / "m" / "requirements.txt").read_text()


def test_mlflows_base_class_in_a_pickle_becomes_ours(tmp_path: Path) -> None:
    data = tmp_path / "x.pkl"
    data.write_bytes(b"\x80\x04\x8c\x13mlflow.pyfunc.model\x8c\x0bPythonModel\x93.")
    with data.open("rb") as stream:
        assert Unpickler(stream).load() is PythonModel


def test_what_only_mlflow_has_is_said(tmp_path: Path) -> None:
    pyfunc.save_model(tmp_path / "m", python_model=in_main("def f(model_input): return 1")["f"])
    name = b"mlflow.no_such_module_anywhere"
    (tmp_path / "m" / "python_model.pkl").write_bytes(b"\x80\x04\x8c" + bytes([len(name)]) + name + b"\x8c\x01X\x93.")
    with pytest.raises(MissingDependency, match="only MLflow has"):
        pyfunc.load_model(str(tmp_path / "m"))


def test_unwrapping_is_for_python_models(tmp_path: Path) -> None:
    from sklearn.dummy import DummyClassifier

    from millstream.models.flavors import sklearn

    sklearn.save_model(DummyClassifier().fit([[0]], [0]), tmp_path / "m")
    opened = pyfunc.load_model(str(tmp_path / "m"))
    with pytest.raises(InvalidValue, match=r"mlflow\.sklearn"):
        opened.unwrap_python_model()
    assert isinstance(opened.get_raw_model(), DummyClassifier)


LOADER = """
from pathlib import Path
class Model:
    def __init__(self, path): self.word = Path(path).read_text()
    def predict(self, data): return [self.word] * len(data)
def _load_pyfunc(path): return Model(path)
"""


def test_a_loader_of_ones_own_comes_from_the_models_code(tmp_path: Path) -> None:
    (tmp_path / "own_loader_a.py").write_text(LOADER)
    (tmp_path / "word.txt").write_text("네")
    pyfunc.save_model(
        tmp_path / "m",
        loader_module="own_loader_a",
        data_path=tmp_path / "word.txt",
        code_paths=[tmp_path / "own_loader_a.py"],
    )
    (tmp_path / "own_loader_a.py").unlink()
    assert pyfunc.load_model(str(tmp_path / "m")).predict([1, 2]) == ["네", "네"]
    with pytest.raises(UntrustedModel):
        pyfunc.load_model(str(tmp_path / "m"), trust=False)


@pytest.mark.parametrize("name", ["os", "subprocess", "own_loader_b", "json.tool"])
def test_other_modules_are_not_imported_because_a_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "own_loader_b.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text(f"flavors: {{python_function: {{loader_module: {name}}}}}")
    with pytest.raises(UntrustedModel, match=name):
        pyfunc.load_model(str(tmp_path / "m"))


def test_a_module_of_the_same_name_elsewhere_is_not_taken_for_the_models(tmp_path: Path) -> None:
    code = tmp_path / "m" / "code"
    code.mkdir(parents=True)
    (code / "json.py").write_text(LOADER)
    (tmp_path / "m" / "MLmodel").write_text("flavors: {python_function: {loader_module: json, code: code}}")
    with pytest.raises(UntrustedModel, match="loaded already"):
        pyfunc.load_model(str(tmp_path / "m"))


def test_flavours_that_are_not_built_are_named(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {loader_module: mlflow.prophet}}")
    with pytest.raises(NotSupported, match=r"mlflow\.prophet.*mlflow\.sklearn"):
        pyfunc.load_model(str(tmp_path))
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {}}")
    with pytest.raises(DataDamaged, match="loader_module"):
        pyfunc.load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, InvalidValue),
        ({"python_model": Scale(), "loader_module": "x"}, InvalidValue),
        ({"python_model": Scale}, InvalidValue),
        ({"python_model": 5}, InvalidValue),
        ({"python_model": "model.py"}, NotSupported),
        ({"loader_module": "mine"}, InvalidValue),
    ],
)
def test_arguments_that_make_no_model_are_refused(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        pyfunc.save_model(tmp_path / "m", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_example_is_tried_on_the_model_as_it_will_open(tmp_path: Path) -> None:
    model = in_main("class M:\n def predict(self, model_input): return model_input.sum(axis=1)")["M"]()
    pyfunc.save_model(tmp_path / "m", python_model=model, input_example=np.ones((2, 3)))
    signature = read_model(tmp_path / "m").signature
    assert isinstance(signature, ModelSignature)
    assert repr(signature.outputs) == "[tensor float64 (-1,)]"


def test_importing_the_floor_imports_no_heavy_library() -> None:
    program = (
        "import sys, millstream.models.pyfunc, millstream.models.infer, millstream.models.signature\n"
        "import millstream.models.flavors.sklearn, millstream.models.flavors.pytorch, millstream.serving.app\n"
        "print([n for n in ('numpy', 'pandas', 'sklearn', 'torch', 'cloudpickle', 'uvicorn') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
