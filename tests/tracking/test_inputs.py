"""Datasets and models that a run used, noted from training code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import millstream as mlflow
from millstream.data import from_numpy, from_pandas, get_source
from millstream.values.errors import InvalidValue

FRAME = pd.DataFrame({"나이": [1, 2, 3], "b": ["x", "y", None]})


def test_a_run_keeps_what_it_learnt_from(here: Path) -> None:
    data = from_pandas(FRAME, source="a.csv", name="꽃")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training", tags={"split": 1})
        mlflow.log_input(data, context="training")
        mlflow.log_inputs([from_numpy(np.zeros(3)), data._to_mlflow_entity()], ["test", None], [None, None], None)
    found = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    first = next(item for item in found if item.dataset.name == "꽃")
    assert first.dataset == data._to_mlflow_entity()
    assert {tag.key: tag.value for tag in first.tags} == {"split": "1", "mlflow.data.context": "training"}
    assert get_source(first) == data.source
    assert len(found) == 2
    with mlflow.start_run():
        for wrong in (
            lambda: mlflow.log_input(),
            lambda: mlflow.log_inputs([data], [None, None]),
            lambda: mlflow.log_input("x"),
        ):
            with pytest.raises(InvalidValue):
                wrong()
