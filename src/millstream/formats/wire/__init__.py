"""MLflow's REST interface as one table: requests ↔ ops and queries, results ↔ JSON. Pure: no sockets, no clock."""
