"""The operators and methods of a node; `microgradx.binding` fills these classes from its tables."""


class Methods:
    """Methods of every node. Empty on purpose: `_methods.pyi`, made from the same tables, lists what is bound."""

    __slots__ = ()


class TensorMethods:
    """Methods that only tensors have, for they need axes; filled and listed in the same way."""

    __slots__ = ()
