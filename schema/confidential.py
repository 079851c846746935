"""Objects that hold credentials or the content of Kubernetes objects, and do not show them."""

__all__ = ["Confidential"]


class Confidential:
    """A base of Structs: the representation is the type alone, for logs and debuggers that print objects."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
