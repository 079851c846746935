"""``python -m gateway.demo``: the demo API server on its own, for kubectl and for other languages."""

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
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--still", action="store_true", help="nothing happens that nobody asked for")
    parser.add_argument("--no-controllers", action="store_true", help="objects stay as they are written")
    parser.add_argument("--bare", action="store_true", help="only the namespaces that every cluster has")
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast")
    parser.add_argument("--seed", type=int, help="the same one gives the same names and incidents")
    parser.add_argument("--bookmark-interval", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument(
        "--history", type=int, default=4096, metavar="CHANGES", help="how many are remembered"
    )
    parser.add_argument("--no-watch-list", action="store_true", help="refuse watches with sendInitialEvents")
    parser.add_argument("--token", action="append", default=[], metavar="TOKEN=USER", help="repeat for more")
    parser.add_argument("--write-kubeconfig", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


def kubeconfig(url: str, tokens: Mapping[str, str]) -> str:
    """A kubeconfig with a context for item user; JSON, which every reader of YAML takes."""
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
    for item in (signal.SIGINT, signal.SIGTERM):
        # Windows has no signal handlers on the loop: there Ctrl-C raises KeyboardInterrupt instead
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(item, stop.set)
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
        print(f"demo API server on {demo.url}", flush=True)  # noqa: T201 - the one line that it prints
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run it; gives the exit status."""
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
