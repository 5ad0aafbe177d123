"""A registry worth looking at: models that really predict, with versions, stages, aliases, tags and long names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import millstream
from millstream.models import infer_signature
from millstream.models.pyfunc import PythonModel
from millstream.tracking.client import MlflowClient

DIGITS = "숫자 digits"
LONG = "a model whose name is as long as people make them when nobody stops them, and longer " * 2


class Line(PythonModel):
    """Adds a to b, `factor` times."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return [float(value) for value in (model_input["a"] + model_input["b"]) * self.factor]


def log_registry(store: Path, many: int = 0) -> dict[str, str]:
    """The runs "one" and "two" with versions 1 and 2 of `DIGITS`, and "three" with a model that is not registered."""
    import pandas

    millstream.set_tracking_uri(str(store))
    experiment = millstream.set_experiment("models").experiment_id
    client = MlflowClient(str(store))
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [0.5, 1.5]})
    runs = {"experiment": experiment}
    for number, name in enumerate(("one", "two", "three")):
        with millstream.start_run(run_name=name) as run:
            millstream.log_params({"factor": number + 1, "same": "x"})
            millstream.log_metric("score", 0.5 + number / 10)
            millstream.pyfunc.log_model(
                name="model",
                python_model=Line(number + 1),
                input_example=frame,
                signature=infer_signature(frame, [1.5, 3.5]),
                pip_requirements=["pandas==2.2.1", f"numpy==1.{26 + number}.0"],
                registered_model_name=DIGITS if number < 2 else None,
            )
        runs[name] = run.info.run_id
    client.update_registered_model(DIGITS, "Reads digits. <script>document.title = 'taken'</script>")
    client.set_registered_model_tag(DIGITS, "팀", "vision <b>")
    client.set_registered_model_alias(DIGITS, "champion", "1")
    client.transition_model_version_stage(DIGITS, "1", "Production")
    client.update_model_version(DIGITS, "2", "The second one")
    client.create_registered_model(LONG.strip())
    client.create_registered_model("empty (with) & signs?#+")
    for number in range(many):
        client.create_registered_model(f"many {number:05}")
    return runs
