"""What can keep Chatkeep from running on this machine."""


class LocalError(Exception):
    """The message says what is wrong and what the user can do."""
