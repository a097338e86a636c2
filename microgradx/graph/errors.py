"""Every mistake a person can make with microgradx is one of these."""


class MicrogradxError(Exception):
    """Base class: the command line shows its message as one paragraph and exits with 2."""


class RuleError(MicrogradxError, TypeError):
    """A row of the rulebook is written wrongly; raised where the row is defined."""


class OpError(MicrogradxError, ValueError):
    """An op was called with shapes or values that it does not accept."""


class GradientError(MicrogradxError, RuntimeError):
    """A gradient was asked for where there is none."""


def install(extra: str) -> str:
    """How to get the packages of an extra, for people who installed microgradx and for those who cloned it."""
    return f'pip install "microgradx[{extra}]"; in a clone: pip install ".[{extra}]"'
