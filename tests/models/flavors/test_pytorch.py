"""PyTorch models, saved and opened for real, in the layout of MLflow 1."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from millstream.formats.signature import TensorSpec
from millstream.models import pyfunc
from millstream.models.flavors import pytorch as flavor
from millstream.models.model import read_model
from millstream.values.errors import DataDamaged, InvalidValue, MissingDependency, NotSupported, UntrustedModel

torch: Any = None


@pytest.fixture(autouse=True, scope="module")
def _torch() -> None:
    """Seconds of imports, for the process that runs these tests rather than each that hears of them."""
    global torch
    torch = pytest.importorskip("torch")


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))


def test_the_directory_is_the_one_of_the_classic_introduction(tmp_path: Path) -> None:
    flavor.save_model(net(), tmp_path / "my_model")
    files = {path.relative_to(tmp_path / "my_model").as_posix() for path in (tmp_path / "my_model").rglob("*.*")}
    assert {"data/model.pth", "data/pickle_module_info.txt", "conda.yaml"} <= files
    assert (tmp_path / "my_model" / "data" / "pickle_module_info.txt").read_text() == "mlflow.pytorch.pickle_module"
    model = read_model(tmp_path / "my_model")
    assert model.pyfunc["loader_module"] == "mlflow.pytorch"
    assert model.pyfunc["data"] == model.flavors["pytorch"]["model_data"] == "data"
    assert model.pyfunc["pickle_module_name"] == "mlflow.pytorch.pickle_module"
    assert model.flavors["pytorch"]["pytorch_version"] == torch.__version__
    assert f"torch=={torch.__version__}" in (tmp_path / "my_model" / "requirements.txt").read_text()


def test_frames_give_frames_and_arrays_arrays(tmp_path: Path) -> None:
    module = net().eval()
    flavor.save_model(module, tmp_path / "m")
    opened = pyfunc.load_model(str(tmp_path / "m"))
    rows = np.array([[1, 2, 3], [4, 5, 6]], "float32")
    expected = module(torch.from_numpy(rows)).detach().numpy()
    assert np.allclose(opened.predict(rows), expected)
    frame = opened.predict(pd.DataFrame(rows.astype("float64"), columns=list("abc"), index=[7, 8]))
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.index) == [7, 8]
    assert np.allclose(frame.to_numpy(), expected)
    for data in ([[1, 2, 3]], {"a": 1}):
        with pytest.raises(InvalidValue, match="frame or an array"):
            opened.predict(data)
    with pytest.raises(InvalidValue, match="numbers only"):
        opened.predict(pd.DataFrame({"a": ["x"]}))


def test_the_mlmodel_file_of_mlflow_1_opens(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    torch.save(net(), tmp_path / "data" / "model.pth")
    (tmp_path / "data" / "pickle_module_info.txt").write_text("mlflow.pytorch.pickle_module")
    (tmp_path / "MLmodel").write_text(
        "artifact_path: my_model\nflavors:\n  python_function:\n    data: data\n    env: conda.yaml\n"
        "    loader_module: mlflow.pytorch\n    pickle_module_name: mlflow.pytorch.pickle_module\n"
        "    python_version: 3.6.8\n  pytorch: {model_data: data, pytorch_version: 1.4.0}\n"
        "run_id: a692b874a5464d9ea0d822b42fcd0000\nutc_time_created: '2020-02-18 02:57:54.437482'\n"
    )
    assert isinstance(flavor.load_model(str(tmp_path)), torch.nn.Sequential)
    assert pyfunc.load_model(str(tmp_path)).predict(np.ones((1, 3), "float32")).shape == (1, 2)


SCRIPT = """
import sys, torch
from millstream.models.flavors import pytorch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def forward(self, x):
        return self.layer(x)
pytorch.save_model(Net(), sys.argv[1])
"""


def test_a_class_of_the_script_opens_in_another_process(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / "m")], check=True, timeout=120)
    assert pyfunc.load_model(str(tmp_path / "m")).predict(np.ones((1, 2), "float32")).shape == (1, 1)


@pytest.mark.filterwarnings("ignore:The model uses")
def test_plain_pickle_needs_the_class_and_says_so(tmp_path: Path) -> None:
    flavor.save_model(net(), tmp_path / "m", pickle_module=pickle)
    assert (tmp_path / "m" / "data" / "pickle_module_info.txt").read_text() == "pickle"
    assert isinstance(flavor.load_model(str(tmp_path / "m")), torch.nn.Sequential)

    class Local(torch.nn.Module):
        pass

    Local.__qualname__, Local.__module__ = "Vanished", __name__
    globals()["Vanished"] = Local
    try:
        flavor.save_model(Local(), tmp_path / "n", pickle_module=pickle)
    finally:
        del globals()["Vanished"]
    with pytest.raises(MissingDependency, match="Vanished"):
        flavor.load_model(str(tmp_path / "n"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_module_comes_back(tmp_path: Path) -> None:
    script = torch.jit.trace(net().eval(), torch.ones(1, 3))
    flavor.save_model(script, tmp_path / "m", input_example=np.ones((1, 3), "float32"))
    assert isinstance(flavor.load_model(str(tmp_path / "m")), torch.jit.ScriptModule)
    signature = read_model(tmp_path / "m").signature
    assert signature is not None
    assert signature.outputs is not None
    assert signature.outputs.inputs == [TensorSpec("float32", (-1, 2))]


def test_only_known_pickle_modules_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flavor.save_model(net(), tmp_path / "m")
    (tmp_path / "sprung_trap.py").write_text("raise SystemExit('imported because a file said so')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "m" / "data" / "pickle_module_info.txt").write_text("sprung_trap")
    with pytest.raises(NotSupported, match="'sprung_trap'"):
        flavor.load_model(str(tmp_path / "m"))
    assert "sprung_trap" not in sys.modules


def test_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="not dict"):
        flavor.save_model({}, tmp_path / "m")
    with pytest.raises(NotSupported, match="'pt2'"):
        flavor.save_model(net(), tmp_path / "m", serialization_format="pt2")
    with pytest.raises(InvalidValue, match="pickle_module"):
        flavor.save_model(net(), tmp_path / "m", pickle_module=sys)
    assert list(tmp_path.iterdir()) == []


def test_broken_and_untrusted_files_are_named(tmp_path: Path) -> None:
    flavor.save_model(net(), tmp_path / "m")
    with pytest.raises(UntrustedModel, match=r"model\.pth"):
        flavor.load_model(str(tmp_path / "m"), trust=False)
    file = tmp_path / "m" / "data" / "model.pth"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataDamaged, match=r"model\.pth"):
        flavor.load_model(str(tmp_path / "m"))
    file.unlink()
    with pytest.raises(NotSupported, match=r"no model\.pth"):
        flavor.load_model(str(tmp_path / "m"))


def test_the_device_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flavor.save_model(net(), tmp_path / "m")
    monkeypatch.setenv("MLFLOW_DEFAULT_PREDICTION_DEVICE", "meta")
    assert pyfunc.load_model(str(tmp_path / "m")).predictor.device == "meta"
    assert pyfunc.load_model(str(tmp_path / "m"), model_config={"device": "cpu"}).predictor.device == "cpu"
