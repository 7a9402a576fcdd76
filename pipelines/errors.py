"""The one error that a user sees: a clear sentence of what, where and what to do."""


class MusterError(Exception):
    """A failure explained in one sentence; the command line prints it and exits 1.

    The message never holds a personal value (a name, an address, a raw record).
    """


class UsageError(MusterError):
    """Wrong use of a command or function; the command line exits 2."""
