"""The rules of the other built-in kinds: storage, network, nodes and the API itself.

PersistentVolumeClaim, Service, PodDisruptionBudget and CustomResourceDefinition follow kstatus. kstatus has
no rule for the other kinds; theirs read the phase or the conditions that the kind's controller documents.
"""

from schema.health.conditions import judge_conditions
from schema.health.reading import Reader
from schema.health.verdict import Health

__all__ = [
    "api_service",
    "certificate_signing_request",
    "custom_resource_definition",
    "horizontal_pod_autoscaler",
    "namespace_deletion",
    "node",
    "persistent_volume",
    "persistent_volume_claim",
    "pod_disruption_budget",
    "service",
    "volume_attachment",
]

_NODE_PROBLEMS = ("NetworkUnavailable", "DiskPressure", "MemoryPressure", "PIDPressure")
_DELETION_PROBLEMS = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
)


def persistent_volume_claim(claim: Reader) -> Health:
    """A PersistentVolumeClaim: bound; a lost volume does not come back."""
    phase = claim.text("status", "phase", default="unknown")
    if phase == "Bound":
        return Health.current("The claim is bound.")
    if phase == "Lost":
        return Health.failed("Lost", "The volume of the claim does not exist any more.")
    return Health.in_progress("NotBound", f"The claim is not bound; its phase is {phase}.")


def persistent_volume(volume: Reader) -> Health:
    """A PersistentVolume: available, bound or released."""
    phase = volume.text("status", "phase")
    message = volume.text("status", "message")
    if phase == "Failed":
        return Health.failed(
            volume.text("status", "reason") or phase, message or "The volume could not be reclaimed."
        )
    if phase in ("", "Pending"):
        return Health.in_progress("NotAvailable", message or "The volume is not available yet.")
    return Health.current(f"The phase of the volume is {phase}.", phase)


def volume_attachment(attachment: Reader) -> Health:
    """A VolumeAttachment: attached, or the error of the driver."""
    for key in ("attachError", "detachError"):
        if attachment.value("status", key) is not None:
            subject = key.removesuffix("Error").capitalize()
            return Health.failed(f"{subject}Failed", attachment.text("status", key, "message"))
    if attachment.flag("status", "attached"):
        return Health.current("The volume is attached.")
    return Health.in_progress("NotAttached", "The volume is not attached yet.")


def service(found: Reader) -> Health:
    """A Service: a load balancer has an address; other types are ready as they are."""
    if found.text("spec", "type", default="ClusterIP") != "LoadBalancer":
        return Health.current()
    if not found.text("spec", "clusterIP"):
        return Health.in_progress("NoIPAssigned", "The service has no cluster IP yet.")
    if not any(found.objects("status", "loadBalancer", "ingress")):
        # kstatus: CURRENT as soon as the service has a cluster IP
        return Health.in_progress("NoLoadBalancer", "The load balancer has no address yet.")
    return Health.current("The load balancer has an address.")


def node(found: Reader) -> Health:
    """A Node: its kubelet reports that it is ready, without pressure on its resources."""
    ready = found.conditions.get("Ready")
    if ready is None:
        return Health.unknown("NoReadyCondition", "The kubelet has not reported yet.")
    if ready.is_false:
        return Health.failed(ready.reason, ready.message)
    if not ready.is_true:
        return Health.unknown(ready.reason, ready.message)
    if problem := found.true_condition(*_NODE_PROBLEMS):
        return Health.failed(problem.reason or problem.type, problem.message)
    if found.flag("spec", "unschedulable"):
        return Health.current("The node is ready and accepts no new pods.", "Cordoned")
    return Health.current("The node is ready.")


def namespace_deletion(namespace: Reader) -> Health:
    """The health of a Namespace during its deletion: the condition that blocks the deletion, if any."""
    waits = namespace.true_condition(*_DELETION_PROBLEMS)
    if waits is None:
        return Health.terminating("The namespace is being deleted.")
    return Health.terminating(waits.message, waits.type)


def pod_disruption_budget(budget: Reader) -> Health:
    """A PodDisruptionBudget: the controller has computed the allowed disruptions."""
    allowed = budget.false_condition("DisruptionAllowed")
    if allowed is not None and allowed.reason == "SyncFailed":
        return Health.failed(allowed.reason, allowed.message)
    disruptions = budget.integer("status", "disruptionsAllowed")
    return Health.current(f"Allowed disruptions: {disruptions}.", allowed.reason or None if allowed else None)


def custom_resource_definition(found: Reader) -> Health:
    """A CustomResourceDefinition: its names are accepted, and its resource is served."""
    names, established = found.false_condition("NamesAccepted"), found.conditions.get("Established")
    if names is not None:
        return Health.failed(names.reason, names.message)
    if established is not None and established.is_true:
        return Health.current("The resource is served.")
    if established is not None and established.is_false and established.reason != "Installing":
        return Health.failed(established.reason, established.message)
    return Health.in_progress("Installing", "The resource is not served yet.")


def api_service(found: Reader) -> Health:
    """An APIService: the aggregator reaches the server behind it."""
    available = found.conditions.get("Available")
    if available is None:
        return Health.in_progress("NoAvailableCondition", "The aggregator has not checked the service yet.")
    if available.is_true:
        return Health.current("The API is available.")
    return Health.failed(available.reason, available.message)


def horizontal_pod_autoscaler(scaler: Reader) -> Health:
    """A HorizontalPodAutoscaler: it reads its metrics and may scale its target."""
    stopped = scaler.false_condition("AbleToScale", "ScalingActive")
    if stopped is None:
        return judge_conditions(scaler)
    if stopped.reason == "ScalingDisabled":
        return Health.current(stopped.message, stopped.reason)
    return Health.failed(stopped.reason, stopped.message)


def certificate_signing_request(request: Reader) -> Health:
    """A CertificateSigningRequest: approved and signed; or denied, or its signer failed."""
    if refusal := request.true_condition("Denied", "Failed"):
        return Health.failed(refusal.reason or refusal.type, refusal.message)
    if request.true_condition("Approved") is None:
        return Health.in_progress("NotApproved", "The request is not approved yet.")
    if not request.text("status", "certificate"):
        return Health.in_progress("NotSigned", "The request is approved and not signed yet.")
    return Health.current("The certificate is signed.")
