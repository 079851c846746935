"""click options from the settings, and the exit status of failures."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from gateway.errors import GatewayError
from gateway.settings import Setting, Settings, settings

__all__ = ["CANNOT_START", "INTERRUPTED", "Commands", "options_of", "settings_from", "unwrapped"]

CANNOT_START = 2
INTERRUPTED = 130
_MOST_WORKERS = 64
_GREATEST_DEPTH = 100
"""graphql-core is recursive; the interpreter allows 1,000 nested calls."""

Function = TypeVar("Function", bound=Callable[..., Any])
_SETTING_NAMES = frozenset(field.name for field in dataclasses.fields(Settings))


def options_of(command: str) -> Callable[[Function], Function]:
    """A decorator that adds an option for each setting of the command."""

    def decorate(function: Function) -> Function:
        for setting in reversed([setting for setting in settings() if command in setting.commands]):
            lists = command == "schema" and setting.name == "relations"
            function = _option(setting, value_is_optional=lists)(function)
        return function

    return decorate


def settings_from(values: dict[str, Any]) -> Settings:
    """The settings of one invocation, from the values of its options."""
    return Settings(**{name: value for name, value in values.items() if name in _SETTING_NAMES})


def _option(setting: Setting, *, value_is_optional: bool) -> Callable[[Function], Function]:
    text = setting.help.replace("`", "")
    words = setting.default_words.replace("`", "")
    optional: dict[str, Any] = {"is_flag": setting.type is bool}
    if value_is_optional:
        optional["flag_value"] = ""
    can_be_unset = setting.type is bool and setting.default is None
    return click.option(
        f"{setting.option}/--no-{setting.option[2:]}" if can_be_unset else setting.option,
        setting.name,
        type=_parameter_type(setting),
        **optional,
        multiple=setting.type is tuple,
        default=setting.default,
        envvar=setting.variable,
        show_default=False if setting.type is bool and not can_be_unset else words or True,
        metavar=setting.metavar or None,
        help=text,
    )


def _parameter_type(setting: Setting) -> click.ParamType[Any] | type:
    if setting.choices:
        return click.Choice(setting.choices, case_sensitive=False)
    if setting.name == "port":
        return click.IntRange(0, 65535)
    if setting.name == "compression_level":
        return click.IntRange(0, 9)
    if setting.name == "compression_threshold":
        return click.IntRange(0)
    if setting.name == "max_depth":
        return click.IntRange(1, _GREATEST_DEPTH)
    if setting.name.startswith("max_"):
        return click.IntRange(1)
    if setting.name == "workers":
        return click.IntRange(1, _MOST_WORKERS)
    if setting.type is tuple:
        return _Patterns()
    return click.FloatRange(min=0) if setting.type is float else setting.type


class _Patterns(click.ParamType[str]):
    """A pattern list, passed on unparsed; click must not split the environment variable at spaces."""

    name = "patterns"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


class Commands(click.Group):
    """Prints a GatewayError as one line on standard error and exits with status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with unwrapped():
                return super().invoke(ctx)
        except GatewayError as error:
            click.echo(f"kube-graphql: {' '.join(error.message.split())}", err=True)
            ctx.exit(CANNOT_START)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@contextmanager
def unwrapped() -> Iterator[None]:
    """Replace an exception group of one exception, as task groups raise it, by that exception."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            (error,) = error.exceptions
        raise error from None
