"""Settings of the logs, and of the output of ``schema`` and ``query``."""

from dataclasses import dataclass

from gateway.settings.setting import SERVE, setting

__all__ = ["OutputSettings"]

_LOG_LEVELS = ("debug", "info", "warning", "error")
_OUTPUTS = ("json", "yaml")


@dataclass(frozen=True)
class OutputSettings:
    """The logs of ``serve``, and the results that ``schema`` and ``query`` print."""

    log_level: str = setting(
        "info",
        "Log level on stderr; `debug` also logs the durations of the start-up phases.",
        choices=_LOG_LEVELS,
    )
    access_log: str | None = setting(
        None,
        "File for one JSON line per operation; `-` is stdout.",
        SERVE,
        metavar="FILE",
        default_words="none",
    )
    audit_log: str | None = setting(
        None,
        "File for one JSON line per mutation; `-` is stdout.",
        SERVE,
        metavar="FILE",
        default_words="none",
    )
    groups: tuple[str, ...] = setting(
        (),
        "Print only these API groups, such as `core` or `*.k8s.io`.",
        ("schema",),
        metavar="GROUP,…",
        default_words="all",
    )
    kinds: tuple[str, ...] = setting(
        (),
        "Print only these kinds, such as `Deployment` or `Certificate.cert-manager.io`.",
        ("schema",),
        metavar="KIND,…",
        default_words="all",
    )
    names: bool = setting(
        False,
        "Print the names of the root fields instead: which resource has which short and pinned name.",
        ("schema",),
        default_words="off",
    )
    variables: str | None = setting(
        None,
        "Variables of the operation, a JSON object; `@FILE` reads them from a file in JSON or YAML, `-` from"
        " standard input.",
        ("query",),
        metavar="JSON",
        default_words="none",
    )
    variable: tuple[str, ...] = setting(
        (),
        "One variable of the operation; repeatable. `NAME=@FILE` is a file, `NAME=@-` standard input: its"
        " text for a String, else its value in JSON or YAML. Another value is JSON, or else text.",
        ("query",),
        metavar="NAME=VALUE",
        default_words="none",
    )
    operation_name: str | None = setting(
        None,
        "Operation to run, for a document with several.",
        ("query",),
        metavar="NAME",
        default_words="the only one",
    )
    output: str = setting("json", "Format of the printed result.", ("query",), choices=_OUTPUTS)
