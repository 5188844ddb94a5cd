"""Failures that keep Chatkeep from running on this machine."""


class LocalError(Exception):
    """The message names the fault and the remedy."""
