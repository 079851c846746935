"""``python -m gateway.demo``: runs the demo API server without the gateway, for any Kubernetes client."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.demo import DemoSettings, WatchSettings, run_demo

__all__ = ["main"]


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo", description="An in-memory Kubernetes API server."
    )
    parser.add_argument("--port", type=int, default=0, help="0 selects a free port")
    parser.add_argument("--still", action="store_true", help="run no simulated incidents")
    parser.add_argument(
        "--no-controllers", action="store_true", help="run no controllers: objects stay as written"
    )
    parser.add_argument("--bare", action="store_true", help="start with the four initial namespaces only")
    parser.add_argument("--speed", type=float, default=1.0, help="speed of the cluster; 2 is twice as fast")
    parser.add_argument("--seed", type=int, help="makes names and incidents reproducible")
    parser.add_argument("--bookmark-interval", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument(
        "--history", type=int, default=4096, metavar="CHANGES", help="number of changes kept for watches"
    )
    parser.add_argument("--no-watch-list", action="store_true", help="refuse watches with sendInitialEvents")
    parser.add_argument("--token", action="append", default=[], metavar="TOKEN=USER", help="may be repeated")
    parser.add_argument("--write-kubeconfig", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


def kubeconfig(url: str, tokens: Mapping[str, str]) -> str:
    """Return a kubeconfig with one context per user, as JSON (a subset of YAML)."""
    users = [(user, {"token": token}) for token, user in tokens.items()] or [("demo", {})]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": users[0][0],
            "clusters": [{"name": "demo", "cluster": {"server": url}}],
            "users": [{"name": name, "user": credential} for name, credential in users],
            "contexts": [{"name": name, "context": {"cluster": "demo", "user": name}} for name, _ in users],
        },
        indent=2,
    )


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # event loops on Windows do not support signal handlers; Ctrl-C raises KeyboardInterrupt there
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tokens = dict(item.partition("=")[::2] for item in arguments.token)
    settings = DemoSettings(
        watch=WatchSettings(
            bookmark_interval=arguments.bookmark_interval, watch_list=not arguments.no_watch_list
        ),
        history=arguments.history,
        speed=arguments.speed,
        seed=arguments.seed,
    )
    async with run_demo(
        port=arguments.port,
        living=not arguments.still,
        controllers=not arguments.no_controllers,
        planted=not arguments.bare,
        tokens=tokens,
        settings=settings,
    ) as demo:
        if arguments.write_kubeconfig:
            arguments.write_kubeconfig.write_text(kubeconfig(demo.url, tokens))
        print(f"demo API server on {demo.url}", flush=True)  # noqa: T201 - the only output of the command
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns the exit status, 2 if the port is not available."""
    parsed = parse_arguments(arguments)
    try:
        asyncio.run(serve(parsed))
    except OSError as error:
        print(f"cannot serve on port {parsed.port}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
