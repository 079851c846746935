"""All settings: name, type, default and description. One module per subject declares them.

The command line's options, the environment variables (``KUBE_GRAPHQL_PORT=…``) and the documentation's table
are generated from :class:`Settings`. ``python -m gateway.settings`` prints the table.

A new setting is a field of one part. Nothing here reads the environment or does I/O.
"""

from gateway.settings.all_settings import Settings, settings, settings_table
from gateway.settings.identity import Auth, SchemaAccess
from gateway.settings.server import is_loopback
from gateway.settings.setting import ENVIRONMENT_PREFIX, Setting, split_list

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Auth",
    "SchemaAccess",
    "Setting",
    "Settings",
    "is_loopback",
    "settings",
    "settings_table",
    "split_list",
]
