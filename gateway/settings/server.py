"""Settings of the HTTP server: its address, TLS, workers, compression, origins and documents."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import ConfigurationError
from gateway.settings.setting import SERVE, setting

__all__ = ["ServerSettings", "is_loopback"]


@dataclass(frozen=True)
class ServerSettings:
    """The address of the gateway, and how it serves requests there."""

    host: str = setting("127.0.0.1", "Address to listen on.", SERVE, metavar="ADDRESS")
    port: int = setting(8000, "Port to listen on; 0 picks a free one.", SERVE, metavar="PORT")
    tls_cert: str | None = setting(
        None,
        "Certificate of the gateway, with its chain, in PEM: serve HTTPS. Read again when it changes.",
        SERVE,
        metavar="FILE",
        default_words="plain HTTP",
    )
    tls_key: str | None = setting(
        None, "Key of `--tls-cert`, in PEM.", SERVE, metavar="FILE", default_words="none"
    )
    workers: int = setting(
        1,
        "Worker processes that share the address, one per core to use; 64 at most. Each has its own watches, "
        "so the API server serves every watch N times.",
        SERVE,
        metavar="N",
    )
    compression_level: int = setting(
        1,
        "Level of compression of responses, with gzip or zstd by `Accept-Encoding`: 1 is fast, 9 is small, 0 "
        "compresses nothing.",
        SERVE,
        metavar="LEVEL",
    )
    compression_threshold: int = setting(
        1024,
        "Bytes of a response from which it is compressed. Streams are never compressed.",
        SERVE,
        metavar="BYTES",
        default_words="`1024` (1 kB)",
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        "Origins whose pages may use the gateway from a browser, such as `https://app.example.com`; `*` with "
        "`--auth passthrough` only.",
        SERVE,
        metavar="ORIGIN,…",
        default_words="the gateway's own",
    )
    no_examples: bool = setting(False, "Do not serve the example pages.", SERVE, default_words="off")
    operations: str | None = setting(
        None,
        "Trusted documents: a GraphQL file, the manifest of a client's build (Apollo's or Relay's format), "
        "or a folder of such files. Requests may name them by id.",
        SERVE,
        metavar="DIR|FILE",
        default_words="none",
    )
    only_trusted: bool = setting(
        False, "Run the documents of `--operations` only.", SERVE, default_words="off"
    )
    persisted_queries: int = setting(
        16 << 20,
        "Bytes of memory for automatic persisted queries; 0 switches them off. Off with `--only-trusted`.",
        SERVE,
        metavar="BYTES",
        default_words="`16777216` (16 MB)",
    )

    def check_server(self) -> None:
        """Raise ConfigurationError for settings of the server that contradict each other."""
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ConfigurationError("--tls-cert and --tls-key are needed together")
        if self.only_trusted and not self.operations:
            raise ConfigurationError("--only-trusted needs --operations: no document could run")


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address without a port, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
