"""Floor 0: plain data and the rules on it. Nothing here touches a disk, a network or a database."""
