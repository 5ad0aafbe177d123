"""A client of MLflow's REST interface: small, over the standard library."""
