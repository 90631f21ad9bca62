"""The error that a wrong command line raises."""


class UsageError(Exception):
    """A wrong option or argument; the message names it and says what is wanted. Exit status 2."""
