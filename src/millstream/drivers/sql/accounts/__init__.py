"""Tables of users and what they may do, in the database of the runs or one of their own."""
