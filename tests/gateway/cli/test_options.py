"""click options from the settings, and exception groups of one error."""

import click
import pytest
from click.testing import CliRunner

from gateway.cli.options import CANNOT_START, INTERRUPTED, Commands, options_of, settings_from, unwrapped
from gateway.errors import ConfigurationError
from gateway.settings import Settings


def run(*arguments: str, **environment: str) -> Settings:
    """The settings of ``serve`` with these arguments."""
    found: list[Settings] = []

    @click.command
    @options_of("serve")
    def serve(**values: object) -> None:
        found.append(settings_from({**values, "other": 1}))

    result = CliRunner().invoke(serve, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


def test_options_and_variables_are_settings() -> None:
    assert run() == Settings()
    assert run("--port", "1", KUBE_GRAPHQL_PORT="2", KUBE_GRAPHQL_HOST="::1") == Settings(port=1, host="::1")


def test_a_repeatable_option_keeps_spaces_of_its_variable() -> None:
    assert run("--cache", "a", "--cache", "b,c").cache == ("a", "b,c")
    assert run(KUBE_GRAPHQL_CACHE="a, b").cache == ("a, b",)


@pytest.mark.parametrize(
    "arguments",
    [("--port", "65536"), ("--workers", "0"), ("--max-depth", "1000"), ("--auth", "other"), ("--names",)],
)
def test_a_value_out_of_range_and_an_option_of_another_command_are_usage_errors(
    arguments: tuple[str, ...],
) -> None:
    @click.command
    @options_of("serve")
    def serve(**values: object) -> None:
        raise AssertionError(values)

    assert CliRunner().invoke(serve, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("error", "code", "output"),
    [
        (ConfigurationError("two\n lines"), CANNOT_START, "kube-graphql: two lines\n"),
        (BaseExceptionGroup("", [ConfigurationError("one")]), CANNOT_START, "kube-graphql: one\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_a_failure_is_one_line_and_an_exit_status(error: BaseException, code: int, output: str) -> None:
    @click.group(cls=Commands)
    def main() -> None:
        pass

    @main.command
    def fail() -> None:
        raise error

    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, result.output) == (code, output)


def test_only_groups_of_one_error_are_unwrapped() -> None:
    with pytest.raises(ValueError, match="inner"), unwrapped():
        raise ExceptionGroup("", [ExceptionGroup("", [ValueError("inner")])])
    with pytest.raises(ExceptionGroup), unwrapped():
        raise ExceptionGroup("", [ValueError("a"), ValueError("b")])
