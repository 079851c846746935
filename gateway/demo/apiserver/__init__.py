"""An in-memory Kubernetes API server: discovery, OpenAPI, reads, watches, writes, custom resources.

``openapi/`` is recorded from a kube-apiserver (``tests/record_openapi.py``), and this package imitates that
server's behaviour. The package runs no controllers: :mod:`gateway.demo.cluster` contains them and imports
this package, never the reverse.
"""

from gateway.demo.apiserver.app import Routes, build_app
from gateway.demo.apiserver.catalog import Catalog, Target
from gateway.demo.apiserver.creation import NAME_ALPHABET, Stamps, prepare
from gateway.demo.apiserver.custom_resources import CustomResources
from gateway.demo.apiserver.defaults import fill_defaults
from gateway.demo.apiserver.evictions import BUDGETS, is_selected
from gateway.demo.apiserver.pod_logs import Line
from gateway.demo.apiserver.requests import WriteOptions
from gateway.demo.apiserver.resource_api import ResourceApi
from gateway.demo.apiserver.storage import Change, ChangeType, Storage, Stored, object_key
from gateway.demo.apiserver.watch import WatchSettings
from gateway.demo.apiserver.writes import Writer

__all__ = [
    "BUDGETS",
    "NAME_ALPHABET",
    "Catalog",
    "Change",
    "ChangeType",
    "CustomResources",
    "Line",
    "ResourceApi",
    "Routes",
    "Stamps",
    "Storage",
    "Stored",
    "Target",
    "WatchSettings",
    "WriteOptions",
    "Writer",
    "build_app",
    "fill_defaults",
    "is_selected",
    "object_key",
    "prepare",
]
