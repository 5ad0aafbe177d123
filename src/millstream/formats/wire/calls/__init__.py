"""The wire table the other way round, for a client: ops and queries → requests, replies → results."""
