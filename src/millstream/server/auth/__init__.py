"""Users who log in, and what they may do; imported only where a server is started with `--auth`."""
