"""The digits that scikit-learn brings along: 1,797 scanned images of 8 × 8 pixels with values from 0 to 16."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

VALIDATION = 500


def load() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Training pixels, validation pixels, training labels, validation labels; the same split every time."""
    digits = load_digits(as_frame=True)
    order = np.random.default_rng(0).permutation(len(digits.data))
    train, valid = order[VALIDATION:], order[:VALIDATION]
    return digits.data.iloc[train], digits.data.iloc[valid], digits.target.iloc[train], digits.target.iloc[valid]
