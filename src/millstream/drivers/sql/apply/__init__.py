"""Ops into a database: one function an op, inside the caller's transaction; one file a noun."""
