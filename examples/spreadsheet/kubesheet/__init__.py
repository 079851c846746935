"""Control the deployments of a Kubernetes cluster from a spreadsheet, over the GraphQL API of kube-graphql.

``engine`` decides and does no I/O. ``cluster`` talks GraphQL. ``workbook`` and ``google_sheets`` read and
write sheets, and ``sync`` connects one of them with the cluster.
"""
