"""What a person is told when a program is asked for something it does not have."""

from microgradx.graph import MicrogradxError


class ProgramError(MicrogradxError, ValueError):
    """A program was asked for by a wrong name, or with an option or value that it does not take."""
