"""Protocols: a turn's list of events as the bytes that each kind of client reads."""
