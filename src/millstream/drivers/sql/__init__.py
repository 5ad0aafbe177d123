"""SQL: the one place where questions are answered, over the index of a directory or over a database."""
