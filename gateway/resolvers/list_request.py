"""The arguments of a list field, and what of them goes into a request."""

from dataclasses import dataclass

from gateway.errors import BadArgument

__all__ = ["ListRequest", "cached_version"]

NOT_OLDER_THAN = "NotOlderThan"


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a list field was asked; raises BadArgument for what cannot be."""

    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    limit: int | None = None
    continue_token: str | None = None
    resource_version: str | None = None
    resource_version_match: str | None = None
    all_pages: bool | None = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise BadArgument(f"limit is {self.limit}; give 0 for no limit, or a positive number")

    @property
    def cached_version(self) -> int | None:
        """How old a cache may be that answers this, 0 for any age; None where none may.

        As the API server's own watch cache has it: ``limit`` means nothing to it at ``resourceVersion`` 0,
        anywhere else a page and what follows it are the API server's.
        """
        if self.continue_token or self.resource_version_match not in (None, NOT_OLDER_THAN):
            return None
        version = cached_version(self.resource_version)
        return None if version and self.limit and not self.all_pages else version

    def parameters(self) -> dict[str, str]:
        """The query of a LIST; ``resourceVersion`` alone means "not older than" (design section 5)."""
        match = self.resource_version_match
        if self.resource_version and not self.continue_token:
            match = match or NOT_OLDER_THAN
        options = {
            "labelSelector": self.label_selector,
            "fieldSelector": self.field_selector,
            "limit": None if self.limit is None else str(self.limit),
            "continue": self.continue_token,
            "resourceVersion": self.resource_version,
            "resourceVersionMatch": match,
        }
        return {key: value for key, value in options.items() if value}


def cached_version(resource_version: str | None) -> int | None:
    """The number of a resource version that was asked for; None where there is none."""
    text = resource_version or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
