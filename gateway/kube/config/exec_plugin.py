"""Credential plugins (``client.authentication.k8s.io``): run, parsed, cached until they expire.

A plugin runs as a subprocess that never blocks the event loop, once for however many requests wait
for it. What it writes to standard error is logged, as kubectl shows it: it may tell a person to log in.
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
    bearer_header,
    impersonation_headers,
)

__all__ = ["ExecCredentials", "exec_info", "parse_exec_credential", "run_plugin"]

logger = logging.getLogger(__name__)

PLUGIN_TIMEOUT = 60.0
INTERACTIVE_TIMEOUT = 600.0
"""Seconds; a person who is asked for a second factor needs more than a program."""


class ExecCredentialStatus(msgspec.Struct, rename="camel"):
    expiration_timestamp: datetime | None = None
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class ExecCredential(msgspec.Struct, rename="camel"):
    """What a plugin writes to standard output."""

    kind: str | None = None
    api_version: str | None = None
    status: ExecCredentialStatus | None = None


@dataclass(frozen=True, slots=True)
class PluginResult:
    """A credential and the moment (seconds since the epoch) it ends; None: not before a 401."""

    credential: Credential
    expires_at: float | None = None


class ExecCredentials:
    """The credentials of a user with an exec plugin."""

    def __init__(
        self, cluster: ClusterConfig, plugin: ExecConfig, clock: Callable[[], float] = time.time
    ) -> None:
        self._cluster = cluster
        self._plugin = plugin
        self._clock = clock
        self._lock = asyncio.Lock()
        self._result: PluginResult | None = None
        self._runs = 0
        self._failure = ""

    async def current(self) -> Credential:
        if self._result is not None and not self._expired(self._result):
            return self._result.credential
        return await self._renew()

    async def refresh(self, rejected: Credential) -> Credential | None:
        """Runs the plugin again, unless another request that was rejected already has."""
        if self._result is None or self._result.credential != rejected:
            return await self.current()
        fresh = await self._renew()
        return fresh if fresh != rejected else None

    def _expired(self, result: PluginResult) -> bool:
        return result.expires_at is not None and self._clock() > result.expires_at

    async def _renew(self) -> Credential:
        """One run for all who wait: those that came while it ran share its result, and its failure."""
        seen = self._runs
        async with self._lock:
            if self._runs == seen:
                await self._run()
            if self._failure:
                raise CredentialsError(self._failure)
            assert self._result is not None  # noqa: S101 (a run leaves a result or a failure)
            return self._result.credential

    async def _run(self) -> None:
        self._failure = ""
        try:
            interactive = is_interactive(self._plugin)
            output = await run_plugin(self._plugin, self._cluster, interactive=interactive)
            result = parse_exec_credential(output, self._plugin)
        except CredentialsError as error:
            self._failure = str(error)
        else:
            self._result = self._impersonating(result)
        # Counted only once it is over: a cancelled run says nothing to those who wait.
        self._runs += 1

    def _impersonating(self, result: PluginResult) -> PluginResult:
        impersonation = self._cluster.user.impersonation
        if impersonation is None:
            return result
        headers = result.credential.headers + tuple(impersonation_headers(impersonation))
        return PluginResult(Credential(headers, result.credential.certificate), result.expires_at)


def is_interactive(plugin: ExecConfig) -> bool:
    """Whether the plugin may ask the person at the terminal. Raises CredentialsError: it must and cannot."""
    terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not terminal:
        raise CredentialsError(
            f"exec plugin {plugin.command} needs a terminal (interactiveMode: Always), and there is none"
        )
    return terminal and plugin.interactive_mode != "Never"


def exec_info(plugin: ExecConfig, cluster: ClusterConfig, *, interactive: bool) -> bytes:
    """``KUBERNETES_EXEC_INFO``: what a plugin is told."""
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
    """Run it and give its standard output. Raises CredentialsError; cancelling stops the plugin."""
    environment = {
        **os.environ,
        **dict(plugin.env),
        "KUBERNETES_EXEC_INFO": exec_info(plugin, cluster, interactive=interactive).decode(),
    }
    try:
        process = await asyncio.create_subprocess_exec(
            # Looked up in this process's PATH, which the plugin's own env does not change (as for kubectl).
            shutil.which(plugin.command) or plugin.command,
            *plugin.args,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            env=environment,
            # A group of its own, so that what it started ends with it; one at a terminal stays there.
            start_new_session=not interactive,
        )
    except (OSError, ValueError) as error:
        raise CredentialsError(not_started(plugin, error)) from error
    limit = limit or (INTERACTIVE_TIMEOUT if interactive else PLUGIN_TIMEOUT)
    try:
        async with asyncio.timeout(limit):
            output, complaint = await process.communicate()
    except TimeoutError as error:
        raise CredentialsError(f"exec plugin {plugin.command} did not finish in {limit:g} s") from error
    finally:
        await stop(process, whole_group=not interactive)
    tail = last_lines(complaint)
    if process.returncode:
        raise CredentialsError(
            f"exec plugin {plugin.command} failed with exit code {process.returncode}{tail}"
        )
    if tail:
        logger.info("exec plugin %s says%s", plugin.command, tail)
    return output


async def stop(process: asyncio.subprocess.Process, *, whole_group: bool) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if whole_group and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    # Reaped here, but what it started may have escaped its group and still hold the pipes.
    with suppress(TimeoutError), anyio.CancelScope(shield=True):
        async with asyncio.timeout(1):
            await process.wait()


def not_started(plugin: ExecConfig, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        hint = " ".join(plugin.install_hint.split())
        return f"exec plugin {plugin.command} is not installed" + (f": {hint}" if hint else "")
    return f"exec plugin {plugin.command} cannot be run: {getattr(error, 'strerror', None) or error}"


def last_lines(complaint: bytes | None) -> str:
    text = " ".join((complaint or b"").decode(errors="replace").split())
    return f": {text[-400:]}" if text else ""


def parse_exec_credential(output: bytes, plugin: ExecConfig) -> PluginResult:
    """What the plugin answered. Raises CredentialsError, which never quotes it: it may be secret."""
    name = f"exec plugin {plugin.command}"
    try:
        answer = msgspec.json.decode(output, type=ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{name} did not print an ExecCredential in JSON") from error
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        raise CredentialsError(
            f"{name} did not print an ExecCredential of {plugin.api_version}, as configured"
        )
    status = answer.status or ExecCredentialStatus()
    certificate, key = status.client_certificate_data or "", status.client_key_data or ""
    if bool(certificate) != bool(key):
        raise CredentialsError(f"{name} gave a client certificate or a key, not both")
    if not status.token and not certificate:
        raise CredentialsError(f"{name} gave neither a token nor a client certificate")
    return PluginResult(
        Credential(
            headers=(bearer_header(status.token),) if status.token else (),
            certificate=ClientCertificate(certificate.encode(), key.encode()) if certificate else None,
        ),
        expires_at=seconds(status.expiration_timestamp),
    )


def seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
