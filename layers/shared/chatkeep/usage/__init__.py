"""Usage: the counters of sessions, users and days, and the records that feed them."""
