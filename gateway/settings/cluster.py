"""Settings of the cluster: how to reach it, and which of its resources are served and cached."""

from dataclasses import dataclass

from gateway.settings.setting import SERVE, setting

__all__ = ["ClusterSettings"]


@dataclass(frozen=True)
class ClusterSettings:
    """The API server, the resources to serve, and the informers."""

    kubeconfig: str | None = setting(
        None,
        "Kubeconfig file to use.",
        metavar="FILE",
        default_words="`$KUBECONFIG`, else `~/.kube/config`, else the pod's service account",
    )
    context: str | None = setting(
        None,
        "Context of the kubeconfig to use.",
        metavar="NAME",
        default_words="the kubeconfig's current context",
    )
    demo: bool = setting(False, "Serve an embedded demo cluster instead of a real one.", default_words="off")
    include: tuple[str, ...] = setting(
        (),
        "Serve only these: `RESOURCE[.GROUP][/SUBRESOURCE][:VERB+…]`, such as `*:get+list+watch`.",
        metavar="PATTERN,…",
        default_words="everything",
    )
    exclude: tuple[str, ...] = setting(
        (), "Do not serve these, such as `secrets`.", metavar="PATTERN,…", default_words="nothing"
    )
    relations: str | None = setting(
        None,
        "YAML file with relations of your own, and rules of health. `schema --relations`, with or without a"
        " file, lists all relations instead of the schema.",
        metavar="FILE",
        default_words="none",
    )
    redact: bool = setting(
        False,
        "Mask the values of Secrets, and the copy that `kubectl apply` keeps of any object, in every answer.",
        ("serve", "query"),
        default_words="off",
    )
    cache: tuple[str, ...] = setting(
        (),
        "Cache these resources in memory from start-up, for reads with `resourceVersion`; `/readyz` waits "
        "for them. Any name of a resource: `pods`, `deployments.apps`, `svc`. Needs `--auth local` or "
        "`--share-informers`.",
        SERVE,
        metavar="RESOURCE,…",
        default_words="nothing",
    )
    share_informers: bool | None = setting(
        None,
        "Serve all callers from watches of the gateway's own identity, behind access reviews as the caller; "
        "`--no-share-informers` gives each caller watches of its own. Not with `--auth local`, where all "
        "callers have one identity.",
        SERVE,
        default_words="on with `--auth impersonate`, else off",
    )
    grace_period: float = setting(
        30.0,
        "Seconds that a shared watch keeps running after its last subscriber has left.",
        SERVE,
        metavar="SECONDS",
    )
