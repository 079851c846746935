"""The objects without which an object does not work: references by name, optional ones left out.

Pods name the Secrets, ConfigMaps, PersistentVolumeClaims and the ServiceAccount that they use; Ingresses name
Services. All are in the object's own namespace.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schema.health.reading import Reader, Unreadable

__all__ = ["REFERRING_KINDS", "Reference", "required_references"]

Reference = tuple[str, str]
"""A kind of the core group, and a name."""

_FINISHED = frozenset({"Succeeded", "Failed"})


def required_references(found: object, group: str, kind: str) -> list[Reference]:
    """The references of an object, each once; none of a pod that has finished, or of unexpected values."""
    find = REFERRING_KINDS.get((group, kind))
    if find is None:
        return []
    try:
        reader = Reader(found)
        if reader.text("metadata", "deletionTimestamp"):
            return []
        return list(dict.fromkeys(item for item in find(reader) if item[1]))
    except Unreadable:
        return []


def _of_pod(pod: Reader) -> Iterator[Reference]:
    if pod.text("status", "phase") in _FINISHED:
        return
    yield "ServiceAccount", pod.text("spec", "serviceAccountName")
    for volume in pod.objects("spec", "volumes"):
        yield from _of_volume(volume)
        for source in volume.objects("projected", "sources"):
            yield from _of_source(source, "secret", "Secret", "name")
            yield from _of_source(source, "configMap", "ConfigMap", "name")
    for list_ in ("initContainers", "containers"):
        for container in pod.objects("spec", list_):
            yield from _of_container(container)


def _of_volume(volume: Reader) -> Iterator[Reference]:
    yield from _of_source(volume, "secret", "Secret", "secretName")
    yield from _of_source(volume, "configMap", "ConfigMap", "name")
    yield "PersistentVolumeClaim", volume.text("persistentVolumeClaim", "claimName")


def _of_container(container: Reader) -> Iterator[Reference]:
    for source in container.objects("envFrom"):
        yield from _of_source(source, "secretRef", "Secret", "name")
        yield from _of_source(source, "configMapRef", "ConfigMap", "name")
    for variable in container.objects("env"):
        if variable.value("valueFrom") is not None:
            value = Reader(variable.value("valueFrom"))
            yield from _of_source(value, "secretKeyRef", "Secret", "name")
            yield from _of_source(value, "configMapKeyRef", "ConfigMap", "name")


def _of_source(source: Reader, key: str, kind: str, name: str) -> Iterator[Reference]:
    if not source.flag(key, "optional"):
        yield kind, source.text(key, name)


def _of_ingress(ingress: Reader) -> Iterator[Reference]:
    yield "Service", ingress.text("spec", "defaultBackend", "service", "name")
    for rule in ingress.objects("spec", "rules"):
        for path in rule.objects("http", "paths"):
            yield "Service", path.text("backend", "service", "name")


REFERRING_KINDS: Mapping[tuple[str, str], Callable[[Any], Iterator[Reference]]] = {
    ("", "Pod"): _of_pod,
    ("networking.k8s.io", "Ingress"): _of_ingress,
}
"""The kinds with references, by group and kind."""
