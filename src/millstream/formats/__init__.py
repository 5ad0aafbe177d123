"""Floor 1: text and bytes to values and back; pure functions, no open()."""
