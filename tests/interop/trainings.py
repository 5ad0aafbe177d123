"""Small trainings of frameworks that log to MLflow by themselves; each returns what the training itself knows.

As `verbs`, in the environment that has the frameworks. Nothing is downloaded: data is drawn, models have random
weights.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def _variables(**named: str) -> Any:
    os.environ.update(named)
    try:
        yield
    finally:
        for name in named:
            del os.environ[name]


def seen(library: Any, store: str, run_id: str, folder: str = "") -> dict[str, Any]:
    """What a run has by now, its files below `folder` among it, with sizes."""
    speaker = library.MlflowClient(store)
    run = speaker.get_run(run_id)
    files, folders = {}, [folder]
    while folders:
        for entry in speaker.list_artifacts(run_id, folders.pop() or None):
            if entry.is_dir:
                folders.append(entry.path)
            else:
                files[entry.path] = entry.file_size
    return {
        "experiment": speaker.get_experiment(run.info.experiment_id).name,
        "name": run.info.run_name,
        "status": run.info.status,
        "ended": run.info.end_time is not None,
        "params": run.data.params,
        "tags": run.data.tags,
        "points": {
            key: [[point.step, point.value] for point in speaker.get_metric_history(run_id, key)]
            for key in run.data.metrics
        },
        "files": files,
    }


def lightning(library: Any, store: str, mark: str, breaks: bool = False) -> Any:
    """Three epochs of four steps with a checkpoint each, by Lightning's logger; with `breaks` the second one fails."""
    import torch
    from lightning.pytorch import LightningModule, Trainer, seed_everything
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import MLFlowLogger

    losses: list[float] = []

    class Line(LightningModule):
        def __init__(self, lr: float, layers: dict[str, int], 말: str) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.line = torch.nn.Linear(layers["in"], 1)

        def training_step(self, batch: Any, number: int) -> Any:
            if breaks and self.current_epoch == 1:
                raise ArithmeticError("on purpose")
            inputs, targets = batch
            loss = torch.nn.functional.mse_loss(self.line(inputs), targets)
            losses.append(loss.item())
            self.log("train/loss", loss)
            return loss

        def on_train_epoch_end(self) -> None:
            self.log("epochs done", float(self.current_epoch + 1))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])

    seed_everything(1)
    inputs = torch.randn(16, 3)
    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(inputs, inputs.sum(1, keepdim=True)), batch_size=4
    )
    logger = MLFlowLogger(mark, run_name="번개", tracking_uri=store, tags={"팀": "가"}, log_model=True)
    with tempfile.TemporaryDirectory() as folder:
        keeper = ModelCheckpoint(dirpath=folder, filename="{epoch}", save_top_k=2, monitor="train/loss")
        trainer = Trainer(
            max_epochs=3, accelerator="cpu", logger=logger, callbacks=[keeper], log_every_n_steps=1,
            default_root_dir=folder, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        model = Line(0.1, {"in": 3}, "한국어")
        try:
            trainer.fit(model, data)
        except ArithmeticError:
            return {"run": seen(library, store, logger.run_id), "losses": losses}
        best = Path(keeper.best_model_path)
        came = library.MlflowClient(store).download_artifacts(
            logger.run_id, f"{best.stem}/{best.name}", tempfile.mkdtemp(dir=folder)
        )
        alike = Path(came).read_bytes() == best.read_bytes()
        weights = torch.load(came, weights_only=False)["state_dict"]
        kept = sorted(Path(path).stem for path in keeper.best_k_models)
    return {
        "run": seen(library, store, logger.run_id),
        "losses": losses,
        "kept": kept,
        "best": best.stem,
        "alike": alike,
        "weights": sorted(weights),
    }


def transformers(library: Any, store: str, mark: str, folder: str) -> Any:
    """Six steps of a tiny BERT by the Trainer, with evaluations and checkpoints, by its callback for MLflow."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    library.set_tracking_uri(store)
    config = BertConfig(
        vocab_size=32, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16, num_labels=2,
    )  # fmt: skip
    torch.manual_seed(1)
    rows = [{"input_ids": torch.randint(0, 32, (8,)), "labels": number % 2} for number in range(24)]
    arguments = TrainingArguments(
        output_dir=folder, run_name="변신", report_to=["mlflow"], num_train_epochs=2, per_device_train_batch_size=8,
        logging_steps=1, eval_strategy="epoch", save_strategy="steps", save_steps=6, use_cpu=True,
        disable_tqdm=True, seed=1,
    )  # fmt: skip
    trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=rows, eval_dataset=rows[:8])
    asked = {
        "MLFLOW_EXPERIMENT_NAME": mark,
        "MLFLOW_TAGS": '{"나라": "한국"}',
        "MLFLOW_FLATTEN_PARAMS": "1",
        "HF_MLFLOW_LOG_ARTIFACTS": "1",
        # Which packages a checkpoint needs would be found out by importing all of them once more.
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
    }
    with _variables(**asked):
        trainer.train()
    (run,) = library.search_runs(experiment_names=[mark], output_format="list")
    with tempfile.TemporaryDirectory() as target:
        root = library.artifacts.download_artifacts(f"runs:/{run.info.run_id}/checkpoint-6", dst_path=target)
        (down,) = Path(root).rglob("model.safetensors")
        weights = down.read_bytes() == Path(folder, "checkpoint-6", "model.safetensors").read_bytes()
    models = library.search_logged_models([run.info.experiment_id], output_format="list")
    return {
        "run": seen(library, store, run.info.run_id),
        "logs": trainer.state.log_history,
        "weights": weights,
        "models": [model.name for model in models],
    }


def autologged(library: Any, store: str) -> Any:
    """A search over a grid that scikit-learn's autologging logs: the run of the search and its children; no ids."""
    import verbs
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    library.set_tracking_uri(store if "://" in store else Path(store).as_uri())
    library.set_experiment("스스로")
    _, frame = verbs.classifier()
    library.sklearn.autolog(log_models=False, silent=True)
    try:
        found = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(frame, frame["a"] > 0)
        found.score(frame, frame["a"] > 0)
    finally:
        library.sklearn.autolog(disable=True)
    runs = library.search_runs(
        experiment_names=["스스로"], output_format="list", order_by=["metrics.mean_test_score DESC"]
    )
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    (parent,) = parents
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    timed = [
        run.data.metrics.pop(key, None) is not None for run in runs for key in ("mean_fit_time", "mean_score_time")
    ]
    for run in runs:
        for key in ("std_fit_time", "std_score_time", "rank_test_score"):
            run.data.metrics.pop(key, None)
    return {
        "parent": [parent.info.status, parent.data.params, parent.data.metrics],
        "children": sorted(
            ([run.info.status, run.data.params, sorted(run.data.metrics.items())] for run in children), key=str
        ),
        "timed": sum(timed),
        "files": sorted(seen(library, library.get_tracking_uri(), parent.info.run_id)["files"]),
        "datasets": [len(run.inputs.dataset_inputs) for run in parents],
        "best": found.best_params_,
    }


def optuna(library: Any, store: str, mark: str) -> Any:
    """A study of five trials by Optuna's callback: one is cut, one fails, each logs more by itself."""
    import optuna
    from optuna_integration.mlflow import MLflowCallback

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    callback = MLflowCallback(tracking_uri=store, metric_name="점수/score", mlflow_kwargs={"nested": True})

    @callback.track_in_mlflow()
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", -3, 3)
        kind = trial.suggest_categorical("kind", ["a", "한글 값"])
        for step in range(3):
            library.log_metric("way", x / (step + 1), step=step)
        library.log_text(f"{x}\n", "곁에/x.txt")
        trial.set_user_attr("note", f"메모 {trial.number}")
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 3:
            raise ArithmeticError("on purpose")
        return float(x * x + (kind == "a"))

    study = optuna.create_study(study_name=mark, sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=5, callbacks=[callback], catch=(ArithmeticError,))
    runs = library.search_runs(experiment_names=[mark], output_format="list", order_by=["start_time ASC"])
    best = library.search_runs(
        experiment_names=[mark], output_format="list", order_by=["metrics.`점수/score` ASC"], max_results=1
    )
    return {
        "runs": {run.info.run_name: seen(library, store, run.info.run_id) for run in runs},
        "trials": [{"state": trial.state.name, "params": trial.params, "value": trial.value} for trial in study.trials],
        "best": [best[0].info.run_name, study.best_trial.number],
    }
