"""One setting: the field that declares it, and its description for the command line and the documentation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, get_origin

__all__ = [
    "ENVIRONMENT_PREFIX",
    "EVERYWHERE",
    "SERVE",
    "Setting",
    "option",
    "setting",
    "settings_of",
    "split_list",
]

ENVIRONMENT_PREFIX = "KUBE_GRAPHQL_"
EVERYWHERE = ("serve", "schema", "query")
"""The commands of a setting of all commands."""
SERVE = ("serve",)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as the command line and the documentation show it.

    ``type`` is ``str``, ``int``, ``float`` or ``bool``, or ``tuple`` for a repeatable option; ``commands``
    are the commands with this option; ``default_words`` describes a default that its value does not explain.
    """

    name: str
    type: type
    default: Any
    help: str
    commands: tuple[str, ...]
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default_words: str = ""

    @property
    def option(self) -> str:
        return option(self.name)

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()


def setting(default: Any, text: str, commands: tuple[str, ...] = EVERYWHERE, **more: Any) -> Any:
    """A dataclass field that declares a setting; ``more`` are the other attributes of :class:`Setting`."""
    return field(default=default, metadata={"help": text, "commands": commands, **more})


def settings_of(part: type) -> Iterator[Setting]:
    """The settings that the fields of a dataclass declare, in their order."""
    for field_ in fields(part):
        yield Setting(
            name=field_.name, type=_plain_type(field_.type), default=field_.default, **field_.metadata
        )


def _plain_type(annotation: Any) -> type:
    if get_origin(annotation) is tuple:
        return tuple
    alternatives = getattr(annotation, "__args__", (annotation,))
    plain: type = next(alternative for alternative in alternatives if alternative is not type(None))
    return plain


def split_list(texts: Iterable[str]) -> tuple[str, ...]:
    """The items of a repeatable option, each of which may hold several with commas between."""
    return tuple(item.strip() for text in texts for item in text.split(",") if item.strip())


def option(name: str) -> str:
    """The command line option of a setting."""
    return "--" + name.replace("_", "-")
