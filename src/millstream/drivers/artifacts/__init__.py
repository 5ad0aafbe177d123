"""Artifact stores: one file a kind, found through the table in `open.py`."""
