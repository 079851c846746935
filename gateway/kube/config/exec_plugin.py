"""Credential plugins (``client.authentication.k8s.io``): run, parse, cache until expiry.

A plugin runs as an asynchronous subprocess; concurrent requests share one run. Its standard error is logged,
as kubectl shows it, because it may contain a request to log in.
"""

import asyncio
import base64
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import anyio
import msgspec

from gateway.errors import CredentialsError
from gateway.kube.config.cluster_config import ClusterConfig, ExecConfig
from gateway.kube.config.credentials import (
    ClientCertificate,
    Credential,
    Credentials,
    bearer_header,
    impersonation_headers,
)
from schema.confidential import Confidential

__all__ = ["ExecCredentials", "exec_info", "parse_exec_credential", "run_plugin"]

logger = logging.getLogger(__name__)

_PLUGIN_TIMEOUT_SECONDS = 60.0
_INTERACTIVE_TIMEOUT_SECONDS = 600.0
"""Longer, because the user may have to enter a second factor."""
_REAP_TIMEOUT_SECONDS = 1.0


class _ExecCredentialStatus(Confidential, msgspec.Struct, rename="camel"):
    expiration_timestamp: datetime | None = None
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    """The document that a plugin prints to standard output."""

    kind: str | None = None
    api_version: str | None = None
    status: _ExecCredentialStatus | None = None


@dataclass(frozen=True, slots=True)
class _PluginResult:
    """A credential and its expiry in seconds since the epoch; without expiry it is valid until a 401."""

    credential: Credential
    expires_at: float | None = None


class ExecCredentials(Credentials):
    """The credentials of a user with an exec plugin."""

    def __init__(
        self, cluster: ClusterConfig, plugin: ExecConfig, clock: Callable[[], float] = time.time
    ) -> None:
        self._cluster = cluster
        self._plugin = plugin
        self._clock = clock
        self._lock = asyncio.Lock()
        self._result: _PluginResult | None = None
        self._runs = 0
        self._failure = ""

    async def current(self) -> Credential:
        if self._result is not None and not self._expired(self._result):
            return self._result.credential
        return await self._renew()

    async def refresh(self, rejected: Credential) -> Credential | None:
        """Run the plugin again, unless another rejected request already did."""
        if self._result is None or self._result.credential != rejected:
            return await self.current()
        fresh = await self._renew()
        return fresh if fresh != rejected else None

    def _expired(self, result: _PluginResult) -> bool:
        return result.expires_at is not None and self._clock() > result.expires_at

    async def _renew(self) -> Credential:
        """Run the plugin; requests that arrive during a run share its result or its failure."""
        runs_before = self._runs
        async with self._lock:
            if self._runs == runs_before:
                await self._run()
            if self._failure:
                raise CredentialsError(self._failure)
            assert self._result is not None  # noqa: S101 (a run leaves a result or a failure)
            return self._result.credential

    async def _run(self) -> None:
        self._failure = ""
        try:
            interactive = _is_interactive(self._plugin)
            output = await run_plugin(self._plugin, self._cluster, interactive=interactive)
            result = parse_exec_credential(output, self._plugin)
        except CredentialsError as error:
            self._failure = str(error)
        else:
            self._result = self._impersonating(result)
        # Counted after its end: a cancelled run has no result to share, so the next waiter runs the plugin.
        self._runs += 1

    def _impersonating(self, result: _PluginResult) -> _PluginResult:
        impersonation = self._cluster.user.impersonation
        if impersonation is None:
            return result
        headers = result.credential.headers + tuple(impersonation_headers(impersonation))
        return _PluginResult(Credential(headers, result.credential.certificate), result.expires_at)


def _is_interactive(plugin: ExecConfig) -> bool:
    """Whether the plugin may use the terminal. Raises CredentialsError for a missing required one."""
    terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not terminal:
        raise CredentialsError(
            f"exec plugin {plugin.command} needs a terminal (interactiveMode: Always), and there is none"
        )
    return terminal and plugin.interactive_mode != "Never"


