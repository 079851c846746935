"""``podLogs``: container logs as a subscription.

:mod:`.pod_logs` follows the pods and merges the logs of their containers, :mod:`.container_log` reads the log
of one container, and :mod:`.pod_containers` decodes the container states of a pod.
"""

from gateway.resolvers.logs.pod_logs import answer_pod_logs

__all__ = ["answer_pod_logs"]
