"""Floor 3: where ops are written and queries answered."""
