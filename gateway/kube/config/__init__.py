"""The cluster, the user and the credentials, from a kubeconfig or from the pod's service account.

- :mod:`~gateway.kube.config.loading`: ``load_config``, the entry point: finds and merges the sources.
- :mod:`~gateway.kube.config.kubeconfig_file`: the shape of a kubeconfig file; parsing and merging.
- :mod:`~gateway.kube.config.kubeconfig`: selects a context and validates the parts in use.
- :mod:`~gateway.kube.config.cluster_config`: the result, ``ClusterConfig``, as plain data.
- :mod:`~gateway.kube.config.credentials`: the headers and the certificate of a user.
- :mod:`~gateway.kube.config.exec_plugin`: runs credential plugins.

No request to the API server is sent here.
"""

from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.loading import load_config

__all__ = ["ClusterConfig", "load_config"]
