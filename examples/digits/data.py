"""The digits that scikit-learn brings along: 1,797 scanned images of 8 × 8 pixels with values from 0 to 16."""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def load() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Training pixels, validation pixels, training labels, validation labels; the same split every time."""
    digits = load_digits(as_frame=True)
    return train_test_split(digits.data, digits.target, test_size=500, random_state=0, stratify=digits.target)
