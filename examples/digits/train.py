"""Train a small network on the digits and log everything about it: python train.py --lr 0.05 --epochs 12."""

from __future__ import annotations

import argparse

import data
import mlflow
import mlflow.pytorch
import numpy as np
import pandas as pd
import torch
from mlflow.models import infer_signature
from torch import nn

try:
    from matplotlib.figure import Figure
except ImportError:
    Figure = None


def arguments() -> argparse.ArgumentParser:
    """The settings; names and defaults as in the MLproject file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--seed", type=int, default=5)
    return parser


def tensors(pixels: pd.DataFrame, labels: pd.Series) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and labels as the network takes them."""
    return torch.tensor(pixels.to_numpy(np.float32)), torch.tensor(labels.to_numpy(np.int64))


def measure(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float, np.ndarray]:
    """Loss, accuracy and predicted digits."""
    model.eval()
    with torch.no_grad():
        scores = model(x)
    predicted = scores.argmax(dim=1)
    loss = nn.functional.cross_entropy(scores, y).item()
    return loss, (predicted == y).float().mean().item(), predicted.numpy()


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, size: int
) -> None:
    """One pass over the training images in random batches."""
    model.train()
    for batch in torch.randperm(len(x)).split(size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()


def log_settings(settings: argparse.Namespace) -> None:
    """Log what `mlflow run` has not logged already."""
    run = mlflow.active_run()
    known = mlflow.get_run(run.info.run_id).data.params
    names = {name.replace("_", "-"): value for name, value in vars(settings).items()}
    mlflow.log_params({name: value for name, value in names.items() if name not in known})


def log_confusion(labels: np.ndarray, predicted: np.ndarray) -> None:
    """A picture of which digit is taken for which: a figure where matplotlib is installed, else the bare counts."""
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (labels, predicted), 1)
    if Figure is None:
        shades = 255 - (255 * counts / counts.max()).astype(np.uint8)
        mlflow.log_image(shades.repeat(24, axis=0).repeat(24, axis=1), "confusion.png")
        return
    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            color = "white" if counts[row, column] > counts.max() / 2 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=color)
    axes.set(xlabel="predicted", ylabel="digit", xticks=range(10), yticks=range(10))
    mlflow.log_figure(figure, "confusion.png")


def train(settings: argparse.Namespace) -> float:
    """Train with `settings` in the active run; returns the accuracy on the validation images."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)  # the network is small, and sums are then always made in the same order
    train_pixels, valid_pixels, train_labels, valid_labels = data.load()
    x, y = tensors(train_pixels, train_labels)
    x_valid, y_valid = tensors(valid_pixels, valid_labels)
    # Only layers that come with torch, so that the saved model needs nothing of this file.
    model = nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.momentum)
    log_settings(settings)
    accuracy = 0.0
    for epoch in range(settings.epochs):
        train_epoch(model, optimizer, x, y, settings.batch_size)
        loss, fit, _ = measure(model, x, y)
        valid_loss, accuracy, predicted = measure(model, x_valid, y_valid)
        mlflow.log_metrics(
            {"train_loss": loss, "train_accuracy": fit, "valid_loss": valid_loss, "valid_accuracy": accuracy},
            step=epoch,
        )
    _, accuracy, predicted = measure(model, x_valid, y_valid)
    log_confusion(y_valid.numpy(), predicted)
    example = valid_pixels.head(5)
    scores = pd.DataFrame(model(tensors(example, valid_labels.head(5))[0]).detach().numpy())
    mlflow.pytorch.log_model(model, "model", input_example=example, signature=infer_signature(example, scores))
    return accuracy


if __name__ == "__main__":
    given = arguments().parse_args()
    with mlflow.start_run() as started:
        print(f"run {started.info.run_id}: validation accuracy {train(given):.3f}")
