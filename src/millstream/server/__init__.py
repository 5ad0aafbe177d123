"""Floor 6: the tracking server: HTTP in front of a store."""
