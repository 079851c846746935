"""The spreadsheet example's two engines behind one interface of plain JSON values."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from kubesheet.engine import Append, Delete, Engine, Patch, Plan, Set, Snapshot, Write
from tests.fixtures.requirements import unavailable

__all__ = ["AnyEngine", "JavaScriptEngine", "PythonEngine", "javascript_engine"]

_CLIENTS = Path(__file__).parents[1] / "clients"


class AnyEngine(Protocol):
    """An engine; patches and writes are dictionaries. :meth:`commit` takes no plan: it means the last one."""

    def reset(self) -> None: ...
    def restart(self) -> None: ...
    def apply(self, event: dict[str, Any]) -> None: ...
    def accepted(self, patch: dict[str, Any], version: str) -> None: ...
    def refused(self, patch: dict[str, Any], message: str) -> None: ...
    def unanswered(self, patch: dict[str, Any]) -> None: ...
    def plan(self, sheets: dict[str, Any], editing: tuple[str, int] | None = None) -> dict[str, Any]: ...
    def commit(self) -> None: ...
    def state(self) -> dict[str, Any]: ...


class PythonEngine:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._engine = Engine()
        self._plan = Plan()

    def restart(self) -> None:
        self._engine.restart()

    def apply(self, event: dict[str, Any]) -> None:
        self._engine.apply(event)

    def accepted(self, patch: dict[str, Any], version: str) -> None:
        self._engine.accepted(_patch_of(patch), version)

    def refused(self, patch: dict[str, Any], message: str) -> None:
        self._engine.refused(_patch_of(patch), message)

    def unanswered(self, patch: dict[str, Any]) -> None:
        self._engine.unanswered(_patch_of(patch))

    def plan(self, sheets: dict[str, Any], editing: tuple[str, int] | None = None) -> dict[str, Any]:
        self._plan = self._engine.plan(Snapshot(sheets, editing))
        return {
            "writes": [_json_write(write) for write in self._plan.writes],
            "patches": [_json_patch(patch) for patch in self._plan.patches],
        }

    def commit(self) -> None:
        self._engine.commit(self._plan)

    def state(self) -> dict[str, Any]:
        engine = self._engine
        return {"synced": engine.synced, "version": engine.version, "namespaces": engine.namespaces}


def _json_write(write: Write) -> dict[str, Any]:
    match write:
        case Set(namespace, row, column, value):
            return {"op": "set", "namespace": namespace, "row": row, "column": column, "value": value}
        case Delete(namespace, row):
            return {"op": "delete", "namespace": namespace, "row": row}
        case Append(namespace, cells):
            return {"op": "append", "namespace": namespace, "cells": list(cells)}


def _json_patch(patch: Patch) -> dict[str, Any]:
    names = ("key", "namespace", "name", "uid", "column", "cell", "replicas", "images")
    return {name: getattr(patch, name) for name in names}


def _patch_of(patch: dict[str, Any]) -> Patch:
    return Patch(**{name: value for name, value in patch.items() if name != "key"})


class JavaScriptEngine:
    """The engine in a Node process."""

    def __init__(self, node: subprocess.Popen[str]) -> None:
        self._node = node

    def _call(self, method: str, *args: Any) -> Any:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps({"method": method, "args": args}) + "\n")
        self._node.stdin.flush()
        line = self._node.stdout.readline()
        assert line, "the engine has thrown an error"
        return json.loads(line)

    def reset(self) -> None:
        self._call("new")

    def restart(self) -> None:
        self._call("restart")

    def apply(self, event: dict[str, Any]) -> None:
        self._call("apply", event)

    def accepted(self, patch: dict[str, Any], version: str) -> None:
        self._call("accepted", patch, version)

    def refused(self, patch: dict[str, Any], message: str) -> None:
        self._call("refused", patch, message)

    def unanswered(self, patch: dict[str, Any]) -> None:
        self._call("unanswered", patch)

    def plan(self, sheets: dict[str, Any], editing: tuple[str, int] | None = None) -> dict[str, Any]:
        plan: dict[str, Any] = self._call("plan", {"sheets": sheets, "editing": editing})
        return plan

    def commit(self) -> None:
        self._call("commit")

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._call("state")
        return state


@contextmanager
def javascript_engine() -> Iterator[JavaScriptEngine]:
    """Node with the engine; skips (or fails) the test without Node."""
    node = shutil.which("node")
    if node is None:
        unavailable("node", "Node is not installed", "apt-get install nodejs npm")
    command = [node, str(_CLIENTS / "engine.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield JavaScriptEngine(process)
        assert process.stdin is not None
        process.stdin.close()
