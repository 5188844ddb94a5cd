"""Streams: a turn's numbered list of events, its stored copy, and the formats in which clients get it."""
