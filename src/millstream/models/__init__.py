"""Floor 5: saving, loading and describing models."""
