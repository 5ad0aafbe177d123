"""Floor 2: one kind of IO each; the drivers do not know each other."""
