"""The hooks around an operation run as Strawberry runs them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner

from gateway.execution.extensions import ErrorHooksRunner


class Recording(SchemaExtension):
    """Notes in ``calls`` the steps of its hook; ``fails`` names the step at which it raises an error."""

    name = ""
    calls: list[str]
    fails = ""

    def note(self, step: str, error: BaseException | None = None) -> None:
        self.calls.append(f"{self.name} {step}" + (f" {error!r}" if error else ""))
        if step == self.fails:
            raise LookupError(f"{self.name} {step}")


class Sync(Recording):
    def on_operation(self) -> Iterator[None]:
        self.note("begin")
        try:
            yield
        except BaseException as error:
            self.note("fail", error)
            raise
        finally:
            self.note("end")


class Async(Recording):
    async def on_operation(self) -> AsyncIterator[None]:
        self.note("begin")
        try:
            yield
        except BaseException as error:
            self.note("fail", error)
            raise
        finally:
            self.note("end")


class Swallowing(Recording):
    def on_operation(self) -> Iterator[None]:
        self.note("begin")
        try:
            yield
        except ValueError as error:
            self.note("swallow", error)


class Without(Recording):
    """Has no hook."""


def extensions(fails: tuple[int, str] | None, inner: type[Recording]) -> tuple[list[Any], list[str]]:
    calls: list[str] = []
    made: list[Any] = []
    kinds: list[type[Recording]] = [Sync, Async, Without, inner, Async]
    for number, kind in enumerate(kinds):
        extension = kind()
        extension.name, extension.calls = f"{number}{kind.__name__}", calls
        extension.fails = fails[1] if fails and fails[0] == number else ""
        made.append(extension)
    return made, calls


async def run(runner: Any, calls: list[str], error: BaseException | None) -> list[str]:
    try:
        async with runner.operation():
            calls.append("operation")
            if error is not None:
                raise error
    except BaseException as raised:  # noqa: BLE001 - part of what is compared
        calls.append(f"raised {raised!r}")
    return calls


@pytest.mark.parametrize("inner", [Sync, Swallowing])
@pytest.mark.parametrize("error", [None, ValueError("v"), GeneratorExit(), KeyboardInterrupt()])
@pytest.mark.parametrize("fails", [None, (0, "end"), (1, "end"), (3, "fail"), (4, "fail"), (4, "end")])
async def test_hooks_run_in_strawberrys_order_and_see_the_same_errors(
    inner: type[Recording], error: BaseException | None, fails: tuple[int, str] | None
) -> None:
    theirs, their_calls = extensions(fails, inner)
    ours, our_calls = extensions(fails, inner)
    context: Any = None

    expected = await run(SchemaExtensionsRunner(context, theirs), their_calls, error)

    assert await run(ErrorHooksRunner(context, ours), our_calls, error) == expected


async def test_a_hook_that_cannot_begin_ends_the_hooks_around_it() -> None:
    made, calls = extensions((1, "begin"), Sync)
    context: Any = None
    error = LookupError("1Async begin")
    assert await run(ErrorHooksRunner(context, made), calls, None) == [
        "0Sync begin",
        "1Async begin",
        f"0Sync fail {error!r}",
        "0Sync end",
        f"raised {error!r}",
    ]
