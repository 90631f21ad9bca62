"""How a command says no."""


class ControlError(Exception):
    """A command is refused or has failed; the text is for the user, with the way out. Exit status 1."""
