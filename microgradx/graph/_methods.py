"""The operators and methods of a node; `rules.binding` fills this class from its tables."""


class Methods:
    """Empty on purpose: see `_methods.pyi` for what is bound, generated from the same tables."""

    __slots__ = ()