def exec_info(plugin: ExecConfig, cluster: ClusterConfig, *, interactive: bool) -> bytes:
    """The value of ``KUBERNETES_EXEC_INFO``, the plugin's input."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        described = {
            "server": cluster.server,
            "tls-server-name": cluster.tls.server_name,
            "insecure-skip-tls-verify": cluster.tls.insecure or None,
            "certificate-authority-data": base64.b64encode(cluster.tls.ca).decode()
            if cluster.tls.ca
            else None,
            "proxy-url": cluster.proxy_url,
            "config": plugin.cluster_config,
        }
        spec["cluster"] = {key: value for key, value in described.items() if value is not None}
    return msgspec.json.encode({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec})


async def run_plugin(
    plugin: ExecConfig, cluster: ClusterConfig, *, interactive: bool, limit: float | None = None
) -> bytes:
    """Run the plugin and return its standard output. Raises CredentialsError; cancelling kills the plugin.

    ``limit`` is the timeout in seconds; its default depends on ``interactive``.
    """
    environment = {
        **os.environ,
        **dict(plugin.env),
        "KUBERNETES_EXEC_INFO": exec_info(plugin, cluster, interactive=interactive).decode(),
    }
    try:
        process = await asyncio.create_subprocess_exec(
            # Looked up in the gateway's PATH; the plugin's own env does not change it, as in kubectl.
            shutil.which(plugin.command) or plugin.command,
            *plugin.args,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            env=environment,
            # A process group of its own, to kill its children too; an interactive plugin keeps the
            # terminal's.
            start_new_session=not interactive,
        )
    except (OSError, ValueError) as error:
        raise CredentialsError(_not_started(plugin, error)) from error
    limit = limit or (_INTERACTIVE_TIMEOUT_SECONDS if interactive else _PLUGIN_TIMEOUT_SECONDS)
    try:
        async with asyncio.timeout(limit):
            output, errors = await process.communicate()
    except TimeoutError as error:
        raise CredentialsError(f"exec plugin {plugin.command} did not finish in {limit:g} s") from error
    finally:
        await _stop(process, whole_group=not interactive)
    tail = _last_lines(errors)
    if process.returncode:
        raise CredentialsError(
            f"exec plugin {plugin.command} failed with exit code {process.returncode}{tail}"
        )
    if tail:
        logger.info("exec plugin %s printed%s", plugin.command, tail)
    return output


async def _stop(process: asyncio.subprocess.Process, *, whole_group: bool) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if whole_group and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    # Bounded, because a child outside the process group may keep the pipes open.
    with suppress(TimeoutError), anyio.CancelScope(shield=True):
        async with asyncio.timeout(_REAP_TIMEOUT_SECONDS):
            await process.wait()


def _not_started(plugin: ExecConfig, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        hint = " ".join(plugin.install_hint.split())
        return f"exec plugin {plugin.command} is not installed" + (f": {hint}" if hint else "")
    return f"exec plugin {plugin.command} cannot be run: {getattr(error, 'strerror', None) or error}"


def _last_lines(errors: bytes | None) -> str:
    text = " ".join((errors or b"").decode(errors="replace").split())
    return f": {text[-400:]}" if text else ""


def parse_exec_credential(output: bytes, plugin: ExecConfig) -> _PluginResult:
    """Parse the plugin's output. Raises CredentialsError; its message never quotes the output, a secret."""
    name = f"exec plugin {plugin.command}"
    try:
        answer = msgspec.json.decode(output, type=_ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{name} did not print an ExecCredential in JSON") from error
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        raise CredentialsError(
            f"{name} did not print an ExecCredential of {plugin.api_version}, as configured"
        )
    status = answer.status or _ExecCredentialStatus()
    certificate, key = status.client_certificate_data or "", status.client_key_data or ""
    if bool(certificate) != bool(key):
        raise CredentialsError(f"{name} gave a client certificate or a key, not both")
    if not status.token and not certificate:
        raise CredentialsError(f"{name} gave neither a token nor a client certificate")
    return _PluginResult(
        Credential(
            headers=(bearer_header(status.token),) if status.token else (),
            certificate=ClientCertificate(certificate.encode(), key.encode()) if certificate else None,
        ),
        expires_at=_seconds(status.expiration_timestamp),
    )


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
