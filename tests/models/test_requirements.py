"""Requirements from a pickle's opcodes, without running it."""

from __future__ import annotations

import pickle
import sys
from importlib import metadata
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from millstream.models import requirements
from millstream.models.requirements import differing_versions, distribution_of, pickle_modules, requirements_for
from millstream.values.errors import DataDamaged


def dumped(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_modules_are_found_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    model = RandomForestClassifier(n_estimators=2).fit(np.eye(3), [0, 1, 2])
    modules = pickle_modules(dumped(tmp_path, pickle.dumps(model, protocol)))
    assert {"sklearn", "numpy"} <= modules
    assert modules <= {"sklearn", "numpy", "copy_reg", "copyreg", "builtins", "_codecs", "__builtin__", "joblib"}


def test_modules_used_by_a_function_pickled_by_value_are_found(tmp_path: Path) -> None:
    source = "import pandas\nimport numpy as np\ndef predict(x): return pandas.DataFrame(np.array(x))\n"
    space: dict[str, object] = {"__name__": "__main__"}
    exec(source, space)
    assert {"pandas", "numpy"} <= pickle_modules(dumped(tmp_path, cloudpickle.dumps(space["predict"])))


def test_nothing_in_the_pickle_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"__import__('pathlib').Path({str(tmp_path / 'sprung')!r}).touch()",)

    assert pickle_modules(dumped(tmp_path, pickle.dumps(Trap()))) == {"builtins"}
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("data", [b"", b"\x80", b"garbage", pickle.dumps([1, 2])[:-3]])
def test_a_broken_pickle_is_named(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataDamaged, match=r"model\.pkl"):
        pickle_modules(dumped(tmp_path, data))


def test_lines_are_pinned_to_what_is_installed() -> None:
    lines, unknown = requirements_for({"sklearn", "numpy", "os", "__main__", "millstream", "mine"}, ("cloudpickle",))
    wanted = [f"{name}=={metadata.version(name)}" for name in ("cloudpickle", "numpy", "scikit-learn")]
    assert lines == wanted
    assert unknown == ["mine"]


def test_a_local_label_is_kept_and_its_index_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "installed_version", lambda name: "2.13.0+cpu" if name == "torch" else None)
    monkeypatch.setattr(requirements, "distribution_of", lambda module: module)
    lines, _ = requirements_for({"torch"})
    assert lines == ["--extra-index-url https://download.pytorch.org/whl/cpu", "torch==2.13.0+cpu"]


def test_the_distribution_of_a_module_with_another_name_is_found() -> None:
    assert distribution_of("sklearn") == "scikit-learn"
    assert distribution_of("dateutil") == "python-dateutil"
    assert distribution_of("no_such_module") is None


def test_pins_that_differ_from_what_is_installed_are_told() -> None:
    here = metadata.version("numpy")
    lines = [
        "--extra-index-url https://x",
        f"numpy=={here}",
        "pandas==0.1.0",
        "no-such==1  # why",
        "click>=1",
        "mlflow==3.17.2",
    ]
    assert differing_versions(lines) == [("pandas", "0.1.0", metadata.version("pandas")), ("no-such", "1", None)]


def test_the_standard_library_needs_nothing() -> None:
    assert requirements_for(set(sys.stdlib_module_names)) == ([], [])
