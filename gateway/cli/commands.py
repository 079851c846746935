"""The click commands: read the options, run, print."""

import os
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from gateway import memory
from gateway.cli.options import Commands, options_of, settings_from
from gateway.errors import ConfigurationError
from gateway.settings import ENVIRONMENT_PREFIX, Settings
from gateway.telemetry import configure_logging

__all__ = ["main"]

_MAIN_HELP = """A typed, live GraphQL API over any Kubernetes cluster.

\b
Try it with no cluster at all:
  kube-graphql serve --demo
\b
Or on the one that kubectl talks to:
  kube-graphql serve
  kube-graphql query '{ pods(namespace: "default") { items { metadata { name } } } }'
  kube-graphql query 'subscription { pods { type object { metadata { name } } } }'
"""

_MAIN_EPILOG = """Every option is also an environment variable: --port is KUBE_GRAPHQL_PORT, and so on.
Installed as kubectl-graphql too, so that kubectl graphql … works."""

_SERVE_EPILOG = """\b
Examples:
  kube-graphql serve --demo --port 9000
  kube-graphql serve --context staging
  kube-graphql serve --host 0.0.0.0 --auth passthrough
  kube-graphql serve --include '*:get+list+watch' --exclude secrets   # read-only, no secrets
  kube-graphql serve --workers 4   # where one core is not enough; four times as many watches upstream
\b
Then open http://127.0.0.1:8000/graphql in a browser, or ask with curl:
  curl -s http://127.0.0.1:8000/graphql -H 'Content-Type: application/json' \\
       -d '{"query": "{ nodes { items { metadata { name } } } }"}'
\b
A PATTERN is RESOURCE[.GROUP][/SUBRESOURCE][:VERB+VERB…], and * stands for anything:
  secrets                      a plural, kind or short name, in any group
  deployments.apps/scale       in one group (core is the one without a name), and of it one subresource
  *.cert-manager.io            a whole group
  *:create+update+patch+delete verbs: get, list, watch, create, update, patch, delete
\b
Ctrl-C and SIGTERM end it at once, with exit status 0.
"""

_QUERY_EPILOG = """\b
Examples:
  kube-graphql query '{ deployments { items { metadata { name } spec { replicas } } } }' --output yaml
  kube-graphql query @scale.graphql --variables '{"name": "web", "replicas": 3}'
  kube-graphql query @apply.graphql --variable manifest=@deploy.yaml   # the file's text as $manifest
  echo 'subscription { events { object { reason message } } }' | kube-graphql query -
\b
Exit status: 0 without errors, 1 where the result has errors, 2 where nothing could be run.
"""

_SCHEMA_EPILOG = """\b
Examples:
  kube-graphql schema > schema.graphql
  kube-graphql schema --groups apps,batch
  kube-graphql schema --kinds Deployment,Certificate.cert-manager.io
  kube-graphql schema --names
  kube-graphql schema --relations
"""


@click.group(
    cls=Commands,
    help=_MAIN_HELP,
    epilog=_MAIN_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="kube-graphql", prog_name="kube-graphql", message="%(prog)s %(version)s")
def main() -> None:
    """The command group."""


# The imports inside the commands are explained in the docstring of gateway.cli.


@main.command(epilog=_SERVE_EPILOG, short_help="Serve the GraphQL API, with GraphiQL.")
@options_of("serve")
@click.pass_context
def serve(ctx: click.Context, /, **values: Any) -> None:
    """Serve the GraphQL API, with GraphiQL for a browser at the same address."""
    from gateway.cli.workers import ChildConfig  # noqa: PLC0415

    config = ChildConfig.take()
    settings = _begin(values, config.name if config else "")
    if config is not None:
        from gateway.cli.workers.child import run_child  # noqa: PLC0415

        run_child(settings, config)
    elif settings.workers > 1:
        from gateway.cli.workers import supervise  # noqa: PLC0415

        ctx.exit(supervise(settings))
    else:
        from gateway.cli.serving import serve_until_stopped  # noqa: PLC0415

        serve_until_stopped(settings)


@main.command(epilog=_SCHEMA_EPILOG, short_help="Print the GraphQL schema (SDL).")
@options_of("schema")
@click.pass_context
def schema(ctx: click.Context, /, **values: Any) -> None:
    """Print the GraphQL schema of the cluster (SDL), sorted."""
    lists_relations = ctx.get_parameter_source("relations") is ParameterSource.COMMANDLINE
    if lists_relations and not values["relations"]:
        values["relations"] = os.environ.get(f"{ENVIRONMENT_PREFIX}RELATIONS") or None
    settings = _begin(values)
    from gateway.cli.local import print_relations, print_schema  # noqa: PLC0415

    (print_relations if lists_relations else print_schema)(settings)


@main.command(epilog=_QUERY_EPILOG, short_help="Run one operation with no server.")
@click.argument("query")
@options_of("query")
@click.pass_context
def query(ctx: click.Context, /, query: str, **values: Any) -> None:
    """Run one operation with no server: a query, a mutation, or a subscription (one line per event).

    QUERY is the operation itself, @FILE, or - for standard input.
    """
    settings = _begin(values)
    text = _read_query(query)
    from gateway.cli.variables import read_variables  # noqa: PLC0415

    variables = read_variables(text, settings.variables, settings.variable, input_is_query=query == "-")
    from gateway.cli.local import run_operation  # noqa: PLC0415

    if not run_operation(settings, text, variables):
        ctx.exit(1)


def _begin(values: dict[str, Any], process: str = "") -> Settings:
    # gateway.cli.connect enables the collector again
    memory.defer_collection()
    settings = settings_from(values)
    configure_logging(settings.log_level, process)
    return settings


def _read_query(argument: str) -> str:
    try:
        if argument == "-":
            return sys.stdin.read()
        if argument.startswith("@"):
            return Path(argument[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read the query from {argument}: {error}") from error
    return argument
