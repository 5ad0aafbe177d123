"""Bringing runs from one place into another: a tree, a database, MLflow's or ours, or a server, into any store."""
