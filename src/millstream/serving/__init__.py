"""Floor 6: the scoring server: HTTP in front of a model."""
