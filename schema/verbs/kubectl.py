"""Root fields in the words of kubectl: ``scaleDeployment``, ``cordonNode``, ``undoDeployment``."""

from collections.abc import Mapping

from schema.verbs.arguments import (
    DRY_RUN,
    FORCE,
    GRACE_PERIOD,
    NAME,
    NAMESPACE,
    WRITE_OPTIONS,
    WRITTEN,
)
from schema.verbs.spec import Answer, Argument, Operation, Verb, VerbSpec

__all__ = ["KUBECTL"]

_DEPLOYMENT = frozenset({("apps", "Deployment")})
_ROLLED_OUT = frozenset({("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet")})
_NODE = frozenset({("", "Node")})
_POD = frozenset({("", "Pod")})
_CERTIFICATE_REQUEST = frozenset({("certificates.k8s.io", "CertificateSigningRequest")})


def _switch(verb: Verb, kinds: frozenset[tuple[str, str]], description: str) -> VerbSpec:
    """The row of a mutation that makes one fixed change."""
    return VerbSpec(
        operation=Operation.MUTATION,
        field=f"{verb}{{kind}}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(NAME, NAMESPACE, DRY_RUN),
        description=description,
        kinds=kinds,
    )


def _decision(verb: Verb, description: str) -> VerbSpec:
    """The row of a mutation that adds a condition to a CertificateSigningRequest."""
    return VerbSpec(
        operation=Operation.MUTATION,
        field=f"{verb}{{kind}}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(
            NAME,
            Argument("reason", "String", "The reason of the condition, one word in camel case."),
            Argument("message", "String", "The message of the condition."),
            DRY_RUN,
        ),
        description=description,
        subresource="approval",
        kinds=_CERTIFICATE_REQUEST,
    )


KUBECTL: Mapping[Verb, VerbSpec] = {
    Verb.SCALE: VerbSpec(
        operation=Operation.MUTATION,
        field="scale{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.SCALE,
        arguments=(NAME, NAMESPACE, Argument("replicas", "Int!", "The desired number of replicas."), DRY_RUN),
        description="Set the desired number of replicas of an object of kind {kind}.",
        subresource="scale",
    ),
    Verb.RESTART: VerbSpec(
        operation=Operation.MUTATION,
        field="restart{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(NAME, NAMESPACE, DRY_RUN),
        description="Replace the pods of an object of kind {kind}, as `kubectl rollout restart` does.",
        kinds=_ROLLED_OUT,
    ),
    Verb.PAUSE: _switch(
        Verb.PAUSE,
        _DEPLOYMENT,
        "Stop the rollout of an object of kind {kind}, as `kubectl rollout pause` does.",
    ),
    Verb.RESUME: _switch(
        Verb.RESUME,
        _DEPLOYMENT,
        "Continue the rollout of an object of kind {kind}, as `kubectl rollout resume` does.",
    ),
    Verb.CORDON: _switch(
        Verb.CORDON,
        _NODE,
        "Schedule no more pods on an object of kind {kind}, as `kubectl cordon` does.",
    ),
    Verb.UNCORDON: _switch(
        Verb.UNCORDON,
        _NODE,
        "Schedule pods on an object of kind {kind} again, as `kubectl uncordon` does.",
    ),
    Verb.EVICT: VerbSpec(
        operation=Operation.MUTATION,
        field="evict{kind}",
        api_verbs=("create",),
        method="POST",
        answer=Answer.DELETION,
        arguments=(NAME, NAMESPACE, GRACE_PERIOD, DRY_RUN),
        description="Delete an object of kind {kind} unless a PodDisruptionBudget forbids it"
        " (`TOO_MANY_REQUESTS`).",
        subresource="eviction",
        kinds=_POD,
    ),
    Verb.DIFF: VerbSpec(
        operation=Operation.QUERY,
        field="diff{kind}",
        api_verbs=("get", "patch", "create"),  # the verbs of an apply, which is run dry, and of a read
        method="PATCH",
        answer=Answer.DIFF,
        arguments=(*WRITTEN, FORCE, *(option for option in WRITE_OPTIONS if option != DRY_RUN)),
        description="The changes that an apply would make to an object of kind {kind}, by a dry run of the"
        " API server, which needs the right to patch. Values of Secrets are masked, as by `kubectl diff`.",
    ),
    Verb.HISTORY: VerbSpec(
        operation=Operation.QUERY,
        field="{singular}History",
        api_verbs=("get",),
        method="GET",
        answer=Answer.HISTORY,
        arguments=(NAME, NAMESPACE),
        description="The pod templates that an object of kind {kind} has had, the oldest first, as"
        " `kubectl rollout history` lists them.",
        kinds=_ROLLED_OUT,
    ),
    Verb.UNDO: VerbSpec(
        operation=Operation.MUTATION,
        field="undo{kind}",
        api_verbs=("get", "patch"),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(
            NAME,
            NAMESPACE,
            Argument(
                "toRevision", "Int", "The revision to go back to. Default: the previous one.", "to_revision"
            ),
            DRY_RUN,
        ),
        description="Give an object of kind {kind} the pod template of an earlier revision, as"
        " `kubectl rollout undo` does.",
        kinds=_ROLLED_OUT,
    ),
    Verb.ROLLOUT: VerbSpec(
        operation=Operation.SUBSCRIPTION,
        field="{singular}Rollout",
        api_verbs=("watch",),
        method="GET",
        answer=Answer.ROLLOUT,
        arguments=(
            NAME,
            NAMESPACE,
            Argument(
                "timeoutSeconds",
                "Int",
                "End with `WAIT_TIMEOUT` after this time. Default: no limit.",
                "timeout_seconds",
            ),
        ),
        description="The progress of the rollout of an object of kind {kind}, as `kubectl rollout status`"
        " reports it, until it is complete. `WAIT_FAILED` if it exceeds its deadline.",
        kinds=_ROLLED_OUT,
    ),
    Verb.APPROVE: _decision(
        Verb.APPROVE,
        "Approve an object of kind {kind}, as `kubectl certificate approve` does. An approved one stays"
        " as it is.",
    ),
    Verb.DENY: _decision(
        Verb.DENY,
        "Deny an object of kind {kind}, as `kubectl certificate deny` does. A denied one stays as it is.",
    ),
}
