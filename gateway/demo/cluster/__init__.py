"""The cluster behind the demo API server: its first objects, its controllers and kubelets, its incidents.

Everything here acts through :mod:`gateway.demo.apiserver` and on one :class:`Timeline`.
"""

from gateway.demo.cluster.cluster_state import ClusterState
from gateway.demo.cluster.disruptions import Disruptions
from gateway.demo.cluster.endpoints import EndpointSlices
from gateway.demo.cluster.housekeeping import GarbageCollector, Namespaces
from gateway.demo.cluster.incidents import Incidents
from gateway.demo.cluster.kubelet import ContainerRun, Kubelet
from gateway.demo.cluster.replicas import PodSets
from gateway.demo.cluster.rollouts import Deployments
from gateway.demo.cluster.seed import plant_bare, plant_cluster
from gateway.demo.cluster.timeline import Timeline

__all__ = [
    "ClusterState",
    "ContainerRun",
    "Deployments",
    "Disruptions",
    "EndpointSlices",
    "GarbageCollector",
    "Incidents",
    "Kubelet",
    "Namespaces",
    "PodSets",
    "Timeline",
    "plant_bare",
    "plant_cluster",
]
