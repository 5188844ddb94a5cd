"""Titles of sessions that have none, made by the sessions' own models after their first turns."""
