"""Millstream: experiment tracking, projects and models, in MLflow's language. Names resolve on first use."""
